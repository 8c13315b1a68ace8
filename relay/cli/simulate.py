"""`naober simulate`: an outage, computed with the shipped nodes, to choose preset and high places by."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.cli.language import pick, say
from relay.core.airtime import Preset
from relay.errors import ConfigError, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from relay.sim.report import Figures
    from relay.sim.scenario import Scenario

EXAMPLES = (
    "naober simulate --sites 12 --hours 24 --gateways 5",
    "naober simulate --outage 6h..54h --plot uitval.svg",
    'naober simulate --sites-file punten.csv --compare "preset=LONG_FAST"',
)
MEMORY = Path("/dev/shm")  # noqa: S108  a temporary folder in it, not a file with a known name
TELL_EVERY_H = 12  # where a line can't be rewritten
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # that leave nothing behind: it would stay in memory
OF_THE_MAP = ("sites", "gateways", "gateway-height")  # a list of sites says these itself

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
        parser.add_argument(f"--{name}", type=kind, metavar="N", help=told)
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

    for number in ENDS[1:]:  # Ctrl-C raises by itself
        signal.signal(number, _stop)
    scenarios = _scenarios(args)
    if args.plot:
        _check_plot(args.plot)
    found = []
    for turn, scenario in enumerate(scenarios, start=1):
        found.append(_simulate(scenario, _progress(scenario.hours, turn, len(scenarios))))
    if args.json:
        pairs = zip(scenarios, found, strict=True)
        say(json.dumps([as_builtins(scenario, figures) for scenario, figures in pairs], indent=2))
    else:
        say("\n".join(table(scenarios, found, args.compare or "")))
    if args.plot:
        _draw(args.plot, scenarios, found)
    return 0


def _simulate(scenario: Scenario, progress: Callable[[float], None]) -> Figures:
    import tempfile

    from relay.sim.report import figures
    from relay.sim.world import World

    where = MEMORY if MEMORY.is_dir() else None
    prefix = f"naober-simulate-{os.getpid()}-"
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # between making it and knowing of it
    try:
        temporary = tempfile.TemporaryDirectory(prefix=prefix, dir=where)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
    with temporary as folder:
        world = World(scenario, Path(folder))
        world.run(progress)
        return figures(world)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _scenarios(args: argparse.Namespace) -> list[Scenario]:
    """One choice, or two with --compare. Raises ConfigError."""
    given = {name: getattr(args, name.replace("-", "_")) for name in NUMBERS}
    chosen = {name: value for name, value in given.items() if value is not None}
    chosen |= {"preset": args.preset, "outage": args.outage, "sites-file": args.sites_file}
    if not args.compare:
        return [_scenario(chosen)]
    changes = _changes(args.compare)
    if "sites-file" in changes:
        other = {name: value for name, value in chosen.items() if name not in OF_THE_MAP} | changes
    else:
        other = chosen | changes
    return [_scenario(chosen), _scenario(other)]


def _scenario(chosen: dict[str, Any]) -> Scenario:
    from relay.sim.scenario import Scenario, parse_outage
    from relay.sim.sites_file import read_sites

    if chosen["sites-file"] and (told := [name for name in OF_THE_MAP if name in chosen]):
        raise ConfigError(
            Text(f"{told[0]} en sites-file gaan niet samen", f"{told[0]} does not go with sites-file"),
            Text("Zet het in dat bestand", "Write it in that file"),
        )
    chosen = {name: kind(default) for name, (kind, default, *_) in NUMBERS.items()} | chosen
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
        places=read_sites(chosen["sites-file"]) if chosen["sites-file"] else (),
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
            elif name == "sites-file" and value:
                found[name] = Path(value)
            else:
                found[name] = NUMBERS[name][0](value)
        except (KeyError, ValueError) as error:
            known = ", ".join((*NUMBERS, "preset", "outage", "sites-file"))
            raise ConfigError(
                Text(f"--compare: dit gaat niet: {part}", f"--compare: not possible: {part}"),
                Text(f'Schrijf "gateways=4"; er zijn: {known}', f'Write "gateways=4"; there are: {known}'),
            ) from error
    return found


def _check_plot(path: Path) -> None:
    """Before minutes of computing, not after. Raises ConfigError."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise _unwritable(path)


def _draw(path: Path, scenarios: Sequence[Scenario], found: Sequence[Figures]) -> None:
    from relay.sim.plot import svg

    try:
        path.write_text(svg(list(zip(scenarios, found, strict=True)), pick), encoding="utf-8")
    except OSError as error:
        raise _unwritable(path) from error


def _unwritable(path: Path) -> ConfigError:
    return ConfigError(
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
