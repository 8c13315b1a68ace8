"""Real servers on loopback that answer, refuse or keep silent, and the tables of a kernel that knows them."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .trees import lay

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ARP_HEAD = "IP address       HW type     Flags       HW address            Mask     Device\n"
LOOPBACK_ROUTER = "127.0.0.1"


def route_line(device: str, gateway: str, flags: str = "0003", metric: int = 0) -> str:
    packed = int.from_bytes(socket.inet_aton(gateway), sys.byteorder)
    return f"{device}\t00000000\t{packed:08X}\t{flags}\t0\t0\t{metric}\t00000000\t0\t0\t0\n"


def arp_line(address: str, flags: str, device: str = "eth0") -> str:
    return f"{address:16} 0x1         {flags}         02:fc:00:00:00:05     *        {device}\n"


def tree(root: Path, *routes: str, arp: str = "", resolv: str = "") -> Path:
    return lay(
        root,
        {
            "proc/net/route": HEAD + "".join(routes),
            "proc/net/arp": ARP_HEAD + arp,
            "etc/resolv.conf": resolv,
        },
    )


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """A TCP server that accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A TCP port that lets knocks fall on the floor: its queue of one is full and nobody accepts."""
    with socket.socket() as server, contextlib.ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@contextlib.contextmanager
def closed() -> Iterator[int]:
    """A TCP port that refuses: bound, so that nobody else gets it, and not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextlib.contextmanager
def nameserver(answer: Callable[[bytes], Iterable[bytes]]) -> Iterator[tuple[int, list[bytes]]]:
    """A UDP server; gives its port and the queries it got."""
    queries: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                query, sender = server.recvfrom(4096)
                if query == b"stop":
                    return
                queries.append(query)
                for reply in answer(query):
                    server.sendto(reply, sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], queries
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
                stop.sendto(b"stop", server.getsockname())
            thread.join()


def reply(query: bytes, rcode: int) -> bytes:
    return query[:2] + bytes([0x81, 0x80 | rcode]) + query[4:]
