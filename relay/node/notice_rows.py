"""Notices of VRD in the outbox: kept before the next hello tells that they are here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import msgspec

from relay.core.message import Address
from relay.core.notices import KeptNotice
from relay.database import storage_errors, transaction

NOTICES_MAX = 200  # the oldest goes first
HANDLED_MAX = 1000  # reports whose handling is known

_COLUMNS = "handled, epoch, number, said_epoch, said, boot, elapsed_s, envelope"
_INSERT = (
    f"INSERT INTO notice ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " said_epoch = excluded.said_epoch, said = excluded.said, boot = excluded.boot,"
    " elapsed_s = excluded.elapsed_s, envelope = excluded.envelope"
    " WHERE handled = 1 AND (excluded.said_epoch, excluded.said) > (said_epoch, said)"
)
_SIGNER = "substr(envelope, 2, 4)"  # the address in its header
_CUT = (
    "DELETE FROM notice WHERE handled = ? AND (said_epoch, said) <="
    " (SELECT said_epoch, said FROM notice WHERE handled = ?"
    " ORDER BY said_epoch DESC, said DESC LIMIT 1 OFFSET ?)"
)


class HeardNotice(msgspec.Struct, frozen=True, kw_only=True):
    """One with what was done about it here."""

    kept: KeptNotice
    seen: bool
    answer: int | None


class NoticeRows:
    """Of one outbox. Every method may raise StorageError."""

    def __init__(self, db: sqlite3.Connection, path: Path | str) -> None:
        self._db, self._path = db, path

    def keep(self, notice: KeptNotice) -> bool:
        """Commit it; False when it is there already. Of handling the newest word stays."""
        numbers = range(notice.number, notice.last + 1) if notice.handled else (notice.number,)
        with storage_errors(self._path), transaction(self._db):
            kept = sum(self._db.execute(_INSERT, _row(notice, number)).rowcount > 0 for number in numbers)
            most = HANDLED_MAX if notice.handled else NOTICES_MAX
            if kept:
                self._db.execute(_CUT, (notice.handled, notice.handled, most))
        return bool(kept)

    def forget_all_but(self, trusted: Iterable[Address]) -> None:
        """Drop what other inbox keys signed: it counts no more, and must not stand before what does."""
        with storage_errors(self._path):
            rows = self._db.execute(f"SELECT DISTINCT {_SIGNER} FROM notice").fetchall()
        if gone := {row[0] for row in rows}.difference(trusted):
            with storage_errors(self._path), transaction(self._db):
                self._db.executemany(f"DELETE FROM notice WHERE {_SIGNER} = ?", [(each,) for each in gone])

    def take_over(self, others: Iterable[HeardNotice]) -> None:
        """What another outbox of this node kept meanwhile."""
        for other in others:
            self.keep(other.kept)
            if other.seen:
                self.note_seen(other.kept.epoch, other.kept.number, other.answer)

    def notices(self) -> list[HeardNotice]:
        """All but handling, newest first."""
        return self._read("handled = 0 ORDER BY said_epoch DESC, said DESC", ())

    def handling(self, epoch: int, numbers: Iterable[int]) -> dict[int, HeardNotice]:
        """What VRD said of reports of one epoch of ours."""
        wanted = "handled = 1 AND epoch = ? AND number = ?"
        found = (self._read(wanted, (epoch, number)) for number in numbers)
        return {row.kept.number: row for rows in found for row in rows}

    def newest_handling(self, most: int) -> list[HeardNotice]:
        """The last that VRD said of our reports, newest first."""
        return self._read("handled = 1 ORDER BY said_epoch DESC, said DESC, number DESC LIMIT ?", (most,))

    def all(self) -> list[HeardNotice]:
        """Everything that is kept."""
        return self._read("1 ORDER BY said_epoch, said", ())

    def report(self, epoch: int, number: int) -> bytes | None:
        """The envelope of one report of ours, of whatever epoch; None when it is here no more."""
        with storage_errors(self._path):
            row = self._db.execute(
                "SELECT envelope FROM message WHERE epoch = ? AND numbering = 0 AND number = ?",
                (epoch, number),
            ).fetchone()
        return row[0] if row else None

    def note_seen(self, epoch: int, number: int, answer: int | None = None) -> None:
        """Somebody looked at a notice, or answered it."""
        with storage_errors(self._path), transaction(self._db):
            self._db.execute(
                "UPDATE notice SET seen = 1, answer = coalesce(?, answer)"
                " WHERE handled = 0 AND epoch = ? AND number = ?",
                (answer, epoch, number),
            )

    def _read(self, where: str, values: tuple[int, ...]) -> list[HeardNotice]:
        with storage_errors(self._path):
            rows = self._db.execute(
                f"SELECT {_COLUMNS}, seen, answer FROM notice WHERE {where}", values
            ).fetchall()
        return [
            HeardNotice(
                kept=KeptNotice(
                    handled=bool(handled),
                    epoch=epoch,
                    number=number,
                    last=number,
                    said=(said_epoch, said),
                    boot=boot,
                    elapsed_s=elapsed_s,
                    envelope=envelope,
                ),
                seen=bool(seen),
                answer=answer,
            )
            for handled, epoch, number, said_epoch, said, boot, elapsed_s, envelope, seen, answer in rows
        ]


def _row(notice: KeptNotice, number: int) -> tuple[int, int, int, int, int, int, int, bytes]:
    return (
        notice.handled, notice.epoch, number, *notice.said, notice.boot, notice.elapsed_s, notice.envelope
    )  # fmt: skip
