"""Two stations and an inbox over a wire that loses, repeats, reorders and delays."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.core.ledger import State
from relay.core.message import Numbering, Urgency
from tests.support.world import Weather, World

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["say", "urgent", "status", "wait", "cut", "mend", "kill", "inbox dies", "inbox returns"]
        ),
        st.sampled_from(["beilen", "norg"]),
        st.integers(1, 40),
    ),
    max_size=25,
)


@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.1, 0.4]),
    repeat=st.sampled_from([0.0, 0.3]),
    delay_s=st.sampled_from([(0.01, 0.02), (0.0, 5.0)]),
    actions=ACTIONS,
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_report_ends_receipted_exactly_once_and_the_newest_state_is_known(
    seed, loss, repeat, delay_s, actions
):
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), seed, ("beilen", "norg"))
        world.weather = Weather(loss, repeat, delay_s)
        said = play(world, actions)
        heal(world)

        # every report that was accepted is there, none is there twice
        assert sorted(world.texts()) == sorted(said)
        for name in world.nodes:
            station = world.station(name)
            log = station.forwarder.log
            # the node knows that each is held, and holds itself free of it
            assert not log.ledger(Numbering.REPORT).open()
            assert log.ledger(Numbering.REPORT).count(State.GIVEN_UP) == 0
            assert not log.ledger(Numbering.STATE).open()
            # the inbox shows the newest state, whatever arrived last
            current = world.store.current(world.nodes[name].signer.address)
            if log.ledger(Numbering.STATE).last:
                assert (current.epoch, current.state) == (
                    station.forwarder.state.epoch,
                    log.ledger(Numbering.STATE).last,
                )


def play(world: World, actions) -> list[str]:
    said = []
    for index, (action, name, amount) in enumerate(actions):
        if action in ("say", "urgent"):
            urgency = Urgency.EMERGENCY if action == "urgent" else Urgency.ROUTINE
            for copy in range(amount if action == "say" else 1):
                said.append(f"{index}.{copy}")
                world.say(name, said[-1], urgency)
        elif action == "status":
            for value in range(amount):
                world.status(name, visitors=value)
        elif action == "wait":
            world.run(amount)
        elif action in ("cut", "mend"):
            world.set_link(name, action == "mend")
        elif action == "kill":
            world.kill(name)
            world.nodes[name].boot += amount % 2
            world.start(name)
        elif action == "inbox dies":
            world.kill_inbox()
        elif world.store is None:
            world.start_inbox()
    return said


def heal(world: World) -> None:
    world.weather = Weather()
    for name in world.nodes:
        world.set_link(name, True)
    if world.store is None:
        world.start_inbox()
    world.run(400)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_queue_drains_over_a_bad_wire(tmp_path, seed):
    world = World(tmp_path, seed)
    world.weather = Weather(loss=0.2, repeat=0.1, delay_s=(0.0, 2.0))
    world.set_link("beilen", False)
    for number in range(700):
        world.say("beilen", str(number))
        world.status("beilen", visitors=number)
    world.set_link("beilen", True)
    world.run(3000)
    assert sorted(world.texts(), key=int) == [str(number) for number in range(700)]
    assert not world.station().forwarder.log.ledger(Numbering.STATE).open()
