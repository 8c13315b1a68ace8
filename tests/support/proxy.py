"""A TCP proxy between a client and a broker that fails on command.

with Proxy(broker.port) as proxy:
    ...                    # connect to 127.0.0.1:proxy.port
    proxy.hole()           # accepts and swallows, both ways, old connections too
    proxy.refuse()         # nobody listens any more; open connections are cut
    proxy.cut()            # open connections end, new ones pass
    proxy.delay_s = 0.2    # each chunk waits
    proxy.restore()        # pass again
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65536
DIAL_TIMEOUT_S = 5.0


class Proxy:
    """Listens on a free loopback `port` and passes to `target_port`. Threads: usable from any test."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.delay_s = 0.0
        self.accepted = 0  # connections so far
        self.port = 0
        self._swallow = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    def hole(self) -> None:
        """Accept everything, pass nothing. What is swallowed stays lost."""
        self._swallow = True

    def refuse(self) -> None:
        """Stop listening and cut what is open."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        """End every open connection."""
        with self._lock:
            ended = list(self._open)
            self._open.clear()
        for sock in ended:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def restore(self) -> None:
        """Pass again, on the same port. Connections that were in a hole are cut: their streams have gaps."""
        if self._swallow:
            self.cut()
            self._swallow = False
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port), DIAL_TIMEOUT_S)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._open |= {client, server}
            left = [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink, left), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, left: list[socket.socket]) -> None:
        """Moves one direction until it ends; whoever is last closes both sockets."""
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                time.sleep(self.delay_s)
                if not self._swallow:
                    sink.sendall(data)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        with self._lock:
            left.remove(source)
            if not left:
                self._open -= {source, sink}
                source.close()
                sink.close()

    def __enter__(self) -> Self:
        self.restore()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
