"""What leaves the outbox, and when: how long is kept, how much, and what names the reports given up.

Nothing is given up in silence: a `gap` report names each run of reports that will never come, so that
the inbox does not wait for them. When a gap report is itself given up, the one that names it names
what it named, too.
"""

from __future__ import annotations

import msgspec

from relay.core import payloads
from relay.core.fields import Value
from relay.core.ledger import Event as Move
from relay.core.ledger import State
from relay.core.log import Log, Row
from relay.core.message import Draft, Kind, Message, Numbering, Urgency
from relay.core.ranges import Ranges, Run
from relay.core.wire import ENVELOPE_BYTES_MAX, parse_header
from relay.errors import WireError
from relay.node.outbox import SqliteOutbox

DAY_S = 86_400
ROOM_SHARE = 16  # a full outbox gives up a sixteenth of its quota at a time
DROP_ROWS = 256  # at a time

OPEN = (State.WAITING, State.SENT)


class Retention(msgspec.Struct, frozen=True):
    """How much and how long the outbox keeps. Days are days of this node's own running."""

    quota_bytes: int = 64 * 1024 * 1024
    report_days: int = 30
    status_days: int = 7


def forget_old(outbox: SqliteOutbox, log: Log, retention: Retention, now_s: float) -> None:
    """Drop what the inbox has held for long enough; never the newest of a numbering. Raises StorageError."""
    report_s = int(now_s) - retention.report_days * DAY_S
    status_s = int(now_s) - retention.status_days * DAY_S
    outbox.save(log.state, durable=True)  # else a row that goes now could seem to be owed after a crash
    outbox.forget_closed(report_s)
    for numbering, before_s in ((Numbering.REPORT, report_s), (Numbering.STATE, status_s)):
        ledger = log.ledger(numbering)
        outbox.forget(numbering, ledger.in_state(State.RECEIPTED).runs(1, ledger.last - 1), before_s)


class Dropped(msgspec.Struct):
    """What `make_room` did: how many messages went, and the gap reports to submit now."""

    count: int
    gaps: list[Draft]


def make_room(outbox: SqliteOutbox, log: Log, quota_bytes: int) -> Dropped:
    """Keep to the quota: ended epochs, receipted statuses, old statuses, receipted reports, reports.

    The newest status and the newest report stay. Raises StorageError.
    """
    if outbox.size_bytes <= quota_bytes:
        return Dropped(0, [])
    wanted = quota_bytes - quota_bytes // ROOM_SHARE
    outbox.save(log.state, durable=True)
    count = outbox.forget_closed()
    for numbering, states in (
        (Numbering.STATE, (State.RECEIPTED,)),
        (Numbering.STATE, (State.RECEIPTED, *OPEN)),
        (Numbering.REPORT, (State.RECEIPTED,)),
    ):
        for row in _drop(outbox, log, numbering, states, wanted):
            count += 1
            if log.ledger(numbering).state_of(row.number) in OPEN:
                log.ledger(numbering).apply(Move.GIVE_UP, row.number)
    given_up: list[Row] = []
    for urgency in sorted(Urgency, reverse=True):  # the least urgent first, of those the oldest
        given_up += _drop(outbox, log, Numbering.REPORT, OPEN, wanted, urgency)
    gaps = _give_up(log, given_up)
    outbox.save(log.state, durable=True)
    return Dropped(count + len(given_up), gaps)


def _drop(
    outbox: SqliteOutbox,
    log: Log,
    numbering: Numbering,
    states: tuple[State, ...],
    wanted_bytes: int,
    urgency: Urgency | None = None,
) -> list[Row]:
    """Drop the oldest rows in `states` until the outbox is small enough; the rows."""
    ledger, dropped = log.ledger(numbering), list[Row]()
    urgencies = (urgency, urgency) if urgency else (Urgency.EMERGENCY, Urgency.INFORMATION)
    for run in ledger.in_state(*states).runs(1, ledger.last - 1):
        while outbox.size_bytes > wanted_bytes:
            rows = outbox.oldest(numbering, run, DROP_ROWS, urgencies)
            if not rows:
                break
            rows = rows[: 1 + (outbox.size_bytes - wanted_bytes) // ENVELOPE_BYTES_MAX]
            outbox.forget(numbering, Ranges((row.number, row.number) for row in rows))
            dropped += rows
    return dropped


def name_missing(outbox: SqliteOutbox, log: Log) -> list[Draft]:
    """Give up open messages whose rows are gone, by a crash or a broken page; the gap reports to submit."""
    missing = Ranges()
    for numbering in Numbering:
        ledger = log.ledger(numbering)
        for run in ledger.open():
            for hole in outbox.present(numbering, run).missing(*run):
                ledger.apply(Move.GIVE_UP, *hole)
                if numbering is Numbering.REPORT:
                    missing.add(*hole)
    return _gaps(log, missing)


def _give_up(log: Log, rows: list[Row]) -> list[Draft]:
    ledger, touched, ended = log.ledger(Numbering.REPORT), Ranges(), dict[int, Ranges]()
    for row in rows:
        ledger.apply(Move.GIVE_UP, row.number)
        touched.add(row.number)
        values = _gap_values(row)
        if values.get("about_epoch") == log.state.epoch:
            touched.add(int(values["about_number"]), int(values["about_last"]))
        elif values:  # of an epoch that has ended, and issued again in this one
            named = ended.setdefault(int(values["about_epoch"]), Ranges())
            named.add(int(values["about_number"]), int(values["about_last"]))
    log.settle_urgent()
    again = [_gap(epoch, run) for epoch, named in ended.items() for run in named]
    return again + _gaps(log, touched)


def _gaps(log: Log, touched: Ranges) -> list[Draft]:
    """A gap report for each run of given-up reports that has any of `touched`."""
    given_up = log.ledger(Numbering.REPORT).in_state(State.GIVEN_UP)
    return [_gap(log.state.epoch, run) for run in given_up if touched.runs(*run)]


def _gap(epoch: int, run: Run) -> Draft:
    values: dict[str, Value] = {"about_epoch": epoch, "about_number": run[0], "about_last": run[1]}
    return Draft(kind=Kind.GAP, values=values)


def _gap_values(row: Row) -> dict[str, Value]:
    """What a gap report says; nothing for another kind."""
    if parse_header(row.envelope).kind != Kind.GAP:
        return {}
    try:
        gap = payloads.decode(row.envelope)
    except WireError:
        return {}
    values = gap.values if isinstance(gap, Message) else {}
    return values if {"about_epoch", "about_number", "about_last"} <= set(values) else {}
