"""`naober answer`: tell VRD that a notice was read, and what the answer is."""

from __future__ import annotations

import argparse
from pathlib import Path

from relay.cli.language import chosen, pick, say
from relay.errors import Text

EXAMPLES = ("naober answer 12", "naober answer 12 1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which notice, which answer."""
    number = Text("het nummer dat naober notices toont", "the number that naober notices shows")
    parser.add_argument("number", type=int, metavar="N", help=pick(number))
    answer = Text("het antwoord; zonder: gelezen", "the answer; without: read")
    parser.add_argument("answer", type=int, nargs="?", default=0, metavar="ANSWER", help=pick(answer))
    parser.add_argument("--config", type=Path, metavar="FILE", help="node.toml")


def run(args: argparse.Namespace) -> int:
    """0: kept, and on its way to VRD; 1: in memory only. Raises NotRunning, or NaoberError for no answer."""
    from relay import config
    from relay.node import control

    settings = config.load_node(args.config or config.FOLDER / config.NODE_FILE)
    request = {"verb": "answer", "number": args.number, "answer": args.answer}
    answer = control.ask(settings.node.state, request)
    said = answer["answered"][chosen()]
    if answer["safe"]:
        say(Text(f"Bewaard: {said}", f"Kept: {said}"))
        return 0
    say(Text(f"Alleen in geheugen: {said}. Doe: naober status", f"In memory only: {said}. Do: naober status"))
    return 1
