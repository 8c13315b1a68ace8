from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from relay.core.fields import Value
from relay.errors import ConfigError, Text
from relay.sensors.base import SensorBoard, SensorError
from relay.sensors.host import HostSensor

from .trees import DEADLINE_S, lay, until


class Fake:
    """A sensor that says what it is told to say."""

    timeout_s = 0.1

    def __init__(
        self,
        name: str,
        say: Callable[[], dict[str, Value]],
        interval_s: float = 0.05,
        max_age_s: float = 60.0,
    ) -> None:
        self.name = name
        self.say = say
        self.interval_s = interval_s
        self.max_age_s = max_age_s
        self.reads = 0

    def read(self) -> dict[str, Value]:
        self.reads += 1
        return self.say()


def failing() -> dict[str, Value]:
    raise SensorError(Text("geen draad", "no wire"))


def mistaken() -> dict[str, Value]:
    return {"load_pct": {"present": 1}["missing"]}


@contextlib.asynccontextmanager
async def running(board: SensorBoard, changed: Callable[[], None] = lambda: None) -> AsyncIterator[None]:
    task = asyncio.create_task(board.run(changed))
    try:
        yield
    finally:
        assert not task.done(), "the board stopped by itself"
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_one_failing_and_one_hanging_sensor_never_stop_the_rest(tmp_path: Path) -> None:
    # the hanging one is real: its /proc/loadavg is a FIFO that nobody writes to
    fifo = lay(tmp_path, {"proc/uptime": "7200.00 1.0"}) / "proc/loadavg"
    os.mkfifo(fifo)
    hung = HostSensor(root=tmp_path)
    hung.timeout_s, hung.interval_s = 0.1, 0.05
    good = Fake("good", lambda: {"fuel_pct": 80})
    board = SensorBoard([Fake("bad", failing), hung, good])

    async def scene() -> None:
        async with running(board):
            assert not await board.all_answered(0.2)
            await until(lambda: good.reads >= 10, "the good sensor was held up")
            bad, host, fine = board.readings(time.monotonic())
            assert board.values(time.monotonic()) == {"fuel_pct": 80}
            assert (bad.state, bad.reason.nl, bad.age_s) == ("failed", "geen draad", None)
            assert (fine.state, fine.reason.en) == ("ok", "")
            assert host.state == "hanging"
            assert host.reason.en.startswith("has not answered for ")
            # however often its turn came, it holds one thread
            assert [thread.name for thread in threading.enumerate()].count("sensor-host") == 1
            # and it may recover
            with fifo.open("w") as pipe:
                fifo.unlink()
                pipe.write("0.5 0.5 0.5")
            await until(lambda: "uptime_h" in board.values(time.monotonic()), "no recovery")
            assert await board.all_answered(1)

    asyncio.run(scene())


