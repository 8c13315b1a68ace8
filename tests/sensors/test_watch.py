from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sensors.watch import Watch, battery_band, matters


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("power", "mains", "battery"),
        ("power", "battery", "mains"),
        ("internet", "works", "out"),
        ("internet", "limited", "works"),
        ("generator", "standby", "running"),
        ("undervoltage", "no", "now"),
        ("undervoltage", "no", "earlier"),
        ("throttled", "no", "now"),
    ],
)
def test_a_change_that_a_person_would_want_to_know_at_once_is_news(
    field: str, before: str, after: str
) -> None:
    assert matters({field: before}, {field: after}) == (field,)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"power": "battery"}),  # known for the first time
        ({"power": "mains"}, {}),  # unknown is not "mains lost"
        ({"undervoltage": "now"}, {"undervoltage": "earlier"}),
        ({"undervoltage": "earlier"}, {"undervoltage": "now"}),  # a bad supply swings
        ({"undervoltage": "no"}, {}),
        ({"cpu_c": 40, "load_pct": 3}, {"cpu_c": 80, "load_pct": 100}),
        ({"power": "mains"}, {"power": "mains"}),
    ],
)
def test_anything_else_waits_for_the_next_status(before: dict[str, str], after: dict[str, str]) -> None:
    assert matters(before, after) == ()


def test_the_first_values_are_no_news() -> None:
    assert Watch().news({"power": "battery", "internet": "out", "battery_pct": 4}) == ()


def test_a_gap_in_the_measuring_hides_no_change_and_makes_none() -> None:
    watch = Watch()
    watch.news({"power": "mains", "battery_pct": 60})
    assert watch.news({}) == ()
    assert watch.news({"power": "mains", "battery_pct": 60}) == ()
    assert watch.news({}) == ()
    assert watch.news({"power": "battery", "battery_pct": 45}) == ("power", "battery_pct")


def test_a_battery_that_wavers_around_a_threshold_is_told_once() -> None:
    watch = Watch()
    told = [
        percent for percent in (52, 51, 50, 51, 50, 54, 49, 54, 50) if watch.news({"battery_pct": percent})
    ]
    assert told == [50]
    # five points above the threshold is really above it
    assert watch.news({"battery_pct": 55}) == ("battery_pct",)
    assert watch.news({"battery_pct": 51}) == ()
    assert watch.news({"battery_pct": 50}) == ("battery_pct",)


def test_each_threshold_is_told_on_the_way_down_and_up() -> None:
    watch = Watch()
    down = [percent for percent in range(100, -1, -1) if watch.news({"battery_pct": percent})]
    up = [percent for percent in range(101) if watch.news({"battery_pct": percent})]
    assert (down, up) == ([50, 20, 10], [15, 25, 55])


def test_falling_through_several_thresholds_at_once_is_one_piece_of_news() -> None:
    watch = Watch()
    watch.news({"battery_pct": 90})
    assert watch.news({"battery_pct": 3}) == ("battery_pct",)
    assert watch.news({"battery_pct": 3}) == ()


@given(st.integers(0, 100), st.integers(0, 3))
def test_a_band_once_reached_is_kept_until_the_value_moves(percent: int, band: int) -> None:
    settled = battery_band(percent, band)
    assert battery_band(percent, settled) == settled
    assert abs(settled - battery_band(percent)) <= 1
