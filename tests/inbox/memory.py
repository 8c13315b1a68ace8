"""Run as a process: how many MiB an inbox grows by under many messages and many unknown signers."""

from __future__ import annotations

import tempfile
from pathlib import Path

from relay.core import wire
from relay.core.message import Entry, Header, Kind
from tests.inbox.desk import NETWORK, TIME, Desk, Writer

NODES, PER_NODE, BATCH = 20, 5_000, 500
STRANGERS, PER_PUBLISHER = 10_000, 400


def main() -> None:
    nodes = [Writer(f"node {number}") for number in range(NODES)]
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder), *nodes)
        write(desk, nodes, 1, 2 * BATCH)  # caches fill
        before = rss_kib()
        write(desk, nodes, 2 * BATCH + 1, 2 * BATCH + PER_NODE)
        for publisher in range(STRANGERS // PER_PUBLISHER):
            addresses = range(publisher * PER_PUBLISHER, (publisher + 1) * PER_PUBLISHER)
            put(desk, f"{publisher:08x}", [stranger(number) for number in addresses])
        grown_mib = (rss_kib() - before) / 1024
        strangers = len(desk.store.apart.quarantined_signers())
        print(f"{grown_mib:.1f} {desk.rows() - NODES * 2 * BATCH} {strangers}")
        desk.close()


def write(desk: Desk, nodes: list[Writer], first: int, last: int) -> None:
    for start in range(first, last + 1, BATCH):
        for node in nodes:
            put(desk, node.hex, [status(node, number) for number in range(start, start + BATCH)])


def put(desk: Desk, publisher: str, envelopes: list[bytes]) -> None:
    frame = wire.encode_batch([Entry(each, 0) for each in envelopes])
    parcel = desk.intake.open_frame(publisher, frame, 1.0)
    assert parcel
    for item in parcel.items:  # the arithmetic of signatures is not what is measured
        item.authentic = item.judged = item.known is not None
    desk.intake.store([parcel], desk.now, desk.clock)


def status(node: Writer, number: int) -> bytes:
    header = Header(Kind.STATUS, node.address, 3, 3, 0, False, False, 7, number, TIME, 0)
    return wire.sign(header, b"\0\0\0\x80", NETWORK, lambda data: number.to_bytes(8, "big") * 8)


def stranger(number: int) -> bytes:
    header = Header(Kind.REPORT, number.to_bytes(4, "big"), 3, 3, 0, False, False, 7, 1, TIME, 0)
    return wire.sign(header, bytes(100), NETWORK, lambda data: bytes(64))


def rss_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


if __name__ == "__main__":
    main()
