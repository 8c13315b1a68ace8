"""The operators' room at work: the watch looks every second, and whoever has a page open learns of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from relay.config import InboxConfig
from relay.errors import StorageError
from relay.inbox.alarms import thresholds
from relay.inbox.alarms.facts import Own
from relay.inbox.facts import standing_of
from relay.inbox.notifiers.work import NotifierWork, notifiers_of
from relay.inbox.operators.retention import forget_old
from relay.inbox.operators.store import Operators
from relay.inbox.pages.room import Options, Room
from relay.inbox.paper_work import PaperWork
from relay.inbox.queries import Reader
from relay.inbox.store import Arrival
from relay.inbox.watch import Health, Watch
from relay.kernel_clock import clock_is_synchronised
from relay.trust.roster import Roster

LOOK_S = 1.0
TIDY_S = 3600.0
LOOK_SOON_S = 0.1  # after a report, or an operator's step
CLOCK_DOUBT_S = 4 * 3600.0  # without a time server: its own clock is good for that long
LAG_FRAMES = 2_000  # that wait for intake: more than a busy half minute

log = logging.getLogger("naober.inbox")


class RoomWork:
    """Composes stores, watch and room from the configuration; raises ConfigError or StorageError."""

    def __init__(
        self,
        config: InboxConfig,
        reader: Reader,
        roster: Callable[[], Roster],
        health: Callable[[], dict[str, Any]],
        now: Callable[[], Arrival],
        publish: Callable[[str, bytes], Awaitable[bool]],
    ) -> None:
        self.operators = Operators(
            config.inbox.state, standing=lambda address: standing_of(roster().entry(address))
        )
        self._health = health
        self._trouble = ""
        self._synchronised_s = time.monotonic()
        self._soon = asyncio.Event()
        limits = thresholds.load(config.pages.alarms)
        self.watch = Watch(reader, self.operators, roster, self._facts, limits, now)
        options = Options(teams=config.pages.teams, banner=config.pages.banner, secure=config.pages.tls)
        self.room = Room(self.operators, self.watch, reader, self.trouble, options)
        self.room.look_soon = self.look_soon
        self.room.standby = lambda: str(self._health()["standby"])
        self._notifying = NotifierWork(
            notifiers_of(config.notify, publish),
            self.operators.alarms,
            config.notify.level,
            lambda: not self.room.standby(),
        )
        self._paper = PaperWork(config, self.room)
        self._retention_days = config.store.retention_days
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="watch")

    def trouble(self) -> str:
        """The code of why nothing is stored now; empty when all is well."""
        storage: str = self._health()["storage"]
        return self._trouble or ("" if storage == "ok" else storage)

    def look_soon(self) -> None:
        """Something happened that a person waits for."""
        self._soon.set()

    async def run(self) -> None:
        """Look, and tell, for ever."""
        await asyncio.gather(self._look(), self._notifying.run(), self._paper.run(), self._tidy())

    async def _tidy(self) -> None:
        while True:
            if clock_is_synchronised():  # one that runs ahead would forget what is new
                with contextlib.suppress(StorageError):
                    await asyncio.to_thread(forget_old, self.operators, self._retention_days)
            await asyncio.sleep(TIDY_S)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                changes = await loop.run_in_executor(self._thread, self.watch.look)
                trouble = self.watch.trouble
            except StorageError as error:
                changes, trouble = [], error.code
            if trouble and not self._trouble:
                log.error("the operators' store does not work: %s", trouble)
            self._trouble = trouble
            board = self.watch.board
            if changes:
                self._notifying.poke()
            if board is not None:
                trouble, quiet = self.trouble() + self.room.standby(), bool(self.room.standby())
                practice = self.watch.exercise.board
                await self.room.live.tell(board, changes, trouble, practice, quiet=quiet)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._soon.wait()
            self._soon.clear()
            await asyncio.sleep(LOOK_SOON_S)

    async def stop(self) -> None:
        """End the streams, and let go of the file."""
        await self.room.live.stop()
        self._thread.shutdown()
        self.operators.close()

    def _disk_free_pct(self) -> float:
        """Of the disk with the stores; all of it when that can't be told: the stores say what is wrong."""
        try:
            disk = shutil.disk_usage(self.operators.path.parent)
        except OSError:
            return 100.0
        return 100 * disk.free / disk.total if disk.total else 100.0

    def _facts(self) -> Health:
        health = self._health()
        now_s = time.monotonic()
        if clock_is_synchronised():
            self._synchronised_s = now_s
        own = Own(
            storing=health["storage"] == "ok",
            broker=health["broker"] == "connected",
            clock=now_s - self._synchronised_s <= CLOCK_DOUBT_S,
            disk_free_pct=self._disk_free_pct(),
            lag_s=60.0 if health["frames_waiting"] > LAG_FRAMES else 0.0,
            paper=self._paper.trouble,
        )
        return Health(listening_s=health["listening_s"], own=own)
