"""`naober inbox assign`: a spare box takes the place of a broken one, without an authority's laptop."""

from __future__ import annotations

import argparse
import time

from relay.cli.inbox_decide import add_node, address_of, settings_of
from relay.cli.language import pick, say
from relay.errors import Text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which box, and where it stands."""
    add_node(parser)
    where = Text("nummer van de plaats, zoals VRD-BEI-01", "number of the site, such as VRD-BEI-01")
    parser.add_argument("site", metavar="SITE-ID", help=pick(where))
    beside = Text("als tweede knooppunt daar; niemand wordt vervangen", "as a second node; replaces nobody")
    parser.add_argument("--beside", action="store_true", help=pick(beside))


def run(args: argparse.Namespace) -> int:
    """Writes it into the register; raises NaoberError."""
    from relay.cli.send import as_owner
    from relay.inbox import register
    from relay.trust.keys import show

    settings = settings_of(args)
    with as_owner(settings.inbox.state):
        done = register.assign(
            settings, address_of(args.address), args.site, int(time.time()), beside=args.beside
        )
    name = show(done.node.address)
    say(
        Text(
            f"{name} staat nu bij {done.site} ({args.site}).", f"{name} is now at {done.site} ({args.site})."
        )
    )
    for each in done.replaced:
        old = show(each.address)
        say(
            Text(
                f"Vervangen: {old}. Wat het nog had telt 30 dagen mee; zendt het weer: alarm.",
                f"Replaced: {old}. Its backlog counts for 30 days; if it speaks again there is an alarm.",
            )
        )
    say(Text(f"Nu: naober test op {name}", f"Now: naober test on {name}"))
    return 0
