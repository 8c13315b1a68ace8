"""`naober exercise`: marks what this node says, cuts its links for real, and ends by itself."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from relay.cli.language import pick, say
from relay.cli.text import age
from relay.errors import Text, ValueRefused

EXAMPLES = (
    "naober exercise start --until 17:00",
    "naober exercise start --for 2h",
    "naober exercise cut mqtt --for 60m",
    "naober exercise stop",
)

_FOR = re.compile(r"(\d{1,5})(s|m|h)")
_UNITS = {"s": 1, "m": 60, "h": 3600}
HOURS_MAX = 12  # as node/exercising says, which is not loaded for that
_UNTIL = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)")
_NAMES = {"mqtt": "MQTT", "radio": "radio"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, for how long."""
    parser.add_argument("do", choices=("start", "stop", "cut", "status"), metavar="start|stop|cut|status")
    parser.add_argument("link", nargs="?", choices=("mqtt", "radio"), metavar="mqtt|radio")
    ends = parser.add_mutually_exclusive_group()
    until = Text("einde, vandaag of morgen", "the end, today or tomorrow")
    ends.add_argument("--until", metavar="HH:MM", help=pick(until))
    last = Text("hoe lang: 45m, 2h; ten hoogste 12h", "for how long: 45m, 2h; 12h at most")
    ends.add_argument("--for", dest="last", metavar="TIME", help=pick(last))
    parser.add_argument("--config", type=Path, metavar="FILE", help="node.toml")


def run(args: argparse.Namespace) -> int:
    """0; errors are raised."""
    from relay import config
    from relay.node import control

    request: dict[str, Any] = {"verb": "exercise", "do": args.do}
    if args.do in ("start", "cut"):
        request["seconds"] = _seconds(args)
    elif args.until or args.last:
        raise ValueRefused(
            Text(f"{args.do} heeft geen einde nodig", f"{args.do} needs no end"), f"naober exercise {args.do}"
        )
    if (args.do == "cut") != bool(args.link):
        raise ValueRefused(
            Text("Alleen cut noemt een verbinding", "Only cut names a link"),
            "naober exercise cut mqtt --for 60m",
        )
    request["link"] = args.link
    settings = config.load_node(args.config or config.FOLDER / config.NODE_FILE)
    answer = control.ask(settings.node.state, request)
    if args.do == "stop":
        say(Text("Geen oefening meer: wat dit punt meldt, is echt", "The exercise is over: all is real now"))
        return 0
    for line in lines(answer["exercise"]):
        say(line)
    return 0


def lines(exercise: dict[str, Any] | None) -> list[Text]:
    """How it stands."""
    if exercise is None:
        return [Text("Er loopt hier geen oefening", "No exercise is going on here")]
    left = age(exercise["left_s"])
    name = f' "{exercise["name"]}" (VRD)' if exercise.get("name") else ""
    told = [
        Text(
            f"OEFENING{name}, nog {left.nl}: alles wat dit punt meldt, is oefening",
            f"EXERCISE{name}, {left.en} to go: all that this site reports is exercise",
        )
    ]
    for link, seconds in exercise["cuts"].items():
        cut = age(seconds)
        told.append(
            Text(
                f"{_NAMES[link]} is onderbroken, nog {cut.nl}; een bericht met --real herstelt het meteen",
                f"{_NAMES[link]} is cut, {cut.en} to go; a message with --real heals it at once",
            )
        )
    return told


def _seconds(args: argparse.Namespace) -> float:
    """Until the end that was typed."""
    if args.last:
        found = _FOR.fullmatch(args.last.strip().lower())
        if found and int(found[1]):
            return float(int(found[1]) * _UNITS[found[2]])
        raise ValueRefused(
            Text(f"Dit is geen duur: {args.last}", f"This is no duration: {args.last}"), "--for 45m, --for 2h"
        )
    if args.until:
        found = _UNTIL.fullmatch(args.until.strip())
        if found is None:
            raise ValueRefused(
                Text(f"Dit is geen tijd: {args.until}", f"This is no time: {args.until}"), "--until 17:00"
            )
        return _until(int(found[1]), int(found[2]), datetime.now().astimezone())
    raise ValueRefused(
        Text("Zeg wanneer het eindigt", "Say when it ends"),
        f"naober exercise {args.do} {'mqtt ' if args.do == 'cut' else ''}--for 2h",
    )


def _until(hour: int, minute: int, now: datetime) -> float:
    """By this machine's clock; what has passed today is tomorrow. Raises ValueRefused when too far."""
    end = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if end <= now:
        end += timedelta(days=1)
        if end - now > timedelta(hours=HOURS_MAX):
            typed = f"{hour}:{minute:02}"
            raise ValueRefused(
                Text(f"{typed} is vandaag al voorbij", f"{typed} has passed today"),
                Text(
                    f"Kies een later einde, of --for 2h; een oefening duurt ten hoogste {HOURS_MAX} uur",
                    f"Choose a later end, or --for 2h; an exercise lasts {HOURS_MAX} hours at most",
                ),
            )
    return (end - now).total_seconds()
