"""The exercise in the running daemon: marks messages, holds cut links down, and lets all of it end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.core.message import Moment
from relay.core.proofs import LINKS
from relay.core.receipts import InboxView
from relay.errors import Text
from relay.links.base import LinkFacts
from relay.node.shell import Shell

if TYPE_CHECKING:
    from relay.node.exercising import Exercise

EXERCISE_FILE = "exercise.json"
VERBS = ("exercise",)
LOOK_S = 5.0  # an end is noticed within this

CUT = LinkFacts(
    False,
    "cut",
    Text("Onderbroken voor de oefening", "Cut for the exercise"),
    Text(
        "naober exercise stop; een echt bericht: naober send --real", "naober exercise stop; or send --real"
    ),
)

log = logging.getLogger("naober.node")


class ExerciseWork:
    """Of one daemon. Its verbs run on the station's thread, its gates on the event loop."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self._shell, self._folder = shell, folder
        self._exercise: Exercise | None = None
        if (folder / EXERCISE_FILE).exists():
            self._made()
        self._cut: frozenset[str] = frozenset()
        self._moved = {link: asyncio.Event() for link in LINKS}  # cut, or whole again
        self._changed = shell.listener()
        self._heard = (0, 0)  # the newest notice at the last look
        self._ran = False

    async def begin(self) -> None:
        """Take up what was going on before a restart; before any link starts."""
        await self._look()

    async def run(self) -> None:
        """A loop of the daemon: what has ended, ends."""
        while True:
            self._changed.clear()
            left_s = await self._look()
            await self._shell.rest(self._changed, min(LOOK_S, left_s))

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """`start` or `cut` with seconds, `stop`, or `status`; tells how it stands then."""
        await self._shell.call(lambda: self._do(request))
        await self._look()
        self._changed.set()
        self._shell.status_changed.set()
        return {"exercise": await self._shell.call(self.facts)}

    async def real(self) -> None:
        """A message says that it is real: every link must be whole for it."""
        if self._cut:
            log.warning("exercise: a real message, so every link is whole again")
        if self._exercise:
            await self._shell.call(self._exercise.heal)
            await self._look()

    # --- on the station's thread ---

    def runs(self) -> bool:
        """Whether the messages of this moment are of an exercise."""
        self._hear()
        return self._exercise is not None and bool(self._exercise.left_s(*self._now()))

    def facts(self) -> dict[str, Any] | None:
        """For `naober status`."""
        return None if self._exercise is None else self._exercise.facts(*self._now())

    def _hear(self) -> None:
        """Do what VRD said since the last time, of exercises."""
        if self._exercise is not None:
            self._exercise.forget_all_but(self._shell.station.forwarder.papers.inboxes)
        inbox = self._shell.station.forwarder.state.inbox
        heard = (inbox.notice_epoch, inbox.notice)
        if heard == self._heard:
            return
        from relay.node import exercise_orders

        order = exercise_orders.newest(self._shell.station)
        self._heard = heard
        if order is not None and self._made().obey(order, *self._now()):
            log.warning("exercise: VRD says %r, %d minutes", order.title, order.minutes)

    def _made(self) -> Exercise:
        """Most nodes hold none for years, and do without what it takes."""
        if self._exercise is None:
            from relay.node.exercising import Exercise

            self._exercise = Exercise(self._folder)
        return self._exercise

    def _do(self, request: dict[str, Any]) -> None:
        what, now = request.get("do"), self._now()
        if what == "start":
            self._made().start(float(request["seconds"]), *now)
        elif what == "cut":
            self._made().cut(str(request["link"]), float(request["seconds"]), *now)
        elif what == "stop" and self._exercise:
            self._exercise.stop()

    def _now(self) -> tuple[Moment, InboxView]:
        station = self._shell.station
        return station.moment(), station.forwarder.state.inbox

    # --- links ---

    async def _look(self) -> float:
        """Cut what must be, heal what need not be; how long it stays so at least."""

        def look() -> tuple[bool, frozenset[str], float]:
            runs = self.runs()
            if self._exercise is None:
                return runs, frozenset(), LOOK_S
            self._exercise.forget_what_ended(*self._now())
            cuts = self._exercise.cuts(*self._now())
            return runs, frozenset(cuts), min(cuts.values(), default=LOOK_S)

        runs, cut, left_s = await self._shell.call(look)
        if runs != self._ran:
            self._ran = runs
            self._shell.status_changed.set()  # VRD sees at once what is of the exercise
        for link in cut ^ self._cut:
            log.warning("exercise: %s is %s", link, "cut" if link in cut else "whole again")
            self._moved[link].set()
        self._cut = cut
        return left_s

    async def gate(
        self, link: str, work: Callable[[], Coroutine[Any, Any, None]], tell: Callable[[LinkFacts], None]
    ) -> None:
        """Run `work`, which never ends by itself; while `link` is cut it is really ended."""
        moved = self._moved[link]
        while True:
            moved.clear()
            if link in self._cut:
                tell(CUT)
                await moved.wait()
                continue
            running = asyncio.ensure_future(work())
            changed = asyncio.ensure_future(moved.wait())
            try:
                await asyncio.wait((running, changed), return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()  # what it raised is for the guard
                    return
            finally:
                changed.cancel()
                running.cancel()
                await asyncio.wait((running,))  # raises nothing of its own, so no cancel of ours is lost
