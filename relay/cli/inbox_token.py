"""`naober inbox token`: which other systems may read the REST API and the metrics."""

from __future__ import annotations

import argparse
from pathlib import Path

from relay.cli.inbox_decide import settings_of
from relay.cli.language import pick, say
from relay.errors import NaoberError, Text

DOINGS = ("add", "close", "list")
BY = "naober inbox token"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and for which system."""
    what = Text("maken of vernieuwen, intrekken, of alle tonen", "make or renew, void, or list all")
    parser.add_argument("do", choices=DOINGS, metavar="|".join(DOINGS), help=pick(what))
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help=pick(Text("systeem", "system")))
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Changes the tokens; works while the inbox runs. Raises NaoberError."""
    from relay.cli.send import as_owner
    from relay.inbox.operators.store import Operators

    settings = settings_of(args)
    if args.do != "list" and not args.name:
        raise NaoberError(Text("Welk systeem?", "Which system?"), f"{BY} {args.do} NAME")
    with as_owner(settings.inbox.state):
        operators = Operators(settings.inbox.state)
        try:
            if args.do == "list":
                none = Text("Er zijn geen tokens", "There are no tokens")
                say("\n".join(operators.tokens.names()) or none)
            elif args.do == "add":
                say(operators.tokens.make(args.name, BY))
            elif not operators.tokens.close(args.name, BY):
                raise NaoberError(
                    Text(f"Geen token van {args.name}", f"There is no token of {args.name}"), f"{BY} list"
                )
        finally:
            operators.close()
    return 0
