"""What a simulation came to: figures that count what never arrived, and a picture of them."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from relay.errors import Text
from relay.sim.places import Place
from relay.sim.plot import svg
from relay.sim.record import Said
from relay.sim.report import POINTS_MAX, Figures, Spread, as_builtins, curve, figures, latency_s, spread
from relay.sim.scenario import Scenario
from relay.sim.world import World

PLACES = (
    ("Hoogte", Place(0, 0, 40), True),
    ("Beilen", Place(4, 0), False),
    ("Norg <&>", Place(0, 5), False),
    ("Onbereikbaar", Place(300, 0), False),
)
SCENARIO = Scenario(places=PLACES, hours=2.0, seed=3, urgent_per_day=36.0, routine_per_day=36.0)


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[World, Figures]:
    world = World(SCENARIO, tmp_path_factory.mktemp("world"))
    world.run()
    return world, figures(world)


def english(text: Text) -> str:
    return text.en


def test_percentiles_go_by_rank_and_what_never_came_is_among_them() -> None:
    assert spread([]) == Spread(0, 0, 0)
    assert spread(range(101)) == Spread(50, 95, 100)
    assert spread([inf, 1.0, 2.0]) == Spread(2.0, inf, inf)
    assert latency_s(Said("a", "t", 1, 100.0, arrived_s=130.0)) == 30
    assert latency_s(Said("a", "t", 1, 100.0)) == inf


def test_a_curve_keeps_both_ends_and_no_more_points_than_a_picture_shows() -> None:
    points = curve(range(100_000, 0, -1))
    assert len(points) == POINTS_MAX
    assert points[0] == 1 and points[-1] == 100_000
    assert list(points) == sorted(points)
    assert curve([3.0, 1.0]) == (1.0, 3.0)


def test_every_report_said_before_the_last_half_hour_is_judged_once(ran) -> None:
    world, found = ran
    judged = [said for said in world.record.said.values() if said.at_s < 1.5 * 3600]
    assert found.urgent.said + found.routine.said == len(judged) > 10
    assert found.urgent.said == sum(said.urgency <= 2 for said in judged)
    assert found.urgent.arrived + found.routine.arrived == sum(said.arrived_s is not None for said in judged)


def test_a_site_out_of_everybody_s_reach_is_the_worst_and_counts_as_never(ran) -> None:
    _, found = ran
    worst = found.sites[0]
    assert (worst.name, worst.arrived) == ("Onbereikbaar", 0)
    assert worst.said > 0 and worst.latency_p95_s == inf
    assert found.urgent.arrived_pct < 100
    assert found.urgent.latency_s.most == inf
    # those that did come were quick, and are told apart
    assert 0 < found.urgent.radio_s.most < 60
    assert {site.name for site in found.sites} == {"Beilen", "Norg <&>", "Onbereikbaar"}
    assert not any("Onbereikbaar" in link for link in found.links)
    assert ("Hoogte", "Beilen") in found.links


def test_airtime_and_channel_use_are_those_of_the_channel(ran) -> None:
    world, found = ran
    spots = {spot.name: spot for spot in found.spots}
    assert spots["Hoogte"].is_gateway and not spots["Beilen"].is_gateway
    beilen = world.nodes["Beilen"].mesh.chip
    assert spots["Beilen"].airtime_pct == pytest.approx(100 * beilen.sent_s / 7200)
    assert 0 < spots["Beilen"].airtime_pct <= spots["Beilen"].worst_hour_pct <= 10
    assert 0 < found.channel_mean_pct <= found.channel_worst_pct <= found.channel_minute_pct < 100
    assert len(found.over_time) == 12


def test_the_figures_are_json_without_infinity(ran) -> None:
    _, found = ran
    text = json.dumps(as_builtins(SCENARIO, found), allow_nan=False)
    again = json.loads(text)
    assert again["urgent"]["latency_s"]["most"] is None
    assert again["urgent"]["said"] == found.urgent.said
    assert (again["scenario"]["preset"], again["scenario"]["seed"]) == ("MEDIUM_FAST", 3)


def test_the_picture_is_whole_xml_with_every_site_and_each_choice(ran) -> None:
    _, found = ran
    one, two = svg([(SCENARIO, found)], english), svg([(SCENARIO, found)] * 2, english)
    root = ElementTree.fromstring(one)
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert {"Hoogte", "Beilen", "Norg <&>", "Onbereikbaar"} <= set(titles)
    lines = [element.get("points", "") for element in root.iter("{http://www.w3.org/2000/svg}polyline")]
    # urgent, others, states; mean use, fullest minute
    assert len(lines) == 5 and all(lines)
    assert "inf" not in one and "nan" not in one.replace("Beilen", "")
    assert "Map: colour" in one and "Kaart" not in one
    height = [ElementTree.fromstring(text).get("viewBox", "").split()[3] for text in (one, two)]
    assert float(height[1]) == 2 * float(height[0])


def test_a_name_at_the_right_edge_stands_left_of_its_site_within_the_map(ran) -> None:
    _, found = ran
    root = ElementTree.fromstring(svg([(SCENARIO, found)], english))
    anchors = {text.text: text.get("text-anchor") for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert anchors["Onbereikbaar"] == "end"
    assert anchors["Beilen"] == "start"
    assert "MEDIUM_FAST · 3 sites, 1 high · 2 h" in anchors


def test_the_colour_of_a_site_follows_the_age_of_its_state(ran) -> None:
    _, found = ran
    ages = {"Beilen": 3599.0, "Norg <&>": 3601.0, "Onbereikbaar": 99_999.0}
    sites = tuple(msgspec.structs.replace(site, age_p95_s=ages[site.name]) for site in found.sites)
    root = ElementTree.fromstring(svg([(SCENARIO, msgspec.structs.replace(found, sites=sites))], english))
    dots = root.iter("{http://www.w3.org/2000/svg}circle")
    fills = {dot[0].text: dot.get("fill") for dot in dots if len(dot)}
    assert fills == {"Beilen": "#1b7f4b", "Norg <&>": "#d98e04", "Onbereikbaar": "#c0262d"}


def test_a_world_in_which_nothing_was_said_has_figures_and_a_picture_too(tmp_path: Path) -> None:
    quiet = Scenario(places=PLACES[:2], hours=0.5, seed=1, urgent_per_day=0, routine_per_day=0)
    world = World(quiet, tmp_path)
    world.run()
    found = figures(world)
    assert (found.urgent.said, found.urgent.arrived_pct) == (0, 100)
    ElementTree.fromstring(svg([(quiet, found)], english))
