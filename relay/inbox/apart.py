"""What is kept but not believed: envelopes of signers that the roster does not know (quarantine).

They are not receipted, and judged again when the roster changes. So are the messages that came with a
revoked key, should its admission be given back: those stand in the message table, marked as such.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

import msgspec

from relay.core.message import Address
from relay.database import storage_errors

QUARANTINE_MAX = 10_000
QUARANTINE_PER_PUBLISHER_MAX = 500
HEARD_BY = "radio:"
QUARANTINE_HEARD_MAX = 5_000  # of what relays heard: a flood on the air must leave room for the others


class Keeping(Enum):
    """What became of an envelope that was to be kept apart."""

    NEW = "kept"
    HELD = "there already"
    FULL = "a limit was reached"


class Kept(msgspec.Struct, frozen=True):
    """One envelope that waits to be judged again."""

    id: int
    publisher: str
    received_s: int
    age_s: int | None
    heard: bytes | None
    envelope: bytes
    standing: int = 0


class Apart:
    """Part of the store, within its transactions. Every method may raise StorageError."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path
        self._counts: Counter[str] | None = None  # per source; None: to be read from the disk
        self._total = self._heard = 0

    def forget(self) -> None:
        """A write failed: what was counted may not be so."""
        self._counts = None

    def _per_publisher(self) -> Counter[str]:
        if self._counts is None:
            rows = self._db.execute(
                "SELECT publisher, heard IS NOT NULL, count(*) FROM quarantine GROUP BY 1, 2"
            )
            self._counts = Counter({_source(name, bool(heard)): count for name, heard, count in rows})
            self._total = self._counts.total()
            self._heard = sum(self._counts[each] for each in self._counts if each.startswith(HEARD_BY))
        return self._counts

    def quarantine(
        self,
        address: Address,
        publisher: str,
        unix_s: int,
        age_s: int | None,
        heard: bytes | None,
        envelope: bytes,
    ) -> Keeping:
        """Keep an envelope of an unknown signer, within limits and a write."""
        counts = self._per_publisher()
        source = _source(publisher, heard is not None)
        if counts[source] >= QUARANTINE_PER_PUBLISHER_MAX or self._total >= QUARANTINE_MAX:
            return Keeping.FULL
        if heard is not None and self._heard >= QUARANTINE_HEARD_MAX:
            return Keeping.FULL
        done = self._db.execute(
            "INSERT OR IGNORE INTO quarantine (address, publisher, received_s, age_s, heard, envelope)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (address, publisher, unix_s, age_s, heard, envelope),
        )
        if not done.rowcount:
            return Keeping.HELD
        counts[source] += 1
        self._total += 1
        self._heard += heard is not None
        return Keeping.NEW

    def quarantined_signers(self) -> list[Address]:
        """The addresses that anything waits of."""
        with storage_errors(self._path):
            return [row[0] for row in self._db.execute("SELECT DISTINCT address FROM quarantine")]

    def quarantined(self, address: Address) -> list[Kept]:
        """What waits of one signer, oldest first."""
        with storage_errors(self._path):
            rows = self._db.execute(
                "SELECT id, publisher, received_s, age_s, heard, envelope FROM quarantine"
                " WHERE address = ? ORDER BY id",
                (address,),
            ).fetchall()
        return [Kept(*row) for row in rows]

    def release(self, ids: Sequence[int]) -> None:
        """Take out of quarantine what has been judged, within a write."""
        self._db.executemany("DELETE FROM quarantine WHERE id = ?", [(each,) for each in ids])
        self._counts = None

    def expire(self, older_than_unix_s: int) -> int:
        """Drop from quarantine what nobody came to know for so long, within a write; returns how many."""
        self._counts = None
        done = self._db.execute("DELETE FROM quarantine WHERE received_s < ?", (older_than_unix_s,))
        return done.rowcount

    def signers(self) -> list[Address]:
        """The addresses of which messages stand apart in the message table."""
        with storage_errors(self._path):
            rows = self._db.execute(
                "SELECT DISTINCT address FROM message INDEXED BY message_apart WHERE standing <> 0"
            )
            return [row[0] for row in rows]

    def of_signer(self, address: Address) -> list[Kept]:
        """The messages of one signer that stand apart and were not accepted since, oldest first."""
        with storage_errors(self._path):
            rows = self._db.execute(
                "SELECT id, publisher, received_s, age_s, heard, envelope, standing FROM message"
                " INDEXED BY message_apart WHERE address = ? AND standing <> 0 AND copy_of IS NULL"
                " ORDER BY id",
                (address,),
            ).fetchall()
        return [Kept(*row) for row in rows]

    def accept(self, ids: Sequence[int]) -> None:
        """These have been accepted under rows of their own: not shown twice. Within a write."""
        self._db.executemany("UPDATE message SET copy_of = id WHERE id = ?", [(each,) for each in ids])


def _source(publisher: str, heard: bool) -> str:
    """A relay has one allowance for what it says, and one for what it heard."""
    return HEARD_BY + publisher if heard else publisher
