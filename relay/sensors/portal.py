"""Whether it is the internet that answers, or a portal in its place.

A portal (of a hotel, a town hall's guest Wi-Fi, a provider that wants to be paid) accepts every connection,
so an open TCP port proves nothing. Here a page is asked for whose answer is known, by HTTP without TLS as
telephones do it; a portal answers it with a page of its own or a redirection.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

import msgspec

from relay.errors import ConfigError, Text
from relay.sensors.probe import Address, address_of, resolve, wire_name

HTTP_PORT = 80
PAGE_BYTES_MAX = 16_384
OK, NO_CONTENT = b"200", b"204"


class Portal(msgspec.Struct, frozen=True):
    """What is asked, and what must come."""

    host: str
    port: int
    path: str
    expect: str  # a text within the page; empty: an answer 204 without a page

    def asked_by(self, servers: Sequence[Address], wait_s: float) -> bool:
        """Whether the page came that must come; each of the two steps takes `wait_s` at most.

        The name is asked of `servers` first: the machine's own resolver may hang for longer than we wait.
        """
        address = address_of(self.host, self.port)
        if address is None and resolve(wire_name(self.host), servers, wait_s) != "answered":
            return False
        deadline_s = time.monotonic() + wait_s
        try:
            with socket.create_connection((self.host, self.port), wait_s) as connection:
                connection.sendall(
                    f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nUser-Agent: naober\r\n"
                    "Accept: */*\r\nConnection: close\r\n\r\n".encode()
                )
                answer = b""
                while not self._fits(answer) and len(answer) < PAGE_BYTES_MAX:
                    connection.settimeout(max(deadline_s - time.monotonic(), 0.001))
                    piece = connection.recv(4096)
                    if not piece:
                        return False
                    answer += piece
                return self._fits(answer)
        except OSError:
            return False

    def _fits(self, answer: bytes) -> bool:
        head, _, page = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.") or b"\r\n\r\n" not in answer:
            return False
        status = head.partition(b" ")[2].partition(b" ")[0]
        return status == NO_CONTENT if not self.expect else status == OK and self.expect.encode() in page


def parse_portal(url: str, expect: str) -> Portal:
    """`url` as it is configured; raises ConfigError for what is no http address."""
    rest = url.removeprefix("http://")
    where, slash, path = rest.partition("/")
    host, colon, port = where.partition(":")
    fits = url.isascii() and url.isprintable() and " " not in url and host and rest != url
    if not fits or (colon and not (port.isdecimal() and 0 < int(port) < 65_536)):
        raise ConfigError(
            Text(f"portal_url {url!r} past niet", f"portal_url {url!r} does not fit"),
            Text(
                "Schrijf een adres als http://nmcheck.gnome.org/check_network_status.txt, zonder https",
                "Write an address such as http://nmcheck.gnome.org/check_network_status.txt, without https",
            ),
        )
    if address_of(host, HTTP_PORT) is None:
        wire_name(host)  # raises for what is no name
    return Portal(host, int(port or HTTP_PORT), f"{slash or '/'}{path}", expect)
