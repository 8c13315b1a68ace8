"""The inbox's disk: all its SQL, plain enough for PostgreSQL to stand behind it later.

One writer on one thread. `Store.write` gives a transaction; what it did is on disk when the block ends,
and only then may anyone be told. Readers (the pages) open the file for themselves, read-only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from relay.core.message import Address, Heard, Numbering
from relay.core.ranges import Ranges
from relay.core.receipts import Holding
from relay.core.wire import SIGNATURE_BYTES
from relay.database import connect, is_sound, migrate, storage_errors, transaction
from relay.errors import StorageError, Text

STORE_NAME = "inbox.db"
QUARANTINE_MAX = 10_000
QUARANTINE_PER_PUBLISHER_MAX = 500
HOLDINGS_CACHED_MAX = 20_000

LogKey = tuple[Address, int]  # address and epoch

_INSERT = (
    "INSERT INTO message (address, epoch, numbering, number, variant, standing, kind, urgency, time,"
    " received_s, age_s, publisher, heard, copy_of, envelope)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_IDENTITY = "address = ? AND epoch = ? AND numbering = ? AND number = ?"

MessageRow = tuple[
    Address, int, int, int, int, int, int, int, int, int, int | None, str, bytes | None, int | None, bytes
]


class Arrival(msgspec.Struct, frozen=True):
    """When and how something arrived at the inbox."""

    unix_s: int
    boot_id: str
    boottime_s: float


class Current(msgspec.Struct, frozen=True):
    """The newest state of a node."""

    epoch: int
    state: int


class Store:
    """Messages, holdings and findings. Every method may raise StorageError."""

    def __init__(self, folder: Path) -> None:
        """Open or create; refuses a broken file: an inbox that lost rows would receipt what it has not."""
        self.path = folder / STORE_NAME
        self._holdings: dict[LogKey, Holding] = {}
        with storage_errors(self.path):
            # opened by the service, used by its one store thread
            self._db = connect(self.path, cache_kib=4096, check_same_thread=False)
            if not is_sound(self._db):
                raise StorageError(
                    Text(f"Opslag is beschadigd: {self.path}", f"Storage is corrupt: {self.path}"),
                    Text("zet een back-up terug", "restore a backup"),
                    code="corrupt",
                )
            migrate(self._db, "relay.inbox")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def write(self) -> Iterator[None]:
        """One transaction, synced when the block ends; when it fails nothing of it is remembered."""
        try:
            with storage_errors(self.path), transaction(self._db):
                yield
        except BaseException:
            self._holdings.clear()
            raise

    # --- facts ---

    def next_epoch(self, minutes_since_2025: int) -> int:
        """Begin an inbox epoch: higher than any before, and than the minutes since 2025."""
        with storage_errors(self.path), transaction(self._db):
            row = self._db.execute("SELECT value FROM fact WHERE name = 'epoch'").fetchone()
            epoch = max(int(row[0]) + 1 if row else 1, minutes_since_2025)
            self._db.execute("INSERT OR REPLACE INTO fact VALUES ('epoch', ?)", (str(epoch),))
        return epoch

    # --- what is held ---

    def holding(self, address: Address, epoch: int) -> Holding:
        """What is held of one epoch of one node; the same object until a write fails."""
        key = (address, epoch)
        holding = self._holdings.get(key)
        if holding is None:
            if len(self._holdings) >= HOLDINGS_CACHED_MAX:
                self._holdings.clear()
            row = self._db.execute(
                "SELECT reports, states FROM holding WHERE address = ? AND epoch = ?", key
            ).fetchone()
            holding = Holding(*map(_ranges, row)) if row else Holding()
            self._holdings[key] = holding
        return holding

    def save_holding(self, address: Address, epoch: int, holding: Holding) -> None:
        """Keep it, within a write."""
        flat = (msgspec.msgpack.encode(ranges.flat()) for ranges in (holding.reports, holding.states))
        self._db.execute("INSERT OR REPLACE INTO holding VALUES (?, ?, ?, ?)", (address, epoch, *flat))

    def newest_epoch(self, address: Address) -> int:
        """The highest epoch of a node that anything is held of; 0 for none."""
        row = self._db.execute("SELECT max(epoch) FROM holding WHERE address = ?", (address,)).fetchone()
        return row[0] or 0

    def signature(self, key: LogKey, numbering: Numbering, number: int) -> bytes | None:
        """The signature of a message as first stored; None when it is not held."""
        row = self._db.execute(
            f"SELECT envelope FROM message WHERE {_IDENTITY} AND variant = 0",
            (*key, numbering, number),
        ).fetchone()
        return row[0][-SIGNATURE_BYTES:] if row else None

    # --- messages ---

    def insert(self, rows: Sequence[MessageRow]) -> None:
        """Put in messages that are not held, within a write."""
        self._db.executemany(_INSERT, rows)

    def insert_apart(self, row: MessageRow) -> bool:
        """Put in a message of a revoked key unless it is there; whether it was new."""
        return self._db.execute(_INSERT.replace("INSERT", "INSERT OR IGNORE", 1), row).rowcount > 0

    def variants(self, key: LogKey, numbering: int, number: int) -> list[bytes]:
        """The envelopes under one identity: more than one is a cloned card."""
        found = self._db.execute(
            f"SELECT envelope FROM message WHERE {_IDENTITY} ORDER BY variant",
            (*key, numbering, number),
        )
        return [row[0] for row in found]

    def reports_at(self, address: Address, time: int, other_than_epoch: int) -> list[tuple[int, bytes]]:
        """Reports of one node with one time, from its other epochs: candidates for being the same."""
        return self._db.execute(
            "SELECT id, envelope FROM message"
            " WHERE address = ? AND time = ? AND numbering = 0 AND epoch <> ? AND copy_of IS NULL",
            (address, time, other_than_epoch),
        ).fetchall()

    # --- nodes ---

    def current(self, address: Address) -> Current | None:
        """The newest state of a node."""
        row = self._db.execute("SELECT epoch, state FROM node WHERE address = ?", (address,)).fetchone()
        return Current(*row) if row else None

    def save_heard(self, address: Address, arrival: Arrival, publisher: str, link: str) -> None:
        """Something new of this node arrived, within a write."""
        self._db.execute(
            "INSERT INTO node VALUES (?, 0, 0, NULL, NULL, NULL, ?, ?, ?, ?, ?)"
            " ON CONFLICT (address) DO UPDATE SET heard_s = excluded.heard_s,"
            " heard_boot = excluded.heard_boot, heard_at = excluded.heard_at,"
            " publisher = excluded.publisher, link = excluded.link",
            (address, arrival.unix_s, arrival.boot_id, arrival.boottime_s, publisher, link),
        )

    def save_current(
        self, address: Address, current: Current, status: bytes, arrival: Arrival, age_s: int | None
    ) -> None:
        """This status is the node's newest, within a write and after `save_heard`."""
        self._db.execute(
            "UPDATE node SET epoch = ?, state = ?, status = ?, status_s = ?, status_age = ?"
            " WHERE address = ?",
            (current.epoch, current.state, status, arrival.unix_s, age_s, address),
        )

    def note_finding(self, address: Address, code: str, unix_s: int, detail: str) -> None:
        """Something about a node that should be known, within a write."""
        self._db.execute(
            "INSERT INTO finding VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT (address, code) DO UPDATE"
            " SET last_s = excluded.last_s, count = count + 1, detail = excluded.detail",
            (address, code, unix_s, unix_s, detail),
        )

    # --- quarantine ---

    def quarantine(
        self,
        address: Address,
        publisher: str,
        unix_s: int,
        age_s: int | None,
        heard: Heard | None,
        envelope: bytes,
    ) -> bool:
        """Keep an envelope of an unknown signer apart, within limits and a write; whether it was kept."""
        total = self._db.execute("SELECT count(*) FROM quarantine").fetchone()[0]
        of_publisher = self._db.execute(
            "SELECT count(*) FROM quarantine WHERE publisher = ?", (publisher,)
        ).fetchone()[0]
        if total >= QUARANTINE_MAX or of_publisher >= QUARANTINE_PER_PUBLISHER_MAX:
            return False
        self._db.execute(
            "INSERT OR IGNORE INTO quarantine (address, publisher, received_s, age_s, heard, envelope)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (address, publisher, unix_s, age_s, encode_heard(heard), envelope),
        )
        return True

    def quarantined(self) -> list[tuple[int, Address, str, int, int | None, Heard | None, bytes]]:
        """All of it, oldest first."""
        with storage_errors(self.path):
            rows = self._db.execute("SELECT * FROM quarantine ORDER BY id").fetchall()
        return [(*row[:5], decode_heard(row[5]), row[6]) for row in rows]

    def release(self, ids: Sequence[int]) -> None:
        """Take out of quarantine what has been judged, within a write."""
        self._db.executemany("DELETE FROM quarantine WHERE id = ?", [(each,) for each in ids])

    # --- retention ---

    def forget_statuses(self, older_than_unix_s: int) -> int:
        """Drop statuses that arrived before a time; what is held stays known, so none comes again."""
        with storage_errors(self.path), transaction(self._db):
            return self._db.execute(
                "DELETE FROM message WHERE numbering = 1 AND received_s < ?", (older_than_unix_s,)
            ).rowcount


def _ranges(blob: bytes) -> Ranges:
    return Ranges.from_flat(msgspec.msgpack.decode(blob, type=list[int]))


def encode_heard(heard: Heard | None) -> bytes | None:
    """For the `heard` columns."""
    return msgspec.msgpack.encode(heard) if heard else None


def decode_heard(blob: bytes | None) -> Heard | None:
    """What `encode_heard` gave."""
    return msgspec.msgpack.decode(blob, type=Heard) if blob else None
