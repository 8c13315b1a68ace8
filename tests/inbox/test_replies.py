"""What the inbox signs: receipts, histories, its epoch."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.core import wire
from relay.core.message import Clock, Entry, Numbering
from relay.core.receipts import check_of
from relay.inbox.replies import FRAME_BYTES_MAX, HISTORY_RUNS_TOLD_MAX, announced_epoch
from tests.inbox.desk import NETWORK, UNIX_S, Desk, Key, Writer

Runs = list[tuple[int, int]]


def told(desk: Desk, outcome: object, numbering: Numbering) -> Runs:
    """What all histories in an outcome vouch for."""
    histories = [each for each in desk.histories(outcome) if each.numbering is numbering]  # type: ignore[arg-type]
    return [run for each in histories for run in each.runs]


# --- receipts ---


def test_a_receipt_names_what_is_held_and_vouches_for_its_newest(desk: Desk, node: Writer) -> None:
    reports = {number: node.report(number) for number in (1, 2, 4, 6)}
    states = {number: node.status(number) for number in (1, 5)}
    [receipt] = desk.receipts(desk.take(node.hex, *reports.values(), *states.values()))
    [entry] = receipt.entries
    assert (entry.address, entry.epoch) == (node.address, node.epoch)
    # 1 and 2; then bit i is for 2 + 2 + i: 4 and 6
    assert (entry.upto, entry.bitmap, entry.state) == (2, 0b101, 5)
    assert entry.check == check_of((reports[6][-64:], states[5][-64:]))
    assert receipt.nonce == b""


def test_the_sequence_rises_with_every_word_within_an_epoch(desk: Desk, node: Writer) -> None:
    heard = []
    for number in range(1, 40):
        outcome = desk.take(node.hex, node.report(2 * number), node.status(number), node.hello(0, 0))
        heard += [(each.header.epoch, each.header.number) for each in desk.said(outcome)]
        if number == 20:
            desk.reopen()
    assert heard == sorted(set(heard))
    assert len({epoch for epoch, _ in heard}) == 2


def test_receipts_for_many_logs_are_as_few_as_fit_a_radio_packet(desk: Desk, node: Writer) -> None:
    small = [node.status(1, epoch=epoch) for epoch in range(1, 14)]
    receipts = desk.receipts(desk.take(node.hex, *small))  # `said` checks each one's size
    assert [len(each.entries) for each in receipts] == [13]
    large = [node.status(2**32 - 1, epoch=2**32 - epoch) for epoch in range(1, 30)]
    receipts = desk.receipts(desk.take(node.hex, *large))
    assert sum(len(each.entries) for each in receipts) == 29
    assert min(len(each.entries) for each in receipts[:-1]) >= 6


def test_a_batch_of_a_thousand_logs_is_answered_in_frames_that_a_node_takes(desk: Desk, node: Writer) -> None:
    wide = [node.report(20, epoch=epoch) for epoch in range(1, 900)]
    outcome = desk.take(node.hex, *wide)
    assert len(outcome.replies) > 1
    for _, frame in outcome.replies:
        assert len(frame) <= FRAME_BYTES_MAX + 16
    assert sum(len(each.entries) for each in desk.receipts(outcome)) == 899


def test_the_answer_to_a_hello_echoes_its_nonce_once_also_when_nothing_is_held(
    desk: Desk, node: Writer
) -> None:
    [receipt] = desk.receipts(desk.take(node.hex, node.hello(0, 0, nonce=b"8 bytes!")))
    assert receipt.nonce == b"8 bytes!"
    assert [(each.upto, each.state, each.check) for each in receipt.entries] == [
        (0, 0, check_of((None, None)))
    ]


def test_an_inbox_without_a_good_clock_says_so_in_its_receipts(desk: Desk, node: Writer) -> None:
    [receipt] = desk.receipts(desk.take(node.hex, node.report(1)))
    assert (receipt.header.clock, receipt.header.time) == (Clock.NTP, UNIX_S - wire.EPOCH_2025_UNIX_S)
    desk.clock, desk.unix_s = Clock.NONE, 17
    [receipt] = desk.receipts(desk.take(node.hex, node.report(2)))
    assert (receipt.header.clock, receipt.header.time) == (Clock.NONE, 0)


def test_a_muted_inbox_stores_and_says_nothing(desk: Desk, node: Writer) -> None:
    desk.replies.muted = True
    outcome = desk.take(node.hex, node.report(1), node.report(20), node.hello(1, 0))
    assert not outcome.replies
    assert len(outcome.fresh) == desk.rows() == 2


# --- histories ---


def test_old_statuses_and_far_reports_are_told_in_a_history(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.status(9), node.report(1))
    outcome = desk.take(node.hex, node.status(2), node.status(3), node.report(30), node.report(31))
    assert told(desk, outcome, Numbering.STATE) == [(2, 3)]
    assert told(desk, outcome, Numbering.REPORT) == [(30, 31)]
    [history] = [each for each in desk.histories(outcome) if each.numbering is Numbering.REPORT]
    assert history.check == check_of([node.report(31)[-64:]])


def test_what_a_receipt_alone_says_needs_no_history(desk: Desk, node: Writer) -> None:
    outcome = desk.take(node.hex, *[node.report(n) for n in (1, 2, 4, 11)], node.status(3))
    assert not desk.histories(outcome)


def test_a_hello_is_told_all_that_is_held_of_a_log_with_many_holes(desk: Desk, node: Writer) -> None:
    for start in range(1, 1001, 200):
        desk.take(node.hex, *[node.report(number) for number in range(start, start + 200, 2)])
    outcome = desk.take(node.hex, node.hello(1000, 0))
    runs = told(desk, outcome, Numbering.REPORT)
    assert runs == [(number, number) for number in range(1, 1001, 2)]
    assert max(len(each.runs) for each in desk.histories(outcome)) == 64


def test_of_more_holes_than_fit_the_newest_runs_are_told_and_a_batch_is_told_its_own(
    desk: Desk, node: Writer
) -> None:
    last = 4 * HISTORY_RUNS_TOLD_MAX
    for start in range(1, last, 200):
        desk.take(node.hex, *[node.status(number) for number in range(start, min(last, start + 200), 2)])
    runs = told(desk, desk.take(node.hex, node.hello(0, last)), Numbering.STATE)
    assert len(runs) == HISTORY_RUNS_TOLD_MAX
    assert runs[-1] == (last - 1, last - 1)
    # an old batch that is sent again is told, so it is not sent for ever
    again = desk.take(node.hex, *[node.status(number) for number in range(1, 100, 2)])
    assert told(desk, again, Numbering.STATE) == [(number, number) for number in range(1, 100, 2)]


# --- epochs ---


def test_an_epoch_is_above_the_last_and_at_least_the_seconds_since_2025(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    seconds = UNIX_S - wire.EPOCH_2025_UNIX_S
    assert desk.replies.epoch == seconds
    desk.reopen()
    assert desk.replies.epoch == seconds + 1
    desk.wait(600)
    desk.reopen()
    assert desk.replies.epoch == seconds + 600
    desk.unix_s = 0  # its clock is in 1970 now
    desk.reopen()
    assert desk.replies.epoch == seconds + 601
    desk.close()


def test_a_backup_of_an_inbox_that_crashed_on_and_on_begins_above_all_its_epochs(tmp_path: Path) -> None:
    for folder in ("now", "backup"):
        (tmp_path / folder).mkdir()
    desk = Desk(tmp_path / "now")
    before = desk.replies.epoch
    for _ in range(20):  # it starts again after five seconds, as its unit makes it
        desk.wait(5)
        desk.reopen()
    used = desk.replies.epoch
    desk.close()
    restored = Desk(tmp_path / "backup")  # which holds nothing of all that
    restored.wait(105)
    restored.reopen()
    assert before < used < restored.replies.epoch
    restored.close()


def test_the_first_epoch_of_an_inbox_in_1970_is_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "")
    desk.close()
    (tmp_path / "inbox.db").unlink()
    desk.unix_s = 0
    desk.open()
    assert desk.replies.epoch == 1
    desk.close()


def test_a_presence_tells_the_epoch_to_who_has_the_key_and_nothing_to_others(desk: Desk) -> None:
    frame = desk.replies.presence(desk.now, desk.clock)
    mine = (desk.key.address, NETWORK, desk.key.public_key)
    assert announced_epoch(frame, *mine) == desk.replies.epoch
    thief = Key("dief")
    assert announced_epoch(frame, thief.address, NETWORK, thief.public_key) == 0
    assert announced_epoch(frame, desk.key.address, NETWORK, thief.public_key) == 0
    assert announced_epoch(frame, desk.key.address, b"exercise", desk.key.public_key) == 0


@pytest.mark.parametrize("junk", [b"", b"\xc1", b"\x91\xc4\x00", wire.encode_batch([Entry(bytes(90))])])
def test_junk_in_place_of_a_presence_tells_nothing(desk: Desk, junk: bytes) -> None:
    assert announced_epoch(junk, desk.key.address, NETWORK, desk.key.public_key) == 0
