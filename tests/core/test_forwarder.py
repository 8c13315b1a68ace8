"""A node's side: nothing before proof, and the right things first."""

from __future__ import annotations

import pytest

from relay.core import payloads, wire
from relay.core.events import NoticeHeard
from relay.core.forwarder import Settings
from relay.core.ledger import State
from relay.core.message import Clock, Kind, Moment, Numbering, Urgency
from relay.errors import ValueRefused, WireError
from tests.support.ends import EPOCH, LINK, InboxEnd, NodeEnd, converse, proved, said

# --- proof first ---


def test_nothing_but_a_hello_leaves_before_a_hello_is_answered(node, inbox):
    node.report("fire", Urgency.EMERGENCY)
    node.status()
    node.connect()
    for _ in range(600):
        for frame in node.frames():
            assert said(frame) == [("hello", 1)]
        node.now_s += 1
    assert not node.ledger().count(State.SENT)


def test_a_hello_says_how_far_the_log_goes(node):
    node.reports(3)
    node.status(2)
    node.connect()
    [[envelope]] = node.frames()
    hello = payloads.decode(envelope)
    assert (hello.header.epoch, hello.header.number, hello.last_state) == (EPOCH, 3, 2)
    assert len(set(hello.nonce)) > 1


def test_every_hello_has_a_nonce_of_its_own(node):
    node.connect()
    nonces = set()
    for _ in range(5):
        [[envelope]] = node.frames()
        nonces.add(payloads.decode(envelope).nonce)
        node.now_s += 60
    assert len(nonces) == 5


def test_a_receipt_without_the_nonce_proves_nothing(node, inbox):
    node.connect()
    node.frames()
    node.hear(inbox.receipt(b"", inbox.entry(node.signer.address, EPOCH)))
    node.hear(inbox.receipt(bytes(8), inbox.entry(node.signer.address, EPOCH)))
    assert not node.forwarder.sessions[LINK].proven


def test_a_link_without_room_sends_nothing(node):
    node.report()
    node.connect()
    assert node.frames(room=0) == []
    assert len(node.frames(room=1)) == 1


# --- what goes first ---


def test_the_newest_status_goes_first_then_reports_in_order_then_older_statuses(node, inbox):
    proved(node, inbox)
    node.status(3)
    node.reports(3)
    [frame] = node.frames()
    assert said(frame) == [
        ("status", 3), ("report", 1), ("report", 2), ("report", 3), ("status", 1), ("status", 2),
    ]  # fmt: skip


def test_urgent_reports_go_before_all_while_their_tokens_last(node, inbox):
    proved(node, inbox)
    node.status()
    node.reports(1)
    for _ in range(5):
        node.report("!", Urgency.EMERGENCY)
    node.report("?", Urgency.URGENT)
    [frame] = node.frames()
    # three have tokens: 2, 3 and 4; the rest keep their place among the reports
    assert [number for kind, number in said(frame) if kind == "report"] == [2, 3, 4, 1, 5, 6, 7]
    assert said(frame)[3] == ("status", 1)
    # and each is still as urgent as it was
    assert [wire.parse_header(each).urgency for each in frame if said([each])[0][1] > 4] == [1, 1, 2]


def test_urgent_reports_of_before_a_restart_go_first_again(node, inbox):
    node.reports(3)
    row = node.report("!", Urgency.EMERGENCY)
    node.forwarder.log.urgent.clear()  # it is kept in memory only
    node.forwarder.log.note_urgent(row, node.moment)  # as whoever opens the outbox does
    proved(node, inbox)
    assert [number for _, number in inbox.taken] == [4, 1, 2, 3]


def test_receipted_urgent_reports_are_forgotten(node, inbox):
    proved(node, inbox)
    for _ in range(50):
        node.report("!", Urgency.EMERGENCY)
        converse(node, inbox)
    assert node.forwarder.log.urgent == {}


def test_nothing_goes_twice_while_it_is_on_its_way(node, inbox):
    proved(node, inbox)
    node.reports(5)
    node.status(5)
    assert len(node.frames()) == 1
    assert node.frames() == []
    node.status()
    assert [said(frame) for frame in node.frames()] == [[("status", 6)]]


def test_two_links_carry_the_same_and_one_receipt_ends_it_for_both(node, inbox):
    node.reports(3)
    for link in (LINK, "other"):
        node.connect(link)
        while frames := node.frames(link=link):
            if any(kind == "report" for kind, _ in said(frames[0])):
                break
            for answer in [answer for frame in frames for answer in inbox.take(frame)]:
                node.hear(*answer, link=link)
    assert node.forwarder.sessions["other"].in_flight_bytes() > 0
    rows = [node.outbox.rows[Numbering.REPORT, number].envelope for number in (1, 2, 3)]
    for answer in inbox.take(rows):
        node.hear(*answer)
    assert all(session.in_flight_bytes() == 0 for session in node.forwarder.sessions.values())


# --- backfill ---


