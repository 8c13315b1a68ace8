"""What a fake radio knows of the others: its node database. It outlasts a restart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from relay.sim import meshtastic_proto as pb
from relay.sim.meshtastic_settings import Settings
from relay.sim.packets import Packet

NODES_MAX = 200


class Nodes:
    """Every node that was heard, by its number; the one heard longest ago makes place for a new one."""

    def __init__(self, own: int, settings: Settings) -> None:
        self._own = own
        self._settings = settings
        self._known: dict[int, Any] = {}

    @property
    def count(self) -> int:
        """How many, ourselves not counted."""
        return len(self._known)

    def heard(self, packet: Packet, unix_s: int) -> None:
        """Any packet of another node."""
        info = self._known.pop(packet.source, None) or pb.mesh.NodeInfo(num=packet.source)
        self._known[packet.source] = info
        info.snr = packet.snr_db
        info.last_heard = unix_s
        info.hops_away = max(0, packet.hop_start - packet.hop_limit)
        if len(self._known) > NODES_MAX:
            del self._known[next(iter(self._known))]

    def learn(self, packet: Packet) -> None:
        """Its NodeInfo; what is none is ignored."""
        try:
            user = pb.mesh.User.FromString(packet.payload)
        except pb.DecodeError:
            return
        if packet.source in self._known:
            self._known[packet.source].user.CopyFrom(user)

    def knows(self, number: int) -> bool:
        """Whether we know who that is."""
        return number in self._known and self._known[number].HasField("user")

    def has_key(self, number: int) -> bool:
        """Whether we could encrypt for that node."""
        return self.knows(number) and bool(self._known[number].user.public_key)

    def infos(self) -> Iterator[Any]:
        """As the client gets them; who hasn't said who it is goes by its number, as in the firmware."""
        for number, info in self._known.items():
            shown = pb.mesh.NodeInfo()
            shown.CopyFrom(info)
            if not shown.HasField("user"):
                shown.user.id = f"!{number:08x}"
                shown.user.long_name = f"Meshtastic {number & 0xFFFF:04x}"
                shown.user.short_name = f"{number & 0xFFFF:04x}"
            yield shown
