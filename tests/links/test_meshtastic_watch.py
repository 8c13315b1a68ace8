"""What the link remembers: bounded, and said once."""

from __future__ import annotations

import pytest

from relay.links.meshtastic.packets import Verdict
from relay.links.meshtastic.watch import (
    HOUR_S,
    NEIGHBOUR_S,
    NEIGHBOURS_MAX,
    PAUSE_UNNAMED_MIN,
    UNREADABLE_MAX,
    UNREADABLE_MIN,
    Watch,
)
from relay.links.radio import HeardFrame


def frame(sender: int, hops: int | None = 0) -> HeardFrame:
    return HeardFrame(b"x", sender, 5.0, hops, 3, None)


def test_ten_unreadable_packets_and_no_readable_one_in_an_hour_mean_another_key() -> None:
    watch = Watch()
    for second in range(UNREADABLE_MIN):
        assert watch.connected(second).code == "connected"
        watch.unreadable(second)
    said = watch.connected(10)
    assert said.code == "R03" and said.connected and "sleutel" in said.what.nl
    # Said once: more of the same is no news.
    watch.unreadable(11)
    assert watch.connected(11) == said
    # One packet that can be read shows that the key is right after all.
    watch.readable(12)
    assert watch.connected(12).code == "connected"
    # What is an hour old counts no longer, on either side.
    assert watch.connected(12 + HOUR_S).code == "connected"
    for second in range(UNREADABLE_MIN):
        watch.unreadable(12 + HOUR_S + second)
    assert watch.connected(12 + HOUR_S + 20).code == "R03"


def test_neighbours_are_those_heard_directly_and_lately() -> None:
    watch = Watch()
    watch.heard(frame(1, hops=0), 0)
    watch.heard(frame(2, hops=1), 0)
    watch.heard(frame(3, hops=None), 0)
    watch.heard(frame(4, hops=0), NEIGHBOUR_S - 1)
    assert watch.facts.neighbours == 2
    watch.heard(frame(4, hops=0), NEIGHBOUR_S)
    assert watch.facts.neighbours == 1


def test_memory_is_bounded_however_much_is_heard() -> None:
    watch = Watch()
    for number in range(5 * UNREADABLE_MAX):
        watch.heard(frame(number), number / 1000)
        watch.unreadable(number / 1000)
    assert watch.facts.neighbours == NEIGHBOURS_MAX
    assert watch.facts.unreadable == UNREADABLE_MAX
    # The newest stay.
    assert min(watch._neighbours) == 5 * UNREADABLE_MAX - NEIGHBOURS_MAX


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("Duty cycle limit exceeded. You can send again in 47 mins", 47),
        ("Duty cycle limit exceeded. You can send again in 1 min", 1),
        ("You can send again in 0 mins", 1),
        ("You can send again in 9999 mins", 60),  # the law counts an hour
    ],
)
def test_the_named_time_is_waited_for(text: str, minutes: int) -> None:
    watch = Watch()
    watch.notified(text, 100)
    assert watch.paused_until_s == 100 + minutes * 60
    error = watch.paused(101)
    assert error is not None and error.code == "duty_cycle" and f"{minutes} min" in error.what.nl
    assert watch.paused(100 + minutes * 60) is None


def test_other_notifications_stop_nothing() -> None:
    watch = Watch()
    for text in ("Low entropy key", "You can send again", "", "again in 5 mins"):
        watch.notified(text, 0)
        assert watch.paused(0) is None and watch.facts.notification == text


def test_without_a_named_time_the_pause_is_short_and_a_named_one_is_not_shortened() -> None:
    watch = Watch()
    watch.pause(0)
    assert watch.paused_until_s == PAUSE_UNNAMED_MIN * 60
    watch.notified("You can send again in 47 mins", 1)
    watch.pause(2)
    watch.verdict(Verdict(1, 9), 3)
    assert watch.paused_until_s == 1 + 47 * 60


def test_thrown_out_three_times_in_a_minute_is_another_program() -> None:
    watch = Watch()
    assert [watch.thrown_out(second) for second in (0, 10, 60)] == [False, False, True]
    watch = Watch()
    assert [watch.thrown_out(second) for second in (0, 10, 61, 62)] == [False, False, False, True]
