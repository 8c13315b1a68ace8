"""What a sensor is, and the board that reads them all.

Each read runs on a daemon thread of its own, so a sensor that hangs holds one thread and nobody else.
It is not started again before it answers, and it never delays the end of the process. All results are
taken in on the event loop: `values` and `readings` are for that thread, and nothing here needs a lock.

Age counts from the *start* of a read: a value is never younger than it claims. A value leaves `values`
as soon as it is too old, or its sensor fails or hangs; `readings` still tells what it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from relay.core import fields
from relay.core.fields import Value
from relay.errors import ConfigError, NaoberError, Text, ValueRefused
from relay.sensors.mains import CONFIRM_AFTER_S, Claim, Mains, Rank, Verdict, Word
from relay.sensors.watch import Watch

PAUSE_S_MIN = 0.05  # between two reads of one sensor, however short its interval
REASON_CHARS_MAX = 200  # a sensor may quote a whole file

NO_REASON = Text("", "")
State: TypeAlias = Literal["waiting", "ok", "failed", "hanging", "stale"]


class SensorError(NaoberError):
    """A sensor cannot be read now; the node goes on without its values."""


class Sensor(Protocol):
    """Anything that can be asked for values by field name.

    One that tells `power` may say where it measures by an attribute `mains_rank` (see mains); without, it is
    believed to measure the building's own. What it knows that is no field it may say in an attribute `note`.
    """

    @property
    def name(self) -> str:
        """Its name in configuration, logs and on screens."""

    @property
    def interval_s(self) -> float:
        """Seconds from the start of a read to the start of the next; asked anew after each read."""

    @property
    def timeout_s(self) -> float:
        """Seconds after which a read that has not returned is reported as hanging."""

    @property
    def max_age_s(self) -> float:
        """Seconds that a value counts as known; at least interval_s."""

    def read(self) -> dict[str, Value]:
        """The values that are known now; what is not known is left out, never zero.

        Blocks; runs on a worker thread, never twice at once. Raises SensorError or OSError.
        """


class Reading(msgspec.Struct, frozen=True):
    """How one sensor does."""

    name: str
    state: State
    values: dict[str, Value]  # of the last read that succeeded; what is true now only while state is "ok"
    age_s: float | None  # of these values; None before the first
    reason: Text = NO_REASON  # why not "ok", or which values were refused
    note: Text = NO_REASON  # what it knows that is no field


class _Outcome(msgspec.Struct, frozen=True):
    """What one read came to; no values: it failed."""

    values: dict[str, Value] | None
    reason: Text = NO_REASON


class _Slot:
    """One sensor and what it last said."""

    def __init__(self, sensor: Sensor) -> None:
        self.sensor = sensor
        self.started_at: float | None = None  # of the read that is under way
        self.measured_at: float | None = None
        self.values: dict[str, Value] = {}
        self.last = _Outcome({})
        self.answered = False
        self.word = Word()  # on the mains
        self.rank: Rank = getattr(sensor, "mains_rank", Rank.SITE)

    def take(self, outcome: _Outcome) -> None:
        if outcome.values is not None:
            self.values, self.measured_at = outcome.values, self.started_at
        self.last, self.started_at, self.answered = outcome, None, True
        self.word.take((outcome.values or {}).get("power"))

    def state(self, now: float) -> State:
        if self.started_at is not None and now - self.started_at > self.sensor.timeout_s:
            return "hanging"
        if self.last.values is None:
            return "failed"
        if self.measured_at is None:
            return "waiting"
        return "ok" if now - self.measured_at <= self.sensor.max_age_s else "stale"

    def reading(self, now: float) -> Reading:
        state, reason = self.state(now), self.last.reason
        age_s = None if self.measured_at is None else now - self.measured_at
        if state == "hanging" and self.started_at is not None:
            waited_s = round(now - self.started_at)
            reason = Text(f"antwoordt al {waited_s} s niet", f"has not answered for {waited_s} s")
        elif state == "stale" and age_s is not None:
            reason = Text(f"laatste meting {age_s:.0f} s geleden", f"last measured {age_s:.0f} s ago")
        note: Text = getattr(self.sensor, "note", NO_REASON) if state == "ok" else NO_REASON
        return Reading(self.sensor.name, state, dict(self.values), age_s, reason, note)


class SensorBoard:
    """Reads every sensor at its interval and knows what is fresh.

    `now` is a time of `monotonic` throughout. Raises ConfigError for a sensor whose values would be
    too old before it is read again.
    """

    def __init__(self, sensors: Sequence[Sensor], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        for sensor in sensors:
            if sensor.max_age_s < sensor.interval_s:
                raise ConfigError(
                    Text(
                        f"sensor {sensor.name}: max_age_s ({sensor.max_age_s:g}) is korter dan interval_s",
                        f"sensor {sensor.name}: max_age_s ({sensor.max_age_s:g}) is less than interval_s",
                    ),
                    Text(
                        f"Maak het minstens {sensor.interval_s:g}", f"Make it {sensor.interval_s:g} or more"
                    ),
                )
        self._slots = [_Slot(sensor) for sensor in sensors]
        self._monotonic = monotonic
        self._watch = Watch()
        self._mains = Mains()
        self._all_answered = asyncio.Event()
        if not sensors:
            self._all_answered.set()

    async def run(self, changed: Callable[[], None]) -> None:
        """Read until cancelled; call `changed` on the loop as soon as something that matters changed.

        Once per board. A read that is under way at the end is left to its daemon thread.
        """
        async with asyncio.TaskGroup() as group:
            for slot in self._slots:
                group.create_task(self._keep_reading(slot, changed))

    async def all_answered(self, timeout_s: float) -> bool:
        """Wait until each sensor has been read or has failed once; False when `timeout_s` passed first."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._all_answered.wait()
        except TimeoutError:
            return False
        return True

    def values(self, now: float) -> dict[str, Value]:
        """What is known now, by field name; of two sensors with the same field the first one counts.

        Not so for the mains: see mains.
        """
        fresh = self._fresh(now)
        power = self._verdict(now, fresh).power
        fresh.pop("power", None)
        return fresh | self._mains.values(power, now)

    def mains(self, now: float) -> Verdict:
        """What feeds the site, and who says so."""
        return self._verdict(now, self._fresh(now))

    def readings(self, now: float) -> list[Reading]:
        """How each sensor does, in the order given."""
        return [slot.reading(now) for slot in self._slots]

    def _fresh(self, now: float) -> dict[str, Value]:
        fresh: dict[str, Value] = {}
        for slot in self._slots:
            if slot.state(now) == "ok":
                fresh = {**slot.values, **fresh}
        return fresh

    def _verdict(self, now: float, fresh: Mapping[str, Value]) -> Verdict:
        claims = [
            Claim(slot.sensor.name, slot.rank, slot.word.power)
            for slot in self._slots
            if slot.word.power is not None and slot.state(now) == "ok"
        ]
        return self._mains.judge(claims, fresh.get("generator"))

    async def _keep_reading(self, slot: _Slot, changed: Callable[[], None]) -> None:
        while True:
            started_at = self._monotonic()
            slot.started_at = started_at
            slot.take(await _read(slot.sensor))
            if all(other.answered for other in self._slots):
                self._all_answered.set()
            now = self._monotonic()
            self._mains.remember(self.mains(now).power, now)
            if self._watch.news(self.values(now), now):
                changed()
            interval_s = slot.sensor.interval_s
            if slot.word.doubtful:
                interval_s = min(interval_s, CONFIRM_AFTER_S)
            await asyncio.sleep(max(started_at + interval_s - now, PAUSE_S_MIN))


