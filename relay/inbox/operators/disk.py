"""The operators' file: one connection behind a lock, and the log that every change leaves a row in."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from relay.database import connect, migrate, storage_errors, transaction
from relay.inbox.operators.journal import BEGIN, Entry, link

STORE_NAME = "operators.db"
MIGRATIONS = Path(__file__).parent / "migrations"


class Disk:
    """What all parts of the operators' store share. Every method may raise StorageError."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / STORE_NAME
        self._clock = clock
        self._lock = threading.Lock()
        with storage_errors(self.path):
            self._db = connect(self.path, cache_kib=1024, check_same_thread=False)
            migrate(self._db, MIGRATIONS)
            self.path.chmod(0o600)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def now_s(self) -> int:
        """Unix time."""
        return int(self._clock())

    @property
    def changes(self) -> int:
        """Rows that were changed since it was opened: as long as it is the same, so is all that is read."""
        return self._db.total_changes

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when the block ends."""
        with self._lock, storage_errors(self.path), transaction(self._db):
            yield self._db

    def all(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that `query` gives."""
        with self._lock, storage_errors(self.path):
            return self._db.execute(query, values).fetchall()

    def append(self, db: sqlite3.Connection, who: str, what: str, detail: str = "") -> None:
        """A row of the log of who did what, within a write."""
        row = db.execute("SELECT id, hash FROM journal ORDER BY id DESC LIMIT 1").fetchone()
        number, before = (row[0] + 1, row[1]) if row else (1, BEGIN)
        at_s = self.now_s()
        hashed = link(before, number, at_s, who, what, detail)
        db.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", (number, at_s, who, what, detail, hashed))

    def log(self, who: str, what: str, detail: str = "") -> None:
        """A row of the log, by itself."""
        with self.write() as db:
            self.append(db, who, what, detail)

    def journal(self, after_id: int = 0, limit: int = 500) -> list[Entry]:
        """Rows of the log in their order."""
        rows = self.all("SELECT * FROM journal WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit))
        return [Entry(*row) for row in rows]

    def newest_of_journal(self, limit: int = 100) -> list[Entry]:
        """The newest rows of the log, newest first."""
        return [Entry(*row) for row in self.all("SELECT * FROM journal ORDER BY id DESC LIMIT ?", (limit,))]
