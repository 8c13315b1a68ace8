"""`naober enter`: how the site is doing, by somebody who is there. It goes along in every status."""

from __future__ import annotations

import argparse
from pathlib import Path

from relay.cli.language import pick, say
from relay.errors import Text

EXAMPLES = (
    "naober enter openstelling=open bezoekers=42 drinkwater=krap",
    Text(
        "naober enter drinkwater=?                 (niet meer bekend)",
        "naober enter drinkwater=?                 (not known any more)",
    ),
    Text(
        "naober enter --same                       (alles is nog zoals het was)",
        "naober enter --same                       (all is still as it was)",
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to tell."""
    values = Text("bijvoorbeeld bezoekers=42; ? is onbekend", "such as visitors=42; ? is not known")
    parser.add_argument("values", nargs="*", metavar="FIELD=VALUE", help=pick(values))
    same = Text("alles is nog hetzelfde", "all is still the same")
    parser.add_argument("--same", action="store_true", help=pick(same))
    parser.add_argument("--config", type=Path, metavar="FILE", help=pick(Text("node.toml", "node.toml")))


def run(args: argparse.Namespace) -> int:
    """Asks the running node to take it; shows what it holds then. Raises NaoberError."""
    from relay import config
    from relay.cli import labels
    from relay.cli.text import age
    from relay.node import control

    settings = config.load_node(args.config or config.FOLDER / config.NODE_FILE)
    request = {"verb": "enter", "values": _typed(args.values), "same": args.same}
    told = control.ask(settings.node.state, request)["entered"]
    if not told:
        say(Text("Er is niets ingevoerd", "Nothing has been entered"))
        return 0
    for name, each in told.items():
        say(f"  {labels.value(name, each['value']):<40} {pick(age(each['age_s']))}")
    if args.values or args.same:
        say(Text("Bewaard; het gaat mee met elke status", "Kept; it goes along in every status"))
    return 0


def _typed(given: list[str]) -> dict[str, str]:
    from relay.core.words import pairs_from, value_from

    return {
        field.name: value if value.strip() in ("", "?") else value_from(field, value)
        for field, value in pairs_from(
            given, Text("Zoals: naober enter bezoekers=42", "Such as: naober enter visitors=42")
        )
    }
