"""Exercises that VRD orders: begun for some sites, with an end known from the start, or ended by hand.

Each is a notice with a row beside it (docs/wire.md, "Notices"). A site is in one exercise at a time, so that
the end of one never ends another.
"""

from __future__ import annotations

import sqlite3

import msgspec

from relay.core.fields import BY_NAME
from relay.errors import NaoberError, Text, ValueRefused
from relay.inbox.operators.disk import Disk

MINUTES_MAX = BY_NAME["exercise_min"].high  # design, "Trust": it ends by itself after at most 12 hours
MINUTES_MIN = 5
OVER_TOLD_S = MINUTES_MAX * 60  # by then every node has ended it by itself
SHOWN_MAX = 20  # running at one time

# Left out of what a site is to be told: a beginning that is over, an end that every node came to by itself.
WORTH_TELLING = (
    "(x.notice IS NULL OR (x.began IS NULL AND x.ended_s IS NULL AND x.until_s >= ? + 60)"
    f" OR (x.began IS NOT NULL AND n.made_s > ? - {OVER_TOLD_S}))"
)
_RUNNING = (
    "SELECT n.id, n.text, n.scope, n.aim, n.by, n.made_s, x.until_s, count(d.had_s), count(*)"
    " FROM exercise AS x JOIN notice AS n ON n.id = x.notice JOIN delivery AS d ON d.notice = n.id"
    " WHERE x.began IS NULL AND x.ended_s IS NULL AND x.until_s > ?"
)


class Exercise(msgspec.Struct, frozen=True):
    """One that runs."""

    notice: int
    name: str
    scope: str
    aim: str
    by: str
    made_s: int
    until_s: int
    had: int  # sites that are known to have heard of it
    sites: int


class EndedBefore(NaoberError):
    """Somebody was first, or it came to its end."""

    def __init__(self, by: str) -> None:
        super().__init__(
            Text(f"Al beëindigd door {by}", f"Already ended by {by}")
            if by
            else Text("Al afgelopen", "Already over"),
            Text("Kijk wat er nu loopt", "Look at what runs now"),
        )


class Exercises:
    """Of one operators' file. Every method may raise StorageError."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def running(self) -> list[Exercise]:
        """Those that run, the newest first."""
        query = f"{_RUNNING} GROUP BY n.id ORDER BY n.id DESC LIMIT {SHOWN_MAX}"
        return [Exercise(*row) for row in self._disk.all(query, (self._disk.now_s(),))]

    def sites_of(self, notice: int) -> list[str]:
        """The keys of the sites that one is for."""
        return [row[0] for row in self._disk.all("SELECT site FROM delivery WHERE notice = ?", (notice,))]


def check_minutes(minutes: int, ends: int) -> None:
    """Raises ValueRefused for one that is too short or too long, unless it `ends` another."""
    if ends or MINUTES_MIN <= minutes <= MINUTES_MAX:
        return
    hours = MINUTES_MAX // 60
    raise ValueRefused(
        Text(
            f"Een oefening duurt {MINUTES_MIN} minuten tot {hours} uur",
            f"An exercise lasts {MINUTES_MIN} minutes to {hours} hours",
        ),
        Text("Kies een ander einde", "Choose another end"),
    )


def note(db: sqlite3.Connection, notice: int, minutes: int, ends: int, by: str, now_s: int) -> None:
    """Within the write that made the notice: it begins an exercise, or ends the one that `ends` began.

    Raises ValueRefused when one of its sites is in an exercise, EndedBefore when that one is over.
    """
    if ends:
        _end(db, notice, ends, by, now_s)
        return
    busy = db.execute(
        "SELECT n.text FROM exercise AS x JOIN notice AS n ON n.id = x.notice"
        " JOIN delivery AS d ON d.notice = n.id JOIN delivery AS e ON e.site = d.site AND e.notice = ?"
        " WHERE x.began IS NULL AND x.ended_s IS NULL AND x.until_s > ? LIMIT 1",
        (notice, now_s),
    ).fetchone()
    if busy:
        raise ValueRefused(
            Text(f"Hier loopt al een oefening: {busy[0]}", f"An exercise runs here already: {busy[0]}"),
            Text("Beëindig die eerst, of kies andere punten", "End it first, or choose other sites"),
        )
    db.execute("INSERT INTO exercise (notice, until_s) VALUES (?, ?)", (notice, now_s + minutes * 60))


def _end(db: sqlite3.Connection, notice: int, began: int, by: str, now_s: int) -> None:
    done = db.execute(
        "UPDATE exercise SET ended_s = ?, ended_by = ? WHERE notice = ? AND began IS NULL"
        " AND ended_s IS NULL AND until_s > ?",
        (now_s, by, began, now_s),
    )
    if not done.rowcount:
        row = db.execute("SELECT ended_by FROM exercise WHERE notice = ?", (began,)).fetchone()
        raise EndedBefore(str(row[0] or "") if row else "")
    db.execute("INSERT INTO exercise (notice, until_s, began) VALUES (?, ?, ?)", (notice, now_s, began))


def minutes_left(until_s: int | None, began: int | None, now_s: int) -> int:
    """What goes on the wire: whole minutes until the end; 0 for an end by hand."""
    if until_s is None or began is not None:
        return 0
    return max(0, min(MINUTES_MAX, (until_s - now_s) // 60))
