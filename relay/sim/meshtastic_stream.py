"""One fake radio's TCP port: frames of 0x94 0xC3, a 16-bit length and a protobuf, to one client at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from relay.sim.meshtastic_radio import FakeRadio
from relay.sim.timeline import Timeline

START = b"\x94\xc3"
HEADER_BYTES = 4
BODY_BYTES_MAX = 512
IDLE_S = 900.0
GHOST_FAST_S = 0.05  # a second frame this soon after the first is lost with it
UNSENT_BYTES_MAX = 64 * 1024


def frame(body: bytes) -> bytes:
    """A protobuf as it goes over the stream."""
    return START + len(body).to_bytes(2, "big") + body


class Unframer:
    """The firmware's receiving state machine: what is no frame is skipped byte by byte."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies that are complete with `data`."""
        for byte in data:
            self._held.append(byte)
            size = len(self._held)
            if size <= len(START):
                if byte != START[size - 1]:
                    self._held.clear()
                continue
            if size < HEADER_BYTES:
                continue
            length = int.from_bytes(self._held[2:HEADER_BYTES], "big")
            if length > BODY_BYTES_MAX:
                self._held.clear()
            elif size == HEADER_BYTES + length:
                yield bytes(self._held[HEADER_BYTES:])
                self._held.clear()


class RadioStream:
    """Listens for one radio. `catch_up` lets the radios' time reach the present."""

    def __init__(self, radio: FakeRadio, timeline: Timeline, catch_up: Callable[[], None]) -> None:
        self.port = 0
        self.lost = 0  # frames that were written to a client that had gone
        self.thrown_out = 0  # clients that made place for another
        self._radio = radio
        self._timeline = timeline
        self._catch_up = catch_up
        self._server: asyncio.Server | None = None
        self._connection: _Connection | None = None
        self._ghost = False  # the client has gone and the radio hasn't noticed
        self._ghost_s: float | None = None  # when the first frame was lost to it
        self._contact_s = 0.0
        self._reading = False
        radio.wake = self._pump

    async def listen(self, host: str, port: int) -> None:
        """Accept clients; port 0 is any free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, and end the connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._connection is not None:
            self._connection.end()
            self._connection = None
        await asyncio.sleep(0)

    # --- what the connection tells

    def opened(self, connection: _Connection) -> None:
        """A client; the one before it is thrown out."""
        self._catch_up()
        if self._connection is not None:
            self.thrown_out += 1
            self._connection.end()
        self._connection, self._ghost = connection, False
        self._contact_s = self._timeline.now_s
        self._radio.client.connect()
        self._timeline.after(IDLE_S, self._check_idle, connection)
        self._catch_up()

    def received(self, connection: _Connection, bodies: Iterator[bytes]) -> None:
        """Frames that came at once; the radio reads all before it writes, as the firmware does."""
        if connection is not self._connection:
            return
        self._catch_up()
        self._contact_s = self._timeline.now_s
        self._reading = True
        try:
            stays = all(self._radio.client.take(body, not self._radio.quirks.stream_dies) for body in bodies)
        finally:
            self._reading = False
        if not stays:
            self._connection = None  # it said goodbye: nothing is lost to it
            self._radio.client.connect()
            connection.end()
        self._pump()
        self._catch_up()

    def ended(self, connection: _Connection) -> None:
        """A client went without a word: the radio goes on writing to it for a while."""
        if connection is self._connection:
            self._connection = None
            self._ghost, self._ghost_s = self._radio.client.flows, None
            if not self._ghost:
                self._radio.client.connect()

    def resumed(self) -> None:
        """The client reads again."""
        self._pump()

    # --- what the radio tells

    def _pump(self) -> None:
        """Write all that waits, as far as the client takes it."""
        if self._reading:
            return
        if self._ghost:
            self._feed_ghost()
        connection = self._connection
        while connection is not None and not connection.full:
            body = self._radio.client.next()
            if body is None:
                return
            if self._radio.quirks.debug_text:
                connection.write(f"DEBUG | {self._timeline.now_s:.0f} [Router] frame\r\n".encode())
            connection.write(frame(body))

    def _feed_ghost(self) -> None:
        """The first write to a client that has gone succeeds; a later one shows that it has."""
        while self._ghost:
            if self._ghost_s is not None and self._timeline.now_s - self._ghost_s > GHOST_FAST_S:
                self._ghost = False
            elif self._radio.client.next() is None:
                return
            else:
                self.lost += 1
                self._ghost = self._ghost_s is None
                self._ghost_s = self._timeline.now_s
        self._radio.client.connect()

    def _check_idle(self, connection: _Connection) -> None:
        if connection is not self._connection:
            return
        silent_s = self._timeline.now_s - self._contact_s
        if silent_s < IDLE_S:
            self._timeline.after(IDLE_S - silent_s, self._check_idle, connection)
            return
        self._connection = None
        self._radio.client.connect()
        connection.end()


class _Connection(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, stream: RadioStream) -> None:
        self.full = False
        self._stream = stream
        self._unframer = Unframer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(UNSENT_BYTES_MAX)
        self._stream.opened(self)

    def data_received(self, data: bytes) -> None:
        self._stream.received(self, self._unframer.feed(data))

    def connection_lost(self, error: Exception | None) -> None:
        self._stream.ended(self)

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._stream.resumed()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def end(self) -> None:
        if self._transport is not None:
            self._transport.close()
