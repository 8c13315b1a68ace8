"""`naober inbox unblock`: what a node says counts again, what it said meanwhile included."""

from __future__ import annotations

import argparse

from relay.cli.inbox_decide import add_node, address_of, settings_of
from relay.cli.language import say
from relay.errors import Text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which node."""
    add_node(parser)


def run(args: argparse.Namespace) -> int:
    """Writes it into the register; raises NaoberError."""
    from relay.cli.send import as_owner
    from relay.inbox import register
    from relay.trust.keys import show

    settings = settings_of(args)
    with as_owner(settings.inbox.state):
        done = register.unblock(settings, address_of(args.address))
    name = show(done.node.address)
    say(
        Text(
            f"Blokkade opgeheven: {name} ({done.node.site}). Wat in quarantaine stond telt weer mee.",
            f"Unblocked: {name} ({done.node.site}). What was quarantined counts again.",
        )
    )
    return 0
