"""What the kernel and resolv.conf say about the way out, without sending anything."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import msgspec

from relay.sensors.files import text
from relay.sensors.probe import Address, address_of

ROUTES_MAX = 4
NAMESERVERS_MAX = 3  # as in resolv.conf(5)

RTF_UP, RTF_GATEWAY, RTF_REJECT = 0x1, 0x2, 0x200  # linux/route.h
ATF_COM = 0x2  # linux/if_arp.h: the neighbour's hardware address is known


class Route(msgspec.Struct, frozen=True):
    """A default route."""

    device: str
    gateway: str  # "" when the link has no router, as on a modem's point-to-point link
    metric: int


def default_routes(root: Path) -> list[Route] | None:
    """Default routes, the preferred first, at most 4; None when the kernel's table cannot be read."""
    four = text(root / "proc/net/route")
    six = text(root / "proc/net/ipv6_route")
    if four is None and six is None:
        return None
    routes = [_ipv4_default(line.split()) for line in (four or "").splitlines()[1:]]
    routes += [_ipv6_default(line.split()) for line in (six or "").splitlines()]
    return sorted((route for route in routes if route), key=lambda route: route.metric)[:ROUTES_MAX]


def device_with(root: Path, address: str) -> str | None:
    """The device on whose own network `address` is, an IPv4 number; None when there is none."""
    try:
        number = int.from_bytes(socket.inet_aton(address), sys.byteorder)
    except OSError:
        return None
    for line in (text(root / "proc/net/route") or "").splitlines()[1:]:
        words = line.split()
        if len(words) < 8 or _hexadecimal(words[3]) & RTF_GATEWAY:
            continue
        network, mask = _hexadecimal(words[1]), _hexadecimal(words[7])
        if mask and number & mask == network:
            return words[0]
    return None


def neighbour_known(root: Path, route: Route) -> bool | None:
    """Whether the kernel has the router's hardware address; None when it never asked, or for IPv6.

    The kernel lets an address go some eight seconds after the neighbour stopped answering, and only if
    something is being sent to it: without an active probe a True may be old.
    """
    for line in (text(root / "proc/net/arp") or "").splitlines()[1:]:
        words = line.split()
        if len(words) == 6 and words[0] == route.gateway and words[5] == route.device:
            return bool(_hexadecimal(words[2]) & ATF_COM)
    return None


def nameservers(root: Path, port: int) -> list[Address]:
    """The nameservers of /etc/resolv.conf that are written as it should be, at most 3."""
    words = [line.split() for line in (text(root / "etc/resolv.conf") or "").splitlines()]
    found = [address_of(line[1], port) for line in words if len(line) > 1 and line[0] == "nameserver"]
    return [server for server in found if server][:NAMESERVERS_MAX]


def _ipv4_default(words: list[str]) -> Route | None:
    """Iface Destination Gateway Flags RefCnt Use Metric Mask ...; addresses in the machine's byte order."""
    if len(words) < 8 or words[1] != "00000000" or words[7] != "00000000" or not words[6].isdecimal():
        return None
    flags = _hexadecimal(words[3])
    if not flags & RTF_UP or flags & RTF_REJECT:
        return None
    packed = _hexadecimal(words[2]).to_bytes(4, sys.byteorder)
    return Route(words[0], socket.inet_ntoa(packed) if flags & RTF_GATEWAY else "", int(words[6]))


def _ipv6_default(words: list[str]) -> Route | None:
    """Destination, its prefix, source, its prefix, next hop, metric, references, use, flags, device."""
    if len(words) < 10 or words[0] != "0" * 32 or words[1] != "00" or words[9] == "lo":
        return None
    flags = _hexadecimal(words[8])
    if not flags & RTF_UP or flags & RTF_REJECT or len(words[4]) != 32:
        return None
    hop = socket.inet_ntop(socket.AF_INET6, _hexadecimal(words[4]).to_bytes(16))
    if hop.startswith("fe80:"):
        hop += f"%{words[9]}"  # a link-local address means something on its own link only
    return Route(words[9], hop if flags & RTF_GATEWAY else "", _hexadecimal(words[5]))


def _hexadecimal(word: str) -> int:
    """The number, or 0; never more than 128 bits."""
    try:
        return int(word, 16) & (2**128 - 1)
    except ValueError:
        return 0
