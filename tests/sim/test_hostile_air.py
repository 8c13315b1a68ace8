"""Somebody with the channel's key floods it with packets: bounds hold, the law holds, real messages pass."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from relay.core.airtime import Preset
from relay.core.message import Urgency
from relay.core.wire import encode_radio_frame
from relay.sim.aerial import CHANNEL_KEY
from relay.sim.check import violations
from relay.sim.mesh import MeshRadio
from relay.sim.packets import BROADCAST, PRIVATE_PORT, Packet
from relay.sim.places import Place
from relay.sim.scenario import HOUR_S, Scenario
from relay.sim.world import World

PLACES = (
    ("Toren", Place(0.0, 0.0, 40.0), True),
    ("Noord", Place(0.0, 3.0), False),
    ("Oost", Place(3.0, 0.0), False),
)
EVERY_S = 1.0


class Flood:
    """A radio of a stranger: forged, truncated and recorded packets, one a second, never relayed by it."""

    channel_keys = frozenset((CHANNEL_KEY,))

    def __init__(self, world: World, hop_limit: int) -> None:
        self.world, self.chance, self.hop_limit = world, Random(1), hop_limit
        self.recorded: list[bytes] = []
        self.sent = 0
        self.radio = MeshRadio(world.channel, Random(2), 0xBAD, Place(1.0, 1.0), self, world._options)
        world.at(HOUR_S, self.next)

    def heard(self, packet: Packet, rssi_dbm: float) -> None:
        self.recorded = [*self.recorded, packet.payload][-50:]

    def refused(self, packet: Packet, minutes: int) -> None:
        pass

    def next(self) -> None:
        chance = self.chance
        payload = encode_radio_frame(b"\x21" + chance.randbytes(4) + b"\x00" + chance.randbytes(90), 0)
        if self.recorded and chance.random() < 0.6:
            real = chance.choice(self.recorded)
            spoilt = real[:-1] + bytes((real[-1] ^ 1,))
            payload = chance.choice([real, spoilt, real[: chance.randrange(len(real))], payload])
        packet = Packet(
            source=0, target=BROADCAST, id=self.radio.new_id(), port=PRIVATE_PORT, payload=payload or b"x",
            key=CHANNEL_KEY, hop_limit=self.hop_limit,
        )  # fmt: skip
        packet.source, packet.hop_start = self.radio.number, self.hop_limit
        if self.radio.chip.sending is None:
            self.sent += 1
            self.world.channel.transmit(
                self.radio.chip, packet, packet.airtime_s(self.world.scenario.preset), lambda: None
            )
        self.world.at(self.world.timeline.now_s + EVERY_S, self.next)


@pytest.mark.slow
@pytest.mark.parametrize("hop_limit", [0, 3], ids=["not relayed", "relayed by all"])
def test_a_flood_of_strangers(tmp_path: Path, hop_limit: int) -> None:
    world = World(
        Scenario(places=PLACES, hours=4.0, seed=5, preset=Preset.SHORT_FAST, urgent_per_day=24.0), tmp_path
    )
    flood = Flood(world, hop_limit)
    said = []
    world.at(3 * HOUR_S, lambda: said.append(world.nodes["Noord"].say(Urgency.EMERGENCY)))
    record = world.run()
    assert flood.sent > 8000
    assert said[0].arrived_s is not None and said[0].arrived_s - said[0].at_s < 120
    urgent = [each for each in record.said.values() if each.urgency <= 2 and each.at_s < 3.5 * HOUR_S]
    assert all(each.arrived_s for each in urgent)
    assert record.bytes_most["heard_bytes"] <= 400 * 1024
    assert max(record.duty_worst_pct.values()) <= 10.0
    assert [line for line in violations(record) if not line.startswith("urgent_goes")] == []