def test_a_hung_sensor_does_not_hold_up_the_end_of_the_process(tmp_path: Path) -> None:
    fifo = tmp_path / "proc/loadavg"
    fifo.parent.mkdir()
    os.mkfifo(fifo)
    program = """
import asyncio, pathlib, sys
from relay.sensors.base import SensorBoard
from relay.sensors.host import HostSensor
async def main():
    board = SensorBoard([HostSensor(root=pathlib.Path(sys.argv[1]))])
    task = asyncio.create_task(board.run(lambda: None))
    assert not await board.all_answered(0.2)
    task.cancel()
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], timeout=DEADLINE_S, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_value_is_absent_as_soon_as_it_is_too_old_and_keeps_its_age_in_the_reading() -> None:
    now = 1000.0
    board = SensorBoard([Fake("one", lambda: {"fuel_pct": 80}, 5.0, 12.0)], monotonic=lambda: now)

    async def scene() -> None:
        assert board.readings(now)[0].state == "waiting"
        async with running(board):
            assert await board.all_answered(DEADLINE_S)

    asyncio.run(scene())
    assert board.values(now + 12.0) == {"fuel_pct": 80}
    assert board.values(now + 12.1) == {}
    reading = board.readings(now + 12.1)[0]
    assert (reading.state, reading.values) == ("stale", {"fuel_pct": 80})
    assert reading.age_s == pytest.approx(12.1)
    assert reading.reason.en == "last measured 12 s ago"


def test_age_counts_from_the_start_of_a_read() -> None:
    clock = [100.0]

    def slow() -> dict[str, Value]:
        clock[0] += 7.0
        return {"fuel_pct": 80}

    board = SensorBoard([Fake("slow", slow, 5.0)], monotonic=lambda: clock[0])

    async def scene() -> None:
        async with running(board):
            assert await board.all_answered(DEADLINE_S)

    asyncio.run(scene())
    assert board.readings(clock[0])[0].age_s == 7.0


def test_a_sensor_that_starts_to_fail_loses_its_values_at_once_and_gets_them_back() -> None:
    broken = threading.Event()
    sensor = Fake("one", lambda: failing() if broken.is_set() else {"fuel_pct": 80})
    board = SensorBoard([sensor])

    async def scene() -> None:
        async with running(board):
            await until(lambda: board.values(time.monotonic()) == {"fuel_pct": 80}, "no value")
            broken.set()
            await until(lambda: board.values(time.monotonic()) == {}, "an old value stayed")
            assert board.readings(time.monotonic())[0].values == {"fuel_pct": 80}
            broken.clear()
            await until(lambda: board.values(time.monotonic()) == {"fuel_pct": 80}, "no recovery")

    asyncio.run(scene())


def test_the_first_sensor_with_a_fresh_value_wins() -> None:
    broken = threading.Event()
    ups = Fake("ups", lambda: failing() if broken.is_set() else {"battery_pct": 40})
    other = Fake("other", lambda: {"battery_pct": 70, "indoor_c": 19})
    board = SensorBoard([ups, other])

    async def scene() -> None:
        async with running(board):
            assert await board.all_answered(DEADLINE_S)
            assert board.values(time.monotonic()) == {"battery_pct": 40, "indoor_c": 19}
            broken.set()
            await until(lambda: board.values(time.monotonic())["battery_pct"] == 70, "no second choice")

    asyncio.run(scene())


def test_a_value_that_its_field_cannot_hold_is_left_out_and_told() -> None:
    board = SensorBoard(
        [
            Fake("half", lambda: {"cpu_c": 900, "load_pct": 12, "colour": "red"}),
            Fake("none", lambda: {"battery_pct": 255}),
            Fake("buggy", mistaken),
            Fake("no such device", lambda: {"load_pct": int(Path("/nonexistent/x").read_text())}),
        ]
    )

    async def scene() -> None:
        async with running(board):
            assert await board.all_answered(DEADLINE_S)

    asyncio.run(scene())
    half, none, buggy, gone = board.readings(time.monotonic())
    assert board.values(time.monotonic()) == {"load_pct": 12}
    assert (half.state, half.reason.en) == ("ok", "Unknown field: colour")
    assert (none.state, none.reason.en) == ("failed", "battery_pct cannot be 255")
    assert (buggy.state, buggy.reason.en) == ("failed", "KeyError: 'missing'")
    assert (gone.state, gone.reason.en) == ("failed", "No such file or directory: /nonexistent/x")


def test_what_matters_is_told_on_the_loop_at_once_and_only_once() -> None:
    said: dict[str, Value] = {"power": "mains", "cpu_c": 40}
    sensor = Fake("one", lambda: dict(said))
    board = SensorBoard([sensor])
    told: list[tuple[Value, int]] = []

    def changed() -> None:
        told.append((board.values(time.monotonic())["power"], threading.get_ident()))

    async def reads(more: int) -> None:
        goal = sensor.reads + more
        await until(lambda: sensor.reads >= goal, "not read")

    async def scene() -> None:
        async with running(board, changed):
            await reads(3)
            said["cpu_c"] = 70
            await reads(3)
            assert told == []  # known for the first time, and a temperature
            said["power"] = "battery"
            await until(lambda: bool(told), "mains lost was not told")
            await reads(3)
            assert told == [("battery", threading.get_ident())]

    asyncio.run(scene())


def test_the_interval_is_asked_anew_and_kept_apart_from_how_long_a_read_takes() -> None:
    starts: list[float] = []

    def say() -> dict[str, Value]:
        starts.append(time.monotonic())
        time.sleep(0.05)
        sensor.interval_s = 0.3 if len(starts) >= 4 else 0.1
        return {}

    sensor = Fake("one", say, 0.1)

    async def scene() -> None:
        async with running(SensorBoard([sensor])):
            await until(lambda: len(starts) >= 6, "not read")

    asyncio.run(scene())
    pauses = [after - before for before, after in itertools.pairwise(starts)]
    # a busy machine may start a thread late, so a pause can seem shorter than it was
    assert min(pauses[:3]) >= 0.05
    assert min(pauses[3:]) >= 0.2


def test_a_sensor_whose_values_would_expire_between_reads_is_refused() -> None:
    with pytest.raises(ConfigError, match="sensor one: max_age_s"):
        SensorBoard([Fake("one", dict, interval_s=30.0, max_age_s=29.0)])


def test_waiting_costs_no_processor_time() -> None:
    # one hangs, one fails, one is read ten times a second: the rate of a busy day of many sensors
    release = threading.Event()

    def hang() -> dict[str, Value]:
        release.wait()
        return {}

    fast = Fake("fast", lambda: {"fuel_pct": 80}, 0.1)
    board = SensorBoard([Fake("hung", hang), Fake("bad", failing, 0.1), fast])

    async def scene() -> float:
        async with running(board):
            await board.all_answered(0.3)
            before, reads = time.process_time(), fast.reads
            await asyncio.sleep(2.0)  # the measurement itself
            spent = time.process_time() - before
            assert fast.reads - reads >= 10
            return spent

    spent = asyncio.run(scene())
    release.set()
    assert spent < 0.1, f"{spent * 50:.1f} % of a core"
