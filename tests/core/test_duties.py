"""A node's duties: only receipts end them, and an inbox that forgot brings them back."""

from __future__ import annotations

import pytest

from relay.core import wire
from relay.core.events import InboxChanged, Proven, Receipted
from relay.core.forwarder import Settings
from relay.core.ledger import State
from relay.core.message import Numbering
from relay.core.session import HELLO_IDLE_S, RECEIPT_TIMEOUT_S
from tests.support.ends import EPOCH, LINK, NodeEnd, converse, proved, said

# --- receipts, and their absence ---


def test_a_receipt_ends_the_duty_and_says_so_once(node, inbox):
    proved(node, inbox)
    node.reports(3)
    converse(node, inbox)
    assert not node.ledger().open()
    receipted = [event for event in node.events if isinstance(event, Receipted)]
    assert receipted == [Receipted(LINK, Numbering.REPORT, 1, 3, receipted[0].said_s)]
    assert node.outbox.saves[-1] is True  # a report's receipt is kept before anyone is told


def test_what_is_not_receipted_is_asked_for_and_sent_again(node, inbox):
    proved(node, inbox)
    node.reports(3)
    lost = node.frames()
    assert [len(frame) for frame in lost] == [3]
    converse(node, inbox, RECEIPT_TIMEOUT_S - 1)
    assert inbox.taken == []
    converse(node, inbox, 2.0)
    assert inbox.taken == [("report", 1), ("report", 2), ("report", 3)]
    assert not node.ledger().open()


def test_an_inbox_that_answers_but_keeps_nothing_does_not_make_the_node_spin(node, inbox):
    node.reports(200)
    inbox.keeps = False
    node.connect()
    converse(node, inbox, 120.0)
    before = node.now_s
    frames = converse(node, inbox, 3600.0)
    per_minute = frames / (node.now_s - before) * 60
    print(f"frames per minute to an inbox that keeps nothing: {per_minute:.2f}")
    assert per_minute < 6.5
    assert node.ledger().count(State.RECEIPTED) == 0
    # and it is over as soon as the inbox keeps
    inbox.keeps = True
    converse(node, inbox, 60.0)
    assert not node.ledger().open()


def test_an_idle_link_costs_one_hello_a_minute(node, inbox):
    proved(node, inbox)
    assert converse(node, inbox, 60 * HELLO_IDLE_S) == 60


def test_a_silent_inbox_costs_one_hello_a_minute_and_no_wake_between(node, inbox):
    node.reports(100)
    node.status(100)
    node.connect()
    node.frames()
    frames = wakes = 0
    for _ in range(10_000):
        wake_s = node.forwarder.next_wake_s()
        assert wake_s is not None
        if wake_s >= 4600.0:
            break
        assert wake_s > node.now_s or not wakes, "woken for nothing"
        node.now_s = max(node.now_s, wake_s)
        frames += len(node.frames())
        wakes += 1
    assert frames <= 65
    assert wakes <= 70


@pytest.mark.parametrize("spread_s", [0.0, 30.0])
def test_a_node_whose_inbox_fell_silent_is_not_woken_for_a_backlog_that_cannot_go(inbox, spread_s):
    node = NodeEnd(Settings(backfill_spread_s=spread_s))
    proved(node, inbox)
    converse(node, inbox, 100.0)  # the spread is over
    node.status(3)
    node.frames()
    wakes, end_s = 0, node.now_s + 600
    while node.now_s < end_s:
        node.status()
        minute_s = node.now_s + 60
        while True:
            node.frames()
            wakes += 1
            assert wakes < 200, "woken for nothing"
            wake_s = node.forwarder.next_wake_s()
            if wake_s is None or wake_s >= minute_s:
                break
            node.now_s = max(node.now_s, wake_s)
        node.now_s = minute_s
    assert node.ledger(Numbering.STATE).count(State.WAITING)


@pytest.mark.parametrize("spread_s", [0.0, 30.0])
def test_a_node_with_a_full_window_waits_for_receipts_without_waking(inbox, spread_s):
    node = NodeEnd(Settings(backfill_spread_s=spread_s))
    proved(node, inbox)
    converse(node, inbox, 40.0)  # the spread is over
    node.status(2000)
    assert len([envelope for frame in node.frames() for envelope in frame]) < 1000
    assert node.ledger(Numbering.STATE).count(State.WAITING)
    assert node.forwarder.next_wake_s() == node.now_s + RECEIPT_TIMEOUT_S


