"""`naober simulate`: an outage, computed with the shipped nodes, to choose preset and high places by."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.cli.language import pick, say
from relay.core.airtime import Preset
from relay.errors import ConfigError, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.sim.report import Figures
    from relay.sim.scenario import Scenario

EXAMPLES = (
    "naober simulate --sites 12 --hours 24 --gateways 5",
    "naober simulate --outage 6h..54h --plot uitval.svg",
    'naober simulate --sites-file punten.csv --compare "preset=LONG_FAST"',
)
MEMORY = Path("/dev/shm")  # noqa: S108  a temporary folder in it, not a file with a known name
TELL_EVERY_H = 12  # where a line can't be rewritten

# option: type, default, least, most, meaning; what --compare may change as well
NUMBERS: dict[str, tuple[type, float, float, float, Text]] = {
    "sites": (int, 50, 1, 300, Text("aantal noodsteunpunten", "number of sites")),
    "gateways": (int, 10, 1, 10, Text("aantal hoge punten bij het postvak", "high places beside the inbox")),
    "gateway-height": (float, 40, 2, 300, Text("hoogte van hun antennes, in m", "of their antennas, in m")),
    "hours": (float, 72, 0.5, 720, Text("hoe lang, in uren", "how long, in hours")),
    "urgent": (float, 2, 0, 200, Text("spoedmeldingen per punt per dag", "urgent reports of a site a day")),
    "routine": (float, 6, 0, 500, Text("gewone meldingen per punt per dag", "others of a site a day")),
    "seed": (int, 7, 0, 2**31, Text("ander getal, ander toeval", "another number, another chance")),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who, where, how long and how much; every number has a default."""
    parser.usage = f"naober simulate [{pick(Text('opties', 'options'))}]"
    for name, (kind, default, _, _, meaning) in NUMBERS.items():
        told = f"{pick(meaning)} ({default:g})"
        parser.add_argument(f"--{name}", type=kind, default=kind(default), metavar="N", help=told)
    known = [each.value for each in Preset]
    parser.add_argument(
        "--preset",
        type=str.upper,
        choices=known,
        default="MEDIUM_FAST",
        metavar="P",
        help=pick(Text("modem (MEDIUM_FAST)", "modem (MEDIUM_FAST)")),
    )
    outage = Text("wanneer MQTT weg is, zoals 6h..54h (altijd)", "without MQTT, such as 6h..54h (always)")
    parser.add_argument("--outage", metavar="H..H", help=pick(outage))
    sites = Text("CSV: naam,lat,lon,hoogte_m,gateway (ja/nee)", "CSV: name,lat,lon,height_m,gateway (yes/no)")
    parser.add_argument("--sites-file", type=Path, metavar="CSV", help=pick(sites))
    other = Text('een andere keuze ernaast, zoals "gateways=4"', 'another choice beside, as "gateways=4"')
    parser.add_argument("--compare", metavar="K=V,..", help=pick(other))
    parser.add_argument(
        "--plot", type=Path, metavar="SVG", help=pick(Text("teken kaart en verloop", "draw map and curves"))
    )
    parser.add_argument("--json", action="store_true", help=pick(Text("cijfers als JSON", "JSON")))


def run(args: argparse.Namespace) -> int:
    """Simulate one choice or two, and tell what came of it. Progress goes to standard error."""
    from relay.cli.simulate_table import table
    from relay.sim.report import as_builtins

    chosen = {name: getattr(args, name.replace("-", "_")) for name in NUMBERS}
    chosen |= {"preset": args.preset, "outage": args.outage, "sites_file": args.sites_file}
    scenarios = [_scenario(chosen)]
    if args.compare:
        scenarios.append(_scenario(chosen | _changes(args.compare)))
    if args.plot:
        _check_plot(args.plot)
    found = []
    for number, scenario in enumerate(scenarios, start=1):
        found.append(_simulate(scenario, _progress(scenario.hours, number, len(scenarios))))
    if args.plot:
        from relay.sim.plot import svg

        args.plot.write_text(svg(list(zip(scenarios, found, strict=True)), pick), encoding="utf-8")
    if args.json:
        say(json.dumps([as_builtins(each) for each in found], indent=2))
    else:
        say("\n".join(table(scenarios, found)))
    return 0


def _simulate(scenario: Scenario, progress: Callable[[float], None]) -> Figures:
    import tempfile

    from relay.sim.report import figures
    from relay.sim.world import World

    where = MEMORY if MEMORY.is_dir() else None
    prefix = f"naober-simulate-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=where) as folder:
        world = World(scenario, Path(folder))
        world.run(progress)
        return figures(world)


def _scenario(chosen: dict[str, Any]) -> Scenario:
    from relay.sim.scenario import Scenario, parse_outage
    from relay.sim.sites_file import read_sites

    for name, (_, _, least, most, _) in NUMBERS.items():
        if not least <= chosen[name] <= most:
            raise ConfigError(
                Text(f"--{name} {chosen[name]:g} kan niet", f"--{name} {chosen[name]:g} is not possible"),
                Text(f"Kies van {least:g} tot {most:g}", f"Choose from {least:g} to {most:g}"),
            )
    return Scenario(
        sites=chosen["sites"],
        gateways=chosen["gateways"],
        gateway_height_m=chosen["gateway-height"],
        hours=chosen["hours"],
        preset=Preset(chosen["preset"]),
        seed=chosen["seed"],
        outage=parse_outage(chosen["outage"]) if chosen["outage"] else None,
        places=read_sites(chosen["sites_file"]) if chosen["sites_file"] else (),
        urgent_per_day=chosen["urgent"],
        routine_per_day=chosen["routine"],
    )


def _changes(text: str) -> dict[str, Any]:
    """`preset=LONG_FAST,gateways=8`; raises ConfigError."""
    found: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        name = name.removeprefix("--")
        try:
            if name == "preset" and equals:
                found[name] = Preset(value.upper()).value
            elif name == "outage" and equals:
                found[name] = value
            else:
                found[name] = NUMBERS[name][0](value)
        except (KeyError, ValueError) as error:
            known = ", ".join((*NUMBERS, "preset", "outage"))
            raise ConfigError(
                Text(f"--compare: dit gaat niet: {part}", f"--compare: not possible: {part}"),
                Text(f'Schrijf "gateways=4"; er zijn: {known}', f'Write "gateways=4"; there are: {known}'),
            ) from error
    return found


def _check_plot(path: Path) -> None:
    """Before minutes of computing, not after. Raises ConfigError."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigError(
            Text(f"{path} kan niet worden geschreven", f"{path} can't be written"),
            Text("Geef een bestand in een map die bestaat", "Give a file in a folder that is there"),
        )


def _progress(hours: float, number: int, of: int) -> Callable[[float], None]:
    """One line that is rewritten on a terminal, else one now and then."""
    stream, told_h = sys.stderr, 0.0
    which = f"{number}/{of}: " if of > 1 else ""

    def tell(now_h: float) -> None:
        nonlocal told_h
        line = which + pick(Text(f"uur {now_h:g} van {hours:g}", f"hour {now_h:g} of {hours:g}"))
        if stream.isatty():
            stream.write(f"\r{line}\033[K" + ("\r\033[K" if now_h >= hours else ""))
            stream.flush()
        elif now_h >= min(hours, told_h + TELL_EVERY_H):
            told_h = now_h
            say(line, stream)

    return tell
