"""What the operators' file need not keep any longer, taken out in small steps: a person waits for no tidying.

What VRD did and was told stays for ever: reports, their handling, notes, notices, what was entered by hand,
documents and the log. What alarms changed stays for the days of `[store] retention_days`, and no more than
CHANGES_MAX of it; so does who had which notice. A session goes when it is over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from relay.inbox.operators.disk import Disk
from relay.inbox.operators.notices import LIFE_S
from relay.inbox.operators.people import SESSION_S, WALL_SESSION_S

ROWS_AT_ONCE = 2_000  # taken out in one write
CHANGES_MAX = 200_000  # of alarms, however young: a flood must not fill the disk
DAY_S = 86_400

Forget = Callable[[sqlite3.Connection], int]


def forget_old(disk: Disk, retention_days: int) -> int:
    """Drop what is too old; how many rows. Raises StorageError. The clock of `disk` must be right."""
    now_s = disk.now_s()
    before_s = now_s - max(retention_days * DAY_S, LIFE_S)
    steps: tuple[Forget, ...] = (
        lambda db: _changes(db, before_s),
        lambda db: _sessions(db, now_s),
        lambda db: _deliveries(db, before_s),
        lambda db: _told(db, before_s),
    )
    return sum(_to_the_end(disk, step) for step in steps)


def _to_the_end(disk: Disk, forget: Forget) -> int:
    gone = 0
    while True:
        with disk.write() as db:
            count = forget(db)
        gone += count
        if count < ROWS_AT_ONCE:
            return gone


def _changes(db: sqlite3.Connection, before_s: int) -> int:
    """All but the newest: the next one must not get a number that a notifier has claimed."""
    newest = db.execute("SELECT coalesce(max(id), 0) FROM change").fetchone()[0]
    return db.execute(
        "DELETE FROM change WHERE id IN (SELECT id FROM change WHERE id < ? AND (id <= ? OR unix_s < ?)"
        " ORDER BY id LIMIT ?)",
        (newest, newest - CHANGES_MAX, before_s, ROWS_AT_ONCE),
    ).rowcount


def _sessions(db: sqlite3.Connection, now_s: int) -> int:
    """Those that are over, by their role; a clock that jumped back ends nothing."""
    return db.execute(
        "DELETE FROM session WHERE token IN (SELECT token FROM session LEFT JOIN account ON name = account"
        " WHERE session.made_s < CASE WHEN role = 'wall' AND active = 1 THEN ? ELSE ? END LIMIT ?)",
        (now_s - WALL_SESSION_S, now_s - SESSION_S, ROWS_AT_ONCE),
    ).rowcount


def _deliveries(db: sqlite3.Connection, before_s: int) -> int:
    return db.execute(
        "DELETE FROM delivery WHERE (notice, site) IN (SELECT notice, site FROM delivery"
        " CROSS JOIN notice ON id = notice WHERE made_s < ? LIMIT ?)",
        (before_s, ROWS_AT_ONCE),
    ).rowcount


def _told(db: sqlite3.Connection, before_s: int) -> int:
    """A step that is older than a week is told to nobody any more, whoever had heard of it."""
    return db.execute(
        "DELETE FROM told WHERE (address, epoch, number) IN (SELECT address, epoch, number FROM told"
        " CROSS JOIN handling USING (address, epoch, number) WHERE at_s < ? LIMIT ?)",
        (before_s, ROWS_AT_ONCE),
    ).rowcount
