"""Old card images, two cards at war, and the largest numbers."""

from __future__ import annotations

import pytest

from relay.core import wire
from relay.core.events import EpochRaised, Junk, RaiseWithheld
from relay.core.ledger import Ledger, State
from relay.core.log import EPOCH_STEP_MAX
from relay.core.message import Numbering
from relay.core.raises import NO_EPOCHS_LEFT, RAISE_TOKEN_S, RAISES_AT_ONCE
from tests.support.ends import (
    EPOCH,
    InboxEnd,
    NodeEnd,
    converse,
    own_entry,
    proved,
    replace,
    sent_reports,
)

# --- old images and second cards ---


def test_a_card_that_is_older_than_what_the_inbox_holds_begins_a_new_epoch(node, inbox):
    key = (node.signer.address, EPOCH)
    for number in (1, 2, 3):
        inbox.keep(key, Numbering.REPORT, number, bytes([number]) * 64)
    node.report("written after the card was put back")
    node.connect()
    converse(node, inbox)
    [raised] = [event for event in node.events if isinstance(event, EpochRaised)]
    assert EPOCH < raised.epoch <= EPOCH + 1 + EPOCH_STEP_MAX
    assert raised.reissued == 1
    assert not node.ledger().open()
    # nothing went out under the used number
    assert inbox.taken == [("report", 1)]
    assert inbox.signatures[(*key, Numbering.REPORT, 1)] == b"\1" * 64


def test_a_card_with_other_contents_under_a_receipted_number_begins_a_new_epoch(node, inbox):
    node.reports(3)
    key = (node.signer.address, EPOCH)
    for number in (1, 2, 3):
        inbox.keep(key, Numbering.REPORT, number, bytes(64))
    node.connect()
    converse(node, inbox)
    [raised] = [event for event in node.events if isinstance(event, EpochRaised)]
    assert raised.reissued == 3
    assert not node.ledger().open()


def test_a_card_whose_key_was_used_in_a_later_epoch_goes_above_it(node, inbox):
    inbox.keep((node.signer.address, 5000), Numbering.STATE, 1, bytes(64))
    node.reports(2)
    node.connect()
    converse(node, inbox)
    assert 5000 < node.forwarder.state.epoch <= 5000 + 1 + EPOCH_STEP_MAX
    assert not node.ledger().open()
    assert len(node.outbox.closed) == 1


def test_only_what_has_no_receipt_is_issued_again(node, inbox):
    proved(node, inbox)
    node.reports(5)
    converse(node, inbox)
    node.reports(2)
    inbox.keep((node.signer.address, 5000), Numbering.STATE, 1, bytes(64))
    node.hear(inbox.receipt(b"", inbox.entry(node.signer.address, 5000)))
    assert node.ledger().last == 2
    closed = node.outbox.closed[0].ledgers[Numbering.REPORT]
    assert closed.in_state(State.RECEIPTED).runs() == [(1, 5)]
    assert closed.in_state(State.REISSUED).runs() == [(6, 7)]


def war(node: NodeEnd, inbox: InboxEnd) -> list:
    """The other card has raised its epoch, too."""
    inbox.keep((node.signer.address, node.forwarder.state.epoch + 100), Numbering.STATE, 1, bytes(64))
    newest = max(epoch for _, epoch in inbox.held)
    return node.hear(inbox.receipt(b"", inbox.entry(node.signer.address, newest)))


def test_two_cards_at_war_raise_thrice_and_then_once_an_hour(node, inbox):
    node.reports(2)
    node.connect()
    for _ in range(RAISES_AT_ONCE):
        assert [type(event) for event in war(node, inbox)] == [EpochRaised]
    assert [type(event) for event in war(node, inbox)] == [RaiseWithheld]
    epoch = node.forwarder.state.epoch
    node.now_s += RAISE_TOKEN_S - 10
    assert [type(event) for event in war(node, inbox)] == [RaiseWithheld]
    assert node.forwarder.state.epoch == epoch
    node.now_s += 10
    assert [type(event) for event in war(node, inbox)] == [EpochRaised]
    assert [type(event) for event in war(node, inbox)] == [RaiseWithheld]
    # a month of peace does not buy more than three
    node.now_s += 30 * 86_400
    assert [type(war(node, inbox)[0]) for _ in range(5)] == [EpochRaised] * 3 + [RaiseWithheld] * 2


