"""`naober authority label`: install sheets and labels again."""

from __future__ import annotations

import argparse

from relay.cli.authority_out import write_paper
from relay.cli.language import say
from relay.errors import ConfigError, Text
from relay.trust.authority_laptop import Laptop


def run(args: argparse.Namespace) -> int:
    """Writes the PDFs of all machines that count, or of one site's."""
    laptop = Laptop(args.dir)
    wanted = [grant for grant in laptop.living().values() if grant.role != "inbox"]
    if args.site:
        wanted = [
            grant
            for grant in wanted
            if args.site.casefold() in (grant.site_id.casefold(), grant.site.casefold())
        ]
    names = write_paper(laptop, [grant.address for grant in wanted], laptop.standing.version, args.out)
    if not names:
        raise ConfigError(
            Text("Daar is niets toegelaten om een label van te maken", "Nothing was admitted there"),
            Text(
                "Kijk naar het nummer van de plaats in sites.toml", "Look at the site's number in sites.toml"
            ),
        )
    for name in names:
        say(f"{args.out / name}")
    return 0
