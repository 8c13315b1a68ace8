"""Situation reports and shift handovers, numbered and frozen as they were established."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from relay.inbox.operators.disk import Disk

REPORT, HANDOVER = "report", "handover"


class Document(msgspec.Struct, frozen=True):
    """One of them."""

    kind: str
    number: int
    at_s: int
    by: str
    text: str
    figures: dict[str, int]


class Documents:
    """Every method may raise StorageError."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def newest(self, kind: str) -> Document | None:
        """The last one; None before the first."""
        found = self.list(kind, 1)
        return found[0] if found else None

    def get(self, kind: str, number: int) -> Document | None:
        """The one with that number."""
        rows = self._disk.all("SELECT * FROM document WHERE kind = ? AND number = ?", (kind, number))
        return _document(rows[0]) if rows else None

    def list(self, kind: str, limit: int = 100) -> list[Document]:
        """Newest first."""
        rows = self._disk.all(
            "SELECT * FROM document WHERE kind = ? ORDER BY number DESC LIMIT ?", (kind, limit)
        )
        return [_document(row) for row in rows]

    def freeze(self, kind: str, by: str, text: Callable[[int], str], figures: Mapping[str, int]) -> Document:
        """Establish the next one; `text` is given its number."""
        with self._disk.write() as db:
            row = db.execute(
                "SELECT coalesce(max(number), 0) FROM document WHERE kind = ?", (kind,)
            ).fetchone()
            document = Document(kind, row[0] + 1, self._disk.now_s(), by, text(row[0] + 1), dict(figures))
            values = msgspec.structs.astuple(document)
            db.execute(
                "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?)",
                (*values[:-1], msgspec.msgpack.encode(document.figures)),
            )
            self._disk.append(db, by, kind, f"nr {document.number}")
            return document


def _document(row: tuple[str, int, int, str, str, bytes]) -> Document:
    return Document(*row[:5], msgspec.msgpack.decode(row[5], type=dict[str, int]))