def test_nothing_is_lost_in_a_war(node, inbox):
    node.reports(3)
    node.connect()
    for _ in range(6):
        war(node, inbox)
    texts = {
        row.envelope[wire.parse_header(row.envelope).payload_at : -64] for row in node.outbox.rows.values()
    }
    assert len(texts) == 3
    assert len(node.ledger().open()) == 3


def test_a_war_that_is_withheld_does_not_make_the_node_spin(node, inbox):
    node.reports(3)
    inbox.keep((node.signer.address, 5000), Numbering.STATE, 1, bytes(64))
    while node.forwarder._raises.take(node.now_s):
        pass  # as after a long war
    node.connect()
    assert converse(node, inbox, 600.0) / 10 < 7
    assert node.forwarder.state.epoch == EPOCH
    assert len([event for event in node.events if isinstance(event, RaiseWithheld)]) < 100


# --- the largest numbers ---


@pytest.mark.parametrize("epoch", [wire.NUMBER_MAX, wire.NUMBER_MAX - 1, wire.NUMBER_MAX - EPOCH_STEP_MAX])
def test_a_thief_who_used_the_last_epochs_does_not_make_the_node_write_what_nobody_reads(node, inbox, epoch):
    node.reports(1)
    inbox.keep((node.signer.address, epoch), Numbering.STATE, 1, bytes(64))
    node.connect()
    converse(node, inbox, 120.0)
    assert node.forwarder.state.epoch == EPOCH
    assert RaiseWithheld(NO_EPOCHS_LEFT) in node.events
    assert Junk not in map(type, node.events)
    # the report arrives all the same, under the epoch that the node has
    assert inbox.taken == [("report", 1)]


def test_just_below_the_last_epochs_the_node_still_goes_above(node, inbox):
    epoch = wire.NUMBER_MAX - EPOCH_STEP_MAX - 1
    inbox.keep((node.signer.address, epoch), Numbering.STATE, 1, bytes(64))
    node.reports(1)
    node.connect()
    converse(node, inbox, 120.0)
    assert epoch < node.forwarder.state.epoch <= wire.NUMBER_MAX
    assert not node.ledger().open()


def test_a_log_at_its_last_number_says_so_instead_of_writing_what_nobody_reads(node):
    node.forwarder.state.ledgers[Numbering.REPORT] = Ledger(wire.NUMBER_MAX - 1)
    node.report("the last")
    with pytest.raises(wire.WireError):
        node.report("one too many")
    assert node.ledger().last == wire.NUMBER_MAX


@pytest.mark.parametrize("upto", [wire.NUMBER_MAX, wire.NUMBER_MAX - 9])
@pytest.mark.parametrize("bitmap", [0, 0xFF])
def test_a_receipt_for_four_thousand_million_reports_is_beyond_and_takes_no_time(node, inbox, upto, bitmap):
    node.connect()
    said_by_inbox = replace(own_entry(node, inbox), upto=upto, bitmap=bitmap)
    [event] = node.hear(inbox.receipt(b"", said_by_inbox))
    assert isinstance(event, EpochRaised)


def test_an_inbox_at_its_largest_epoch_is_heard(node, inbox):
    sent_reports(node, inbox, 2)
    inbox.epoch = wire.NUMBER_MAX
    node.hear(inbox.receipt(b"", own_entry(node, inbox), sequence=wire.NUMBER_MAX))
    assert not node.ledger().open()
