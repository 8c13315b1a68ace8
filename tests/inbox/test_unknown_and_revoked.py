"""Who is not believed: signers that the roster does not know (quarantine), and revoked keys."""

from __future__ import annotations

import pytest

from relay.core import payloads, wire
from relay.core.message import Entry, Heard
from relay.inbox import apart
from tests.inbox.desk import TIME, Desk, Writer, fresh_texts


@pytest.fixture
def stranger() -> Writer:
    """A node that the roster does not know yet."""
    return Writer("rolde")


def waiting(desk: Desk) -> int:
    return sum(len(desk.store.apart.quarantined(each)) for each in desk.store.apart.quarantined_signers())


# --- unknown ---


def test_an_unknown_signer_is_quarantined_not_shown_and_not_receipted(
    desk: Desk, node: Writer, stranger: Writer
) -> None:
    outcome = desk.take(node.hex, stranger.report(1), stranger.status(1), stranger.hello(1, 1))
    assert not outcome.replies and not outcome.fresh
    assert desk.rows() == 0
    assert waiting(desk) == 2
    assert desk.intake.counts == {"quarantined": 2, "unknown_signer": 1}


def test_quarantine_is_judged_again_when_the_roster_knows_the_signer_and_receipted_then(
    desk: Desk, node: Writer, stranger: Writer
) -> None:
    desk.take(node.hex, stranger.report(1, "een"), stranger.report(2, "twee"), Writer("ander").report(1))
    assert desk.judge_again() is None
    desk.reopen()  # it outlives the process
    desk.roster[stranger.address] = stranger
    outcome = desk.judge_again()
    assert outcome and fresh_texts(outcome) == desk.texts() == ["een", "twee"]
    assert {to for to, _ in outcome.replies} == {node.hex}
    assert [each.entries[0].upto for each in desk.receipts(outcome)] == [2, 2]
    assert waiting(desk) == 1  # of the one who is still unknown
    assert desk.judge_again() is None


def test_what_claims_an_address_and_is_not_signed_by_it_leaves_quarantine_unseen(
    desk: Desk, node: Writer, stranger: Writer
) -> None:
    forger = Writer("vals")
    forger.address = stranger.address
    desk.take(node.hex, forger.report(1))
    desk.roster[stranger.address] = stranger
    desk.judge_again()
    assert (desk.rows(), waiting(desk)) == (0, 0)
    assert desk.intake.counts["bad_signature"] == 1


def test_the_time_in_quarantine_counts_in_the_age_and_raises_no_doubt_of_the_clock(
    desk: Desk, node: Writer, stranger: Writer
) -> None:
    desk.take(node.hex, stranger.status(1, time=TIME - 10), age_s=10, heard=Heard("radio", -7, 2))
    desk.wait(7200)
    desk.roster[stranger.address] = stranger
    desk.judge_again()
    [message] = desk.shown(statuses=True)
    assert message.age_s == 7210
    assert message.heard
    assert not desk.findings(stranger)


def test_quarantine_has_a_limit_per_publisher_and_one_neighbour_cannot_use_up_anothers(
    desk: Desk, node: Writer, other: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "QUARANTINE_PER_PUBLISHER_MAX", 50)
    strangers = [Writer(f"vreemd {number}") for number in range(60)]
    desk.take(node.hex, *[each.report(1) for each in strangers])
    assert waiting(desk) == 50
    desk.take(other.hex, strangers[0].report(9))
    assert waiting(desk) == 51
    desk.reopen()  # the limit outlives the process
    desk.take(node.hex, strangers[0].report(10))
    assert waiting(desk) == 51


def test_quarantine_has_a_limit_in_total(
    desk: Desk, node: Writer, stranger: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "QUARANTINE_MAX", 30)
    for publisher in range(8):
        desk.take(f"{publisher:08x}", *[stranger.report(publisher * 10 + n) for n in range(1, 6)])
    assert waiting(desk) == 30


def test_what_waits_in_quarantine_does_not_count_twice(desk: Desk, node: Writer, stranger: Writer) -> None:
    for _ in range(5):
        desk.take_together((node.hex, [Entry(stranger.report(1), 0)] * 3))
    assert waiting(desk) == 1
    assert desk.store.apart._per_publisher() == {node.hex: 1}


