"""Frames that only an attacker writes, at a real store: counted, and what is behind them gets through."""

from __future__ import annotations

import msgspec
import pytest

from relay.core import wire
from relay.core.message import Draft, Kind, Urgency
from tests.support.world import World


@pytest.mark.parametrize("age", [-(2**63), 2**32, 2**63, 2**64 - 1])
@pytest.mark.parametrize("place", ["age", "signal", "hops"])
def test_a_number_that_no_database_holds_does_not_stop_the_emergency_behind_it(tmp_path, age, place):
    world = World(tmp_path)
    world.run(5)
    [row] = world.station().submit([Draft(kind=Kind.STATUS, values={"visitors": 1}, next_due_min=1)])
    heard = {"age": None, "signal": ["radio", age, 1], "hops": ["radio", 1, age]}[place]
    frame = msgspec.msgpack.encode([[row.envelope, age if place == "age" else 1, heard]])
    publisher = world.nodes["beilen"].signer.address.hex()
    world.feed(publisher, frame)
    world.say("beilen", "fire", Urgency.EMERGENCY)
    world.run(5)
    assert world.texts() == ["fire"]
    # the status itself was honest: its own sender brings it
    assert world.store.current(world.nodes["beilen"].signer.address).state == row.number
    with pytest.raises(wire.WireError):
        wire.decode_batch(frame)
