"""The desk in a running node: what the site's page asks, done on the station's thread.

A page is a reader that may come at any moment, many at once; every question is one short call there. What
sends something wakes the links afterwards. See facts.py for what the answers mean.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from relay.config import NodeConfig
from relay.core.message import Urgency
from relay.node.courier_work import CourierWork
from relay.node.desk.counter import Counter
from relay.node.desk.facts import Home, Known, Outcome, Sent, VrdNotice
from relay.node.desk.forms import WAIT_S
from relay.node.desk.stamps import stamp_of
from relay.node.entered import Entered
from relay.node.exercise_work import ExerciseWork
from relay.node.shell import Shell
from relay.node.submitting import marked
from relay.sensors.base import SensorBoard
from relay.trust import keys

if TYPE_CHECKING:
    from relay.node.courier_qr import CourierCode
    from relay.node.radio_work import RadioWork

FORM_ID_BYTES = 16
SENT_MAX = 300

T = TypeVar("T")

log = logging.getLogger("naober.node")


class DeskWork:
    """Of one daemon; `start` it when the station is open. Methods raise NaoberError with words for people."""

    def __init__(
        self,
        shell: Shell,
        config: NodeConfig,
        address: bytes,
        exercise: ExerciseWork,
        board: SensorBoard,
        entered: Entered,
        courier: CourierWork,
        radio: RadioWork | None,
    ) -> None:
        self._shell, self._config, self._address = shell, config, address
        self._exercise, self._board, self._entered, self._radio = exercise, board, entered, radio
        self._courier = courier
        self._held = asyncio.Event()  # a form is held, or another time counts
        self._counter: Counter

    async def start(self) -> None:
        """Take up what is on disk, and begin: a form that was held before a restart goes now."""
        self._counter = await self._shell.call(self._made)
        self._shell.start("desk", self._run)

    def _made(self) -> Counter:
        interval_s = float(self._config.status.interval_s)
        return Counter(self._shell.station, self._entered, interval_s)

    async def _run(self) -> None:
        while True:
            self._held.clear()
            wait_s, sent = await self._shell.call(self._counter.release)
            if sent:
                self._shell.news()
            await self._shell.rest(self._held, min(WAIT_S, wait_s))

    # --- what is shown ---

    async def home(self, device: str) -> Home:
        """All that the first screen shows to `device`."""
        trouble = self._radio.trouble() if self._radio else ""
        name, address = self._config.node.site, keys.show(self._address)
        return await self._call(
            lambda: self._counter.home(device, name, address, self._exercise.facts(), trouble)
        )

    async def sent(self, limit: int = 100) -> tuple[Sent, ...]:
        """What people here sent, newest first: held, sent, received and undone."""
        return await self._call(lambda: self._counter.sent(min(limit, SENT_MAX)))

    async def one(self, id: str) -> Sent | None:
        """One of them, by the id of its form or by `<epoch>-<number>`."""
        return await self._call(lambda: self._counter.one(id))

    async def known(self) -> dict[str, Known]:
        """Every field of the site that is known now; where a sensor measures it, its word counts."""
        now_s = time.monotonic()
        values, ages = self._board.values(now_s), dict[str, float]()
        for reading in self._board.readings(now_s):
            if reading.state == "ok" and reading.age_s is not None:
                ages |= {name: min(reading.age_s, ages.get(name, reading.age_s)) for name in reading.values}
        measured = {
            name: Known(value=value, age_s=int(ages.get(name, 0)), entered=False)
            for name, value in values.items()
        }
        return {**await self._call(self._counter.entered), **measured}

    # --- what is said ---

    async def enter(
        self,
        form: str,
        typed: dict[str, str],
        was: dict[str, str] | None = None,
        *,
        same: bool = False,
        device: str = "",
        ago_min: int = 0,
    ) -> Outcome:
        """Values of the site, as wire words; only what changed. `was`: what the form showed of each field."""
        outcome = await self._call(
            lambda: self._counter.enter(form, typed, was or {}, same=same, device=device, ago_min=ago_min)
        )
        if not outcome.repeated:
            self._shell.status_changed.set()
        return outcome

    async def submit(
        self,
        form: str,
        kind: Literal["report", "request", "offer"],
        values: Mapping[str, str],
        urgency: int,
        *,
        real: bool = False,
        exercise: bool = False,
        device: str = "",
        hold: bool = True,
        ago_min: int = 0,
    ) -> Outcome:
        """A message to VRD. On disk when this returns; what is no emergency is held for ten seconds."""
        asked: dict[str, Any] = {
            "kind": kind,
            "values": values,
            "urgency": _urgency(urgency),
            "real": real,
            "exercise": exercise and not real,
        }
        if again := await self._call(lambda: self._counter.again(form)):
            return again
        request = marked(asked, runs=await self._shell.call(self._exercise.runs))
        if real:
            await self._exercise.real()
        return await self._say(
            lambda: self._counter.submit(form, request, hold=hold, ago_min=ago_min, device=device)
        )

    async def undo(self, id: str, device: str = "") -> Sent | None:
        """Never send it, if it is still held; later nothing happens. Tells how it is.

        Raises NaoberError for another device than the one that posted it.
        """
        return await self._say(lambda: self._counter.undo(id, device))

    async def withdraw(self, form: str, id: str, reason: str = "", device: str = "") -> Outcome:
        """Tell VRD that a message no longer holds."""
        return await self._say(lambda: self._counter.withdraw(form, id, reason, device))

    # --- what VRD says ---

    async def notices(self) -> tuple[VrdNotice, ...]:
        """Newest first."""
        return await self._call(self._counter.notices)

    async def looked(self, number: int) -> None:
        """Somebody reads it here."""
        await self._call(lambda: self._counter.looked(number))

    async def answer(self, form: str, number: int, answer: int) -> Outcome:
        """Tell VRD: 0 read, 1.. as the buttons; to an order 1 done, 2 it can't be done."""
        return await self._say(lambda: self._counter.answer(form, number, answer))

    async def public(self) -> VrdNotice | None:
        """What the public screen shows now."""
        return await self._call(self._counter.public)

    async def show_public(self, number: int | None) -> None:
        """Show a notice to visitors; None: nothing."""
        await self._call(lambda: self._counter.show_public(number))

    async def courier_codes(self) -> tuple[CourierCode, ...]:
        """What waits, as codes that any phone may photograph. Raises StorageError."""
        return await self._courier.codes()

    # --- drafts and ids ---

    async def keep_draft(self, device: str, name: str, values: dict[str, str]) -> None:
        """Keep what was typed so far for a day."""
        station = self._shell.station
        await self._call(
            lambda: station.on_desk(
                lambda rows: rows.keep_draft(device, name, values, stamp_of(*self._counter.moment()))
            )
        )

    async def draft(self, device: str, name: str) -> dict[str, str]:
        """What was typed; empty when there is none."""
        station = self._shell.station
        return await self._call(
            lambda: station.on_desk(lambda rows: rows.draft(device, name, stamp_of(*self._counter.moment())))
        )

    async def drop_draft(self, device: str, name: str) -> None:
        """It was sent, or thrown away."""
        station = self._shell.station
        await self._call(lambda: station.on_desk(lambda rows: rows.drop_draft(device, name)))

    def new_form(self) -> str:
        """A one-time id that nobody can guess; it is remembered only when it is posted."""
        return secrets.token_urlsafe(FORM_ID_BYTES)

    async def _call(self, work: Callable[[], T]) -> T:
        return await self._shell.call(work)

    async def _say(self, work: Callable[[], T]) -> T:
        """Do it, then wake the links and the loop that sends what was held."""
        try:
            return await self._shell.call(work)
        finally:
            self._held.set()
            self._shell.news()


def _urgency(given: int) -> int:
    return min(Urgency.INFORMATION, max(Urgency.EMERGENCY, given))
