"""Asking other machines whether they are there: many at once, with a deadline, on one thread.

Numbers only: getaddrinfo can hang for half a minute when the network is out, and a name would make a
fault of the nameserver look like a fault of the way out.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Literal

import msgspec

from relay.errors import ConfigError, Text

NAME_BYTES_MAX = 253
LABEL_BYTES_MAX = 63
REPLY_BYTES_MAX = 4_096

Outcome = Literal["answered", "refused", "unreachable", "silent"]
_QTYPE_A_CLASS_IN = b"\x00\x01\x00\x01"
_RECURSION_DESIRED = b"\x01\x00"


class Address(msgspec.Struct, frozen=True):
    """Where to knock; `host` is a number, an IPv6 one perhaps with %interface."""

    host: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET


def address_of(host: str, port: int) -> Address | None:
    """The address, when `host` is an IPv4 or IPv6 number and `port` exists."""
    address = Address(host, port)
    try:
        socket.inet_pton(address.family, host.partition("%")[0] if ":" in host else host)
    except (OSError, ValueError):
        return None
    return address if 0 < port < 65_536 else None


def parse_address(written: str) -> Address:
    """`192.0.2.1:443` or `[2001:db8::1]:443` as an address; raises ConfigError."""
    host, _, port = written.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    bracketed = bare != host
    address = address_of(bare, int(port)) if port.isascii() and port.isdigit() and len(port) < 6 else None
    if address is None or bracketed != (":" in bare):
        raise ConfigError(
            Text(f"{written!r} is geen IP-adres met poort", f"{written!r} is not an IP address with a port"),
            Text(
                "Schrijf 192.0.2.1:443 of [2001:db8::1]:443, geen naam: DNS wordt apart gemeten",
                "Write 192.0.2.1:443 or [2001:db8::1]:443, not a name: DNS is measured apart",
            ),
        )
    return address


def knock(
    addresses: Sequence[Address], timeout_s: float, enough: Callable[[Outcome], bool]
) -> dict[Address, Outcome]:
    """Open a TCP connection to each address and close it again; nothing is sent over it.

    Returns when one outcome is `enough`, all are in, or `timeout_s` has passed. `refused` is an answer of
    a machine that is there, `unreachable` one of the network, `silent` none at all.
    """
    outcomes: dict[Address, Outcome] = dict.fromkeys(addresses, "silent")
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for address in outcomes:
            try:
                sock = stack.enter_context(socket.socket(address.family, socket.SOCK_STREAM))
                sock.setblocking(False)
                code = sock.connect_ex((address.host, address.port))
            except OSError as error:  # no IPv6 here, or an interface that has gone
                code = error.errno or errno.ENETUNREACH
            if code == errno.EINPROGRESS:
                selector.register(sock, selectors.EVENT_WRITE, address)
            else:
                outcomes[address] = _outcome(code)
        deadline = time.monotonic() + timeout_s
        while selector.get_map() and (left_s := deadline - time.monotonic()) > 0:
            if any(map(enough, outcomes.values())):
                break
            for key, _ in selector.select(left_s):
                selector.unregister(key.fileobj)
                assert isinstance(key.fileobj, socket.socket)
                outcomes[key.data] = _outcome(key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    return outcomes


def _outcome(code: int) -> Outcome:
    if code == 0:
        return "answered"
    if code == errno.ECONNREFUSED:
        return "refused"
    return "silent" if code == errno.ETIMEDOUT else "unreachable"


def resolve(name: bytes, servers: Sequence[Address], timeout_s: float) -> Outcome:
    """Ask each nameserver for the A record of `name` (from `wire_name`), and take the best outcome.

    `answered`: one of them knows the answer, be it that the name does not exist; `refused`: they speak,
    but cannot tell (SERVFAIL, REFUSED: a resolver cut off from the rest); `silent`: nobody spoke.
    """
    heard = False
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for server in servers:
            query = os.urandom(2) + _RECURSION_DESIRED + b"\0\1\0\0\0\0\0\0" + name + _QTYPE_A_CLASS_IN
            try:
                sock = stack.enter_context(socket.socket(server.family, socket.SOCK_DGRAM))
                sock.setblocking(False)
                sock.connect((server.host, server.port))  # from now on only this server is heard
                sock.send(query)
            except OSError:
                continue
            selector.register(sock, selectors.EVENT_READ, query)
        deadline = time.monotonic() + timeout_s
        while selector.get_map() and (left_s := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left_s):
                assert isinstance(key.fileobj, socket.socket)
                code = _reply_code(key.fileobj, key.data)
                if code in (0, 3):  # NOERROR, NXDOMAIN
                    return "answered"
                if code is not None:
                    heard = heard or code >= 0
                    selector.unregister(key.fileobj)
    return "refused" if heard else "silent"


def _reply_code(sock: socket.socket, query: bytes) -> int | None:
    """RCODE of the reply; -1 when the server's machine refuses, None for bytes that answer another query."""
    try:
        reply = sock.recv(REPLY_BYTES_MAX)
    except BlockingIOError:  # announced, then dropped by the kernel for its checksum
        return None
    except OSError:
        return -1
    is_ours = len(reply) >= 12 and reply[:2] == query[:2] and bool(reply[2] & 0x80)
    return reply[3] & 0x0F if is_ours else None


def wire_name(name: str) -> bytes:
    """`name` as DNS writes it (RFC 1035 section 3.1); raises ConfigError."""
    labels = name.removesuffix(".").encode(errors="replace").split(b".")
    fits = all(0 < len(label) <= LABEL_BYTES_MAX for label in labels) and len(name) <= NAME_BYTES_MAX
    if not fits or not name.isascii():
        raise ConfigError(
            Text(f"{name!r} is geen naam die DNS kent", f"{name!r} is not a name that DNS can hold"),
            Text("Schrijf een naam als vrd.nl", "Write a name such as vrd.nl"),
        )
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
