"""Frames on their way through the stages of ingest.py, as through a pipe.

While one group is being committed, the next is being verified. A frame is acknowledged to the broker
only when its receipts are on their way, and these are signed only after the commit. When the disk
refuses, the frames at hand are tried again until it takes them: nothing is acknowledged or receipted
meanwhile, so nodes and broker hold theirs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from relay import mqtt
from relay.core.message import Clock
from relay.errors import StorageError
from relay.inbox.ingest import Intake, Outcome
from relay.inbox.parcel import Parcel
from relay.inbox.store import Arrival

VERIFY_THREADS = 2
VERIFY_CHUNK = 512  # a whole frame of a node: each hand-over between threads costs
GROUP_ITEMS_MAX = 4096  # envelopes in one commit
OPEN_ITEMS_MAX = 8192  # envelopes in memory as such; frames behind them stay bytes
RETRY_STORE_S = 2.0

T = TypeVar("T")

log = logging.getLogger("naober.inbox")


class _Waiting:
    """A frame whose signatures are being judged."""

    __slots__ = ("jobs", "message", "parcel")

    def __init__(self, message: mqtt.Message, parcel: Parcel, jobs: list[Future[None]]) -> None:
        self.message, self.parcel, self.jobs = message, parcel, jobs

    async def judged(self) -> None:
        for job in self.jobs:
            await asyncio.wrap_future(job)

    def is_judged(self) -> bool:
        return all(job.done() for job in self.jobs)


class Pipe:
    """All frames that have come and are not stored; owns the verify threads and the store thread."""

    def __init__(
        self, intake: Intake, now: Callable[[], tuple[Arrival, Clock]], send: Callable[[Outcome], None]
    ) -> None:
        """`send` is told what to reply, in the event loop and in order."""
        self.trouble = ""  # the code of why nothing is stored now
        self._intake, self._now, self._send = intake, now, send
        self._verifiers = ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="verify")
        self._store_thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._unopened: deque[tuple[str, mqtt.Message]] = deque()
        self._waiting: deque[_Waiting] = deque()
        self._open_items = 0
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._unopened) + len(self._waiting)

    def close(self) -> None:
        """Wait for the threads to end."""
        self._verifiers.shutdown()
        self._store_thread.shutdown()

    async def on_store_thread(self, work: Callable[[], T]) -> T:
        """Run `work` where the store may be used."""
        return await asyncio.get_running_loop().run_in_executor(self._store_thread, work)

    async def on_verify_thread(self, work: Callable[[], T]) -> T:
        """Run `work`, which judges signatures, beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._verifiers, work)

    def feed(self, publisher: str, message: mqtt.Message) -> None:
        """Take a frame; it is acknowledged when that is safe."""
        self._unopened.append((publisher, message))
        self._open_more()

    def _open_more(self) -> None:
        while self._unopened and self._open_items < OPEN_ITEMS_MAX:
            publisher, message = self._unopened.popleft()
            parcel = self._intake.open_frame(publisher, message.payload, time.monotonic())
            if parcel is None:
                message.ack()
                continue
            items = parcel.items
            jobs = [
                self._verifiers.submit(self._intake.verify, items[start : start + VERIFY_CHUNK])
                for start in range(0, len(items), VERIFY_CHUNK)
            ]
            self._open_items += len(items)
            self._waiting.append(_Waiting(message, parcel, jobs))
            self._arrived.set()

    async def run(self) -> None:
        """Store what comes, for ever."""
        while True:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            group = await self._next_group()
            await self._store_group(group)

    async def _next_group(self) -> list[_Waiting]:
        """The frame that waits longest, and those behind it that are judged by then."""
        await self._waiting[0].judged()
        group: list[_Waiting] = []
        items = 0
        while self._waiting and self._waiting[0].is_judged() and items < GROUP_ITEMS_MAX:
            group.append(self._waiting.popleft())
            items += len(group[-1].parcel.items)
        self._open_items -= items
        self._open_more()
        return group

    async def _store_group(self, group: list[_Waiting]) -> None:
        try:
            await self._store(group)
        except Exception:
            log.exception("%d frames could not be taken in together; each is tried alone", len(group))
            for waiting in group:
                await self._store_alone(waiting)

    async def _store_alone(self, waiting: _Waiting) -> None:
        """What can't be taken in, for a reason that is not the disk, must not block what is behind it."""
        try:
            await self._store([waiting])
        except Exception:
            log.error("a frame of %s could not be taken in and is dropped", waiting.parcel.publisher)
            self._intake.count("failed")
            waiting.message.ack()

    async def _store(self, group: list[_Waiting]) -> None:
        parcels = [waiting.parcel for waiting in group]
        outcome = await self.until_stored(lambda: self._intake.store(parcels, *self._now()))
        self._send(outcome)
        await asyncio.sleep(0)  # they leave first: who hears no more of a frame must have its receipt
        for waiting in group:
            waiting.message.ack()

    async def until_stored(self, work: Callable[[], T]) -> T:
        """What `work` gives, on the store thread, as soon as the disk takes it."""
        while True:
            try:
                done = await self.on_store_thread(work)
            except StorageError as error:
                if not self.trouble:
                    log.error("nothing is stored or receipted: %s", error)
                self.trouble = error.code
                await asyncio.sleep(RETRY_STORE_S)
                continue
            if self.trouble:
                log.warning("storage works again: intake resumed")
                self.trouble = ""
            return done
