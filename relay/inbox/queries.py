"""What the pages read of the store, through a connection of their own that cannot write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from relay.core.message import Address
from relay.core.ranges import Ranges, Run
from relay.database import connect, storage_errors
from relay.inbox.store import STORE_NAME

MESSAGES_MAX = 500


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
    status_s: int | None
    status_age: int | None
    heard_s: int
    heard_boot: str
    heard_at: float
    publisher: str
    link: str


class Finding(msgspec.Struct, frozen=True):
    """Something that should be known of a node."""

    address: Address
    code: str
    first_s: int
    last_s: int
    count: int
    detail: str


class Reader:
    """Read-only; every method may raise StorageError."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / STORE_NAME
        with storage_errors(self._path):
            self._db = connect(self._path, read_only=True, cache_kib=1024, check_same_thread=False)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _all(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with storage_errors(self._path):
            return self._db.execute(query, values).fetchall()

    def nodes(self) -> dict[Address, NodeState]:
        """Every node that was ever heard."""
        return {row[0]: NodeState(*row) for row in self._all("SELECT * FROM node")}

    def missing_reports(self) -> dict[Address, list[Run]]:
        """Per node, the reports of its newest epoch that others behind them have overtaken."""
        rows = self._all(
            "SELECT address, reports FROM holding AS h WHERE epoch ="
            " (SELECT max(epoch) FROM holding WHERE address = h.address)"
        )
        missing = {}
        for address, blob in rows:
            held = Ranges.from_flat(msgspec.msgpack.decode(blob, type=list[int]))
            if holes := held.missing(1, held.last):
                missing[address] = holes
        return missing

    def findings(self) -> dict[Address, list[Finding]]:
        """Clones, rollbacks, doubtful clocks, revoked keys."""
        found: dict[Address, list[Finding]] = {}
        for row in self._all("SELECT * FROM finding ORDER BY last_s DESC"):
            found.setdefault(row[0], []).append(Finding(*row))
        return found

    def messages(
        self,
        *,
        after_id: int = 0,
        before_id: int | None = None,
        statuses: bool = False,
        address: Address | None = None,
        limit: int = 100,
    ) -> list[StoredMessage]:
        """Newest first; a report that was issued again under a new epoch is shown once."""
        where, values = ["id > ?", "copy_of IS NULL"], [after_id]
        if before_id is not None:
            where.append("id < ?")
            values.append(before_id)
        if not statuses:
            where.append("numbering = 0")
        if address is not None:
            where.append("address = ?")
            values.append(address)  # type: ignore[arg-type]
        rows = self._all(
            "SELECT id, address, epoch, numbering, number, variant, standing, received_s, age_s, publisher,"
            f" heard, envelope FROM message WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?",
            [*values, min(limit, MESSAGES_MAX)],
        )
        return [StoredMessage(*row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How much there is of what."""
        rows = self._all(
            "SELECT (SELECT coalesce(max(id), 0) FROM message), (SELECT count(*) FROM node),"
            " (SELECT count(*) FROM quarantine)"
        )
        return dict(zip(("messages", "nodes", "quarantined"), rows[0], strict=True))
