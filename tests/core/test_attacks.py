"""What anyone on the way can do to a node: replay, forge, reorder, cut, flood."""

from __future__ import annotations

import random

import pytest

from relay.core import wire
from relay.core.events import Junk, Receipted
from relay.core.ledger import State
from relay.core.message import Clock, Entry, Kind, Moment, Numbering
from tests.support.ends import (
    EPOCH,
    LINK,
    InboxEnd,
    NodeEnd,
    converse,
    own_entry,
    proved,
    replace,
    said,
    sent_reports,
    untouched,
)
from tests.support.world import Signer

# --- forged ---


@pytest.mark.parametrize("name", ["a stranger", "node"])
def test_a_receipt_of_another_key_is_junk(node, inbox, name):
    sent_reports(node, inbox, 3)
    other = InboxEnd(Signer.seeded(name), epoch=200)
    untouched(node, other.receipt(b"", own_entry(node, inbox)))


def test_a_receipt_of_another_key_under_the_inboxs_address_is_junk(node, inbox):
    sent_reports(node, inbox, 3)
    forged = bytearray(InboxEnd(Signer.seeded("a stranger")).receipt(b"", own_entry(node, inbox)))
    forged[1:5] = inbox.signer.address
    untouched(node, bytes(forged))


def test_a_receipt_of_the_same_key_in_an_exercise_network_is_junk(node, inbox):
    sent_reports(node, inbox, 3)
    untouched(node, InboxEnd(network=b"exercise").receipt(b"", own_entry(node, inbox)))


@pytest.mark.parametrize("kind", [Kind.STATUS, Kind.REPORT, Kind.HELLO, Kind.GAP, Kind.TEST, 24, 200])
def test_what_only_nodes_say_is_junk_even_when_the_inbox_signed_it(node, inbox, kind):
    sent_reports(node, inbox, 3)
    untouched(node, inbox.envelope(kind, b"\x80"))


def test_an_undecodable_word_of_the_inbox_moves_nothing_and_stops_nothing(node, inbox):
    sent_reports(node, inbox, 3)
    untouched(node, inbox.envelope(Kind.RECEIPT, b"\1\2\3"))
    untouched(node, inbox.envelope(Kind.NOTICE, b"\0\xc1"))
    untouched(node, inbox.envelope(Kind.HISTORY, b""))
    events = node.hear(inbox.envelope(Kind.RECEIPT, b"\1"), inbox.receipt(b"", own_entry(node, inbox)))
    assert [type(event) for event in events][:1] == [Junk]
    assert not node.ledger().open()


