"""How long and for how many the pages wait: who asks slowly, or too much at once, takes nothing from others.

uvicorn waits for ever for the end of a request's head or body; a few hundred such connections would leave no
file descriptors for the broker and the stores.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 20.0  # from its first byte, or the connection, to the end of its body
CONNECTIONS_MAX = 400  # of one server: streams for 200 browsers, and as many requests
HEAD_BYTES_MAX = 16 * 1024


class PatientProtocol(H11Protocol):
    """uvicorn's own, which closes a connection whose request does not end in time."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connects; one too many is let go of."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
        else:
            self._await_the_end()

    def data_received(self, data: bytes) -> None:
        """A piece of a request."""
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._await_the_end()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_the_end(self) -> None:
        if self._end is None:
            self._end = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
