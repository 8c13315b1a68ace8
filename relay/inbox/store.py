"""The inbox's disk: its SQL for messages, plain enough for PostgreSQL to stand behind it later.

One writer on one thread. `Store.write` gives a transaction; what it did is on disk when the block ends,
and only then may anyone be told. What is kept in memory of the disk is forgotten when a write fails.
Readers (the pages) open the file for themselves, read-only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import msgspec

from relay.core.message import Address, Heard, Numbering
from relay.core.ranges import Ranges
from relay.core.receipts import Holding
from relay.core.wire import SIGNATURE_BYTES
from relay.database import connect, is_sound, migrate, storage_errors, transaction
from relay.errors import StorageError, Text
from relay.inbox.apart import Apart, Keeping
from relay.inbox.suspicion import STRANGER

STORE_NAME = "inbox.db"
MIGRATIONS = Path(__file__).parent / "migrations"
HOLDINGS_CACHED_MAX = 20_000
SIGNATURES_CACHED_MAX = 4_000
VARIANTS_MAX = 8  # kept of one identity; a stolen key could sign them for ever
APART_PER_SIGNER_MAX = 1_000
ACCEPTED, REVOKED, UNCOUNTED = 0, 1, 2  # the standing of a message

LogKey = tuple[Address, int]  # address and epoch

_COLUMNS = (
    "INSERT INTO message (address, epoch, numbering, number, standing, variant, kind, urgency, time,"
    " received_s, age_s, publisher, heard, copy_of, envelope) VALUES "
)
_ONE_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KEEP = " ON CONFLICT DO NOTHING"
ROWS_AT_ONCE = 64
_INSERT = _COLUMNS + _ONE_ROW + _KEEP
_INSERT_MANY = _COLUMNS + ", ".join([_ONE_ROW] * ROWS_AT_ONCE) + _KEEP
_VARIANTS = (
    "SELECT envelope FROM message WHERE address = ? AND epoch = ? AND numbering = ? AND number = ?"
    " AND standing = ? ORDER BY variant"
)

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
        self._newest: dict[Address, int] = {}  # epochs
        self._signatures: dict[tuple[LogKey, int, int], bytes] = {}  # every receipt is over the newest
        with storage_errors(self.path):
            # opened by the service, used by its one store thread
            self._db = connect(self.path, cache_kib=4096, check_same_thread=False)
            if not is_sound(self._db):
                raise StorageError(
                    Text(f"Opslag is beschadigd: {self.path}", f"Storage is corrupt: {self.path}"),
                    Text("zet een back-up terug", "restore a backup"),
                    code="corrupt",
                )
            migrate(self._db, MIGRATIONS)
        self.apart = Apart(self._db, self.path)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def write(self) -> Iterator[None]:
        """One transaction, synced when the block ends; when it fails nothing of it is remembered."""
        if len(self._holdings) > HOLDINGS_CACHED_MAX:
            self._forget()  # never within a write: what it changed would be read back as it was
        try:
            with storage_errors(self.path), transaction(self._db):
                yield
        except BaseException:
            self._forget()
            self.apart.forget()
            raise

    def _forget(self) -> None:
        """What was kept in memory is read from the disk again."""
        self._holdings.clear()
        self._newest.clear()
        self._signatures.clear()

    # --- facts ---

    def next_epoch(self, seconds_since_2025: int) -> int:
        """Begin an inbox epoch: higher than any before, and at least the seconds since 2025.

        Seconds, since no service starts more than once in one: so no epoch that this inbox ever had is
        ahead of the clock, and an inbox that was restored from a backup begins above all of them.
        """
        with self.write():
            epoch = max(int(self.fact("epoch") or 0) + 1, seconds_since_2025)
            self.keep_fact("epoch", str(epoch))
        return epoch

    def fact(self, name: str) -> str | None:
        """One remembered fact."""
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def keep_fact(self, name: str, value: str) -> None:
        """Remember it, within a write."""
        self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    # --- what is held ---

    def holding(self, address: Address, epoch: int) -> Holding:
        """What is held of one epoch of one node; the same object until a write ends."""
        key = (address, epoch)
        holding = self._holdings.get(key)
        if holding is None:
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
        self._newest.pop(address, None)

    def newest_epoch(self, address: Address) -> int:
        """The highest epoch of a node that anything is held of; 0 for none."""
        newest = self._newest.get(address)
        if newest is None:
            row = self._db.execute("SELECT max(epoch) FROM holding WHERE address = ?", (address,)).fetchone()
            newest = row[0] or 0
            if newest:  # what is not held takes no room
                self._newest[address] = newest
        return newest

    def has_other_epoch(self, key: LogKey) -> bool:
        """Whether anything is held of another epoch of the same node."""
        row = self._db.execute("SELECT min(epoch), max(epoch) FROM holding WHERE address = ?", key[:1])
        return any(epoch not in (None, key[1]) for epoch in row.fetchone())

    def signature(self, key: LogKey, numbering: Numbering, number: int) -> bytes | None:
        """The signature of a message as first stored; None when it is not held."""
        signature = self._signatures.get((key, numbering, number))
        if signature is None:
            row = self._db.execute(_VARIANTS + " LIMIT 1", (*key, numbering, number, ACCEPTED)).fetchone()
            if row is None:
                return None
            if len(self._signatures) >= SIGNATURES_CACHED_MAX:
                self._signatures.clear()
            signature = self._signatures[key, numbering, number] = row[0][-SIGNATURE_BYTES:]
        return signature

    def time_of(self, key: LogKey, numbering: Numbering, number: int) -> int | None:
        """The time in the header of a message; None when it is not held."""
        row = self._db.execute(
            "SELECT time FROM message WHERE address = ? AND epoch = ? AND numbering = ? AND number = ?"
            " AND standing = 0 AND variant = 0",
            (*key, numbering, number),
        ).fetchone()
        return row[0] if row else None

    # --- messages ---

    def insert(self, rows: Sequence[MessageRow]) -> None:
        """Put in messages that are not held, within a write. One that is there stays as it is."""
        # Python lets go of the interpreter lock for each statement: with the verify threads after it,
        # that costs more than the row itself
        whole = len(rows) - len(rows) % ROWS_AT_ONCE
        for start in range(0, whole, ROWS_AT_ONCE):
            values = list(chain.from_iterable(rows[start : start + ROWS_AT_ONCE]))
            self._db.execute(_INSERT_MANY, values)
        self._db.executemany(_INSERT, rows[whole:])

    def insert_apart(self, row: MessageRow) -> Keeping:
        """Put in a message that no receipt will name, unless it is there, within limits and a write."""
        kept = self.variants((row[0], row[1]), row[2], row[3], row[4])
        if row[14] in kept:
            return Keeping.HELD
        of_signer = self._db.execute(
            "SELECT count(*) FROM message INDEXED BY message_apart WHERE address = ? AND standing <> 0",
            (row[0],),
        ).fetchone()[0]
        if len(kept) >= VARIANTS_MAX or of_signer >= APART_PER_SIGNER_MAX:
            return Keeping.FULL
        self.insert([(*row[:5], len(kept), *row[6:])])
        return Keeping.NEW

    def variants(self, key: LogKey, numbering: int, number: int, standing: int = ACCEPTED) -> list[bytes]:
        """The envelopes under one identity: more than one is a cloned card."""
        found = self._db.execute(_VARIANTS, (*key, numbering, number, standing))
        return [row[0] for row in found]

    def reports_at(self, address: Address, time: int, other_than_epoch: int) -> list[tuple[int, bytes]]:
        """Reports of one node with one time, from its other epochs, that have no copy in this epoch yet."""
        return self._db.execute(
            "SELECT id, envelope FROM message AS m INDEXED BY message_report"
            " WHERE address = ? AND time = ? AND numbering = 0 AND standing = 0 AND epoch <> ?"
            " AND copy_of IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM message AS c WHERE c.copy_of = m.id AND c.epoch = ?)",
            (address, time, other_than_epoch, other_than_epoch),
        ).fetchall()

    # --- nodes ---

    def current(self, address: Address) -> Current | None:
        """The newest state of a node; None before its first status."""
        row = self._db.execute(
            "SELECT epoch, state FROM node WHERE address = ? AND status IS NOT NULL", (address,)
        ).fetchone()
        return Current(*row) if row else None

    def save_heard(
        self, address: Address, arrival: Arrival, publisher: str, link: str, ago_s: int = 0
    ) -> None:
        """Something new of this node arrived that it said `ago_s` earlier, within a write.

        With an `ago_s`, what was heard of it later than that stands.
        """
        when = (arrival.unix_s - ago_s, arrival.boot_id, arrival.boottime_s - ago_s)
        self._db.execute(
            "INSERT INTO node (address, epoch, state, heard_s, heard_boot, heard_at, publisher, link)"
            " VALUES (?, 0, 0, ?, ?, ?, ?, ?)"
            " ON CONFLICT (address) DO UPDATE SET heard_s = excluded.heard_s,"
            " heard_boot = excluded.heard_boot, heard_at = excluded.heard_at,"
            " publisher = excluded.publisher, link = excluded.link"
            " WHERE ? = 0 OR CASE WHEN heard_boot = excluded.heard_boot THEN heard_at <= excluded.heard_at"
            " ELSE coalesce(heard_s, 0) <= excluded.heard_s END",
            (address, *when, publisher, link, ago_s),
        )

    def save_current(
        self, address: Address, current: Current, status: bytes, arrival: Arrival, age_s: int | None
    ) -> None:
        """This status is the node's newest, within a write and after `save_heard`."""
        when = (arrival.unix_s, arrival.boot_id, arrival.boottime_s)
        self._db.execute(
            "UPDATE node SET epoch = ?, state = ?, status = ?, status_age = ?, status_s = ?,"
            " status_boot = ?, status_at = ? WHERE address = ?",
            (current.epoch, current.state, status, age_s, *when, address),
        )

    def note_finding(self, address: Address, code: str, unix_s: int, detail: str) -> None:
        """Something about a node that should be known, within a write."""
        self._db.execute(
            "INSERT INTO finding VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT (address, code) DO UPDATE"
            " SET last_s = excluded.last_s, count = count + 1, detail = excluded.detail",
            (address, code, unix_s, unix_s, detail),
        )

    def has_room_for(self, address: Address, code: str, most: int) -> bool:
        """Whether there is such a finding of this address already, or there are fewer than `most`."""
        here, count = self._db.execute(
            "SELECT coalesce(sum(address = ?), 0), count(*) FROM finding WHERE code = ?", (address, code)
        ).fetchone()
        return bool(here) or count < most

    # --- retention ---

    def forget_statuses(self, older_than_unix_s: int, now_unix_s: int, most: int) -> bool:
        """Drop statuses that arrived before a time, but for the newest of each log: receipts vouch for it.

        Looks at `most` rows, from where it stopped the last time: ids follow arrival, so no index is
        needed. Rows from a time when this clock was ahead stay. Returns whether there is more to look at.
        What is held stays known, so none comes again.
        """
        with self.write():
            rows = self._db.execute(
                "SELECT id, address, epoch, numbering, number, received_s FROM message"
                " WHERE id > ? ORDER BY id LIMIT ?",
                (int(self.fact("looked_up_to") or 0), most),
            ).fetchall()
            old, looked = [], 0
            for row_id, address, epoch, numbering, number, received_s in rows:
                if older_than_unix_s <= received_s <= now_unix_s:
                    break
                looked = row_id
                if numbering == Numbering.STATE and received_s < older_than_unix_s:
                    newest = self.holding(address, epoch).states.last
                    old += [(row_id,)] if number != newest else []
            self._db.executemany("DELETE FROM message WHERE id = ?", old)
            self._signatures.clear()  # what is gone is not vouched for
            if looked:
                self.keep_fact("looked_up_to", str(looked))
            return bool(rows) and looked == rows[-1][0]

    def expire_quarantine(self, older_than_unix_s: int) -> None:
        """Drop from quarantine what nobody came to know for so long, and that it was there."""
        with self.write():
            self.apart.expire(older_than_unix_s)
            self._db.execute(
                "DELETE FROM finding WHERE code = ? AND last_s < ?", (STRANGER, older_than_unix_s)
            )


def _ranges(blob: bytes) -> Ranges:
    return Ranges.from_flat(msgspec.msgpack.decode(blob, type=list[int]))


def encode_heard(heard: Heard | None) -> bytes | None:
    """For the `heard` columns."""
    return msgspec.msgpack.encode(heard) if heard else None


def decode_heard(blob: bytes | None) -> Heard | None:
    """What `encode_heard` gave."""
    return msgspec.msgpack.decode(blob, type=Heard) if blob else None
