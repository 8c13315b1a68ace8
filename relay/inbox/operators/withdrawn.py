"""Withdrawals: a report that its own node took back is struck through, asks for nothing more, and stays.

Only the key that signed a report can take it back, afterwards, and only in the lane in which it said it. An
emergency that is taken back comes as an emergency: its withdrawal is what an operator acknowledges then. One
that comes as less is shown, and takes nothing back: a stolen box silences nobody in silence.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from relay.core.message import Urgency
from relay.inbox.operators.handling import ReportId
from relay.inbox.operators.reports import Report, Shown

REASON_LENGTH_MAX = 160
OF_REPORT = (
    "(SELECT w.at_s FROM withdrawn AS w WHERE w.address = r.address AND w.epoch = r.epoch"
    " AND w.number = r.number AND w.exercise = r.exercise)"
)
WHY = OF_REPORT.replace("w.at_s", "w.reason")


def note_withdrawals(db: sqlite3.Connection, reports: Iterable[Report]) -> None:
    """Those among `reports` count from now on, within a write and after it has those that are taken back.

    The first word about a report stays. A withdrawal may come before what it takes back, and what that asks
    for is known only then: of an emergency it is judged once more.
    """
    reports = list(reports)
    for report in reports:
        _note(db, report)
    for report in reports:
        if report.urgency == Urgency.EMERGENCY and _forgotten(db, report):
            for other in _withdrawals_of(db, report):
                _note(db, other)


def _note(db: sqlite3.Connection, report: Report) -> None:
    about = about_of(report)
    if about is None or report.shown.standing or report.shown.clone or not _may(db, report, about):
        return
    reason = str(report.shown.values.get("reason", ""))[:REASON_LENGTH_MAX]
    db.execute(
        "INSERT OR IGNORE INTO withdrawn VALUES (?, ?, ?, ?, ?, ?)",
        (about.address, about.epoch, about.number, report.exercise, report.received_s, reason),
    )


def _forgotten(db: sqlite3.Connection, report: Report) -> bool:
    """Whether `report` was taken back; no more, until somebody looks who may."""
    place = (report.id.address, report.id.epoch, report.id.number, report.exercise)
    gone = db.execute(
        "DELETE FROM withdrawn WHERE address = ? AND epoch = ? AND number = ? AND exercise = ?", place
    )
    return gone.rowcount > 0


def _withdrawals_of(db: sqlite3.Connection, report: Report) -> list[Report]:
    """Those that take `report` back, in the order in which they came."""
    rows = db.execute(
        "SELECT epoch, number, message, site, received_s, urgency, shown FROM report"
        " WHERE address = ? AND (epoch, number) > (?, ?) AND kind = 'withdrawal' AND exercise = ?"
        " ORDER BY received_s, epoch, number",
        (report.id.address, report.id.epoch, report.id.number, report.exercise),
    ).fetchall()
    found = [
        Report(
            id=ReportId(report.id.address, epoch, number),
            message=message,
            site=site,
            kind="withdrawal",
            urgency=urgency,
            exercise=report.exercise,
            received_s=received_s,
            shown=msgspec.msgpack.decode(shown, type=Shown),
        )
        for epoch, number, message, site, received_s, urgency, shown in rows
    ]
    return [each for each in found if about_of(each) == report.id]


def _may(db: sqlite3.Connection, report: Report, about: ReportId) -> bool:
    """Whether `about` was said before, and an emergency only by an emergency."""
    if (about.epoch, about.number) >= (report.id.epoch, report.id.number):
        return False
    place = (about.address, about.epoch, about.number)
    found = db.execute("SELECT urgency FROM report WHERE address = ? AND epoch = ? AND number = ?", place)
    said = found.fetchone()
    return said is None or said[0] != Urgency.EMERGENCY or report.urgency == Urgency.EMERGENCY


def about_of(report: Report) -> ReportId | None:
    """Which report a withdrawal takes back; None of what is no withdrawal."""
    values = report.shown.values
    epoch, number = values.get("about_epoch"), values.get("about_number")
    if report.kind != "withdrawal" or not isinstance(epoch, int) or not isinstance(number, int):
        return None
    return ReportId(report.id.address, epoch, number)
