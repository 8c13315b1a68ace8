"""`naober authority sync`."""

from __future__ import annotations

import argparse
import time

from relay.cli.authority_ask import unlocked
from relay.cli.authority_init import ask_other
from relay.cli.language import say
from relay.errors import Text
from relay.trust.authority_laptop import Laptop
from relay.trust.authority_sync import sync


def run(args: argparse.Namespace) -> int:
    """Merges with a stick or the other laptop's folder."""
    laptop = Laptop(args.dir)
    with laptop.alone():
        passphrase, secrets = unlocked(args, laptop)
        done = sync(
            laptop, args.where, secrets, passphrase, lambda other: args.yes or ask_other(other), time.time()
        )
    if done.met:
        say(Text(f"{done.met} is nu het andere gezag.", f"{done.met} is the other authority now."))
    if done.shared:
        say(Text("Gedeelde sleutels overgenomen.", "Took over the shared keys."))
    if done.strange:
        count = done.strange
        say(
            Text(
                f"Overgeslagen: {count} stukken van een onbekend gezag",
                f"Skipped: {count} strange papers",
            )
        )
    if done.sites:
        say(
            Text(
                "Let op: sites.toml is op de andere laptop anders; kies er een en kopieer die met de hand.",
                "Mind: the other laptop's sites.toml differs; choose one and copy it by hand.",
            )
        )
    say(
        Text(
            f"Gelijk: roster {done.version}, {done.taken} nieuw hier. Nu hetzelfde op de andere laptop.",
            f"Merged: roster {done.version}, {done.taken} new here. Now the same on the other laptop.",
        )
    )
    return 0
