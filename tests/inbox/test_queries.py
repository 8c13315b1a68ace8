"""Every query that intake and the pages use goes by an index; retention looks at what is old, and no more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from relay.core import payloads
from relay.core.message import Entry
from relay.core.receipts import check_of
from relay.inbox.queries import messages_query
from tests.inbox.desk import UNIX_S, Desk, Writer

# What is read whole and is small by its nature
SMALL = {
    "SCAN node": "one row per node, all of them asked for",
    "SCAN finding": "a few rows per node, all of them asked for",
    "SCAN h": "one row per log; the newest epoch of each is found by the key",
    "SCAN quarantine": "at most QUARANTINE_MAX rows, once at the start and once an hour",
    "SCAN quarantine USING COVERING INDEX quarantine_address": "who waits: when the roster changes",
    "SCAN message USING INDEX message_apart": "who stands apart: when the roster changes",
    "USE TEMP B-TREE FOR GROUP BY": "of the quarantine, once at the start",
}


@contextmanager
def statements(*connections: sqlite3.Connection) -> Iterator[set[str]]:
    """What SQL runs, with its values."""
    seen: set[str] = set()
    for db in connections:
        db.set_trace_callback(seen.add)
    yield seen
    for db in connections:
        db.set_trace_callback(None)


def plans(db: sqlite3.Connection, seen: set[str]) -> dict[str, str]:
    """Each step of each plan, and a statement that it is of."""
    steps = {}
    for statement in seen:
        if statement.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            for row in db.execute(f"EXPLAIN QUERY PLAN {statement}"):
                steps[row[3]] = statement
    return steps


def test_no_query_reads_a_table_that_grows(desk: Desk, node: Writer, other: Writer) -> None:
    stranger = Writer("vreemd")
    unplaced = node.sign(20, 1, b"\x80")
    with statements(desk.store._db, desk.reader._db) as seen:
        desk.take(node.hex, *[node.report(n) for n in (1, 2, 30)], *[node.status(n) for n in (1, 5)])
        desk.take(node.hex, node.report(1), node.report(1, "kloon"), node.hello(0, 0), unplaced)
        desk.take(node.hex, node.report(1, epoch=9), node.gap(9, 5, 6), node.hello(0, 0, epoch=2))
        desk.take(node.hex, stranger.report(1))
        other.revoked = True
        desk.take(other.hex, other.report(1))
        other.revoked = False
        desk.roster[stranger.address] = stranger
        desk.judge_again()
        desk.store.forget_statuses(UNIX_S + 1, UNIX_S + 1, 100)
        desk.store.expire_quarantine(UNIX_S)
        for statuses in (False, True):
            for address in (None, node.address):
                assert desk.reader.messages(statuses=statuses, address=address)
        desk.reader.nodes(), desk.reader.held_reports(), desk.reader.findings()
    steps = plans(desk.store._db, seen)
    assert len(seen) > 40
    bad = {step: sql for step, sql in steps.items() if not step.startswith(("SEARCH", "CORRELATED"))}
    assert {step: sql for step, sql in bad.items() if step not in SMALL} == {}
    # of one signer or one report, and not of all that it ever sent
    assert not [
        step for step in steps if step.startswith("SEARCH message USING INDEX message_of (address=?)")
    ]
    assert not [step for step in steps if step.endswith("message_identity (address=?)")]


@pytest.mark.parametrize("of_one", [False, True])
def test_a_page_of_the_few_reports_among_many_statuses_costs_what_it_shows(
    desk: Desk, node: Writer, of_one: bool
) -> None:
    desk.take(node.hex, *[node.report(number) for number in range(1, 11)])
    db = desk.store._db
    columns = (
        "address, epoch, numbering, number, standing, variant, kind, urgency, time, received_s, publisher,"
        " envelope"
    )
    with desk.store.write():
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)"
            f" INSERT INTO message ({columns}) SELECT ?, 7, 1, i, 0, 0, 0, 3, 0, 0, '', x'' FROM n",
            (node.address,),
        )
    assert steps_of(desk, statuses=False, of_one=of_one, node=node) < 10
    # what a page of statuses costs is measured the same way, so the limit above means something
    assert steps_of(desk, statuses=True, of_one=of_one, node=node, limit=50_000) > 100


def steps_of(desk: Desk, *, statuses: bool, of_one: bool, node: Writer, limit: int = 100) -> int:
    """How many thousands of SQLite's instructions a page of messages takes."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    db = desk.reader._db
    db.set_progress_handler(tick, 1000)
    of = (node.address,) if of_one else ()
    db.execute(messages_query(statuses=statuses, of_one=of_one), (0, 2**62, *of, limit)).fetchall()
    db.set_progress_handler(None, 0)
    return count


