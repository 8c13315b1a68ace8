"""What the inbox notices beside what nodes say: clones, rollbacks, doubtful clocks, gaps, copies."""

from __future__ import annotations

import pytest

from relay.core.message import Clock, Entry, Kind
from relay.core.receipts import check_of
from relay.inbox.store import VARIANTS_MAX
from tests.inbox.desk import TIME, Desk, Writer, fresh_texts

# --- clones ---


@pytest.mark.parametrize("together", [True, False])
def test_a_cloned_card_shows_both_messages_and_a_finding(desk: Desk, node: Writer, together: bool) -> None:
    one, two = node.report(1, "een"), node.report(1, "twee")
    if together:
        outcome = desk.take(node.hex, one, two)
    else:
        desk.take(node.hex, one)
        outcome = desk.take(node.hex, two)
    assert desk.texts() == ["een", "twee"]
    assert [each.variant for each in desk.shown()] == [0, 1]
    assert "twee" in fresh_texts(outcome)
    assert desk.findings(node)["clone"].count == 1
    # and each of them, again and in one commit, is a duplicate
    desk.take_together(*[(node.hex, [Entry(one, 0), Entry(two, 0)])] * 3)
    assert desk.rows() == 2
    assert desk.findings(node)["clone"].count == 1


def test_three_cards_within_one_commit_and_their_repetitions_are_three_rows(desk: Desk, node: Writer) -> None:
    cards = [node.report(1, text) for text in ("a", "b", "c")]
    desk.take(node.hex, *cards, *cards, cards[1])
    assert desk.texts() == ["a", "b", "c"]


def test_the_receipt_of_a_cloned_number_vouches_for_the_first_that_came(desk: Desk, node: Writer) -> None:
    one = node.report(1, "een")
    desk.take(node.hex, one)
    outcome = desk.take(node.hex, node.report(1, "twee"))
    assert desk.receipts(outcome)[0].entries[0].check == check_of((one[-64:], None))


def test_a_stolen_key_cannot_fill_the_disk_under_one_number(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, *[node.report(1, str(text)) for text in range(30)])
    assert desk.rows() == VARIANTS_MAX
    assert desk.findings(node)["clone"].count == 29  # counted all the same


# --- rollback ---


@pytest.mark.parametrize(("reports", "states"), [(4, 3), (5, 2)])
def test_a_hello_below_what_is_held_is_a_rollback(
    desk: Desk, node: Writer, reports: int, states: int
) -> None:
    desk.take(node.hex, *[node.report(n) for n in range(1, 6)], *[node.status(n) for n in range(1, 4)])
    outcome = desk.take(node.hex, node.hello(reports, states, time=TIME + 60))
    assert desk.findings(node)["rollback"].detail == f"wrote {reports}/{states}, held 5/3"
    entry = desk.receipts(outcome)[0].entries[0]
    assert (entry.upto, entry.state) == (5, 3)  # so the node learns of it


def test_a_hello_of_an_older_epoch_is_a_rollback_and_is_told_of_the_newer(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.report(1, epoch=9))
    outcome = desk.take(node.hex, node.hello(0, 0, epoch=5, time=TIME + 60))
    assert desk.findings(node)["rollback"].detail == "epoch 5, held 9"
    assert [entry.epoch for entry in desk.receipts(outcome)[0].entries] == [5, 9]


def test_a_hello_that_was_overtaken_is_no_rollback(desk: Desk, node: Writer) -> None:
    late = node.hello(1, 0, time=TIME)
    desk.take(node.hex, node.report(1, time=TIME - 5), node.report(2, time=TIME + 5))
    desk.take(node.hex, late)
    assert not desk.findings(node)
    # within the commit of what overtook it, too
    desk.take(node.hex, node.report(3, time=TIME + 9), node.hello(2, 0, time=TIME + 7))
    assert not desk.findings(node)


def test_a_node_without_a_clock_is_found_all_the_same(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, *[node.report(n, clock=Clock.NONE, time=100 + n) for n in range(1, 4)])
    desk.take(node.hex, node.hello(2, 0, clock=Clock.NONE, time=102))
    assert "rollback" in desk.findings(node)


