"""`naober inbox block`: nothing that this node says counts, until it is unblocked."""

from __future__ import annotations

import argparse
import time

from relay.cli.inbox_decide import add_node, address_of, settings_of
from relay.cli.language import pick, say
from relay.errors import Text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which node, and why."""
    add_node(parser)
    why = Text("waarom; het staat erbij in het postvak", "why; the inbox shows it")
    parser.add_argument("--reason", required=True, metavar="TEXT", help=pick(why))


def run(args: argparse.Namespace) -> int:
    """Writes it into the register; raises NaoberError."""
    from relay.cli.send import as_owner
    from relay.inbox import register
    from relay.trust.keys import show

    settings = settings_of(args)
    with as_owner(settings.inbox.state):
        done = register.block(settings, address_of(args.address), args.reason, int(time.time()))
    name = show(done.node.address)
    say(
        Text(
            f"Geblokkeerd: {name} ({done.node.site}). Binnen 5 s van kracht; berichten gaan in quarantaine.",
            f"Blocked: {name} ({done.node.site}). In force within 5 s; its messages are quarantined.",
        )
    )
    steal, undo = f"naober authority revoke {name} --reason ...", f"naober inbox unblock {name}"
    say(Text(f"Gestolen? Op de laptop: {steal}", f"Stolen? On the laptop: {steal}"))
    say(Text(f"Ongedaan maken: {undo}", f"To undo: {undo}"))
    return 0
