"""The order of intake, and that receiving is idempotent."""

from __future__ import annotations

import random

import pytest

from relay.core import wire
from relay.core.message import Clock, Entry, Kind, Urgency
from relay.inbox import ingest
from tests.inbox.desk import TIME, Desk, Writer, fresh_texts


def test_the_same_frame_three_times_is_stored_once_and_receipted_three_times(
    desk: Desk, node: Writer
) -> None:
    frame = [node.report(1), node.report(2), node.status(1, 2)]
    outcomes = [desk.take(node.hex, *frame) for _ in range(3)]
    assert [len(each.fresh) for each in outcomes] == [3, 0, 0]
    assert [desk.receipts(each)[0].entries[0].upto for each in outcomes] == [2, 2, 2]
    assert desk.rows() == 3
    assert desk.intake.counts == {"duplicate": 6}


def test_the_same_frame_three_times_within_one_commit_is_stored_once(desk: Desk, node: Writer) -> None:
    frame = (node.hex, [Entry(node.report(1), 0), Entry(node.status(1), 0)])
    outcome = desk.take_together(frame, frame, frame)
    assert len(outcome.fresh) == desk.rows() == 2
    assert len(desk.receipts(outcome)) == 3  # each sender of a frame hears of it


@pytest.mark.parametrize("seed", range(4))
def test_overlapping_batches_in_any_order_and_grouping_end_in_each_message_once(
    desk: Desk, node: Writer, seed: int
) -> None:
    chance = random.Random(seed)
    envelopes = [node.report(number) for number in range(1, 61)]
    batches = [envelopes[start : start + 15] for start in range(0, 60, 5)]
    chance.shuffle(batches)
    texts: list[str] = []
    while batches:
        group = [batches.pop() for _ in range(min(len(batches), chance.randint(1, 4)))]
        for batch in group:
            chance.shuffle(batch)
        frames = [(node.hex, [Entry(each, 0) for each in batch]) for batch in group]
        texts += fresh_texts(desk.take_together(*frames))
        if chance.random() < 0.3:
            desk.reopen()
    assert sorted(texts) == sorted(f"melding {number}" for number in range(1, 61))
    assert desk.rows() == 60
    assert not desk.missing(node)


def test_one_message_over_two_publishers_is_shown_once_and_both_are_answered(
    desk: Desk, node: Writer, other: Writer
) -> None:
    desk.take(node.hex, node.report(1))
    outcome = desk.take(other.hex, node.report(1))
    assert desk.texts() == ["melding 1"]
    assert [to for to, _ in outcome.replies] == [other.hex]
    assert desk.receipts(outcome)[0].entries[0].address == node.address


def test_an_undecodable_payload_ahead_of_an_emergency_is_kept_receipted_and_blocks_nothing(
    desk: Desk, node: Writer
) -> None:
    broken = node.sign(Kind.REPORT, 1, b"\xff\xff\xff")
    emergency = node.report(2, "brand", urgency=Urgency.EMERGENCY)
    outcome = desk.take(node.hex, broken, emergency)
    assert desk.receipts(outcome)[0].entries[0].upto == 2
    assert [each.envelope for each in desk.shown()] == [broken, emergency]


def test_junk_within_a_batch_does_not_keep_out_what_is_behind_it(desk: Desk, node: Writer) -> None:
    forged = bytearray(node.report(1))
    forged[-1] ^= 1
    junk = [b"", b"\x20", b"\xe0" * 100, bytes(forged), node.report(3) + b"x", bytes(300), desk_receipt(desk)]
    outcome = desk.take(node.hex, *junk, node.report(2))
    assert fresh_texts(outcome) == ["melding 2"]
    assert desk.rows() == 1
    counts = desk.intake.counts
    # too short, too short, another version, version 0 and too long, an inbox's word: five are no envelopes
    assert (counts["not_an_envelope"], counts["bad_signature"]) == (5, 2)


def desk_receipt(desk: Desk) -> bytes:
    return wire.decode_batch(desk.replies.presence(desk.now, Clock.NTP))[0].envelope