def test_older_statuses_wait_their_spread_while_newest_and_reports_go_at_once(inbox):
    node = NodeEnd(Settings(backfill_spread_s=600.0))
    node.status(50)
    node.reports(2)
    proved(node, inbox)
    start_s = node.now_s
    assert inbox.taken == [("status", 50), ("report", 1), ("report", 2)]
    spread_s = node.forwarder.next_wake_s()
    while node.now_s < start_s + 601 and len(inbox.taken) < 52:
        converse(node, inbox, 1.0)
    assert len(inbox.taken) == 52
    assert 1 < node.now_s - start_s <= 601
    assert spread_s is not None


def test_the_spread_differs_from_node_to_node():
    moments = set()
    for seed in range(10):
        node, inbox = NodeEnd(Settings(backfill_spread_s=600.0), seed), InboxEnd()
        node.status(2)
        proved(node, inbox)
        start_s = node.now_s
        while len(inbox.taken) < 2:
            converse(node, inbox, 5.0)
        moments.add(node.now_s - start_s)
    assert len(moments) > 5
    assert max(moments) - min(moments) > 200


def test_an_inbox_that_was_silent_returns_for_all_at_once_so_the_spread_begins_anew(inbox):
    node = NodeEnd(Settings(backfill_spread_s=600.0))
    proved(node, inbox)
    converse(node, inbox, 700.0)  # the first spread is over
    for _ in range(60):  # an hour without the inbox
        node.status()
        for _ in range(60):
            node.frames()
            node.now_s += 1
    assert not node.forwarder.sessions[LINK].proven
    before = len(inbox.taken)
    converse(node, inbox, 61.0)
    came_back_s = node.now_s
    assert node.forwarder.sessions[LINK].proven
    assert len(inbox.taken) - before < 10
    while node.now_s < came_back_s + 601:
        converse(node, inbox, 10.0)
    assert node.ledger(Numbering.STATE).open().runs() == []


# --- notices ---


def test_a_notice_is_told_once(node, inbox):
    notice = inbox.notice("Noodstroom om 18:00")
    [event] = node.hear(notice)
    assert isinstance(event, NoticeHeard)
    assert event.notice.values["text"] == "Noodstroom om 18:00"
    assert node.hear(notice) == []
    assert node.outbox.saves == [True]


def test_a_notice_to_others_is_not_told_and_one_to_us_is(node, inbox):
    assert node.hear(inbox.notice("x", b"abcd")) == []
    assert len(node.hear(inbox.notice("x", b"abcd", node.signer.address))) == 1


def test_the_next_hello_and_status_tell_which_word_of_the_inbox_was_heard_last(node, inbox):
    for _ in range(3):
        node.hear(inbox.notice("x"))
    node.hear(inbox.receipt(b""))
    node.connect()
    hello = payloads.decode(node.frames()[0][0])
    assert (hello.inbox_epoch, hello.notice) == (100, 3)
    node.status()
    status = payloads.decode(node.outbox.rows[Numbering.STATE, 1].envelope)
    assert status.inbox_low == 4


# --- messages ---


def test_a_status_tells_how_far_the_reports_go_by_a_low_byte(node):
    node.reports(300)
    node.status()
    status = payloads.decode(node.outbox.rows[Numbering.STATE, 1].envelope)
    assert status.report_low == 300 % 256


def test_ages_count_from_composing_and_are_unknown_after_a_power_cut(node, inbox):
    node.report()
    proved_at_s = node.now_s
    node.connect()
    [[hello]] = node.frames()
    node.now_s += 90
    node.hear(*inbox.answer(payloads.decode(hello)))
    [[again]] = node.frames()
    node.hear(*inbox.answer(payloads.decode(again)))
    frames = node.forwarder.frames_for(LINK, node.moment, 1)
    assert [entry.age_s for entry in wire.decode_batch(frames[0])] == [int(node.now_s - proved_at_s)]
    node.forwarder.link_changed(LINK, True, node.moment)
    [[hello]] = node.frames()
    node.hear(*inbox.answer(payloads.decode(hello)))
    other_boot = Moment(node.now_s, 2)
    [frame] = node.forwarder.frames_for(LINK, other_boot, 1)
    assert [entry.age_s for entry in wire.decode_batch(frame)] == [None]


def test_a_draft_that_does_not_fit_changes_nothing(node):
    node.report()
    for values, error in (({"visitors": -1}, ValueRefused), ({"text": "x" * 149, "visitors": 3}, WireError)):
        with pytest.raises(error):
            node.forwarder.submit(
                [draft(Kind.REPORT, {"text": "good"}), draft(Kind.REPORT, values)], node.moment
            )
    assert node.ledger().last == 1
    assert list(node.outbox.rows) == [(Numbering.REPORT, 1)]


@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.RECEIPT, Kind.NOTICE, Kind.HISTORY, Kind.GRANT])
def test_only_messages_have_a_place_in_the_log(node, kind):
    with pytest.raises(WireError):
        node.forwarder.submit([draft(kind, {})], node.moment)


def draft(kind: Kind, values):
    from relay.core.message import Draft

    return Draft(kind=kind, values=values)


def test_a_node_without_a_clock_dates_by_the_inbox(node, inbox):
    first = wire.parse_header(node.report().envelope)
    assert (first.clock, first.time) == (Clock.NONE, 1000)
    node.hear(inbox.receipt(b""))
    node.now_s += 5
    second = wire.parse_header(node.report().envelope)
    assert (second.clock, second.time) == (Clock.INBOX, inbox.time + 5)