def test_a_lost_link_forgets_what_was_on_its_way_and_sends_it_again(node, inbox):
    proved(node, inbox)
    node.reports(3)
    assert node.frames()
    node.forwarder.link_changed(LINK, False, node.moment)
    assert node.forwarder.next_wake_s() is None
    node.connect()
    converse(node, inbox)
    assert [number for kind, number in inbox.taken if kind == "report"] == [1, 2, 3]


def test_a_refused_frame_is_sent_again_after_a_pause(node, inbox):
    proved(node, inbox)
    node.reports(1)
    assert node.frames()
    node.forwarder.refused(LINK, node.moment)
    assert converse(node, inbox, 10.0) == 0
    converse(node, inbox, 10.0)
    assert inbox.taken == [("report", 1)]


# --- an inbox that returns ---


def test_a_restarted_inbox_that_kept_everything_is_sent_nothing_again(node, inbox):
    node.reports(300)
    node.status(300)
    proved(node, inbox)
    converse(node, inbox, 10.0)
    assert len(inbox.taken) == 600
    inbox.restart()
    frames = converse(node, inbox, 61.0)
    assert len(inbox.taken) == 600
    assert frames <= 3  # hellos
    assert not node.ledger().open()
    assert not node.ledger(Numbering.STATE).open()


def test_a_restart_in_the_middle_of_a_stream_sends_only_what_is_missing(node, inbox):
    node.reports(300)
    proved(node, inbox)
    node.reports(20)
    lost = node.frames()
    assert lost
    inbox.restart()
    node.hear(inbox.receipt(b""))  # its presence
    converse(node, inbox, 1.0)
    assert len(inbox.taken) == 320
    assert not node.ledger().open()


def test_an_inbox_that_forgot_is_told_again(node, inbox):
    node.reports(5)
    node.status(3)
    proved(node, inbox)
    converse(node, inbox, 30.0)
    inbox.restart(forgets=True)
    inbox.taken.clear()
    converse(node, inbox, 61.0)
    assert sorted(inbox.taken) == [
        ("report", 1), ("report", 2), ("report", 3), ("report", 4), ("report", 5),
        ("status", 1), ("status", 2), ("status", 3),
    ]  # fmt: skip
    assert InboxChanged(101, 8) in node.events


def test_an_inbox_restored_from_yesterday_is_sent_only_what_came_since(node, inbox):
    node.reports(5)
    proved(node, inbox)
    yesterday = [*inbox.held[node.signer.address, EPOCH].reports]
    node.reports(5)
    converse(node, inbox)
    inbox.restart(forgets=True)
    for number in range(1, yesterday[0][1] + 1):
        row = node.outbox.rows[Numbering.REPORT, number]
        key = (node.signer.address, EPOCH)
        inbox.keep(key, Numbering.REPORT, number, wire.signature_of(row.envelope))
    inbox.taken.clear()
    converse(node, inbox, 61.0)
    assert inbox.taken == [("report", number) for number in range(6, 11)]


def test_reports_beyond_a_hole_are_not_sent_again_after_a_restart(node, inbox):
    """A receipt names nine beyond the first hole; a history names the rest before anything is sent."""
    proved(node, inbox)
    node.reports(100)
    rows = [node.outbox.rows[Numbering.REPORT, number].envelope for number in range(2, 101)]
    inbox.take(rows)
    inbox.taken.clear()
    inbox.restart()
    node.hear(inbox.receipt(b"", inbox.entry(node.signer.address, EPOCH)))
    converse(node, inbox, 1.0)
    assert inbox.taken == [("report", 1)]
    assert not node.ledger().open()


def test_the_link_is_proven_anew_when_the_inbox_has_changed(node, inbox):
    proved(node, inbox)
    inbox.restart()
    node.hear(inbox.receipt(b""))
    assert not node.forwarder.sessions[LINK].proven
    node.reports(1)
    assert [said(frame)[0][0] for frame in node.frames()] == ["hello"]


def test_each_proof_is_told_once(node, inbox):
    proved(node, inbox)
    converse(node, inbox, 600.0)
    assert len([event for event in node.events if isinstance(event, Proven)]) == 1
