"""`naober sensors`: what each sensor of this node reads now, and why one doesn't."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli import labels
from relay.cli.language import pick, say
from relay.cli.text import row
from relay.errors import Text

if TYPE_CHECKING:
    from relay.sensors.base import Reading
    from relay.sensors.mains import Verdict

EXAMPLES = ("naober sensors",)
FOLDER = Path("/etc/naober/node.toml")
COLUMNS = (20, 8)
WAIT_S = 15.0
GOOD, ATTENTION = 0, 1
_STATES = {
    "ok": Text("goed", "good"),
    "failed": Text("FOUT", "FAILED"),
    "hanging": Text("hangt", "hangs"),
    "waiting": Text("wacht", "waiting"),
    "stale": Text("oud", "old"),
}
_BY = Text("volgens", "by")
_AGAINST = Text("zegt het tegendeel", "says the opposite")
_NOTHING = Text("niets te melden", "nothing to tell")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose sensors."""
    parser.add_argument("--config", type=Path, default=FOLDER, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Reads each once, beside the service; raises ConfigError."""
    import asyncio

    from relay import config
    from relay.node.compose import sensors_of
    from relay.sensors.base import SensorBoard

    sensors = sensors_of(config.load_node(args.config))

    async def read() -> tuple[list[Reading], Verdict]:
        board = SensorBoard(sensors)
        working = asyncio.create_task(board.run(lambda: None))
        await board.all_answered(WAIT_S)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        now_s = asyncio.get_running_loop().time()
        return board.readings(now_s), board.mains(now_s)

    readings, mains = asyncio.run(read())
    for reading in readings:
        _tell(reading)
    _tell_mains(mains)
    good = all(reading.state == "ok" for reading in readings) and not mains.against
    return GOOD if good else ATTENTION


def _tell_mains(mains: Verdict) -> None:
    """What all of them together come to; the rule is in docs/operations.md."""
    if mains.power is None:
        return
    told = f"{labels.value('power', mains.power)} ({pick(_BY)} {', '.join(mains.by)})"
    if mains.against:
        told += f"; {', '.join(mains.against)} {pick(_AGAINST)}"
    say(f"{row(('=', pick(_STATES['failed' if mains.against else 'ok'])), COLUMNS)}  {told}")


def _tell(reading: Reading) -> None:
    told = pick(reading.reason)
    if reading.state == "ok":
        values = [labels.value(name, value) for name, value in reading.values.items()]
        told = ", ".join([*values, pick(reading.note)] if any(reading.note) else values)
    say(f"{row((reading.name, pick(_STATES[reading.state])), COLUMNS)}  {told or pick(_NOTHING)}")
    if reading.state == "ok" and any(reading.reason):
        say(f"{row(('', ''), COLUMNS)}  {pick(reading.reason)}")