def test_pages_follow_one_another_without_a_gap_or_a_repetition(desk: Desk, node: Writer) -> None:
    for start in range(1, 200, 20):
        desk.take(node.hex, *[node.report(number) for number in range(start, start + 20)])
        desk.take(node.hex, *[node.status(number) for number in range(start, start + 20)])
    numbers, before = [], 2**62
    while found := desk.reader.messages(before_id=before, limit=7):
        numbers += [each.number for each in found]
        before = found[-1].id
    assert numbers == list(range(200, 0, -1))
    # and forward, as --follow does
    newest = desk.reader.messages(limit=1)[0].id
    desk.take(node.hex, node.report(201), node.status(201))
    assert [each.number for each in desk.reader.messages(after_id=newest)] == [201]


# --- retention ---


def test_old_statuses_go_and_reports_and_the_newest_status_of_each_log_stay(
    desk: Desk, node: Writer, other: Writer
) -> None:
    desk.take(node.hex, *[node.status(n) for n in range(1, 11)], node.report(1))
    desk.take(other.hex, other.status(1))
    desk.wait(1000)
    desk.take(node.hex, node.status(11, epoch=8))
    while desk.store.forget_statuses(desk.unix_s - 500, desk.unix_s, 3):
        pass
    kept = [(each.address, each.epoch, each.number) for each in desk.shown(statuses=True)]
    assert kept == [
        (node.address, 7, 10),
        (node.address, 7, 1),  # the report
        (other.address, 7, 1),
        (node.address, 8, 11),
    ]
    # what a receipt vouches for is still there: a node that was away for a year is no clone
    [receipt] = desk.receipts(desk.take(node.hex, node.hello(1, 10)))
    assert receipt.entries[0].check == check_of((node.report(1)[-64:], node.status(10)[-64:]))


def test_a_status_past_retention_that_comes_again_is_a_duplicate(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, *[node.status(n) for n in range(1, 6)])
    desk.store.forget_statuses(desk.unix_s + 1, desk.unix_s + 1, 100)
    assert desk.rows() == 1
    outcome = desk.take(node.hex, *[node.status(n) for n in range(1, 6)])
    assert not outcome.fresh
    assert desk.rows() == 1
    assert desk.receipts(outcome)


def test_runs_that_nothing_vouches_for_any_more_do_not_spoil_the_history_of_others(
    desk: Desk, node: Writer
) -> None:
    desk.take(node.hex, node.status(1), node.status(2))
    desk.wait(100)
    desk.take(node.hex, node.status(5), node.status(9))
    desk.store.forget_statuses(desk.unix_s - 50, desk.unix_s, 100)
    [history] = desk.histories(desk.take(node.hex, node.hello(0, 9)))
    assert history.runs == ((5, 5), (9, 9))
    assert history.check == check_of([node.status(5)[-64:], node.status(9)[-64:]])


def test_retention_looks_at_each_row_once(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, *[node.report(n) for n in range(1, 51)], *[node.status(n) for n in range(1, 51)])
    assert not desk.store.forget_statuses(desk.unix_s - 10, desk.unix_s, 1000)  # too young
    assert desk.rows() == 100
    desk.wait(100)
    assert desk.store.forget_statuses(desk.unix_s - 10, desk.unix_s, 1000)
    assert desk.rows() == 51
    with statements(desk.store._db) as seen:
        assert not desk.store.forget_statuses(desk.unix_s - 10, desk.unix_s, 1000)
    assert any("id > 100 ORDER BY id" in each for each in seen)


def test_rows_from_when_the_clock_ran_ahead_do_not_stop_retention(desk: Desk, node: Writer) -> None:
    desk.unix_s += 10_000_000
    desk.take(node.hex, node.status(1))
    desk.unix_s -= 10_000_000
    desk.take_together((node.hex, [Entry(node.status(n), 0) for n in range(2, 9)]))
    desk.wait(100)
    desk.store.forget_statuses(desk.unix_s - 10, desk.unix_s, 1000)
    assert [each.number for each in desk.shown(statuses=True)] == [1, 8]


def test_a_decoded_page_of_everything_is_what_was_sent(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.report(1, "één"), node.status(3, 1))
    decoded = [payloads.decode(each.envelope) for each in desk.shown(statuses=True)]
    assert [message.values for message in decoded] == [{"text": "één"}, {"visitors": 3}]
