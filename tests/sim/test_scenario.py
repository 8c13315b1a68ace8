"""What is simulated: the map, and how an outage is written."""

from __future__ import annotations

import pytest

from relay.errors import ConfigError
from relay.sim import drenthe
from relay.sim.places import SEATS, distance_km
from relay.sim.scenario import HOUR_S, Scenario, Window, parse_outage


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("6h..54h", Window(6 * HOUR_S, 54 * HOUR_S)),
        ("30m..2h", Window(1800.0, 2 * HOUR_S)),
        (" 0h..0.5h ", Window(0.0, 1800.0)),
    ],
)
def test_an_outage_is_written_in_hours_or_minutes(text: str, window: Window) -> None:
    assert parse_outage(text) == window


@pytest.mark.parametrize("text", ["", "6h", "54h..6h", "6..54", "6h..6h", "6h..54d", "..h..2h", "1.2.3h..9h"])
def test_what_is_no_outage_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_outage(text)
    assert "6h..54h" in refused.value.do.en


def test_an_outage_holds_from_its_beginning_until_before_its_end() -> None:
    window = Window(10.0, 20.0)
    assert [window.holds(at_s) for at_s in (9.9, 10.0, 19.9, 20.0)] == [False, True, True, False]


def test_without_an_outage_it_is_dark_from_the_beginning_to_the_end() -> None:
    assert Scenario(hours=5).dark == Window(0.0, 5 * HOUR_S)


def test_the_first_twelve_sites_are_the_seats_of_the_municipalities() -> None:
    assert [name for name, _ in drenthe.sites(12, 1)] == list(SEATS)


@pytest.mark.parametrize("count", [1, 12, 50, 150])
def test_a_map_has_as_many_sites_as_asked_under_different_names(count: int) -> None:
    found = Scenario(sites=count, gateways=5).map()
    assert len({name for name, _, _ in found}) == count + 5
    assert sum(is_gateway for _, _, is_gateway in found) == 5


def test_a_seed_strews_the_sites_beyond_the_list_and_moves_no_other() -> None:
    one, same, other = drenthe.sites(150, 1), drenthe.sites(150, 1), drenthe.sites(150, 2)
    assert one == same != other
    assert one[:50] == other[:50]


def test_all_sites_stand_in_or_near_drenthe() -> None:
    middle = dict(drenthe.sites(12, 1))["Beilen"]
    assert all(distance_km(middle, place) < 60 for _, place in drenthe.sites(150, 3))


def test_there_are_no_more_gateways_than_high_places() -> None:
    with pytest.raises(ValueError, match="at most"):
        drenthe.gateways(len(drenthe.HIGH) + 1)
