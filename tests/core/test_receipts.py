"""What is held, what a receipt proves, and what a node believes of time."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core import wire
from relay.core.message import Clock, Header, Kind, Moment, ReceiptEntry
from relay.core.ranges import Ranges
from relay.core.receipts import (
    Holding,
    InboxView,
    Named,
    Verdict,
    check_of,
    held_reports,
    judge,
    newest_report,
)

OLD, NEW = b"o" * 64, b"n" * 64
ME = b"abcd"


def entry(epoch=5, upto=0, bitmap=0, state=0, check=b"") -> ReceiptEntry:
    return ReceiptEntry(ME, epoch, upto, bitmap, state, check)


def numbers(runs) -> set[int]:
    return {number for first, last in runs for number in range(first, last + 1)}


# --- the check ---


def test_the_check_is_two_bytes_of_sha256_over_the_signatures():
    assert check_of([OLD, NEW]) == sha256(OLD + NEW).digest()[:2]
    assert check_of([None, NEW]) == sha256(NEW).digest()[:2]
    assert check_of([]) == check_of([None, None]) == sha256(b"").digest()[:2] == bytes.fromhex("e3b0")


# --- holdings ---


@given(st.sets(st.integers(1, 40), max_size=30), st.sets(st.integers(1, 40), max_size=10))
def test_an_entry_names_what_is_held_up_to_nine_beyond_the_first_hole(reports, states):
    holding = Holding(Ranges((n, n) for n in reports), Ranges((n, n) for n in states))
    said = holding.entry(ME, 5, b"ok")
    upto = next(number for number in range(42) if number + 1 not in reports)
    assert said.upto == upto
    assert said.state == max(states, default=0)
    assert numbers(held_reports(said)) == {n for n in reports if n <= upto + 9}
    assert holding.vouched() == (max((n for n in reports if n <= upto + 9), default=0), said.state)


@pytest.mark.parametrize(
    ("held", "upto", "bitmap", "newest"),
    [
        ([], 0, 0b0000_0000, 0),
        ([1, 2, 3], 3, 0b0000_0000, 3),
        ([2], 0, 0b0000_0001, 2),
        ([9], 0, 0b1000_0000, 9),
        ([10], 0, 0b0000_0000, 0),  # held, but an entry has no room to say so: a history does
        ([1, 2, 4, 11], 2, 0b1000_0001, 11),
        ([1, *range(3, 11)], 1, 0b1111_1111, 10),
        ([1, *range(3, 12)], 1, 0b1111_1111, 10),
    ],
)
def test_the_bitmap_at_its_edges(held, upto, bitmap, newest):
    holding = Holding(Ranges((n, n) for n in held))
    assert (holding.reports.upto, holding.bitmap()) == (upto, bitmap)
    assert newest_report(upto, bitmap) == newest == holding.vouched()[0]


def test_an_entry_at_the_largest_numbers_has_no_bitmap_beyond_them():
    top = wire.NUMBER_MAX
    holding = Holding(Ranges([(1, top)]), Ranges([(top, top)]))
    assert holding.entry(ME, top, b"ok") == ReceiptEntry(ME, top, top, 0, top, b"ok")
    assert held_reports(entry(upto=top)) == [(1, top)]


# --- judging ---


@pytest.mark.parametrize(
    ("said", "own", "verdict"),
    [
        # nothing held, nothing written
        (entry(check=check_of([])), (None, None), Verdict.MATCHES),
        (entry(upto=3, state=7, check=check_of([OLD, NEW])), (OLD, NEW), Verdict.MATCHES),
        (entry(upto=1, bitmap=1, state=7, check=check_of([OLD, NEW])), (OLD, NEW), Verdict.MATCHES),
        (entry(upto=0, state=7, check=check_of([None, NEW])), (None, NEW), Verdict.MATCHES),
        # other contents under the same numbers
        (entry(upto=3, state=7, check=check_of([NEW, NEW])), (OLD, NEW), Verdict.DIFFERS),
        (entry(upto=3, state=7, check=check_of([OLD, OLD])), (OLD, NEW), Verdict.DIFFERS),
        (entry(upto=3, check=check_of([OLD, OLD])), (OLD, None), Verdict.DIFFERS),
        (entry(check=b"\0\0"), (None, None), Verdict.DIFFERS),
        # numbers that this card never wrote
        (entry(upto=4, check=check_of([OLD])), (None, None), Verdict.BEYOND),
        (entry(upto=2, bitmap=1, state=1), (None, OLD), Verdict.BEYOND),
        (entry(state=8, check=check_of([OLD])), (None, None), Verdict.BEYOND),
        (entry(upto=wire.NUMBER_MAX), (None, None), Verdict.BEYOND),
        (entry(epoch=6), (None, None), Verdict.BEYOND),
        (entry(epoch=6, upto=3, state=7, check=check_of([OLD, NEW])), (OLD, NEW), Verdict.BEYOND),
        (entry(epoch=wire.NUMBER_MAX), (None, None), Verdict.BEYOND),
        # of an epoch that has ended nothing follows, whatever it says
        (entry(epoch=4, upto=99, state=99), (None, None), Verdict.CLOSED),
        (entry(epoch=0), (None, None), Verdict.CLOSED),
        # a row that is gone can't be compared
        (entry(upto=3, state=7, check=b"??"), (None, NEW), Verdict.MATCHES),
        (entry(upto=3, state=7, check=b"??"), (OLD, None), Verdict.MATCHES),
        (entry(upto=3, state=7, check=b"??"), (None, None), Verdict.MATCHES),
        (entry(upto=4, state=7, check=b"??"), (None, None), Verdict.BEYOND),
    ],
)
def test_an_entry_is_judged_against_a_log_of_three_reports_and_seven_statuses(said, own, verdict):
    assert judge(said, 5, (3, 7), own) is verdict


# --- time (rule 7) ---

START_S = 1_800_000_000 - wire.EPOCH_2025_UNIX_S


def heard(time: int, epoch: int = 1, sequence: int = 1, clock: Clock = Clock.NTP) -> Header:
    return Header(Kind.RECEIPT, b"inbx", 4, clock, 0, False, False, epoch, sequence, time, 0)


def without_clock(elapsed_s: float, boot: int = 1) -> Moment:
    return Moment(elapsed_s, boot)


def take(view: InboxView, header: Header, moment: Moment) -> bool:
    news = view.is_news(header)
    view.hear_time(header, moment)
    return news


def test_without_receipt_and_clock_the_time_is_the_running_time():
    assert InboxView().time(without_clock(77.9)) == (77, Clock.NONE)


def test_a_receipt_gives_the_time_from_then_on():
    view = InboxView()
    take(view, heard(START_S), without_clock(100.0))
    assert view.time(without_clock(130.0)) == (START_S + 30, Clock.INBOX)


def test_a_clock_of_ones_own_goes_before_unless_it_is_before_2025():
    view = InboxView()
    take(view, heard(START_S), without_clock(100.0))
    own = Moment(130.0, 1, wire.EPOCH_2025_UNIX_S + 5.0, Clock.NTP)
    assert view.time(own) == (5, Clock.NTP)
    in_1970 = Moment(130.0, 1, 12.0, Clock.NTP)
    assert view.time(in_1970) == (START_S + 30, Clock.INBOX)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=1, max_size=12))
def test_delayed_and_replayed_receipts_only_lower_what_is_known(receipts):
    """Each receipt was sent at one moment and arrives, once or more, at that moment or later."""
    view = InboxView()
    now_s, least_delay = 0.0, None
    for sequence, (sent_s, delay_s) in enumerate(receipts, 1):
        now_s = max(now_s, float(sent_s + delay_s))
        take(view, heard(START_S + sent_s, sequence=sequence), without_clock(now_s))
        least_delay = min(now_s - sent_s, now_s if least_delay is None else least_delay)
        time, quality = view.time(without_clock(now_s))
        # never ahead of the inbox, and behind it by no more than the quickest receipt was late
        assert (time, quality) == (START_S + int(now_s - least_delay), Clock.INBOX)


def test_a_replay_an_hour_later_moves_nothing():
    view = InboxView()
    receipt = heard(START_S)
    assert take(view, receipt, without_clock(10.0))
    assert not take(view, receipt, without_clock(3610.0))
    assert view.time(without_clock(3610.0)) == (START_S + 3600, Clock.INBOX)


def test_a_new_inbox_epoch_starts_over_downwards_too():
    view = InboxView()
    take(view, heard(START_S + 10_000_000), without_clock(10.0))  # its clock was far ahead
    take(view, heard(START_S, epoch=2), without_clock(20.0))
    assert view.time(without_clock(20.0)) == (START_S, Clock.INBOX)
    # and the old epoch has nothing to say any more
    take(view, heard(START_S + 10_000_000, epoch=1, sequence=9), without_clock(30.0))
    assert view.time(without_clock(30.0)) == (START_S + 10, Clock.INBOX)


def test_a_new_boot_starts_over():
    view = InboxView()
    take(view, heard(START_S), without_clock(100.0))
    assert view.time(without_clock(110.0, boot=2)) == (110, Clock.NONE)
    # nobody knows how long the power was off: the same receipt again, now heard late, is all there is
    take(view, heard(START_S + 50, sequence=2), without_clock(120.0, boot=2))
    assert view.time(without_clock(125.0, boot=2)) == (START_S + 55, Clock.INBOX)
    assert view.time(without_clock(130.0, boot=1)) == (130, Clock.NONE)


def test_a_new_epoch_whose_inbox_has_no_clock_leaves_none():
    view = InboxView()
    take(view, heard(START_S), without_clock(10.0))
    take(view, heard(99, epoch=2, clock=Clock.NONE), without_clock(20.0))
    assert view.time(without_clock(20.0)) == (20, Clock.NONE)


def test_an_inbox_without_a_clock_of_its_own_sets_no_time():
    view = InboxView()
    take(view, heard(2**32 - 1, clock=Clock.NONE), without_clock(10.0))
    assert view.time(without_clock(20.0)) == (20, Clock.NONE)


@pytest.mark.parametrize("time", [0, 2**32 - 1])
def test_a_time_always_fits_its_four_bytes(time):
    view = InboxView()
    take(view, heard(time), without_clock(0.0))
    for moment in (without_clock(1e12), without_clock(0.0), Moment(0.0, 1, 1e15, Clock.GPS)):
        assert 0 <= view.time(moment)[0] < 2**32


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_news_is_what_is_newer_than_all_before(heads):
    view, newest = InboxView(), (0, 0)
    for epoch, sequence in heads:
        assert view.is_news(heard(1, epoch, sequence)) is ((epoch, sequence) > newest)
        newest = max(newest, (epoch, sequence))
        assert (view.epoch, view.sequence) == newest


# --- that this node is heard ---


def test_the_newest_receipt_that_names_this_node_is_remembered_and_no_older_one():
    view = InboxView()
    for sequence, at_s in ((1, 10.0), (3, 30.0), (2, 40.0), (3, 50.0)):
        header = heard(START_S, sequence=sequence)
        take(view, header, without_clock(at_s))
        view.note_named("radio", header, without_clock(at_s))
    assert view.named == Named("radio", 1, 30.0, START_S + 20, (1, 3))
    take(view, heard(START_S, epoch=2), without_clock(60.0))
    view.note_named("mqtt", heard(START_S, sequence=9), without_clock(70.0))  # of the epoch before
    assert view.named.elapsed_s == 30.0


def test_in_another_outbox_the_same_is_known_in_its_count_of_time():
    view = InboxView()
    header = heard(START_S)
    take(view, header, without_clock(10.0))
    view.note_named("mqtt", header, without_clock(10.0))
    moved = view.moved(1, 7, 1000.0)
    assert moved.time(without_clock(1015.0, boot=7)) == (START_S + 5, Clock.INBOX)
    assert moved.named == msgspec.structs.replace(view.named, boot=7, elapsed_s=1010.0)
    elsewhere = view.moved(2, 7, 1000.0)  # what was heard in another boot stays in none that we count
    assert elsewhere.named.boot == 0 and elsewhere.time(without_clock(1015.0, boot=7))[1] == Clock.NONE
