from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core.fields import Value
from relay.sensors.watch import AGAIN_AFTER_S, BANDS, Watch, matters


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("power", "mains", "battery"),
        ("power", "battery", "mains"),
        ("internet", "works", "out"),
        ("internet", "limited", "works"),
        ("generator", "standby", "running"),
        ("door", "closed", "open"),
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
        ({}, {"power": "mains", "internet": "works", "generator": "standby"}),  # known for the first time
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


BATTERY = BANDS["battery_pct"]


def told(
    watch: Watch, readings: Iterable[Mapping[str, Value]], every_s: float = 5.0
) -> list[tuple[str, ...]]:
    """What each reading made news, one reading every `every_s` seconds."""
    return [watch.news(values, every_s * turn) for turn, values in enumerate(readings)]


def test_of_the_first_values_those_are_news_that_are_not_as_they_should_be() -> None:
    well = {"power": "mains", "internet": "works", "battery_pct": 4, "runtime_min": 3, "door": "closed"}
    assert told(Watch(), [well]) == [()]
    assert told(Watch(), [{"battery_pct": 90}, {"power": "battery"}, {"internet": "out"}]) == [
        (),
        ("power",),  # a UPS whose service starts later than ours
        ("internet",),
    ]


def test_a_gap_in_the_measuring_hides_no_change_and_makes_none() -> None:
    before = {"power": "mains", "battery_pct": 60}
    scenes = [before, {}, before, {}, {"power": "battery", "battery_pct": 45}]
    assert told(Watch(), scenes) == [(), (), (), (), ("power", "battery_pct")]


def test_a_battery_that_wavers_around_a_threshold_is_told_once() -> None:
    watch = Watch()
    charges = (52, 51, 50, 51, 50, 54, 49, 54, 50)
    news = told(watch, [{"battery_pct": percent} for percent in charges])
    assert [charges[turn] for turn, names in enumerate(news) if names] == [50]
    # five points above the threshold is really above it
    assert watch.news({"battery_pct": 55}, 100) == ("battery_pct",)
    assert watch.news({"battery_pct": 51}, 105) == ()


def test_each_threshold_is_told_on_the_way_down_and_up() -> None:
    watch = Watch()
    down = [percent for percent in range(100, -1, -1) if watch.news({"battery_pct": percent}, 60 * -percent)]
    up = [percent for percent in range(101) if watch.news({"battery_pct": percent}, 7200 + 60 * percent)]
    assert (down, up) == ([50, 20, 10], [15, 25, 55])
    runtime = Watch()
    told_at = [left for left in range(300, -1, -1) if runtime.news({"runtime_min": left}, 60 * (300 - left))]
    assert told_at == [120, 45, 10]


def test_falling_through_several_thresholds_at_once_is_one_piece_of_news() -> None:
    scenes = [{"battery_pct": percent} for percent in (90, 3, 3)]
    assert told(Watch(), scenes) == [(), ("battery_pct",), ()]


def test_a_new_outage_begins_with_a_runtime_of_its_own() -> None:
    dark = {"power": "battery", "runtime_min": 30}
    scenes = [{"power": "mains"}, dark, {"power": "mains"}, {"power": "battery", "runtime_min": 200}]
    assert told(Watch(), scenes, every_s=4000) == [(), ("power",), ("power",), ("power",)]


@pytest.mark.parametrize(
    ("name", "swing"),
    [
        ("power", ("mains", "battery")),
        ("internet", ("works", "out")),
        ("generator", ("running", "standby")),
        ("battery_pct", (49, 55)),  # further than its hysteresis: a battery that is charged in bursts
        ("battery_pct", (49, 51)),
        ("runtime_min", (44, 60)),
        ("undervoltage", ("no", "now")),
    ],
)
@pytest.mark.parametrize("every_s", [2.0, 47.0, 900.0])
def test_what_swings_for_six_hours_costs_two_statuses_an_hour_at_most(
    name: str, swing: tuple[Value, Value], every_s: float
) -> None:
    readings = [{name: swing[turn % 2]} for turn in range(int(6 * 3600 / every_s))]
    times = [every_s * turn for turn, names in enumerate(told(Watch(), readings, every_s)) if names]
    assert any(times) or swing == (49, 51), "the first swing is news"
    for time_s in times:
        assert sum(time_s <= other < time_s + AGAIN_AFTER_S for other in times) <= 2


def test_a_swing_that_was_held_back_is_news_again_an_hour_later() -> None:
    watch = Watch()
    watch.news({"power": "mains"}, 0)
    assert watch.news({"power": "battery"}, 10) == ("power",)
    assert watch.news({"power": "mains"}, 20) == ("power",)
    assert watch.news({"power": "battery"}, 30) == ()  # the next regular status tells it
    assert watch.news({"power": "mains"}, 3000) == ()
    assert watch.news({"power": "battery"}, 10 + AGAIN_AFTER_S) == ("power",)


@given(st.integers(0, 100), st.integers(0, 3))
def test_a_band_once_reached_is_kept_until_the_value_moves(percent: int, band: int) -> None:
    settled = BATTERY.band(percent, band)
    assert BATTERY.band(percent, settled) == settled
    assert abs(settled - BATTERY.band(percent)) <= 1