def test_a_hello_at_or_above_what_is_held_is_no_rollback(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.report(1), node.status(1))
    desk.take(node.hex, node.hello(1, 1), node.hello(9, 9), node.hello(0, 0, epoch=8))
    assert not desk.findings(node)


# --- being heard ---


def test_a_hello_that_somebody_repeats_does_not_make_a_dead_node_look_alive(
    desk: Desk, node: Writer, other: Writer
) -> None:
    hello, older = node.hello(1, 0), node.hello(0, 0, nonce=b"earlier!")
    desk.take(node.hex, older)
    desk.take(node.hex, node.report(1), hello)
    heard = desk.reader.nodes()[node.address].heard_at
    desk.wait(600)
    for _ in range(3):
        outcome = desk.take(other.hex, hello, older)
        assert desk.receipts(outcome)  # answered: it may be our broker's doing
    assert desk.reader.nodes()[node.address].heard_at == heard
    desk.take(node.hex, node.hello(1, 0, nonce=b"a new 1!"))
    assert desk.reader.nodes()[node.address].heard_at == heard + 600


def test_an_old_hello_that_nobody_has_heard_yet_does_not_make_a_dead_node_look_alive(
    desk: Desk, node: Writer, other: Writer
) -> None:
    kept_back = node.hello(0, 0, time=TIME - 60)
    desk.take(node.hex, node.report(1))
    heard = desk.reader.nodes()[node.address].heard_at
    desk.wait(600)
    desk.take(other.hex, kept_back)
    assert desk.reader.nodes()[node.address].heard_at == heard


def test_a_message_that_is_repeated_does_not_make_a_dead_node_look_alive(
    desk: Desk, node: Writer, other: Writer
) -> None:
    desk.take(node.hex, node.status(1))
    heard = desk.reader.nodes()[node.address].heard_at
    desk.wait(600)
    desk.take(other.hex, node.status(1))
    assert desk.reader.nodes()[node.address].heard_at == heard


# --- clocks ---


@pytest.mark.parametrize(
    ("off_s", "found"), [(0, False), (119, False), (-119, False), (121, True), (-121, True)]
)
def test_a_node_that_claims_a_good_clock_and_is_far_off_is_found_both_ways(
    desk: Desk, node: Writer, off_s: int, found: bool
) -> None:
    desk.take(node.hex, node.status(1, time=TIME + off_s))
    assert ("clock" in desk.findings(node)) == found


def test_the_age_of_a_message_counts_when_its_clock_is_judged(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.status(1, time=TIME - 5000), age_s=5000)
    assert not desk.findings(node)
    desk.take(node.hex, node.status(2, time=TIME - 5000), age_s=0)
    assert desk.findings(node)["clock"].detail == "-5000 s from the inbox"


@pytest.mark.parametrize("clock", [Clock.NONE, Clock.INBOX])
def test_a_clock_that_is_not_claimed_to_be_good_is_not_judged(desk: Desk, node: Writer, clock: Clock) -> None:
    desk.take(node.hex, node.status(1, clock=clock, time=5))
    assert not desk.findings(node)


def test_no_clock_is_judged_while_the_inbox_has_none_itself(desk: Desk, node: Writer) -> None:
    desk.clock = Clock.NONE
    desk.take(node.hex, node.status(1, time=5))
    # nor when it is not known how old the message is
    desk.clock = Clock.NTP
    desk.take(node.hex, node.status(2, time=5), age_s=None)
    assert not desk.findings(node)


# --- gaps ---


def test_what_is_missing_is_shown_and_closed_by_the_report_that_names_it(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.report(1), node.report(5))
    assert desk.missing(node) == [(2, 4)]
    outcome = desk.take(node.hex, node.gap(6, 2, 3))
    assert desk.missing(node) == [(4, 4)]
    assert desk.receipts(outcome)[0].entries[0].upto == 3
    # the one that remained arrives, and so does one that was given up: both are shown
    outcome = desk.take(node.hex, node.report(4), node.report(3))
    assert fresh_texts(outcome) == ["melding 4", "melding 3"]
    assert not desk.missing(node)
    desk.take(node.hex, node.report(3))
    assert desk.rows() == 5


