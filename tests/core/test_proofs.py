"""Test messages: bound to one link, proven only by a receipt that was heard by it, and never left behind."""

from __future__ import annotations

import pytest

from relay.core import wire
from relay.core.events import TestAnswered as Answered
from relay.core.ledger import State
from relay.core.message import Draft, Entry, Heard, Kind, Numbering
from relay.core.proofs import BOUND_S, TRIES_MAX
from tests.support.ends import InboxEnd, converse, own_entry, said
from tests.support.radio_end import RadioEnd, kinds


@pytest.fixture
def inbox() -> InboxEnd:
    return InboxEnd()


@pytest.fixture
def node(inbox) -> RadioEnd:
    """With a radio, and MQTT proven: nothing but a test has reason to go by radio."""
    node = RadioEnd()
    node.connect()
    converse(node, inbox)
    return node


def prove(node: RadioEnd, link: str, count: int = 1) -> list[int]:
    rows = node.forwarder.submit([Draft(kind=Kind.TEST, values={"test_link": link})] * count, node.moment)
    return [row.number for row in rows]


def answers(node: RadioEnd) -> list[tuple[str, int]]:
    return [(event.link, event.number) for event in node.events if isinstance(event, Answered)]


def test_a_test_of_mqtt_is_proven_by_its_receipt_and_never_goes_by_radio(node, inbox) -> None:
    node.forwarder.link_changed("mqtt", False, node.moment)
    prove(node, "mqtt")
    node.report("water is op")
    sent = kinds(node.run(3600.0))  # the radio has taken over by now
    assert "report" in sent and "test" not in sent
    node.connect()
    converse(node, inbox)
    assert answers(node) == []  # five minutes are over: it arrived, and proves nothing any more
    (number,) = prove(node, "mqtt")
    converse(node, inbox)
    assert answers(node) == [("mqtt", number)]
    assert "test" not in kinds(node.run(600.0))


def test_a_test_of_the_radio_goes_by_radio_while_mqtt_works_and_not_by_mqtt(node, inbox) -> None:
    (number,) = prove(node, "radio")
    before = list(inbox.taken)
    converse(node, inbox)
    assert inbox.taken == before
    assert kinds(node.run(5.0)) == ["test"]
    assert node.ledger().state_of(number) is State.SENT


def test_only_a_receipt_by_radio_proves_the_radio(node, inbox) -> None:
    (number,) = prove(node, "radio")
    (sent,) = node.run(5.0)
    envelope = wire.decode_radio_frame(sent.transmission.frame).envelope
    inbox.take([envelope])  # a relay with MQTT brought it
    node.hear(inbox.receipt(b"", own_entry(node, inbox)))
    assert node.ledger().state_of(number) is State.RECEIPTED
    assert answers(node) == []

    node.hear_radio(inbox.receipt(b"", own_entry(node, inbox)), hops=2, snr=-9)
    assert answers(node) == [("radio", number)]
    (proof,) = node.forwarder.log.proofs.of([number])
    assert (proof.snr_db, proof.hops) == (-9, 2)


def test_what_the_inbox_orders_this_node_to_say_is_no_answer_by_radio(node, inbox) -> None:
    (number,) = prove(node, "radio")
    (sent,) = node.run(5.0)
    inbox.take([wire.decode_radio_frame(sent.transmission.frame).envelope])
    receipt = inbox.receipt(b"", own_entry(node, inbox))
    node.events += node.forwarder.order(wire.encode_batch([Entry(receipt)]), node.moment)
    assert answers(node) == []
    assert node.ledger().state_of(number) is State.RECEIPTED


def test_a_receipt_that_does_not_cover_it_proves_nothing(node, inbox) -> None:
    prove(node, "radio")
    node.run(5.0)
    node.hear_radio(inbox.receipt(b"", own_entry(node, inbox)))
    assert answers(node) == []


def test_without_an_answer_it_is_tried_again_a_few_times_even_when_mqtt_has_settled_it(node, inbox) -> None:
    prove(node, "radio")
    (sent,) = node.run(5.0)
    inbox.take([wire.decode_radio_frame(sent.transmission.frame).envelope])
    node.hear(inbox.receipt(b"", own_entry(node, inbox)))
    more = [each for each in node.run(BOUND_S) if each.kind == "test"]
    assert 2 <= len(more) <= TRIES_MAX - 1


def test_after_five_minutes_it_goes_by_mqtt_so_that_no_number_stays_missing(node, inbox) -> None:
    (number,) = prove(node, "radio")
    node.run(BOUND_S + 1)
    converse(node, inbox)
    assert ("test", number) in inbox.taken
    assert node.ledger().state_of(number) is State.RECEIPTED
    assert answers(node) == []
    assert "test" not in kinds(node.run(3600.0))


def test_an_emergency_goes_before_a_test_and_keeps_its_tokens(node) -> None:
    prove(node, "radio", 3)
    node.forwarder.link_changed("mqtt", False, node.moment)
    node.report("brand", urgency=1)
    assert node.forwarder.log.urgent == {4: True}


def test_a_neighbour_relays_a_test_by_mqtt_like_any_report(node, inbox) -> None:
    other = RadioEnd(seed=1)
    other.connect()
    converse(other, inbox)
    header = node.forwarder.log.header(Kind.TEST, 1, node.moment)
    envelope = wire.sign(header, b"\x81\x37\x01", b"\0" * 8, lambda _: bytes(64))
    frame = wire.encode_radio_frame(envelope.replace(node.signer.address, b"norg"), 0.0)
    other.forwarder.hear(frame, Heard("radio", 5, 0), 3, other.moment)
    sent = [each for batch in other.frames() for each in said(batch)]
    assert ("test", 1) in sent


def test_a_new_epoch_ends_a_test(node) -> None:
    numbers = prove(node, "radio", 3)
    node.forwarder.begin_epoch(node.forwarder.state.epoch, node.moment)
    assert node.forwarder.log.proofs.of(numbers) == []
    assert node.ledger(Numbering.REPORT).last == 3
