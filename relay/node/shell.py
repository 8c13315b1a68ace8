"""What the parts of a running node share: the station on its thread, and tasks that fail alone.

The station is synchronous and lives on a thread of its own, since a card may take seconds to sync. Every
part is a few loops that receive, decide, transmit and rest until there is news.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

from relay.links.base import LinkFacts
from relay.node.station import Station

T = TypeVar("T")
Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
Gate: TypeAlias = Callable[[str, Work, Callable[[LinkFacts], None]], Coroutine[Any, Any, None]]

REST_MIN_S = 0.05
AGAIN_S = 5.0

log = logging.getLogger("naober.node")


async def open_gate(link: str, work: Work, tell: Callable[[LinkFacts], None]) -> None:
    """A Gate that cuts nothing: the link works as long as `work` does."""
    await work()


class Shell:
    """Made before the station is opened, on the station's own thread."""

    def __init__(self) -> None:
        self.station: Station
        self.status_changed = asyncio.Event()  # something that a status tells
        self._said_storage = ""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="station")
        self._news: list[asyncio.Event] = []
        self._loops: list[asyncio.Task[None]] = []
        self._short: set[asyncio.Task[None]] = set()

    async def call(self, work: Callable[[], T]) -> T:
        """Run `work` on the station's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def guard(self, name: str, work: Work) -> None:
        """Start `work` again when it fails by a mistake of ours: the rest must go on."""
        while True:
            try:
                await work()
                return
            except Exception:
                log.exception("%s failed and is started again in %g s", name, AGAIN_S)
                await asyncio.sleep(AGAIN_S)

    def start(self, name: str, work: Work) -> None:
        """Run a loop, guarded, until `stop`."""
        self._loops.append(asyncio.create_task(self.guard(name, work), name=name))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something short, which ends by itself, beside the loops."""
        task = asyncio.create_task(work)
        self._short.add(task)
        task.add_done_callback(self._short.discard)

    # --- news ---

    def listener(self) -> asyncio.Event:
        """Set whenever the station may have something new to say."""
        event = asyncio.Event()
        self._news.append(event)
        return event

    def news(self) -> None:
        """The station may have something new to say, on any link."""
        for event in self._news:
            event.set()

    async def rest(self, event: asyncio.Event, seconds: float) -> None:
        """Until `event`, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(REST_MIN_S, seconds)):  # wait_for loses a cancel (Python 3.11)
                await event.wait()

    def tell_storage(self) -> None:
        """Say once that messages are in memory only, and once that they are safe again."""
        notes, self.station.notes = self.station.notes, []
        for note in notes:
            log.error("%s", note.en)
        problem = self.station.storage
        code = problem.code if problem else ""
        if code != self._said_storage:
            if problem:
                log.error("S01 %s: new messages are kept in memory only", problem)
            else:
                log.warning("storage works again: messages are safe on disk")
            self._said_storage = code

    # --- the end ---

    async def stop(self) -> None:
        """End all loops, and wait for what is short."""
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, *self._short, return_exceptions=True)

    def shutdown(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown()