@pytest.mark.parametrize(("first", "last"), [(0, 3), (3, 2), (2, 6), (2, 99)])
def test_a_gap_report_that_names_itself_or_nothing_closes_nothing(
    desk: Desk, node: Writer, first: int, last: int
) -> None:
    desk.take(node.hex, node.report(1), node.gap(6, first, last))
    assert desk.missing(node) == [(2, 5)]


def test_a_gap_report_issued_again_does_not_close_the_numbers_of_its_new_epoch(
    desk: Desk, node: Writer
) -> None:
    desk.take(node.hex, node.report(1, epoch=7), node.report(9, epoch=7))
    desk.take(node.hex, Writer("beilen", epoch=8).gap(5, 2, 4, epoch=7))
    assert desk.missing(node) == [(1, 4)]  # of epoch 8: these were never given up
    assert desk.store.holding(node.address, 7).reports.runs() == [(1, 4), (9, 9)]


def test_an_undecodable_gap_report_is_kept_and_closes_nothing(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.report(1), node.sign(Kind.GAP, 4, b"\xc1"))
    assert desk.missing(node) == [(2, 3)]
    assert desk.rows() == 2


# --- reports that were issued again ---


def reissued(node: Writer, count: int, epoch: int) -> list[bytes]:
    return [node.report(number, f"melding {number}", epoch=epoch) for number in range(1, count + 1)]


@pytest.mark.parametrize("size", [1, 7, 40])
def test_reports_issued_again_are_shown_once_however_they_are_grouped(
    desk: Desk, node: Writer, size: int
) -> None:
    desk.take(node.hex, *reissued(node, 20, 7))
    again = reissued(node, 40, 30)
    for start in range(0, 40, size):
        desk.take(node.hex, *again[start : start + size])
    assert desk.texts() == [f"melding {number}" for number in range(1, 41)]
    assert desk.intake.counts["reissued"] == 20
    assert desk.rows() == 60


def test_the_old_and_the_new_epoch_within_one_commit_are_shown_once_in_either_order(
    desk: Desk, node: Writer, other: Writer
) -> None:
    desk.take(node.hex, *reissued(node, 3, 7), *reissued(node, 3, 8))
    desk.take(other.hex, *reissued(other, 3, 8), *reissued(other, 3, 7))
    shown = [(each.address, each.epoch, each.number) for each in desk.shown()]
    assert shown == [(node.address, 7, n) for n in (1, 2, 3)] + [(other.address, 8, n) for n in (1, 2, 3)]


def test_a_report_of_three_epochs_is_shown_once(desk: Desk, node: Writer) -> None:
    for epoch in (7, 20, 50):
        desk.take(node.hex, *reissued(node, 2, epoch))
    assert desk.texts() == ["melding 1", "melding 2"]


def test_two_that_say_the_same_in_one_second_are_two_also_after_they_were_issued_again(
    desk: Desk, node: Writer
) -> None:
    # only the first of them had arrived before the epoch was raised
    desk.take(node.hex, node.report(1, "help", epoch=7))
    desk.take(node.hex, node.report(1, "help", epoch=8), node.report(2, "help", epoch=8))
    assert desk.texts() == ["help", "help"]


def test_the_same_words_of_another_node_or_time_or_kind_are_no_copy(
    desk: Desk, node: Writer, other: Writer
) -> None:
    desk.take(node.hex, node.report(1, "help", epoch=7))
    desk.take(other.hex, other.report(1, "help", epoch=8))
    desk.take(node.hex, node.report(1, "help", epoch=8, time=TIME + 1))
    desk.take(node.hex, node.report(2, "help", epoch=8, kind=Kind.REQUEST))
    assert desk.texts() == ["help"] * 4
