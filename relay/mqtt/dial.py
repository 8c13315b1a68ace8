"""A connected TCP socket to a broker, judged by TLS where asked; or one LinkError that says why not.

Nothing here blocks the event loop: names are looked up on a thread of their own, connecting and the
TLS handshake wait for the socket. Codes of LinkError: errors.py, from dns to lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from typing import Any, TypeAlias

from relay.mqtt.errors import explain, refused, silent, unknown_name, unreachable

Address: TypeAlias = tuple[socket.AddressFamily, Any]

ADDRESSES_MAX = 4  # of one name; each gets its share of the time
_BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


async def dial(host: str, port: int, tls: ssl.SSLContext | None, timeout_s: float) -> socket.socket:
    """A non-blocking socket to `host`, after the TLS handshake when `tls` is given; raises LinkError."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    addresses = await _resolve(host, port, timeout_s)
    sock = await _connect(addresses[:ADDRESSES_MAX], f"{host}:{port}", deadline)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock if tls is None else await _handshake(sock, tls, host, deadline)
    except BaseException:
        sock.close()
        raise


async def _resolve(host: str, port: int, timeout_s: float) -> list[Address]:
    """What the name stands for. The thread is a daemon: a resolver that hangs must not delay our end."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def settle(found: list[Address] | OSError) -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask() -> None:
        found: list[Address] | OSError
        try:
            found = [
                (family, address)
                for family, _, _, _, address in socket.getaddrinfo(
                    in_bytes(host), port, type=socket.SOCK_STREAM
                )
            ]
        except OSError as error:
            found = error
        except UnicodeError:
            found = OSError("not a host name")
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=ask, name="dns", daemon=True).start()
    try:
        async with asyncio.timeout(timeout_s):  # wait_for loses a cancel that comes with the answer (3.11)
            return await answer
    except (OSError, TimeoutError) as error:
        raise unknown_name(host) from error


def in_bytes(host: str) -> bytes:
    """For the resolver and for TLS: for a text Python loads tables of all the world's scripts, 0.4 MB."""
    return host.encode("ascii" if host.isascii() else "idna")


async def _connect(addresses: list[Address], where: str, deadline: float) -> socket.socket:
    """The first address that accepts; raises the error of the last that did not."""
    loop = asyncio.get_running_loop()
    failure = unreachable(where)
    for index, (family, address) in enumerate(addresses):
        share_s = (deadline - loop.time()) / (len(addresses) - index)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(max(share_s, 0.0)):
                await loop.sock_connect(sock, address)
            return sock
        except ConnectionRefusedError:
            failure = refused(where)
        except (OSError, TimeoutError):
            failure = unreachable(where)
        except BaseException:
            sock.close()
            raise
        sock.close()
    raise failure


async def _handshake(sock: socket.socket, tls: ssl.SSLContext, host: str, deadline: float) -> ssl.SSLSocket:
    loop = asyncio.get_running_loop()
    secured = tls.wrap_socket(sock, server_hostname=in_bytes(host), do_handshake_on_connect=False)
    try:
        async with asyncio.timeout_at(deadline):
            while True:
                try:
                    secured.do_handshake()
                    return secured
                except ssl.SSLWantReadError:
                    await _until(loop.add_reader, loop.remove_reader, secured)
                except ssl.SSLWantWriteError:
                    await _until(loop.add_writer, loop.remove_writer, secured)
    except TimeoutError:
        secured.close()
        raise silent(host) from None
    except OSError as error:
        secured.close()
        raise explain(error, host) from error
    except BaseException:
        secured.close()
        raise


async def _until(add: Any, remove: Any, sock: socket.socket) -> None:
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    add(sock.fileno(), _set, ready)
    try:
        await ready
    finally:
        remove(sock.fileno())


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class Tap:
    """The socket as paho uses it: remembers why it failed, and leaves the event loop before it closes."""

    def __init__(self, sock: socket.socket) -> None:
        self.failure: OSError | None = None
        self.closed = False
        self.number = sock.fileno()
        self._sock = sock
        self._loop = asyncio.get_running_loop()

    def recv(self, buffer_size: int) -> bytes:
        try:
            return self._sock.recv(buffer_size)
        except _BLOCKED:
            raise
        except OSError as error:
            self.failure = self.failure or error
            raise

    def send(self, buffer: bytes | bytearray) -> int:
        try:
            return self._sock.send(buffer)
        except _BLOCKED:
            raise
        except OSError:
            with contextlib.suppress(OSError):
                self.recv(1)  # the broker's last word, a TLS alert, tells more than "broken pipe"
            raise

    def pending(self) -> int:
        """Bytes that TLS has decrypted already: no event will tell of them."""
        return self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) and not self.closed else 0

    def fileno(self) -> int:
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        self._sock.setblocking(flag)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self.number)
            self._loop.remove_writer(self.number)
            self._sock.close()
