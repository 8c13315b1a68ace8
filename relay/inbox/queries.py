"""What the pages read of the store, through a connection of their own that cannot write."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from relay.core.message import Address
from relay.core.ranges import Ranges
from relay.database import connect, storage_errors
from relay.inbox.store import STORE_NAME

MESSAGES_MAX = 500
ID_MAX = 2**62

NODES = (
    "SELECT address, epoch, state, status, status_age, status_s, status_boot, status_at, heard_s, heard_boot,"
    " heard_at, publisher, link FROM node"
)
HELD = (
    "SELECT address, epoch, reports FROM holding AS h WHERE epoch ="
    " (SELECT max(epoch) FROM holding WHERE address = h.address)"
)
_MESSAGE = (
    "id, address, epoch, numbering, number, variant, standing, received_s, age_s, publisher, heard, envelope"
)
FOLLOW = (
    f"SELECT {_MESSAGE} FROM message INDEXED BY message_shown WHERE id > ? AND copy_of IS NULL"
    " AND numbering <> 1 ORDER BY id LIMIT ?"
)
STATUSES = (
    f"SELECT {_MESSAGE} FROM message INDEXED BY message_of WHERE address = ? AND numbering = 1"
    " AND standing = 0 ORDER BY id DESC LIMIT ?"
)
FINDINGS = "SELECT address, code, first_s, last_s, count, detail FROM finding"


class StoredMessage(msgspec.Struct, frozen=True):
    """One row of the message table."""

    id: int
    address: Address
    epoch: int
    numbering: int
    number: int
    variant: int
    standing: int
    received_s: int
    age_s: int | None
    publisher: str
    heard: bytes | None
    envelope: bytes


class NodeState(msgspec.Struct, frozen=True):
    """One row of the node table."""

    address: Address
    epoch: int
    state: int
    status: bytes | None
    status_age: int | None
    status_s: int | None
    status_boot: str | None
    status_at: float | None
    heard_s: int
    heard_boot: str
    heard_at: float
    publisher: str
    link: str


class Held(msgspec.Struct, frozen=True):
    """The reports of the newest epoch of a node that are here, or known to be given up."""

    epoch: int
    reports: Ranges


class Finding(msgspec.Struct, frozen=True):
    """Something that should be known of a node."""

    address: Address
    code: str
    first_s: int
    last_s: int
    count: int
    detail: str


class Reader:
    """Read-only, from any thread; every method may raise StorageError."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / STORE_NAME
        self._lock = threading.Lock()
        with storage_errors(self._path):
            self._db = connect(self._path, read_only=True, cache_kib=1024, check_same_thread=False)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _all(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, storage_errors(self._path):
            return self._db.execute(query, values).fetchall()

    def nodes(self) -> dict[Address, NodeState]:
        """Every node that was ever heard."""
        return {row[0]: NodeState(*row) for row in self._all(NODES)}

    def held_reports(self) -> dict[Address, Held]:
        """Per node, what is held of its newest epoch."""
        held: dict[Address, Held] = {}
        for address, epoch, blob in self._all(HELD):
            held[address] = Held(epoch, Ranges.from_flat(msgspec.msgpack.decode(blob, type=list[int])))
        return held

    def findings(self) -> dict[Address, list[Finding]]:
        """Clones, rollbacks, doubtful clocks, revoked keys."""
        found: dict[Address, list[Finding]] = {}
        for row in self._all(FINDINGS):
            found.setdefault(row[0], []).append(Finding(*row))
        return found

    def newest_id(self) -> int:
        """The highest id of a message; 0 before the first."""
        rows: list[tuple[int | None]] = self._all("SELECT max(id) FROM message")
        return rows[0][0] or 0

    def messages_after(self, after_id: int, limit: int) -> list[StoredMessage]:
        """Reports and the like behind `after_id`, the oldest first."""
        return [StoredMessage(*row) for row in self._all(FOLLOW, (after_id, limit))]

    def statuses(self, address: Address, since_s: int, limit: int) -> list[StoredMessage]:
        """The newest statuses of one node that arrived since then, newest first."""
        with self._lock, storage_errors(self._path):
            rows = self._db.execute(STATUSES, (address, limit))
            stored = (StoredMessage(*row) for row in rows)
            # ids follow arrival, and a site has years of them: nothing behind the first too old one is read
            return list(takewhile(lambda each: each.received_s >= since_s, stored))

    def messages(
        self,
        *,
        after_id: int = 0,
        before_id: int = ID_MAX,
        statuses: bool = False,
        address: Address | None = None,
        limit: int = 100,
    ) -> list[StoredMessage]:
        """Newest first; a report that was issued again under a new epoch is shown once."""
        query = messages_query(statuses=statuses, of_one=address is not None)
        of = () if address is None else (address,)
        rows = self._all(query, (after_id, before_id, *of, min(limit, MESSAGES_MAX)))
        return [StoredMessage(*row) for row in rows]

    def messages_of(
        self,
        addresses: Sequence[Address],
        *,
        after_id: int = 0,
        before_id: int = ID_MAX,
        statuses: bool = False,
        limit: int = 100,
    ) -> list[StoredMessage]:
        """The same of several nodes together: a site's history is that of all nodes it ever had."""
        found = [
            each
            for address in addresses
            for each in self.messages(
                after_id=after_id, before_id=before_id, statuses=statuses, address=address, limit=limit
            )
        ]
        return sorted(found, key=lambda each: -each.id)[: min(limit, MESSAGES_MAX)]


def messages_query(*, statuses: bool, of_one: bool) -> str:
    """The query for one page of messages. Each of the four has an index that is in the order asked for."""
    index = {
        (False, False): "INDEXED BY message_shown",
        (False, True): "INDEXED BY message_shown_of",
        (True, False): "NOT INDEXED",  # by id
        (True, True): "INDEXED BY message_of",
    }[statuses, of_one]
    return (
        f"SELECT {_MESSAGE} FROM message {index} WHERE id > ? AND id < ? AND copy_of IS NULL"
        f"{'' if statuses else ' AND numbering <> 1'}{' AND address = ?' if of_one else ''}"
        " ORDER BY id DESC LIMIT ?"
    )