def test_room_in_quarantine_returns_with_those_that_leave_it(
    desk: Desk, node: Writer, stranger: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "QUARANTINE_PER_PUBLISHER_MAX", 3)
    desk.take(node.hex, *[stranger.report(n) for n in range(1, 9)])
    desk.roster[stranger.address] = stranger
    desk.judge_again()
    desk.take(node.hex, Writer("ander").report(1))
    assert waiting(desk) == 1


def test_quarantine_is_not_kept_for_ever(desk: Desk, node: Writer, stranger: Writer) -> None:
    desk.take(node.hex, stranger.report(1))
    desk.wait(100)
    desk.take(node.hex, stranger.report(2))
    desk.store.expire_quarantine(desk.unix_s - 50)
    assert waiting(desk) == 1
    assert desk.store.apart._per_publisher() == {node.hex: 1}


# --- revoked ---


def test_a_revoked_key_is_stored_apart_never_receipted_and_never_current(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.status(1))
    node.revoked = True
    desk.wait(600)
    outcome = desk.take(node.hex, node.report(1, "vals"), node.status(2), node.hello(1, 2))
    assert not outcome.replies and not outcome.fresh
    current = desk.store.current(node.address)
    assert current and current.state == 1
    assert desk.reader.nodes()[node.address].heard_at == desk.uptime_s - 600
    assert [each.standing for each in desk.shown(statuses=True)] == [0, 1, 1]
    assert desk.findings(node)["revoked"].count == 2
    desk.take(node.hex, node.report(1, "vals"))  # again
    assert desk.rows() == 3
    assert desk.findings(node)["revoked"].count == 2


def test_messages_of_a_key_that_stays_revoked_stay_apart_and_shown_when_the_roster_changes(
    desk: Desk, node: Writer
) -> None:
    node.revoked = True
    desk.take(node.hex, node.report(1, "vals"))
    assert desk.judge_again() is None
    assert [each.standing for each in desk.shown()] == [1]


def test_messages_of_a_suspended_key_are_taken_in_when_it_is_given_back(desk: Desk, node: Writer) -> None:
    node.revoked = True
    desk.take(node.hex, node.report(1, "een"), node.report(2, "twee"), node.status(1))
    node.revoked = False
    outcome = desk.judge_again()
    assert outcome and fresh_texts(outcome) == ["een", "twee"]
    assert desk.receipts(outcome)[-1].entries[0].upto == 2
    assert desk.texts() == ["een", "twee"]
    assert [each.standing for each in desk.shown(statuses=True)] == [0, 0, 0]  # none is shown twice
    assert desk.store.current(node.address)
    assert desk.judge_again() is None


def test_a_suspended_node_that_sends_again_is_taken_in_even_before_it_is_judged_again(
    desk: Desk, node: Writer
) -> None:
    node.revoked = True
    desk.take(node.hex, node.report(1, "een"))
    node.revoked = False
    outcome = desk.take(node.hex, node.report(1, "een"), node.report(2, "twee"))
    assert fresh_texts(outcome) == ["een", "twee"]
    desk.judge_again()
    assert desk.texts() == ["een", "twee"]
    assert [each.standing for each in desk.shown()] == [0, 0]


def test_a_key_revoked_while_a_frame_is_on_its_way_is_revoked_for_that_frame(
    desk: Desk, node: Writer
) -> None:

    parcel = desk.intake.open_frame(node.hex, wire.encode_batch([Entry(node.report(1), 0)]), 1.0)
    assert parcel
    desk.intake.verify(parcel.items)
    node.revoked = True
    assert not desk.intake.store([parcel], desk.now, desk.clock).replies
    assert [each.standing for each in desk.shown()] == [1]


def test_reports_of_a_revoked_key_are_no_pattern_for_copies(desk: Desk, node: Writer) -> None:
    node.revoked = True
    desk.take(node.hex, node.report(1, "een", epoch=7))
    node.revoked = False
    desk.take(node.hex, node.status(1, epoch=8), node.report(1, "een", epoch=9))
    assert desk.texts() == ["een"]
    assert payloads.decode(desk.shown()[-1].envelope).header.epoch == 9
