"""`naober fake-radio`: Meshtastic radios that are not there, for whoever has none."""

from __future__ import annotations

import argparse
import asyncio
import signal

from relay.cli.language import pick, say
from relay.core.airtime import Preset
from relay.errors import ConfigError, Text

EXAMPLES = (
    "naober fake-radio --count 2",
    "naober fake-radio --count 3 --spacing 8 --preset MEDIUM_FAST",
    "meshtastic --host 127.0.0.1:4403 --info",
)

COUNT_MAX = 50
SPEED_MAX = 1000.0
PORT_MAX = 65_535
PORT_DEFAULT = 4403


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, where, and how they stand."""
    count = Text(f"hoeveel radio's (1 tot {COUNT_MAX})", f"how many radios (1 to {COUNT_MAX})")
    parser.add_argument("--count", type=int, default=2, metavar="N", help=pick(count))
    port = Text("poort van de eerste; de volgende tellen door", "port of the first; the others count on")
    parser.add_argument("--port", type=int, default=PORT_DEFAULT, metavar="PORT", help=pick(port))
    preset = Text("modem, zoals LONG_FAST of MEDIUM_FAST", "modem, such as LONG_FAST or MEDIUM_FAST")
    parser.add_argument(
        "--preset",
        type=str.upper,
        choices=[each.value for each in Preset],
        default=Preset.LONG_FAST.value,
        metavar="PRESET",
        help=pick(preset),
    )
    resting = Text("zonder eigen bakens, als na radio set", "no beacons of its own, as after radio set")
    parser.add_argument("--resting", action="store_true", help=pick(resting))
    speed = Text("hoeveel keer zo snel de tijd gaat", "how many times as fast time goes")
    parser.add_argument("--speed", type=float, default=1.0, metavar="N", help=pick(speed))
    spacing = Text("afstand tussen buren, op een rij", "distance between neighbours, in a row")
    parser.add_argument("--spacing", type=float, default=1.0, metavar="KM", help=pick(spacing))


def run(args: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C. Only this machine can reach them."""
    _check("--count", args.count, 1, COUNT_MAX)
    _check("--port", args.port, 1, PORT_MAX - args.count)
    _check("--speed", args.speed, 0.1, SPEED_MAX)
    _check("--spacing", args.spacing, 0.0, 1000.0)
    asyncio.run(_serve(args))
    return 0


async def _serve(args: argparse.Namespace) -> None:
    from relay.sim.meshtastic import HOST, FakeRadios
    from relay.sim.places import Place

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    radios = FakeRadios(
        args.count,
        port=args.port,
        preset=Preset(args.preset),
        speed=args.speed,
        resting=args.resting,
        places=[Place(index * args.spacing, 0.0) for index in range(args.count)],
    )
    try:
        await radios.open()
    except OSError as error:
        await radios.close()
        raise ConfigError(
            Text(
                f"Poort {args.port} of een van de volgende is niet vrij ({error.strerror})",
                f"Port {args.port} or one of the next is taken ({error.strerror})",
            ),
            Text("Kies een andere met --port", "Choose another with --port"),
        ) from error
    try:
        for radio, port in zip(radios.radios, radios.ports, strict=True):
            say(f"{HOST}:{port}  !{radio.number:08x}  {args.preset}  EU_868")
        await stop.wait()
    finally:
        await radios.close()


def _check(option: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ConfigError(
            Text(f"{option} {value:g} kan niet", f"{option} {value:g} is not possible"),
            Text(f"Kies van {least:g} tot {most:g}", f"Choose from {least:g} to {most:g}"),
        )
