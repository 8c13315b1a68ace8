"""Whole simulations: one seed is one history, and what the design promises happens in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.core.airtime import Preset
from relay.core.message import Urgency
from relay.errors import ConfigError
from relay.sim.check import violations
from relay.sim.places import Place
from relay.sim.record import Record
from relay.sim.scenario import HOUR_S, Scenario, Window, parse_outage
from relay.sim.world import World

CLOSE = (
    ("Hoogte", Place(0, 0, 40), True),
    ("Beilen", Place(4, 0), False),
    ("Norg", Place(0, 5), False),
    ("Rolde", Place(-4, 1), False),
)
NEVER = Window(1e9, 2e9)


def scenario(**changes) -> Scenario:
    return Scenario(**{"places": CLOSE, "hours": 4.0, "seed": 3, "urgent_per_day": 12.0, **changes})


def told(record: Record) -> list[tuple[str, float | None, float | None]]:
    return [(said.text, said.arrived_s, said.receipted_s) for said in record.said.values()]


def test_one_seed_is_one_history_and_another_is_another(tmp_path: Path) -> None:
    first, again = (World(scenario(hours=2.0), tmp_path / name).run() for name in "ab")
    assert told(first) == told(again)
    assert [sent.at_s for sent in first.sent] == [sent.at_s for sent in again.sent]
    assert told(World(scenario(hours=2.0, seed=4), tmp_path / "c").run()) != told(first)


def test_everything_dark_at_once_and_emergencies_are_known_within_a_minute(tmp_path: Path) -> None:
    record = World(scenario(), tmp_path).run()
    urgent = [said for said in record.said.values() if said.urgency <= 2 and said.at_s < 3.5 * HOUR_S]
    assert len(urgent) >= 3
    assert all(said.link == "radio" and said.arrived_s - said.at_s < 60 for said in urgent if said.at_s > 120)
    assert all(said.receipted_s for said in urgent)
    assert set(record.state_known) >= {"Beilen", "Norg", "Rolde"}
    assert violations(record) == []


def test_everything_back_at_once_brings_the_history_and_nothing_twice(tmp_path: Path) -> None:
    record = World(scenario(outage=Window(0.5 * HOUR_S, 2.5 * HOUR_S)), tmp_path).run()
    assert sum(record.ended.values()) == 0
    assert record.counts["GaveBack"] == 3
    made = sum(len(states) for states in record.states_made.values())
    assert record.counts["status_mqtt"] + record.counts["status_radio"] >= made - 3
    assert violations(record) == []


def test_an_inbox_restart_sends_nobody_to_the_radio(tmp_path: Path) -> None:
    world = World(scenario(outage=NEVER), tmp_path)
    world.record.only_the_inbox_failed = True
    world.at(HOUR_S, world.hub.stop)
    world.at(HOUR_S + 840.0, world.hub.start)
    world.at(HOUR_S + 300.0, world.nodes["Beilen"].say, Urgency.EMERGENCY)
    record = world.run()
    assert {sent.urgency for sent in record.sent} <= {1, 2}
    assert record.took_over == []
    assert violations(record) == []


def test_a_deaf_site_does_not_burn_airtime_for_two_days(tmp_path: Path) -> None:
    world = World(scenario(hours=48.0, urgent_per_day=0.0, routine_per_day=2.0), tmp_path)
    world.nodes["Norg"].is_deaf = True
    record = world.run()
    spent = {name: sum(s.airtime_ms for s in record.sent if s.site == name) for name in ("Norg", "Beilen")}
    assert spent["Norg"] < 4 * spent["Beilen"]
    to_norg = [sent for sent in record.sent if sent.site == "Hoogte"]
    assert len(to_norg) < 48 * 12
    facts = world.hub.air.facts(world.nodes["Norg"].key.address, world.timeline.now_s)
    assert facts and facts["hears_us"] is False


def test_a_site_without_a_clock_is_dated_by_the_inbox_and_by_ages(tmp_path: Path) -> None:
    from relay.core.message import Clock

    world = World(scenario(), tmp_path)
    node = world.nodes["Beilen"]
    node.clock, node.clock_off_s = Clock.NONE, -1.8e9
    record = world.run()
    assert node.name in record.state_known
    assert violations(record) == []


@pytest.mark.parametrize("preset", [Preset.LONG_FAST, Preset.SHORT_FAST])
def test_half_of_all_sites_with_an_emergency_at_once(tmp_path: Path, preset: Preset) -> None:
    world = World(scenario(preset=preset, urgent_per_day=0.0), tmp_path)
    said = []
    for index, node in enumerate(world.sites):
        world.at(HOUR_S + index, lambda node=node: said.append(node.say(Urgency.EMERGENCY)))
    world.run()
    assert len(said) == 3
    assert all(each.arrived_s - each.at_s < 60 for each in said)


def test_a_neighbour_with_internet_carries_a_site_that_has_none(tmp_path: Path) -> None:
    places = (("Ver", Place(60, 60, 40), True), ("Beilen", Place(4, 0), False), ("Norg", Place(0, 2), False))
    world = World(Scenario(places=places, hours=2.0, outage=NEVER, urgent_per_day=0, seed=2), tmp_path)
    world.at(600.0, world.nodes["Beilen"].set_mqtt, "down")
    said = []
    world.at(1200.0, lambda: said.append(world.nodes["Beilen"].say(Urgency.EMERGENCY)))
    record = world.run()
    assert said[0].link == "radio" and said[0].arrived_s - said[0].at_s < 20
    assert said[0].receipted_s and said[0].receipted_s - said[0].at_s < 60
    assert violations(record) == []


@pytest.mark.parametrize(
    ("text", "window"),
    [("6h..54h", (6 * HOUR_S, 54 * HOUR_S)), ("30m..2h", (1800, 7200)), ("0h..0.5h", (0, 1800))],
)
def test_an_outage_as_people_write_it(text: str, window: tuple[float, float]) -> None:
    assert parse_outage(text) == Window(*map(float, window))


@pytest.mark.parametrize("text", ["", "6..54", "54h..6h", "6h", "h..h", "6h..54d"])
def test_what_is_no_outage_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_outage(text)
    assert "6h..54h" in refused.value.do.nl


def test_one_gateway_more_changes_no_link_between_the_others_and_nothing_that_is_said(tmp_path: Path) -> None:
    def seen(gateways: int, sites: int) -> tuple[dict[tuple[str, str], float], set[tuple[float, str]]]:
        few = Scenario(gateways=gateways, sites=sites, hours=1.0, seed=3, routine_per_day=48.0)
        world = World(few, tmp_path / f"{gateways} {sites}")
        record = world.run()
        known = [node for node in world.nodes.values() if node.name in names]
        links = {
            (one.name, other.name): world.channel.link_db(one.mesh.chip, other.mesh.chip)
            for one in known
            for other in known
        }
        return links, {(said.at_s, said.site) for said in record.said.values() if said.site in names}

    names = {name for name, _, _ in Scenario(gateways=1, sites=4).map()}
    links, said = seen(1, 4)
    assert len(links) == 25 and len(said) > 3
    assert seen(3, 6) == (links, said)