def test_a_message_truncated_anywhere_is_never_stored(desk: Desk, node: Writer) -> None:
    whole = node.report(1)
    for end in range(0, len(whole), 3):
        desk.take(node.hex, whole[:end])
        desk.wait(10)  # so that its allowance does not end
    assert desk.rows() == 0


def test_what_is_signed_for_another_network_is_not_taken_in(desk: Desk, node: Writer) -> None:
    header = wire.parse_header(node.report(1))
    foreign = wire.sign(header, b"\x80", b"exercise", node.private.sign)
    desk.take(node.hex, foreign)
    assert desk.rows() == 0
    assert desk.intake.counts == {"bad_signature": 1}


def test_nothing_is_refused_for_its_time_and_the_current_state_is_the_highest_number(
    desk: Desk, node: Writer
) -> None:
    for number, time in ((2, 0), (3, 2**32 - 1), (1, TIME)):
        desk.take(node.hex, node.status(number, time=time))
    current = desk.store.current(node.address)
    assert current and (current.epoch, current.state) == (7, 3)
    assert desk.rows() == 3


def test_an_old_epoch_from_a_stick_never_becomes_the_current_state(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.status(1, epoch=9))
    desk.take(node.hex, *[node.status(number, epoch=3) for number in range(1, 50)], age_s=86_400)
    current = desk.store.current(node.address)
    assert current and (current.epoch, current.state) == (9, 1)
    # within one commit, too
    desk.take(node.hex, node.status(2, epoch=9), node.status(60, epoch=3))
    current = desk.store.current(node.address)
    assert current and (current.epoch, current.state) == (9, 2)


def test_a_kind_of_a_later_version_is_kept_and_shown_but_named_in_no_receipt(
    desk: Desk, node: Writer
) -> None:
    later = [node.sign(kind, 2, b"\x80") for kind in (20, 26, 40)]
    outcome = desk.take(node.hex, node.report(1), *later, node.report(3))
    assert [each.envelope for each in desk.shown() if each.standing] == later
    # report 2 may exist beside them: to vouch for it would lose it
    entry = desk.receipts(outcome)[0].entries[0]
    assert (entry.upto, entry.bitmap) == (1, 1)
    assert desk.missing(node) == [(2, 2)]
    again = desk.take(node.hex, *later, node.report(2))
    assert fresh_texts(again) == ["melding 2"]
    assert desk.rows() == 6
    assert not desk.findings(node)


def test_a_later_version_takes_in_what_an_earlier_one_could_not_count(
    desk: Desk, node: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = node.report(1, "nieuwe soort", kind=20)
    desk.take(node.hex, later)
    assert desk.judge_again() is None
    from relay.inbox import filing

    real = filing.numbering_of
    for module in (filing, ingest):  # the upgrade
        monkeypatch.setattr(module, "numbering_of", lambda kind: real(1 if kind == 20 else kind))
    desk.reopen()
    outcome = desk.judge_again()
    assert [receipt.entries[0].upto for receipt in desk.receipts(outcome)] == [1]
    assert [each.standing for each in desk.shown()] == [0]
    assert desk.judge_again() is None


def test_a_number_of_zero_is_kept_apart(desk: Desk, node: Writer) -> None:
    outcome = desk.take(node.hex, node.report(0), node.status(0), node.report(1))
    assert desk.rows() == 3
    assert desk.receipts(outcome)[0].entries[0].upto == 1
    assert desk.store.current(node.address) is None


def test_what_stands_apart_has_a_limit_per_signer(
    desk: Desk, node: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.inbox.store.APART_PER_SIGNER_MAX", 5)
    desk.take(node.hex, *[node.sign(20, number, b"\x80") for number in range(1, 10)], node.report(1))
    assert desk.rows() == 6
    assert desk.intake.counts["apart_full"] == 4
    assert desk.texts() == ["melding 1"]


def test_a_sealed_message_is_kept_and_receipted_and_never_read(desk: Desk, node: Writer) -> None:
    outcome = desk.take(node.hex, node.report(1, "geheim", sealed=True))
    assert desk.receipts(outcome)[0].entries[0].upto == 1
    assert desk.rows() == 1
