"""`naober notices`: what VRD said to this site, newest first, and how far it is with our reports."""

from __future__ import annotations

import argparse
from pathlib import Path

from relay.cli import notice_words
from relay.cli.language import pick, say
from relay.errors import Text

EXAMPLES = ("naober notices", "naober notices --json", "naober answer 12 1")

HANDLED_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which node, in which form."""
    parser.add_argument("--json", action="store_true", help=pick(Text("voor machines", "for machines")))
    parser.add_argument("--config", type=Path, metavar="FILE", help="node.toml")


def run(args: argparse.Namespace) -> int:
    """Shown to a person they count as looked at. Raises NotRunning."""
    from relay import config
    from relay.node import control

    settings = config.load_node(args.config or config.FOLDER / config.NODE_FILE)
    request = {"verb": "notices", "looked": not args.json, "limit": HANDLED_SHOWN}
    facts = control.ask(settings.node.state, request)
    if args.json:
        from relay.cli.inbox_page import dump

        say(dump(facts, indent=1))
        return 0
    for each in facts["notices"]:
        say(notice_words.head(each) + notice_words.mark(each))
        for line in (each["text"], notice_words.answered(each) or notice_words.choices(each)):
            if line:
                say(f"  {line}")
    if not facts["notices"]:
        say(Text("Nog geen berichten van VRD", "No notices from VRD yet"))
    if facts["handled"]:
        say(Text("Onze meldingen bij VRD:", "Our reports at VRD:"))
    for each in facts["handled"]:
        say(f"  {notice_words.handled(each)}")
    return 0
