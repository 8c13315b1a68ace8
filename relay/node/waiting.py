"""Reports that wait: which of them memory has room for, and which are there already under another number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from relay.core import wire
from relay.core.ledger import Ledger
from relay.core.log import Log, LogState, Row
from relay.core.message import Numbering, Urgency
from relay.core.receipts import InboxView
from relay.errors import WireError

MEMORY_WAITING_BYTES = 4 * 1024 * 1024  # of what waits on a failing disk, what comes along into memory

Contents = tuple[int, bytes, bytes]


def empty_state(epoch: int) -> LogState:
    """A log in which nothing was said yet."""
    return LogState(epoch, {numbering: Ledger() for numbering in Numbering}, InboxView())


def open_reports(log: Log) -> Iterator[Row]:
    """The reports without a receipt, in order, read in pieces as they are asked for."""
    for run in log.ledger(Numbering.REPORT).open():
        yield from log.rows(Numbering.REPORT, *run)


def emergencies(log: Log) -> int:
    """How many real reports of urgency 1 wait for VRD's receipt; those of an exercise do not count."""
    urgent = (row for row in open_reports(log) if row.urgency == Urgency.EMERGENCY)
    return sum(not _is_exercise(row) for row in urgent)


def _is_exercise(row: Row) -> bool:
    try:
        return wire.parse_header(row.envelope).exercise
    except WireError:
        return False


def within_memory(rows: Iterable[Row]) -> list[Row]:
    """As many as memory has room for, the urgent first, then the oldest; the others stay where they are."""
    urgent, others, room = list[Row](), list[Row](), MEMORY_WAITING_BYTES
    for row in rows:
        room -= len(row.envelope)
        if row.urgency <= Urgency.URGENT:
            while room < 0 and others:
                room += len(others.pop().envelope)
            if room >= 0:
                urgent.append(row)
        elif room >= 0:
            others.append(row)
    return sorted(urgent + others, key=lambda row: (epoch_of(row), row.number))


def not_among(rows: Iterable[Row], there: Iterable[Row]) -> list[Row]:
    """Those of `rows` that are not `there` with the same contents; one there answers for one only."""
    rows = list(rows)
    waiting = Counter(map(contents, there)) if rows else Counter[Contents]()
    missing = []
    for row in rows:
        if waiting[contents(row)]:
            waiting[contents(row)] -= 1
        else:
            missing.append(row)
    return missing


def epoch_of(row: Row) -> int:
    """The epoch in which a row was written; 0 for a broken one."""
    try:
        return wire.parse_header(row.envelope).epoch
    except WireError:
        return 0


def contents(row: Row) -> Contents:
    """What a report says and when, without its number and signature: the inbox compares the same."""
    try:
        header = wire.parse_header(row.envelope)
    except WireError:
        return 0, b"", row.envelope
    return header.time, row.envelope[:6], row.envelope[header.payload_at : -wire.SIGNATURE_BYTES]
