"""What goes next: by class, in turn over all origins, urgent ones within their tokens."""

from __future__ import annotations

import pytest

from relay.core.message import Entry, Numbering
from relay.core.schedule import (
    URGENT_TOKEN_S,
    URGENT_TOKENS_MAX,
    Class,
    Offer,
    Source,
    Tokens,
    fill,
)

ENVELOPE_BYTES = 90
OVERHEAD_BYTES = 10


class Origin:
    """A site with so many messages of each class; remembers which classes it was asked for."""

    def __init__(self, name: str, **counts: int) -> None:
        self.name = name
        self.counts = counts
        self.asked: list[Class] = []

    def source(self) -> Source:
        def offers(rank: Class):
            self.asked.append(rank)
            for number in range(1, self.counts.get(rank.name.lower(), 0) + 1):
                entry = Entry(f"{self.name}-{rank.name}-{number}".encode().ljust(ENVELOPE_BYTES))
                yield Offer(self.name.encode(), Numbering.REPORT, number, entry)

        return Source(self.name.encode(), offers)


def order(*origins: Origin, room: int = 1000, **more) -> list[str]:
    budget = room * (ENVELOPE_BYTES + OVERHEAD_BYTES)
    sources = [origin.source() for origin in origins]
    chosen = fill(sources, budget, OVERHEAD_BYTES, more.pop("most", 10_000), **more)
    return [offer.entry.envelope.decode().strip() for offer in chosen]


def test_urgent_goes_first_then_the_newest_status_then_reports_then_old_statuses():
    site = Origin("a", history=2, report=2, newest=1, urgent=2)
    assert [each.split("-")[1] for each in order(site)] == [
        "URGENT", "URGENT", "NEWEST", "REPORT", "REPORT", "HISTORY", "HISTORY",
    ]  # fmt: skip


def test_a_class_goes_in_the_order_in_which_it_is_offered():
    assert order(Origin("a", report=3)) == ["a-REPORT-1", "a-REPORT-2", "a-REPORT-3"]


def test_three_origins_take_turns_however_much_one_has():
    talker, shy, third = Origin("a", report=50), Origin("b", report=2), Origin("c", report=3)
    assert order(talker, shy, third, room=9) == [
        "a-REPORT-1", "b-REPORT-1", "c-REPORT-1", "a-REPORT-2", "b-REPORT-2", "c-REPORT-2",
        "a-REPORT-3", "c-REPORT-3", "a-REPORT-4",
    ]  # fmt: skip


def test_no_origin_gets_more_than_one_ahead_of_another_that_still_has_some():
    origins = [Origin(name, report=40, urgent=name == "b") for name in "abc"]
    for room in range(1, 60):
        got = [each[0] for each in order(*origins, room=room) if "REPORT" in each]
        counts = [got.count(name) for name in "abc"]
        assert max(counts) - min(counts) <= 1


def test_one_origins_emergency_goes_before_every_other_origins_routine():
    assert order(Origin("a", report=5), Origin("b", newest=1), Origin("c", urgent=1, report=1), room=3) == [
        "c-URGENT-1", "b-NEWEST-1", "a-REPORT-1",
    ]  # fmt: skip


def test_a_frame_holds_what_fits_and_not_a_byte_more():
    for room in range(5):
        assert len(order(Origin("a", report=9), room=room)) == room
    budget = 2 * (ENVELOPE_BYTES + OVERHEAD_BYTES) - 1
    assert len(fill([Origin("a", report=9).source()], budget, OVERHEAD_BYTES, 99)) == 1


def test_a_frame_holds_no_more_messages_than_it_may():
    assert len(order(Origin("a", report=9), Origin("b", report=9), most=5)) == 5
    assert order(Origin("a", report=9), most=0) == []


def test_a_class_is_asked_for_only_when_there_is_room():
    site = Origin("a", urgent=2, report=5)
    order(site, room=1)
    assert site.asked == [Class.URGENT]  # the disk is not read for what can't go


def test_without_anything_to_send_there_is_no_frame():
    assert order() == order(Origin("a")) == []


# --- tokens ---


def test_three_urgent_ones_at_once_and_then_one_in_ten_minutes():
    tokens = Tokens()
    assert [tokens.take(0.0) for _ in range(5)] == [True, True, True, False, False]
    assert not tokens.take(URGENT_TOKEN_S - 1)
    assert tokens.take(URGENT_TOKEN_S)
    assert not tokens.take(URGENT_TOKEN_S + 1)


def test_tokens_do_not_pile_up_beyond_three():
    tokens = Tokens()
    for _ in range(URGENT_TOKENS_MAX):
        tokens.take(0.0)
    later_s = 100 * URGENT_TOKEN_S
    assert [tokens.take(later_s) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("start_s", [0.0, 1e9])
def test_a_clock_that_steps_back_gives_no_tokens(start_s):
    tokens = Tokens()
    for _ in range(URGENT_TOKENS_MAX):
        tokens.take(start_s)
    assert not tokens.take(start_s - 1e6)
    assert not tokens.take(start_s - 1e6 + URGENT_TOKEN_S - 1)
