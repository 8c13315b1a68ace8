"""Each fault by its name, in a world of three sites: no promise is broken, and nothing is left over."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from relay.core.airtime import Preset
from relay.core.message import Urgency
from relay.sim import faults
from relay.sim.check import violations
from relay.sim.places import Place
from relay.sim.scenario import HOUR_S, Scenario, Window
from relay.sim.world import World

PLACES = (
    ("Toren", Place(0.0, 0.0, 40.0), True),
    ("Noord", Place(0.0, 3.0), False),
    ("Oost", Place(3.0, 0.0), False),
    ("West", Place(-3.0, 0.0), False),
)
DARK = Window(1.5 * HOUR_S, 5 * HOUR_S)
HOURS = 8.0
UNDER_WAY_MAX = 2  # said in the last moments


def world_of(folder: Path, **changes: object) -> World:
    told = {"places": PLACES, "hours": HOURS, "seed": 11, "outage": DARK, "preset": Preset.MEDIUM_FAST}
    return World(Scenario(**{**told, **changes}), folder)  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_breaks_no_promise(tmp_path: Path, fault: faults.Fault) -> None:
    world = world_of(tmp_path, urgent_per_day=8.0, routine_per_day=16.0)
    fault(world, Random(7))
    record = world.run()
    assert violations(record) == []
    assert sum(record.ended.values()) <= UNDER_WAY_MAX, "what waited has not gone after the outage"


def test_after_a_take_over_both_inboxes_hold_what_is_said_and_one_of_them_speaks(tmp_path: Path) -> None:
    world = world_of(tmp_path, urgent_per_day=0.0, routine_per_day=0.0)
    hub, west = world.hub, world.nodes["West"]
    world.at(600.0, hub.stand_by, tmp_path / "standby")
    world.at(HOUR_S, hub.stop)
    world.at(HOUR_S + 60, west.say, Urgency.ROUTINE)  # to nobody
    world.at(HOUR_S + 600, hub.hand_over)
    world.at(6 * HOUR_S, hub.first_returns)
    world.at(7 * HOUR_S, west.say, Urgency.ROUTINE)
    world.timeline.run_until(7.9 * HOUR_S)
    spare = hub.spare
    assert spare and spare.store and hub.store and hub.replies.epoch > spare.standby.epoch
    assert spare.replies.muted and not hub.replies.muted
    for inbox, first in ((hub, 1), (spare, 2)):  # the first learned of the take-over only later
        assert inbox.store
        epoch = inbox.store.newest_epoch(west.key.address)
        assert inbox.store.holding(west.key.address, epoch).reports.runs() == [(first, 2)]
    record = world.run()
    assert violations(record) == [] and all(said.shown == 1 for said in record.said.values())


def test_after_an_outage_the_inbox_s_own_word_is_the_newest_state_of_each_site(tmp_path: Path) -> None:
    world = world_of(tmp_path, urgent_per_day=0.0, routine_per_day=0.0)
    world.timeline.run_until(HOURS * HOUR_S)
    assert world.hub.store
    for node in world.sites:
        epoch, number, _ = world.record.states_made[node.name][-1]
        current = world.hub.store.current(node.key.address)
        assert current is not None
        assert (epoch, number) in ((current.epoch, current.state), (current.epoch, current.state + 1))
    world.run()


@pytest.mark.parametrize("urgency", [Urgency.EMERGENCY, Urgency.ROUTINE])
def test_what_was_accepted_survives_a_power_cut_in_the_same_moment(tmp_path: Path, urgency: Urgency) -> None:
    world = world_of(tmp_path, urgent_per_day=0.0, routine_per_day=0.0)
    node = world.nodes["West"]

    def say_and_fail() -> None:
        node.say(urgency)
        node.power_off()

    world.at(2 * HOUR_S, say_and_fail)
    world.at(2 * HOUR_S + 60, node.power_on)
    record = world.run()
    (said,) = record.said.values()
    assert said.arrived_s is not None and 2 * HOUR_S + 60 < said.arrived_s < DARK.to_s
    assert said.link == "radio" and said.shown == 1


def test_a_site_out_of_the_gateway_s_reach_is_heard_through_its_neighbour(tmp_path: Path) -> None:
    places = (*PLACES[:2], ("Verder", Place(0.0, 11.0), False))
    world = world_of(tmp_path, places=places, urgent_per_day=0.0, routine_per_day=0.0)
    tower, between, far = (world.nodes[name].mesh.chip.name for name in ("Toren", "Noord", "Verder"))
    for near, loss_db in ((tower, 200.0), (between, 120.0)):
        world.channel._losses_db[min(near, far), max(near, far)] = loss_db
    world.at(3 * HOUR_S, world.nodes["Verder"].say, Urgency.EMERGENCY)
    record = world.run()
    (said,) = record.said.values()
    assert said.link == "radio" and said.receipted_s is not None
    assert said.receipted_s - said.at_s < 60
    assert world.nodes["Noord"].mesh.relayed > 0
