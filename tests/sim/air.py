"""Radios on one air without sockets, in virtual time."""

from __future__ import annotations

from random import Random

from relay.core.airtime import Preset
from relay.sim.channel import Channel, Transceiver, Tuning
from relay.sim.mesh import MeshRadio
from relay.sim.packets import BROADCAST, PRIVATE_PORT, Packet
from relay.sim.places import Place
from relay.sim.sender import MeshOptions
from relay.sim.timeline import Timeline

KEY = b"\x08\x01"


class Ear:
    """A client that keeps what it hears."""

    def __init__(self, key: bytes = KEY) -> None:
        self.channel_keys = frozenset((key,))
        self.packets: list[Packet] = []
        self.errors: dict[int, int] = {}  # our own packets' fate: id -> Routing.Error
        self.refusals: list[tuple[Packet, int]] = []

    def heard(self, packet: Packet, rssi_dbm: float) -> None:
        if rssi_dbm:
            self.packets.append(packet)
        if packet.request_id:
            self.errors[packet.request_id] = packet.payload[1]

    def refused(self, packet: Packet, minutes: int) -> None:
        self.refusals.append((packet, minutes))

    @property
    def texts(self) -> list[bytes]:
        return [packet.payload for packet in self.packets if not packet.request_id]


class Air:
    """`place` radios, `say` something, `run`."""

    def __init__(self, seed: int = 1, preset: Preset = Preset.LONG_FAST, shadowing_db: float = 0.0) -> None:
        self.timeline = Timeline()
        self.chance = Random(seed)
        self.channel = Channel(self.timeline, self.chance, shadowing_db)
        self.radios: list[MeshRadio] = []
        self.ears: list[Ear] = []
        self.preset = preset
        self._ids = 0

    def place(self, x_km: float, key: bytes = KEY, y_km: float = 0.0, **options: object) -> MeshRadio:
        ear = Ear(key)
        setup = MeshOptions(tuning=Tuning(self.preset), **options)  # type: ignore[arg-type]
        number = len(self.radios) + 1
        radio = MeshRadio(self.channel, self.chance, number, Place(x_km, y_km), ear, setup)
        self.radios.append(radio)
        self.ears.append(ear)
        return radio

    def packet(self, payload: bytes = b"x" * 50, target: int = BROADCAST, **fields: object) -> Packet:
        self._ids += 1
        given = {"id": self._ids, "port": PRIVATE_PORT, "key": KEY, **fields}
        return Packet(source=0, target=target, payload=payload, **given)  # type: ignore[arg-type]

    def run(self, seconds: float) -> None:
        self.timeline.run_until(self.timeline.now_s + seconds)


class Chip:
    """A bare transceiver that keeps what it receives."""

    def __init__(self, channel: Channel, name: int, place: Place, tuning: Tuning | None = None) -> None:
        self.got: list[object] = []
        self.channel = channel
        self.chip: Transceiver = channel.join(name, place, self._received, tuning)

    def _received(self, frame: object, snr_db: float, rssi_dbm: float) -> None:
        self.got.append(frame)

    def send(self, frame: object, airtime_s: float = 1.0) -> None:
        self.channel.transmit(self.chip, frame, airtime_s, lambda: None)
