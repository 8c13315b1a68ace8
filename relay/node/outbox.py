"""The node's messages on disk: SQLite behind core's Outbox port, on the caller's one thread.

A commit is synced (WAL, synchronous=FULL) before it returns. What the inbox said is written lazily: it
can be asked again, so it rides with a later commit, except where a report's receipt has come.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from relay.core.ledger import Ledger, State
from relay.core.log import READ_ROWS_MAX, LogState, Row
from relay.core.message import Numbering
from relay.core.ranges import Run
from relay.core.receipts import InboxView
from relay.core.wire import SIGNATURE_BYTES
from relay.database import MEMORY, connect, is_sound, migrate, storage_errors, transaction
from relay.errors import StorageError, Text

PAGE_BYTES = 2048
ROW_OVERHEAD_BYTES = 24
SAVE_INTERVAL_S = 600  # how old the inbox's last word on disk may be, counted in node time

_INSERT = "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)"


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
        with storage_errors(path):
            self._db = connect(path, page_bytes=PAGE_BYTES)
            if not is_sound(self._db):
                raise StorageError(
                    Text(f"Opslag is beschadigd: {path}", f"Storage is corrupt: {path}"), code="corrupt"
                )
            migrate(self._db, "relay.node")
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
        self._db.close()

    # --- facts ---

    def fact(self, name: str) -> str | None:
        """One remembered fact."""
        with storage_errors(self.path):
            row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

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
            saved = msgspec.msgpack.decode(blob, type=_SavedState)
            self._epoch, self._saved_s = epoch, saved.saved_s
            ledgers = {
                numbering: Ledger.restore(
                    saved.ledgers.get(numbering, {}), self._last(numbering, saved.ledgers.get(numbering, {}))
                )
                for numbering in Numbering
            }
        return LogState(epoch, ledgers, saved.inbox, saved.believed_epoch)

    def _last(self, numbering: Numbering, snapshot: dict[int, list[int]]) -> int:
        row = self._db.execute(
            "SELECT max(number) FROM message WHERE epoch = ? AND numbering = ?", (self._epoch, numbering)
        ).fetchone()
        return max(row[0] or 0, max((max(flat) for flat in snapshot.values() if flat), default=0))

    def append(self, rows: Sequence[Row]) -> None:
        """Commit `rows` of the present epoch."""
        with storage_errors(self.path), transaction(self._db):
            self._insert(self._epoch, rows)
            due = rows and rows[-1].elapsed_s >= self._saved_s + SAVE_INTERVAL_S
            if self._unsaved and due:
                self._write_state(self._unsaved, rows[-1].elapsed_s)

    def _insert(self, epoch: int, rows: Sequence[Row]) -> None:
        self._db.executemany(
            _INSERT,
            [
                (epoch, row.numbering, row.number, row.urgency, row.boot, row.elapsed_s, row.envelope)
                for row in rows
            ],
        )
        self.size_bytes += sum(len(row.envelope) + ROW_OVERHEAD_BYTES for row in rows)

    def read(self, numbering: Numbering, first: int, last: int) -> list[Row]:
        """The rows first..last of the present epoch that are there, ascending, READ_ROWS_MAX at most."""
        with storage_errors(self.path):
            found = self._db.execute(
                "SELECT number, urgency, boot, elapsed_s, envelope FROM message"
                " WHERE epoch = ? AND numbering = ? AND number BETWEEN ? AND ? ORDER BY number LIMIT ?",
                (self._epoch, numbering, first, last, READ_ROWS_MAX),
            ).fetchall()
        return [Row(numbering, *row) for row in found]

    def signature(self, numbering: Numbering, number: int) -> bytes | None:
        """The signature of one row of the present epoch; None when it is gone."""
        with storage_errors(self.path):
            row = self._db.execute(
                "SELECT envelope FROM message WHERE epoch = ? AND numbering = ? AND number = ?",
                (self._epoch, numbering, number),
            ).fetchone()
        return row[0][-SIGNATURE_BYTES:] if row else None

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

    # --- room ---

    def _measure(self) -> int:
        row = self._db.execute("SELECT count(*), sum(length(envelope)) FROM message").fetchone()
        return int(row[0]) * ROW_OVERHEAD_BYTES + int(row[1] or 0)

    def forget_closed(self, older_than_s: int | None = None) -> int:
        """Drop messages of ended epochs, those composed before `older_than_s` or all; returns how many."""
        where, values = "epoch <> ?", [self._epoch]
        if older_than_s is not None:
            where, values = where + " AND elapsed_s < ?", [*values, older_than_s]
        return self._delete(where, values)

    def forget(self, numbering: Numbering, run: Run, older_than_s: int | None = None) -> int:
        """Drop the messages of one run of the present epoch, or those of them composed before a time."""
        where = "epoch = ? AND numbering = ? AND number BETWEEN ? AND ?"
        values: list[int] = [self._epoch, numbering, *run]
        if older_than_s is not None:
            where, values = where + " AND elapsed_s < ?", [*values, older_than_s]
        return self._delete(where, values)

    def _delete(self, where: str, values: Sequence[int]) -> int:
        with storage_errors(self.path), transaction(self._db):
            dropped = self._db.execute(f"DELETE FROM message WHERE {where}", values).rowcount
        if dropped:
            with storage_errors(self.path):
                self.size_bytes = self._measure()
        return dropped

    def oldest(self, numbering: Numbering, run: Run, most: int) -> list[int]:
        """The numbers of the first rows in `run`, `most` at the most, ascending."""
        with storage_errors(self.path):
            rows = self._db.execute(
                "SELECT number FROM message WHERE epoch = ? AND numbering = ? AND number BETWEEN ? AND ?"
                " ORDER BY number LIMIT ?",
                (self._epoch, numbering, *run, most),
            ).fetchall()
        return [row[0] for row in rows]


def salvage(path: Path | str) -> tuple[list[bytes], dict[int, set[int]]]:
    """What can still be read of a broken outbox: reports, and per epoch the numbers that were receipted.

    Reads from both ends, since a broken page stops SQLite in the middle.
    """
    reports: dict[tuple[int, int], bytes] = {}
    receipted: dict[int, set[int]] = {}
    try:
        db = connect(path, read_only=True)
    except sqlite3.Error:
        return [], {}
    try:
        for order in ("ASC", "DESC"):
            _read_reports(db, order, reports)
        for epoch, blob in db.execute("SELECT epoch, state FROM log"):
            saved = msgspec.msgpack.decode(blob, type=_SavedState)
            flat = saved.ledgers.get(Numbering.REPORT, {}).get(State.RECEIPTED, [])
            runs = zip(flat[::2], flat[1::2], strict=True)
            receipted[epoch] = {number for first, last in runs for number in range(first, last + 1)}
    except (sqlite3.Error, ValueError):
        pass  # what was read before it is what there is
    finally:
        db.close()
    return [reports[key] for key in sorted(reports)], receipted


def _read_reports(db: sqlite3.Connection, order: str, into: dict[tuple[int, int], bytes]) -> None:
    try:
        query = (
            "SELECT epoch, number, envelope FROM message WHERE numbering = 0"
            f" ORDER BY epoch {order}, numbering {order}, number {order}"
        )
        for epoch, number, envelope in db.execute(query):
            into[epoch, number] = envelope
    except sqlite3.Error:
        return
