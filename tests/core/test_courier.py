"""How old a message is after a time on a stick, when that is known, and what is kept of the inbox's word."""

from __future__ import annotations

from relay.core import payloads, wire
from relay.core.courier import (
    CARRIED,
    CLOCKS_APART_S_MAX,
    COURIER,
    WORDS_MAX,
    Words,
    aged,
    as_carried,
    waited_s,
)
from relay.core.events import Receipted
from relay.core.ledger import State
from relay.core.message import AGE_S_MAX, Entry, Heard, History, Kind, Numbering, Receipt
from tests.support.ends import InboxEnd, own_entry
from tests.support.radio_end import RadioEnd


def test_the_time_on_a_stick_is_known_by_two_good_clocks_only() -> None:
    assert waited_s(1000, 1600) == 600
    assert waited_s(None, 1600) is None
    assert waited_s(1000, None) is None
    assert waited_s(1000, 1000 - CLOCKS_APART_S_MAX) == 0  # two good clocks are never quite the same
    assert waited_s(1000, 999 - CLOCKS_APART_S_MAX) is None  # one of the two is wrong


def test_an_age_is_absent_rather_than_guessed() -> None:
    assert aged(5, 10) == 15
    assert aged(None, 10) is None
    assert aged(5, None) is None
    assert aged(AGE_S_MAX, 10) == AGE_S_MAX


def test_whatever_was_carried_is_marked_so_and_not_taken_for_heard_now() -> None:
    entries = [Entry(b"own", 5), Entry(b"heard", 7, Heard("radio", 3, 1))]
    assert as_carried(entries, 10) == [Entry(b"own", 15, CARRIED), Entry(b"heard", 17, CARRIED)]
    assert as_carried(entries, None) == [Entry(b"own", None, CARRIED), Entry(b"heard", None, CARRIED)]


def test_words_of_the_inbox_are_kept_within_a_limit_and_handed_over_once() -> None:
    words, header = Words(), None
    history = History(header, b"1234", 1, 0, ((1, 2),), b"ab")  # type: ignore[arg-type]
    presence = Receipt(header, b"", 0.0, ())  # type: ignore[arg-type]
    words.note(b"presence", presence)  # vouches for nothing
    for number in range(WORDS_MAX + 5):
        words.note(b"%d" % number, history)
    taken = words.take()
    assert [each for each, _ in taken] == [b"%d" % number for number in range(5, WORDS_MAX + 5)]
    assert words.take() == []


def test_a_receipt_by_stick_ends_a_duty_but_tells_nothing_of_the_radio() -> None:
    node, inbox = RadioEnd(), InboxEnd()
    node.dark()
    row = node.report("een")
    header = wire.parse_header(row.envelope)
    inbox.keep((header.address, header.epoch), Numbering.REPORT, 1, wire.signature_of(row.envelope))
    before = node.on_air.interval_s
    payload = payloads.receipt_payload(b"", 5.0, [own_entry(node, inbox)])
    named: list[float] = []
    node.on_air.named = named.append  # type: ignore[method-assign]

    events = node.hear(inbox.envelope(Kind.RECEIPT, payload), link=COURIER)
    (said_s,) = {each.said_s for each in events if isinstance(each, Receipted)}
    assert Receipted(COURIER, Numbering.REPORT, 1, 1, said_s) in events
    assert node.ledger().count(State.RECEIPTED) == 1
    assert node.on_air.interval_s == before and named == []

    node.hear(inbox.envelope(Kind.RECEIPT, payload), link="radio")
    assert node.on_air.interval_s != before and named  # by radio the same word does
