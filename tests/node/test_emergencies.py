"""What holds back an upgrade: a real emergency of this node that VRD has not confirmed."""

from __future__ import annotations

import pytest

from relay.core.message import Urgency
from relay.node.waiting import emergencies
from tests.support.world import World


@pytest.fixture
def world(tmp_path) -> World:
    made = World(tmp_path, 5, ())
    made.add("beilen")
    made.run(10)
    return made


def test_an_emergency_counts_until_its_receipt(world):
    log = world.station().forwarder.log
    world.say("beilen", "water op", Urgency.URGENT)
    assert emergencies(log) == 0
    world.say("beilen", "arts nodig", Urgency.EMERGENCY)
    assert emergencies(world.station().forwarder.log) == 1
    world.run(60)
    assert emergencies(world.station().forwarder.log) == 0
