"""How protobufs travel between a client and a radio: 0x94 0xC3, a 16-bit length, at most 512 bytes.

On a serial line the firmware's debug text may stand between frames, and half a frame at either end of
a connection. `Deframer` takes whatever comes and finds its way back to the next frame by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from relay.links.meshtastic import errors

START = b"\x94\xc3"
HEADER_BYTES = 4
FRAME_BYTES_MAX = 512
READ_BYTES = 4096
WAKE = b"\xc3" * 32  # ends whatever half a frame the radio may be waiting for, and wakes a sleeping one
CONNECT_TIMEOUT_S = 10.0
WRITE_TIMEOUT_S = 10.0
UNSENT_BYTES_MAX = 8 * 1024  # a radio that reads nothing is dead before more than this waits for it


def enframe(body: bytes) -> bytes:
    """A frame around `body`, which must not be longer than FRAME_BYTES_MAX."""
    if len(body) > FRAME_BYTES_MAX:
        raise ValueError(f"{len(body)} bytes do not fit a frame")
    return START + len(body).to_bytes(2, "big") + body


T = TypeVar("T")


class Deframer(Generic[T]):
    """Finds frames in bytes that come in any pieces. Never keeps more than one frame.

    `decode` gives None for a body that is none: what looked like a frame was chance, and its bytes are
    searched for another one.
    """

    def __init__(self, decode: Callable[[bytes], T | None]) -> None:
        self.skipped = 0  # bytes outside frames
        self._decode = decode
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[T]:
        """What `data` completes, in order."""
        self._buffer += data
        found: list[T] = []
        while self._find_start():
            end = HEADER_BYTES + int.from_bytes(self._buffer[len(START) : HEADER_BYTES], "big")
            if len(self._buffer) < end <= HEADER_BYTES + FRAME_BYTES_MAX:
                break
            body = None
            if end <= HEADER_BYTES + FRAME_BYTES_MAX:
                body = self._decode(bytes(self._buffer[HEADER_BYTES:end]))
            if body is None:
                self._skip(len(START))
            else:
                found.append(body)
                del self._buffer[:end]
        return found

    def _find_start(self) -> bool:
        """Drops what stands before the next start; whether a whole header is there."""
        start = self._buffer.find(START)
        if start < 0:
            start = len(self._buffer) - self._buffer.endswith(START[:1])
        self._skip(start)
        return len(self._buffer) >= HEADER_BYTES

    def _skip(self, count: int) -> None:
        self.skipped += count
        del self._buffer[:count]


class Stream(Protocol):
    """An open connection to a radio, whatever it runs over."""

    name: str  # for people: host and port, or the device

    async def read(self) -> bytes:
        """Some bytes; none when the other side has gone. Raises OSError, which means the same."""

    async def write(self, data: bytes) -> None:
        """Raises LinkError or OSError when they can't be handed over."""

    async def close(self) -> None:
        """Harmless twice."""


class AsyncioStream:
    """A Stream over asyncio's reader and writer."""

    def __init__(
        self,
        name: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._reader = reader
        self._writer = writer
        self._closed = closed

    async def read(self) -> bytes:
        """See Stream."""
        return await self._reader.read(READ_BYTES)

    async def write(self, data: bytes) -> None:
        """See Stream. A radio that takes nothing for WRITE_TIMEOUT_S is taken for dead."""
        if self._writer.is_closing():
            raise ConnectionResetError(f"{self.name} is closed")
        self._writer.write(data)
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self._writer.drain()
        except TimeoutError:
            raise errors.silent(self.name) from None

    async def close(self) -> None:
        """See Stream. What was written is sent, but nobody waits for it."""
        self._writer.close()
        self._closed()


async def open_tcp(host: str, port: int, timeout_s: float = CONNECT_TIMEOUT_S) -> Stream:
    """Connects to a radio in the network. Raises LinkError: `refused`, `unreachable`."""
    name = f"{host}:{port}"
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port, limit=READ_BYTES)
    except ConnectionRefusedError as error:
        raise errors.refused(name) from error
    except (OSError, TimeoutError) as error:
        raise errors.unreachable(name) from error
    writer.transport.set_write_buffer_limits(high=UNSENT_BYTES_MAX)
    return AsyncioStream(name, reader, writer)
