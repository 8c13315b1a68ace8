"""A broken outbox: moved aside, and whatever can still be read of it taken along.

SQLite stops at the first broken page, so it is asked first and not believed to have told all. Then the
pages are read one by one, in the file and in its write-ahead log, whatever the header says: a row is
taken when its envelope bears our own signature, so that rubbish can never be sent as ours. A page that
was replaced later may give a report that has its receipt by now; the inbox knows it for a copy.

    outbox.db  --broken-->  outbox.rescue-1  --reports committed anew-->  outbox.broken-1
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from relay.core import wire
from relay.core.log import Row
from relay.core.message import Numbering
from relay.core.ranges import Ranges
from relay.database import connect, storage_errors
from relay.errors import StorageError, WireError
from relay.files import sync_folder
from relay.node.outbox import PAGE_BYTES, settled_reports
from relay.node.waiting import not_among

RESCUE, BROKEN, FOREIGN = "rescue", "broken", "foreign"
KEPT_MAX = 3  # of each sort; a broken file may be as large as the quota
PROBE_BYTES = 256 * 1024  # room to go on for a while, so that a full disk is not left and taken in turns
PARTS = ("", "-wal", "-shm")

_WAL_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24
_INTERIOR, _LEAF = 0x02, 0x0A  # pages of a table WITHOUT ROWID
_OTHER_PAGES = (0x00, 0x05, 0x0D)  # free ones, and those of tables with a rowid
_RECORD_HEADS = range(8, 13)  # bytes before the values of seven columns
SEARCHED_PAGES_MAX = 100  # whose head is broken; each takes some milliseconds
_COLUMNS = 7
_INTEGER_BYTES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}
_ONE = 9  # this serial type is the number 1, and 8 is 0

IsOwn = Callable[[bytes], bool]


class Salvage(msgspec.Struct):
    """What a broken outbox still told."""

    reports: list[Row]  # without a receipt, in order; `boot` and `elapsed_s` are those of their time
    epoch: int = 0  # the highest on any message of ours
    elapsed_s: int = 0

    def merged(self, other: Salvage) -> Salvage:
        """Of two files."""
        epoch, elapsed_s = max(self.epoch, other.epoch), max(self.elapsed_s, other.elapsed_s)
        return Salvage(self.reports + not_among(other.reports, self.reports), epoch, elapsed_s)


# --- files ---


def set_aside(path: Path, sort: str) -> Path:
    """Move an outbox, with what belongs to it, to a name of its own. Raises StorageError.

    The file itself goes first: after a crash between, the rest is found as a log without its file.
    """
    with storage_errors(path):
        numbers = [int(each.name.rpartition("-")[2]) for each in aside(path, sort)]
        target = path.with_suffix(f".{sort}-{max(numbers, default=0) + 1}")
        path.touch()
        for part in PARTS:
            old = path.with_name(path.name + part)
            if old.exists():
                old.rename(target.with_name(target.name + part))
        for number in numbers[: max(0, len(numbers) + 1 - KEPT_MAX)]:
            for part in PARTS:
                path.with_suffix(f".{sort}-{number}{part}").unlink(missing_ok=True)
        sync_folder(path.parent)
    return target


def aside(path: Path, sort: str) -> list[Path]:
    """The outboxes of one sort that stand beside `path`, oldest first."""
    try:
        found = [each for each in path.parent.glob(f"{path.stem}.{sort}-*") if each.name[-1].isdigit()]
    except OSError:
        return []  # a folder that can't be read
    return sorted(found, key=lambda each: int(each.name.rpartition("-")[2]))


def probe(path: Path) -> None:
    """Write and sync PROBE_BYTES beside `path`; raises StorageError. Cheaper than to open a large outbox."""
    with storage_errors(path):
        file = path.with_suffix(".probe")
        try:
            with file.open("wb") as probe:
                probe.write(bytes(PROBE_BYTES))
                probe.flush()
                os.fsync(probe.fileno())
        finally:
            file.unlink(missing_ok=True)


def explained(path: Path, error: StorageError) -> StorageError:
    """The same error, or a better one: SQLite says no more than "disk I/O error" of many a trouble."""
    if error.code != "failed":
        return error
    try:
        probe(path)
    except StorageError as better:
        return better
    return error


# --- reading what can be read ---


def salvage(path: Path, is_own: IsOwn, *, is_broken: bool) -> Salvage:
    """All that can still be read of an outbox that nobody has open. Never raises for the file's sake.

    Of a broken one SQLite may miss rows without an error.
    """
    rows: dict[tuple[int, int, int], Row] = {}
    receipted: dict[int, Ranges] = {}
    carved: dict[tuple[int, int, int], Row] = {}
    _carve(path, ("-wal",), carved)  # now: SQLite throws it away where it makes no sense of it
    if is_headless(path) or not _ask_sqlite(path, rows, receipted) or is_broken:
        _carve(path, ("",), carved)
        rows = carved | rows
    found = Salvage([])
    reports: dict[int, list[Row]] = {}
    for (epoch, numbering, number), row in sorted(rows.items()):
        if not is_own(row.envelope):
            continue
        found.epoch, found.elapsed_s = max(found.epoch, epoch), max(found.elapsed_s, row.elapsed_s)
        if numbering == Numbering.REPORT and number not in receipted.get(epoch, Ranges()):
            reports.setdefault(epoch, []).append(row)
    for of_epoch in reports.values():  # a later epoch may have issued some of them again
        found.reports += not_among(of_epoch, found.reports)
    return found


def is_headless(path: Path) -> bool:
    """Whether only a write-ahead log is left: SQLite would throw it away on opening."""
    return _size(path) == 0 < _size(path.with_name(path.name + "-wal"))


def in_log(path: Path) -> list[tuple[int, Row]]:
    """Epoch and row of each report on the pages of the write-ahead log, whether SQLite will see it or not.

    It passes over all frames behind a broken one in silence. Signatures are not looked at here.
    """
    rows: dict[tuple[int, int, int], Row] = {}
    _carve(path, ("-wal",), rows)
    return [
        (epoch, row) for (epoch, numbering, _), row in sorted(rows.items()) if numbering == Numbering.REPORT
    ]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _ask_sqlite(path: Path, rows: dict[tuple[int, int, int], Row], receipted: dict[int, Ranges]) -> bool:
    """Whether SQLite could read all of it."""
    try:
        with storage_errors(path):
            db = connect(path, read_only=True)
    except StorageError:
        return False
    whole = True
    try:
        for epoch, state in db.execute("SELECT epoch, state FROM log"):
            receipted[epoch] = settled_reports(state)
    except (sqlite3.Error, ValueError, TypeError):
        whole = False
    try:
        for epoch, numbering, *rest in db.execute("SELECT * FROM message"):
            _note(rows, epoch, numbering, rest)
    except sqlite3.Error:
        whole = False
    db.close()
    return whole


def _note(rows: dict[tuple[int, int, int], Row], epoch: int, numbering: int, rest: Sequence[object]) -> None:
    """Take a row whose envelope says of itself what its columns say; the signature is looked at later."""
    try:
        row = msgspec.convert((numbering, *rest), _Columns)
        header = wire.parse_header(row.envelope)
    except (msgspec.ValidationError, WireError):
        return
    if (header.epoch, header.number) == (epoch, row.number):
        rows.setdefault(
            (epoch, numbering, row.number),
            Row(Numbering(numbering), row.number, header.urgency, row.boot, row.elapsed_s, row.envelope),
        )


class _Columns(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    numbering: Numbering
    number: int
    urgency: int
    boot: int
    elapsed_s: int
    envelope: bytes


def _carve(path: Path, parts: tuple[str, ...], rows: dict[tuple[int, int, int], Row]) -> None:
    searched = 0
    for page in _pages(path, parts):
        if page[0] not in (_INTERIOR, _LEAF):
            searched += 1
            if page[0] in _OTHER_PAGES or searched > SEARCHED_PAGES_MAX:
                continue
        for record in _records(page):
            epoch, numbering, *rest = record
            if isinstance(epoch, int) and isinstance(numbering, int):
                _note(rows, epoch, numbering, rest)


def _pages(path: Path, parts: tuple[str, ...]) -> Iterator[bytes]:
    for part in parts:
        between = _FRAME_HEADER_BYTES if part else 0
        try:
            with path.with_name(path.name + part).open("rb") as file:
                file.seek(_WAL_HEADER_BYTES if part else 0)
                while piece := file.read(between + PAGE_BYTES):
                    yield piece[between:].ljust(PAGE_BYTES, b"\0")  # the last may be cut off
        except OSError:
            continue  # not there, or a bad sector: what was read before it is what there is


def _records(page: bytes) -> Iterator[list[int | bytes]]:
    """The records of seven columns on one page (https://www.sqlite.org/fileformat2.html, 1.6 and 2.1)."""
    for cell in _cells(page):
        try:
            _, at = _varint(page, cell)
            record = _record(page, at)
        except (IndexError, KeyError):
            continue
        if len(record) == _COLUMNS:
            yield record


def _cells(page: bytes) -> Iterator[int]:
    """Where records begin, as the page says; where its head is broken, anywhere."""
    if page[0] not in (_INTERIOR, _LEAF):
        heads = _RECORD_HEADS
        yield from (at for at in range(PAGE_BYTES - 2) if page[at + 1] in heads or page[at + 2] in heads)
        return
    pointers, child = (12, 4) if page[0] == _INTERIOR else (8, 0)
    for place in range(min(int.from_bytes(page[3:5]), PAGE_BYTES // 4)):
        yield int.from_bytes(page[pointers + 2 * place : pointers + 2 * place + 2]) + child


def _record(page: bytes, start: int) -> list[int | bytes]:
    size, at = _varint(page, start)
    types = []
    while at < start + size:
        serial, at = _varint(page, at)
        types.append(serial)
    values: list[int | bytes] = []
    for serial in types[:_COLUMNS]:
        length = (serial - 12) // 2 if serial >= 12 else _INTEGER_BYTES[serial]
        data = page[at : at + length]
        at += length
        if serial >= 12:
            values.append(data)
        else:
            values.append(int(serial == _ONE) if not length else int.from_bytes(data, signed=True))
    return values if len(types) == _COLUMNS and at <= len(page) else []


def _varint(page: bytes, at: int) -> tuple[int, int]:
    value = 0
    for _ in range(8):
        byte = page[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    return value << 8 | page[at], at + 1