async def _read(sensor: Sensor) -> _Outcome:
    """One read on a daemon thread (an executor's threads would be joined at exit, hung or not)."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Outcome] = loop.create_future()

    def settle(outcome: _Outcome) -> None:
        if not answer.done():  # it is, when the board was stopped meanwhile
            answer.set_result(outcome)

    def work() -> None:
        outcome = _attempt(sensor)
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits for this any more
            loop.call_soon_threadsafe(settle, outcome)

    try:
        threading.Thread(target=work, name=f"sensor-{sensor.name}"[:15], daemon=True).start()
    except RuntimeError as error:  # out of threads or memory: this read failed, a later one may not
        return _Outcome(None, _why(error))
    return await answer


def _attempt(sensor: Sensor) -> _Outcome:
    try:
        return _checked(sensor.read())
    except Exception as error:  # a mistake in one sensor must not stop the others
        return _Outcome(None, _why(error))


def _checked(values: Mapping[str, Value]) -> _Outcome:
    """Keep what its field can hold; a read of which nothing can be kept failed."""
    kept: dict[str, Value] = {}
    reason = NO_REASON
    for name, value in values.items():
        try:
            kept[name] = fields.check(fields.field_named(name), value)
        except ValueRefused as refusal:
            reason = _why(refusal)
    return _Outcome(None if values and not kept else kept, reason)


def _why(error: Exception) -> Text:
    if isinstance(error, NaoberError):
        return Text(error.what.nl[:REASON_CHARS_MAX], error.what.en[:REASON_CHARS_MAX])
    if isinstance(error, OSError) and error.strerror:
        said = error.strerror + (f": {error.filename}" if error.filename else "")
    else:
        said = f"{type(error).__name__}: {error}"
    return Text(said[:REASON_CHARS_MAX], said[:REASON_CHARS_MAX])
