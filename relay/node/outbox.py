"""The node's messages on disk: SQLite behind core's Outbox port, on the caller's one thread.

A commit is synced (WAL, synchronous=FULL) before it returns. What the inbox said is written lazily: it
can be asked again, so it rides with a later commit, except where a report's receipt has come.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from relay.core.ledger import Ledger, State
from relay.core.log import READ_ROWS_MAX, LogState, Row
from relay.core.message import Address, Numbering, Urgency
from relay.core.notices import KeptNotice
from relay.core.ranges import Ranges, Run
from relay.core.receipts import InboxView
from relay.core.wire import SIGNATURE_BYTES
from relay.database import MEMORY, connect, is_sound, migrate, storage_errors, transaction
from relay.errors import StorageError, Text
from relay.node.notice_rows import NoticeRows

if TYPE_CHECKING:
    from relay.node.desk.rows import DeskRows, Form

MIGRATIONS = Path(__file__).parent / "migrations"
PAGE_BYTES = 2048
SIGNATURES_CACHED_MAX = 64
CACHE_KIB = 128  # it is read in order, or by its newest rows
ROW_OVERHEAD_BYTES = 24
SAVE_INTERVAL_S = 600  # how old the inbox's last word on disk may be, counted in node time

_INSERT = "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)"
_SELECT = (
    "SELECT number, urgency, boot, elapsed_s, envelope FROM message"
    " WHERE epoch = ? AND numbering = ? AND number BETWEEN ? AND ?"
)


class _SavedState(msgspec.Struct, array_like=True):
    """LogState in the form that stands in the `log` table."""

    ledgers: dict[int, dict[int, list[int]]]
    inbox: InboxView
    believed_epoch: int
    saved_s: int = 0


class SqliteOutbox:
    """Implements core.log.Outbox. Every method may raise StorageError."""

    def __init__(self, path: Path | str, raise_epoch: Callable[[int], None]) -> None:
        """Open or create; `raise_epoch` syncs the epoch file. Raises StorageError, `corrupt` included."""
        self.path = path
        self._raise_epoch = raise_epoch
        self._epoch = 0
        self._unsaved: LogState | None = None
        self._saved_s = 0
        self._desk: DeskRows | None = None
        self._form: Form | None = None  # that is to be committed with what is appended next
        self._signatures: dict[tuple[int, int, int], bytes] = {}  # each receipt is checked against the newest
        with storage_errors(path):
            self._db = connect(path, page_bytes=PAGE_BYTES, cache_kib=CACHE_KIB, alone=True)
            try:
                self._prepare()
            except BaseException:
                self._db.close()  # else it would take away the write-ahead log of the file that comes after
                raise

    def _prepare(self) -> None:
        if not is_sound(self._db):
            raise _corrupt(self.path)
        migrate(self._db, MIGRATIONS)
        self.notices = NoticeRows(self._db, self.path)
        self.size_bytes = self._measure()

    @property
    def is_memory(self) -> bool:
        """Whether a power cut would take it all."""
        return self.path == MEMORY

    def close(self) -> None:
        """Keep what was lazily kept, and let go of the file."""
        with storage_errors(self.path):
            if self._unsaved:
                with transaction(self._db):
                    self._write_state(self._unsaved)
            self._db.close()

    def abandon(self) -> None:
        """Let go of a file that no longer takes writes."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    # --- facts ---

    def fact(self, name: str) -> str | None:
        """One remembered fact."""
        with storage_errors(self.path):
            row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def number(self, name: str) -> float:
        """A remembered fact that is a number; 0 when there is none, or a broken one."""
        try:
            return float(self.fact(name) or 0.0)
        except ValueError:
            return 0.0

    def remember(self, facts: dict[str, str]) -> None:
        """Keep facts; commits."""
        with storage_errors(self.path), transaction(self._db):
            self._db.executemany("INSERT OR REPLACE INTO fact VALUES (?, ?)", facts.items())

    def last_elapsed_s(self) -> int:
        """The newest running time on any message; 0 when there is none."""
        with storage_errors(self.path):
            return int(self._db.execute("SELECT max(elapsed_s) FROM message").fetchone()[0] or 0)

    # --- logs ---

    def newest_epoch(self) -> int:
        """The highest epoch there is a log of; 0 when the outbox is new."""
        with storage_errors(self.path):
            row = self._db.execute("SELECT max(epoch) FROM log").fetchone()
        return row[0] or 0

    def load(self, epoch: int) -> LogState:
        """Make `epoch` the present one and give its state; messages committed after it was saved wait."""
        with storage_errors(self.path):
            blob = self._db.execute("SELECT state FROM log WHERE epoch = ?", (epoch,)).fetchone()[0]
            try:
                saved = msgspec.msgpack.decode(blob, type=_SavedState)
                self._epoch, self._saved_s = epoch, saved.saved_s
                ledgers = {each: self._ledger(each, saved.ledgers.get(each, {})) for each in Numbering}
            except (ValueError, TypeError):  # SQLite checks its pages, not what is in them
                raise _corrupt(self.path) from None
        return LogState(epoch, ledgers, saved.inbox, saved.believed_epoch)

    def ended(self, epoch: int) -> Ledger | None:
        """Where the reports of an epoch that has ended stood; None when nothing is known of it."""
        with storage_errors(self.path):
            row = self._db.execute("SELECT state FROM log WHERE epoch = ?", (epoch,)).fetchone()
        try:
            reports = _reports(row[0]) if row else {}
        except ValueError:
            reports = {}
        last = max((max(flat) for flat in reports.values() if flat), default=0)
        return Ledger.restore(reports, last) if last else None

    def _ledger(self, numbering: Numbering, snapshot: dict[int, list[int]]) -> Ledger:
        return Ledger.restore(snapshot, self._last(numbering, snapshot))

    def _last(self, numbering: Numbering, snapshot: dict[int, list[int]]) -> int:
        row = self._db.execute(
            "SELECT max(number) FROM message WHERE epoch = ? AND numbering = ?", (self._epoch, numbering)
        ).fetchone()
        return max(row[0] or 0, max((max(flat) for flat in snapshot.values() if flat), default=0))

    def append(self, rows: Sequence[Row]) -> None:
        """Commit `rows` of the present epoch."""
        due = bool(rows and self._unsaved and rows[-1].elapsed_s >= self._saved_s + SAVE_INTERVAL_S)
        alone = len(rows) == 1 and not due and self._form is None
        with storage_errors(self.path):
            if alone:  # commits by itself, without the cost of BEGIN and COMMIT
                self._db.execute(_INSERT, _columns(self._epoch, rows[0]))
            else:
                with transaction(self._db):
                    self._insert(self._epoch, rows)
                    if self._form:
                        self.desk.put_sent(self._form, self._epoch, rows)
                    if self._unsaved and due:
                        self._write_state(self._unsaved, rows[-1].elapsed_s)
        self.size_bytes += sum(map(_size, rows))

    @contextlib.contextmanager
    def along(self, form: Form | None) -> Iterator[None]:
        """What is appended within is what became of `form`: both are one commit."""
        self._form = form
        try:
            yield
        finally:
            self._form = None

    @property
    def desk(self) -> DeskRows:
        """What people posted at the site's page; a node without one has no use for it."""
        if self._desk is None:
            from relay.node.desk.rows import DeskRows

            self._desk = DeskRows(self._db, self.path)
        return self._desk

    def take_over(self, other: SqliteOutbox, boots: tuple[int, int], shift_s: float) -> None:
        """What VRD and people said to another outbox of this node; of its boot it is now another in ours."""
        self.notices.take_over(other.notices.all())
        if other._desk:
            from relay.node.desk.stamps import mover

            self.desk.take_over(other._desk, mover(*boots, shift_s))

    def _insert(self, epoch: int, rows: Sequence[Row]) -> None:
        self._db.executemany(_INSERT, [_columns(epoch, row) for row in rows])

    def read(self, numbering: Numbering, first: int, last: int) -> list[Row]:
        """The rows first..last of the present epoch that are there, ascending, READ_ROWS_MAX at most."""
        with storage_errors(self.path):
            found = self._db.execute(
                f"{_SELECT} ORDER BY number LIMIT ?", (self._epoch, numbering, first, last, READ_ROWS_MAX)
            ).fetchall()
        return [Row(numbering, *row) for row in found]

    def signature(self, numbering: Numbering, number: int) -> bytes | None:
        """The signature of one row of the present epoch; None when it is gone."""
        key = (self._epoch, numbering, number)
        if key not in self._signatures:
            with storage_errors(self.path):
                row = self._db.execute(
                    "SELECT envelope FROM message WHERE epoch = ? AND numbering = ? AND number = ?", key
                ).fetchone()
            if row is None:
                return None
            if len(self._signatures) >= SIGNATURES_CACHED_MAX:
                self._signatures.clear()
            self._signatures[key] = row[0][-SIGNATURE_BYTES:]
        return self._signatures[key]

    def keep_notice(self, notice: KeptNotice) -> bool:
        """Commit what VRD said; False when it is there already."""
        return self.notices.keep(notice)

    def forget_notices(self, trusted: Collection[Address]) -> None:
        """Drop what none of `trusted` signed."""
        self.notices.forget_all_but(trusted)

    def save(self, state: LogState, *, durable: bool) -> None:
        """Keep `state`: with a later commit, or before this returns when `durable`."""
        self._unsaved = state
        if durable:
            with storage_errors(self.path), transaction(self._db):
                self._write_state(state)

    def _write_state(self, state: LogState, elapsed_s: int | None = None) -> None:
        self._saved_s = self._saved_s if elapsed_s is None else elapsed_s
        ledgers = {int(numbering): ledger.snapshot() for numbering, ledger in state.ledgers.items()}
        saved = _SavedState(ledgers, state.inbox, state.believed_epoch, self._saved_s)
        self._db.execute(
            "INSERT OR REPLACE INTO log VALUES (?, ?)", (state.epoch, msgspec.msgpack.encode(saved))
        )
        if state is self._unsaved:
            self._unsaved = None

    def begin_epoch(self, old: LogState | None, fresh: LogState, rows: Sequence[Row]) -> None:
        """Sync the epoch file, then commit the new log with `rows`; a cut between only skips a number."""
        with storage_errors(self.path):
            self._raise_epoch(fresh.epoch)
            with transaction(self._db):
                if old:
                    self._write_state(old)
                self._write_state(fresh)
                self._insert(fresh.epoch, rows)
        self._epoch, self._unsaved = fresh.epoch, None
        self.size_bytes += sum(map(_size, rows))

    # --- room ---

    def _measure(self) -> int:
        row = self._db.execute("SELECT count(*), sum(length(envelope)) FROM message").fetchone()
        return int(row[0]) * ROW_OVERHEAD_BYTES + int(row[1] or 0)

    def forget_closed(self, older_than_s: int | None = None) -> int:
        """Drop messages of ended epochs, those composed before `older_than_s` or all; returns how many."""
        where, values = "epoch <> ?", [self._epoch]
        if older_than_s is not None:
            where, values = where + " AND elapsed_s < ?", [*values, older_than_s]
        with storage_errors(self.path), transaction(self._db):
            return self._delete(where, values)

    def forget(self, numbering: Numbering, runs: Iterable[Run], older_than_s: int | None = None) -> int:
        """Drop messages of the present epoch, or those of them composed before a time, in one commit."""
        where = "epoch = ? AND numbering = ? AND number BETWEEN ? AND ?"
        after: tuple[int, ...] = ()
        if older_than_s is not None:
            where, after = where + " AND elapsed_s < ?", (older_than_s,)
        with storage_errors(self.path), transaction(self._db):
            return sum(self._delete(where, (self._epoch, numbering, *run, *after)) for run in runs)

    def _delete(self, where: str, values: Sequence[int]) -> int:
        query = f"DELETE FROM message WHERE {where} RETURNING length(envelope)"
        sizes = [row[0] for row in self._db.execute(query, values)]
        self._signatures.clear()
        self.size_bytes -= sum(sizes) + ROW_OVERHEAD_BYTES * len(sizes)
        return len(sizes)

    def oldest(
        self,
        numbering: Numbering,
        run: Run,
        most: int,
        urgencies: Run = (Urgency.EMERGENCY, Urgency.INFORMATION),
    ) -> list[Row]:
        """The first rows in `run` with an urgency from..to, `most` at the most, ascending."""
        with storage_errors(self.path):
            found = self._db.execute(
                f"{_SELECT} AND urgency BETWEEN ? AND ? ORDER BY number LIMIT ?",
                (self._epoch, numbering, *run, *urgencies, most),
            ).fetchall()
        return [Row(numbering, *row) for row in found]

    def present(self, numbering: Numbering, run: Run) -> Ranges:
        """The numbers in `run` whose rows are there."""
        where = "FROM message WHERE epoch = ? AND numbering = ? AND number BETWEEN ? AND ?"
        values = (self._epoch, numbering, *run)
        with storage_errors(self.path):
            if self._db.execute(f"SELECT count(*) {where}", values).fetchone()[0] == run[1] - run[0] + 1:
                return Ranges([run])
            numbers = self._db.execute(f"SELECT number {where} ORDER BY number", values)
            return Ranges((number, number) for (number,) in numbers)


def settled_reports(state: bytes) -> Ranges:
    """The reports that a row of the `log` table says are receipted, or have another number by now.

    Raises ValueError for a broken one.
    """
    reports = _reports(state)
    both = (Ranges.from_flat(reports.get(each, [])) for each in (State.RECEIPTED, State.REISSUED))
    return Ranges(run for ranges in both for run in ranges)


def _reports(state: bytes) -> dict[int, list[int]]:
    return msgspec.msgpack.decode(state, type=_SavedState).ledgers.get(Numbering.REPORT, {})


def _columns(epoch: int, row: Row) -> tuple[int, int, int, int, int, int, bytes]:
    return epoch, row.numbering, row.number, row.urgency, row.boot, row.elapsed_s, row.envelope


def _size(row: Row) -> int:
    return len(row.envelope) + ROW_OVERHEAD_BYTES


def _corrupt(path: Path | str) -> StorageError:
    return StorageError(Text(f"Opslag is beschadigd: {path}", f"Storage is corrupt: {path}"), code="corrupt")