def test_every_bit_of_a_receipt_counts(node, inbox):
    sent_reports(node, inbox, 3)
    receipt = inbox.receipt(b"", own_entry(node, inbox))
    for place in range(0, len(receipt) * 8, 3):
        turned = bytearray(receipt)
        turned[place // 8] ^= 1 << place % 8
        untouched(node, bytes(turned))


@pytest.mark.parametrize(
    "frame", [b"", b"\0", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\x91" * 3000, bytes(wire.BATCH_BYTES_MAX + 1)]
)
def test_junk_instead_of_a_frame_is_one_event(node, frame):
    node.connect()
    assert [type(event) for event in node.forwarder.receive(LINK, frame, node.moment)] == [Junk]


def test_random_junk_never_raises_and_never_is_believed(node, inbox):
    sent_reports(node, inbox, 3)
    chance = random.Random(5)
    genuine = inbox.receipt(b"", own_entry(node, inbox))
    for _ in range(500):
        junk = bytearray(genuine if chance.random() < 0.5 else chance.randbytes(chance.randrange(200)))
        for _ in range(chance.randint(1, 5)):
            if junk:
                junk[chance.randrange(len(junk))] ^= chance.randint(1, 255)
        if bytes(junk) != genuine:
            untouched(node, bytes(junk))


def test_the_word_of_a_link_that_nobody_opened_is_heard_and_answers_no_hello(node, inbox):
    node.reports(1)
    inbox.take([node.outbox.rows[Numbering.REPORT, 1].envelope])
    node.hear(inbox.receipt(b"", own_entry(node, inbox)), link="a stick")
    assert not node.ledger().open()
    assert node.forwarder.sessions == {}


# --- replayed, reordered ---


def test_a_replayed_answer_proves_no_link(node, inbox):
    node.connect()
    [[hello]] = node.frames()
    answers = inbox.take([hello])
    node.hear(*answers[0])
    node.forwarder.link_changed(LINK, False, node.moment)
    node.connect()
    node.hear(*answers[0])
    node.frames()
    node.hear(*answers[0])
    assert not node.forwarder.sessions[LINK].proven


def test_old_receipts_said_again_and_again_do_not_make_a_dead_inbox_look_alive(node, inbox):
    proved(node, inbox)
    recorded = [inbox.receipt(b"", own_entry(node, inbox)) for _ in range(3)]
    for receipt in recorded:
        node.hear(receipt)
    heard_s = node.forwarder.sessions[LINK].heard_s
    assert heard_s is not None
    frames = []
    for _ in range(300):  # the broker plays them each second, and the inbox is gone
        node.now_s += 1
        node.hear(*recorded)
        frames += node.frames()
    assert not node.forwarder.sessions[LINK].proven
    assert node.forwarder.sessions[LINK].heard_s == heard_s
    assert 3 <= len(frames) <= 9
    assert {kind for frame in frames for kind, _ in said(frame)} == {"hello"}


def test_an_old_inbox_epoch_cannot_undo_a_newer_one(node, inbox):
    proved(node, inbox)
    node.reports(3)
    converse(node, inbox)
    of_old = inbox.receipt(b"", own_entry(node, inbox))
    inbox.restart(forgets=True)
    node.hear(inbox.receipt(b"", own_entry(node, inbox)))
    assert node.ledger().count(State.WAITING) == 3  # it forgot, so it must be told again
    assert node.hear(of_old) == []
    assert node.ledger().count(State.WAITING) == 3
    history = InboxEnd(epoch=100)
    history.sequence, history.signatures = 10_000, inbox.signatures
    assert node.hear(history.history(node.signer.address, EPOCH, Numbering.REPORT, [(1, 3)])) == []
    assert node.ledger().count(State.WAITING) == 3


def test_receipts_that_overtook_one_another_say_the_newest(node, inbox):
    sent_reports(node, inbox, 3)
    first = inbox.receipt(b"", replace(own_entry(node, inbox), upto=1, check=check(node, 1)))
    second = inbox.receipt(b"", own_entry(node, inbox))
    node.hear(second)
    assert not node.ledger().open()
    assert node.hear(first) == []
    assert not node.ledger().open()


def check(node: NodeEnd, report: int) -> bytes:
    from relay.core.receipts import check_of

    return check_of([node.outbox.signature(Numbering.REPORT, report), None])


def test_a_receipt_for_another_node_receipts_nothing_here(node, inbox):
    sent_reports(node, inbox, 3)
    events = node.hear(inbox.receipt(b"", replace(own_entry(node, inbox), address=b"abcd")))
    assert events == []
    assert node.ledger().count(State.SENT) == 3


@pytest.mark.parametrize(
    ("why", "changes"),
    [
        ("another node's", {"address": b"abcd"}),
        ("an older epoch's", {"epoch": EPOCH - 1}),
        ("a later epoch's", {"epoch": EPOCH + 1}),
        ("beyond the log", {"runs": [(1, 4)]}),
        ("at the largest number", {"runs": [(1, 2**32 - 1)]}),
        ("of other contents", {"check": False}),
        ("empty", {"runs": []}),
    ],
)
def test_a_history_that_is_not_about_this_log_receipts_nothing(node, inbox, why, changes):
    sent_reports(node, inbox, 3)
    node.hear(inbox.receipt(b"", replace(own_entry(node, inbox), upto=0, check=bytes.fromhex("e3b0"))))
    assert node.ledger().count(State.SENT, State.WAITING) == 3
    if changes.get("check") is False:
        inbox.signatures = {key: bytes(64) for key in inbox.signatures}
    history = inbox.history(
        changes.get("address", node.signer.address),
        changes.get("epoch", EPOCH),
        Numbering.REPORT,
        changes.get("runs", [(1, 3)]),
    )
    assert node.hear(history) == []
    assert node.ledger().count(State.SENT, State.WAITING) == 3


def test_a_history_receipts_what_it_names(node, inbox):
    sent_reports(node, inbox, 5)
    history = inbox.history(node.signer.address, EPOCH, Numbering.REPORT, [(1, 2), (4, 5)])
    receipted = [event for event in node.hear(history) if isinstance(event, Receipted)]
    assert [(event.first, event.last) for event in receipted] == [(1, 2), (4, 5)]
    assert node.ledger().open().runs() == [(3, 3)]


def test_a_flood_of_receipts_takes_no_memory(node, inbox):
    proved(node, inbox)
    before = len(node.outbox.saves)
    strangers = [replace(own_entry(node, inbox), address=bytes(4)) for _ in range(8)]
    for _ in range(300):
        node.hear(inbox.receipt(b"", *strangers))
    assert len(node.forwarder.sessions) == 1
    assert node.forwarder.log.urgent == {}
    assert len(node.outbox.saves) == before


# --- age and time ---


def test_a_time_of_the_inbox_in_the_far_future_or_past_changes_no_order(node, inbox):
    for time in (0, 2**32 - 1):
        inbox.time = time
        node.hear(inbox.receipt(b""))
        header = wire.parse_header(node.report().envelope)
        assert header.clock == Clock.INBOX
    assert node.ledger().last == 2


def test_an_age_is_never_negative_nor_larger_than_its_field(node, inbox):
    proved(node, inbox)
    node.report()
    back = Moment(node.now_s - 500, 1)
    [frame] = node.forwarder.frames_for(LINK, back, 1)
    [entry] = wire.decode_batch(frame)
    assert entry == Entry(entry.envelope, 0)
