"""A client of a radio's stream, as plain as can be: what it sends and gets is what is on the wire."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from meshtastic.protobuf import admin_pb2, mesh_pb2

HOST = "127.0.0.1"
BROADCAST = 0xFFFFFFFF
PORT = 256
TIMEOUT_S = 10.0
QUIET_S = 0.25


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.before = b""  # what stood before the last frame
        self.corked: list[bytes] | None = None

    def write(self, message: Any) -> None:
        body = message.SerializeToString()
        framed = b"\x94\xc3" + len(body).to_bytes(2, "big") + body
        if self.corked is None:
            self.writer.write(framed)
        else:
            self.corked.append(framed)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is written inside goes out in one piece."""
        self.corked = []
        yield
        self.writer.write(b"".join(self.corked))
        self.corked = None

    async def next(self, timeout_s: float = TIMEOUT_S) -> Any:
        """The next FromRadio; EOFError when the radio has closed, TimeoutError when it says nothing."""
        async with asyncio.timeout(timeout_s):
            try:
                self.before = (await self.reader.readuntil(b"\x94\xc3"))[:-2]
                length = int.from_bytes(await self.reader.readexactly(2), "big")
                assert length <= 512
                return mesh_pb2.FromRadio.FromString(await self.reader.readexactly(length))
            except asyncio.IncompleteReadError:
                raise EOFError from None

    async def until(self, wanted: Callable[[Any], bool], timeout_s: float = TIMEOUT_S) -> Any:
        async with asyncio.timeout(timeout_s):
            while not wanted(frame := await self.next()):
                pass
        return frame

    async def all(self, quiet_s: float = QUIET_S) -> list[Any]:
        """All that comes until it is quiet for a while."""
        frames = []
        try:
            while True:
                frames.append(await self.next(quiet_s))
        except TimeoutError:
            return frames

    async def config(self, nonce: int = 7) -> list[Any]:
        """Ask for the configuration; all frames of the answer."""
        self.write(mesh_pb2.ToRadio(want_config_id=nonce))
        frames = [await self.next()]
        while frames[-1].WhichOneof("payload_variant") != "config_complete_id":
            frames.append(await self.next())
        assert frames[-1].config_complete_id == nonce
        return frames

    def send(self, payload: bytes, to: int = BROADCAST, port: int = PORT, **fields: Any) -> int:
        """A packet for the mesh; returns its id."""
        fields = {"id": random.getrandbits(32) or 1, "hop_limit": 3, **fields}
        packet = mesh_pb2.MeshPacket(to=to, **fields)
        packet.decoded.portnum = port
        packet.decoded.payload = payload
        self.write(mesh_pb2.ToRadio(packet=packet))
        return int(packet.id)

    def admin(self, to: int, **fields: Any) -> int:
        message = admin_pb2.AdminMessage(**fields)
        return self.send(message.SerializeToString(), to, 6, want_ack=True)

    def heartbeat(self) -> None:
        self.write(mesh_pb2.ToRadio(heartbeat=mesh_pb2.Heartbeat()))

    async def status(self, packet_id: int) -> Any:
        frame = await self.until(lambda each: bool(each.queueStatus.mesh_packet_id == packet_id))
        return frame.queueStatus

    async def verdict(self, packet_id: int, timeout_s: float = TIMEOUT_S) -> int:
        """The Routing.Error of one's own packet."""
        frame = await self.until(lambda each: bool(each.packet.decoded.request_id == packet_id), timeout_s)
        return int(mesh_pb2.Routing.FromString(frame.packet.decoded.payload).error_reason)

    async def payload(self, payload: bytes, timeout_s: float = TIMEOUT_S) -> Any:
        """The packet that brings this."""
        frame = await self.until(lambda each: bool(each.packet.decoded.payload == payload), timeout_s)
        return frame.packet


@asynccontextmanager
async def client(port: int, config: bool = True) -> AsyncIterator[Client]:
    """Connected, and with the configuration downloaded unless told otherwise."""
    reader, writer = await asyncio.open_connection(HOST, port)
    connected = Client(reader, writer)
    try:
        if config:
            await connected.config()
        yield connected
    finally:
        writer.close()


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine."""

    async def whole() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(whole())
