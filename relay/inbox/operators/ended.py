"""Findings that an administrator looked into and ended; one that happens again is open again."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from relay.inbox.operators.disk import Disk
from relay.inbox.queries import Finding

REASON_LENGTH_MAX = 120


class Ended(msgspec.Struct, frozen=True):
    """Who ended one, when and why."""

    count: int
    last_s: int
    at_s: int
    by: str
    reason: str


class EndedFindings:
    """Every method may raise StorageError."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def end(self, finding: Finding, by: str, reason: str) -> None:
        """`by` knows what it was: what has happened up to now raises no alarm any more."""
        row = (finding.address, finding.code, finding.count, finding.last_s, self._disk.now_s())
        with self._disk.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO ended_finding VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*row, by, reason[:REASON_LENGTH_MAX]),
            )
            self._disk.append(db, by, "finding ended", f"{finding.address.hex()} {finding.code}: {reason}")

    def all(self) -> dict[tuple[bytes, str], Ended]:
        """By address and code."""
        rows = self._disk.all("SELECT address, code, count, last_s, at_s, by, reason FROM ended_finding")
        return {(address, code): Ended(*row) for address, code, *row in rows}

    def still_open(self, findings: Iterable[Finding]) -> list[Finding]:
        """Those that nobody ended, or that happened again since.

        Both are compared: a messages' store that was restored counts less, and what happens then is new.
        """
        ended = self.all()
        return [each for each in findings if not _is_over(each, ended.get((each.address, each.code)))]


def _is_over(finding: Finding, ended: Ended | None) -> bool:
    return ended is not None and finding.count <= ended.count and finding.last_s <= ended.last_s
