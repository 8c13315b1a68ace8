"""Lists of reports: sifted, searched and counted by the store, a page at a time, however many there are.

A page goes on where the one before it ended, by the place of its last report and not by how many came
before: what arrives meanwhile moves nothing. Counting stops at COUNT_MAX, and says so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from relay.core import words
from relay.inbox.operators.disk import Disk
from relay.inbox.operators.handling import Handling, ReportId
from relay.inbox.operators.reports import Report, Shown

COUNT_MAX = 10_000  # reports that fit; more are not counted, which would be felt
READ_AT_ONCE = 1_000  # in one write
WORDS_LENGTH_MAX = 1_000  # by which one report is found
SOUGHT_MAX = 6  # words
SITES_MAX = 5_000  # of which a list can be

Place = tuple[int, ReportId]  # when it was received, and which: where a page ended


class Sift(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is of; all of it must fit."""

    exercise: tuple[bool, ...] = (False,)  # lanes
    sites: tuple[str, ...] | None = None  # keys; None: of all
    urgency: int | None = None
    kind: str = ""
    link: str = ""
    state: str = ""  # of the handling; OPEN: anything but resolved
    sought: tuple[tuple[str, tuple[str, ...]], ...] = ()  # words, and the keys of sites that are called so


OPEN = "open"


class Page(msgspec.Struct, frozen=True):
    """A part of a list, newest first."""

    reports: list[Report]
    count: int  # of the whole list
    is_more: bool  # than that
    older: Place | None  # where the next page begins; None: this is the last


class Listing:
    """Every method may raise StorageError."""

    def __init__(
        self, disk: Disk, columns: str, shown: str, report: Callable[[Sequence[Any]], Report]
    ) -> None:
        """`columns` of `report AS r`, of which `report` makes one; `shown`: which rows of `r` lists have."""
        self._disk, self._columns, self._report = disk, columns, report
        self._shown = shown.replace("r.", "l.")

    def read_on(self) -> None:
        """Read some of the reports that came before there was a list: until then no search finds them."""
        if self._disk.all("SELECT 1 FROM listed INDEXED BY listed_unread WHERE words IS NULL LIMIT 1"):
            with self._disk.write() as db:
                note_words(db)

    def page(self, sift: Sift, limit: int, before: Place | None = None) -> Page:
        """The newest `limit` that fit, behind `before` if given."""
        found: list[tuple[Any, ...]] = []
        for exercise in sift.exercise:
            where, values = _where(sift, exercise)
            if before is not None:
                where += " AND (l.received_s, l.address, l.epoch, l.number) < (?, ?, ?, ?)"
                values += [before[0], *msgspec.structs.astuple(before[1])]
            found += self._disk.all(
                f"SELECT {self._columns} FROM (SELECT address, epoch, number FROM listed AS l"
                f" WHERE {where} AND {self._shown}"
                " ORDER BY received_s DESC, address DESC, epoch DESC, number DESC LIMIT ?)"
                " CROSS JOIN report AS r USING (address, epoch, number)",
                [*values, limit + 1],
            )
        reports = sorted(map(self._report, found), key=_place, reverse=True)
        older = _place(reports[limit - 1]) if len(reports) > limit else None
        count = len(reports) if older is None and before is None else self._count(sift)
        return Page(reports[:limit], min(count, COUNT_MAX), count > COUNT_MAX, older)

    def _count(self, sift: Sift) -> int:
        count = 0
        for exercise in sift.exercise:
            where, values = _where(sift, exercise)
            ((found,),) = self._disk.all(
                f"SELECT count(*) FROM (SELECT 1 FROM listed AS l WHERE {where} AND {self._shown} LIMIT ?)",
                [*values, COUNT_MAX + 1],
            )
            count += found
        return count


def _place(report: Report) -> Place:
    return report.received_s, report.id


def _where(sift: Sift, exercise: bool) -> tuple[str, list[Any]]:
    """The condition, and its values in their order."""
    parts = ["l.exercise = ?"]
    values: list[Any] = [exercise]
    for column, wanted in (("urgency", sift.urgency), ("kind", sift.kind), ("link", sift.link)):
        if wanted:
            parts.append(f"l.{column} = ?")
            values.append(wanted)
    if sift.state:
        parts.append("l.state <> 'resolved'" if sift.state == OPEN else "l.state = ?")
        values += [] if sift.state == OPEN else [sift.state]
    if sift.sites is not None:
        parts.append(_among(sift.sites))
        values += sift.sites[:SITES_MAX]
    for word, sites in sift.sought[:SOUGHT_MAX]:
        parts.append(f"(instr(l.words, ?) > 0 OR {_among(sites)})")
        values += [word, *sites[:SITES_MAX]]
    return " AND ".join(parts), values


def _among(sites: Sequence[str]) -> str:
    return f"l.site IN ({', '.join('?' * len(sites[:SITES_MAX]))})"


def fits(report: Report, handling: Handling, sift: Sift) -> bool:
    """Whether a report is of a list, whatever its lane: for lists that are short enough to look through."""
    words = words_of(report.kind, report.shown)
    return (
        sift.urgency in (None, report.urgency)
        and sift.kind in ("", report.kind)
        and sift.link in ("", report.shown.link)
        and (sift.state in ("", handling.state) or (sift.state == OPEN and handling.is_open))
        and (sift.sites is None or report.site in sift.sites)
        and all(word in words or report.site in sites for word, sites in sift.sought)
    )


# --- what a report is found by ---


def note_words(db: sqlite3.Connection) -> None:
    """Reads reports that nobody has read yet, within a write."""
    rows = db.execute(
        "SELECT address, epoch, number, r.kind, shown FROM listed INDEXED BY listed_unread"
        " CROSS JOIN report AS r USING (address, epoch, number) WHERE words IS NULL LIMIT ?",
        (READ_AT_ONCE,),
    ).fetchall()
    read = []
    for *identity, kind, shown in rows:
        said = msgspec.msgpack.decode(shown, type=Shown)
        read.append((said.link, words_of(kind, said), *identity))
    db.executemany(
        "UPDATE listed SET link = ?, words = ? WHERE address = ? AND epoch = ? AND number = ?", read
    )


def words_of(kind: str, shown: Shown) -> str:
    """All that a person may look for: what it says, in both languages and as the field table has it."""
    said: list[str] = [kind, shown.via]
    for name, value in shown.values.items():
        said += {str(value), *_both(name, value)}
    return " ".join(said).casefold()[:WORDS_LENGTH_MAX]


def _both(name: str, value: Any) -> Iterable[str]:
    text = words.shown(name, value)
    return text.nl, text.en
