"""One connection to a radio, from the handshake to its end.

What the radio does makes the rules here. It sends nothing before it was asked for its configuration, and
the first words to it may be lost, so the question is repeated until something comes. It restarts without
closing the connection, so only an unanswered heartbeat tells; any frame is an answer. It loses what it
hears into a connection whose other end has gone, so we say goodbye before we go: then it keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator

import msgspec

from relay.errors import LinkError
from relay.links.meshtastic import errors, packets
from relay.links.meshtastic.packets import (
    ConfigComplete,
    Incoming,
    Locked,
    Outgoing,
    QueueStatus,
    Restarted,
    Setting,
)
from relay.links.meshtastic.stream import WAKE, Deframer, Stream, enframe

SETTINGS_MAX = 512  # a handshake has some 45 parts
GOODBYE_S = 1.0


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long a radio may take."""

    handshake_s: float = 30.0  # in all
    ask_again_s: float = 3.0  # for the configuration, as long as nothing came
    heartbeat_s: float = 30.0  # the radio closes a connection that says nothing for 15 min
    answer_s: float = 10.0  # to a heartbeat
    status_s: float = 5.0  # to a packet


class Connection:
    """Ends once, for good. `told` gets everything but the handshake, in the event loop."""

    def __init__(self, stream: Stream, timing: Timing, told: Callable[[Incoming], None]) -> None:
        self._stream = stream
        self._timing = timing
        self._told = told
        self._me = 0
        self._frames = 0  # received; any is a sign of life
        self._settings: list[Setting] = []
        self._statuses: dict[int, asyncio.Future[QueueStatus]] = {}
        loop = asyncio.get_running_loop()
        self._complete: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> list[Setting]:
        """Asks for the configuration; from its end on packets flow. Raises LinkError."""
        self._start(self._read)
        try:
            async with asyncio.timeout(self._timing.handshake_s):
                await self._write(WAKE)
                while not self._complete.done():
                    before = self._frames
                    await self._write(enframe(packets.want_config()))
                    while not self._complete.done():
                        await self._wait(self._complete, self._timing.ask_again_s)
                        if self._frames == before:
                            break  # nothing at all came: the question was lost
                        before = self._frames
        except TimeoutError:
            raise errors.silent(self._stream.name) from None
        return self._settings

    async def hold(self) -> None:
        """Keeps the connection alive; raises LinkError when it ends, or what `told` raised."""
        self._start(self._beat)
        await asyncio.shield(self._ended)

    async def transmit(self, out: Outgoing) -> QueueStatus | None:
        """Hands over a packet; the radio's answer, or None when the answer was lost. Raises LinkError."""
        body = packets.packet(out)
        with self._expecting(out.packet_id) as status:
            await self._write(enframe(body))
            await self._wait(status, self._timing.status_s)
            if not status.done():
                await self.ask()  # the radio has room for two answers: is it alive?
            return status.result() if status.done() else None

    async def ask(self) -> QueueStatus | None:
        """How the radio's queue is now; None when the answer was lost. Raises LinkError: `silent`, `lost`."""
        before = self._frames
        with self._expecting(0) as status:
            await self._write(enframe(packets.heartbeat()))
            await self._wait(status, self._timing.answer_s)
            if self._frames == before:
                self._end(errors.silent(self._stream.name))
                await asyncio.shield(self._ended)
            return status.result() if status.done() else None

    async def close(self) -> None:
        """Says goodbye if there is still somebody, and ends."""
        with contextlib.suppress(LinkError, TimeoutError):
            if not self._ended.done():
                async with asyncio.timeout(GOODBYE_S):
                    await self._write(enframe(packets.disconnect()))
        self._end(errors.lost(self._stream.name))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stream.close()

    # --- inside ---

    async def _read(self) -> None:
        deframer = Deframer(packets.decode)
        while True:
            data = await self._stream.read()
            if not data:
                raise errors.lost(self._stream.name)
            for from_radio in deframer.feed(data):
                self._frames += 1
                self._take(packets.read(from_radio, self._me))

    def _take(self, incoming: Incoming) -> None:
        if isinstance(incoming, Setting):
            self._keep(incoming)
        elif isinstance(incoming, ConfigComplete):
            if not self._complete.done() and incoming.nonce == packets.CONFIG_ONLY:
                self._complete.set_result(None)
        elif isinstance(incoming, Restarted):
            if self._complete.done():
                raise errors.restarted(self._stream.name)
        elif isinstance(incoming, Locked):
            raise errors.locked(self._stream.name)
        else:
            if isinstance(incoming, QueueStatus):
                self._answer(incoming)
            self._told(incoming)

    def _keep(self, setting: Setting) -> None:
        if setting.name == "my_info":  # the first of all: a repeated question has a whole new answer
            self._me = setting.value.my_node_num
            if not self._complete.done():
                self._settings.clear()
        if not self._complete.done() and len(self._settings) < SETTINGS_MAX:
            self._settings.append(setting)

    def _answer(self, status: QueueStatus) -> None:
        waiting = self._statuses.get(status.packet_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(status)

    @contextlib.contextmanager
    def _expecting(self, packet_id: int) -> Iterator[asyncio.Future[QueueStatus]]:
        """A place for the answer about `packet_id`; those who ask the same at once share it."""
        known = self._statuses.get(packet_id)
        status = known or asyncio.get_running_loop().create_future()
        self._statuses[packet_id] = status
        try:
            yield status
        finally:
            if known is None:
                self._statuses.pop(packet_id, None)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._timing.heartbeat_s)
            await self.ask()

    async def _write(self, data: bytes) -> None:
        """Raises LinkError, and the connection has ended then."""
        if self._ended.done():
            self._ended.result()
        try:
            await self._stream.write(data)
        except OSError as error:
            self._end(errors.lost(self._stream.name))
            raise errors.lost(self._stream.name) from error

    async def _wait(self, awaited: asyncio.Future[None] | asyncio.Future[QueueStatus], for_s: float) -> None:
        """Until it is there or the time is over; raises LinkError when the connection ends before."""
        await asyncio.wait({awaited, self._ended}, timeout=for_s, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done() and not awaited.done():
            self._ended.result()

    def _start(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self._tasks.add(asyncio.create_task(self._guard(work)))

    async def _guard(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """What ends one half of the work ends the connection."""
        try:
            await work()
        except OSError:
            self._end(errors.lost(self._stream.name))
        except Exception as error:
            self._end(error)

    def _end(self, why: Exception) -> None:
        if not self._ended.done():
            self._ended.set_exception(why)
            self._ended.exception()  # seen: nobody may be waiting
