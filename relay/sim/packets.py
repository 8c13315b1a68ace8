"""A mesh packet as it travels, and the queue in which it waits to be sent."""

from __future__ import annotations

from bisect import insort_right

import msgspec

from relay.core.airtime import Preset, on_air_bytes, packet_ms

BROADCAST = 0xFFFFFFFF
HOP_LIMIT_DEFAULT = 3
TX_QUEUE_MAX = 16
PRIVATE_PORT = 256
TEXT_PORT, NODE_INFO_PORT, ROUTING_PORT, ADMIN_PORT, TELEMETRY_PORT = 1, 4, 5, 6, 67
# what a radio in CORE_PORTNUMS_ONLY takes notice of: text (also compressed), position, node info, routing,
# admin, alert, key verification, waypoint, store and forward (both), telemetry, trace route
CORE_PORTS = frozenset((1, 7, 3, 4, 5, 6, 11, 12, 8, 35, 65, 67, 70))
ONE_BYTE_PORT_MAX = 127
REQUEST_ID_BYTES = 5
PUBLIC_KEY_BYTES = 12

PRIORITY_DEFAULT, PRIORITY_RELIABLE, PRIORITY_RESPONSE, PRIORITY_HIGH, PRIORITY_ACK = 64, 70, 80, 100, 120


class Packet(msgspec.Struct, gc=False):
    """One packet, or one copy of it; who relays it makes a copy. Ids are unsigned 32-bit numbers."""

    source: int
    target: int
    id: int
    port: int
    payload: bytes
    key: bytes = b""  # of the channel; who has another can't read it
    hop_limit: int = HOP_LIMIT_DEFAULT
    hop_start: int = 0
    want_ack: bool = False
    want_response: bool = False
    request_id: int = 0  # of what this answers
    priority: int = 0  # not on the air
    relay: int = 0  # last byte of whoever sent this copy
    snr_db: float = 0.0  # with which the relayed copy came in; not on the air
    sealed: bool = False  # encrypted with the target's public key

    @property
    def identity(self) -> int:
        """(from, id): the mesh's key against duplicates."""
        return self.source << 32 | self.id

    def airtime_s(self, preset: Preset) -> float:
        """How long it takes to send."""
        return packet_ms(preset, self.bytes_on_air()) / 1000

    def bytes_on_air(self) -> int:
        """Its size as a frame, mesh header included."""
        extra = REQUEST_ID_BYTES if self.request_id else 0
        extra += PUBLIC_KEY_BYTES if self.sealed else 0
        return on_air_bytes(len(self.payload), extra - (self.port <= ONE_BYTE_PORT_MAX))


def priority_of(packet: Packet) -> int:
    """What the firmware gives a packet whose sender chose none; relays and acknowledgements among them."""
    if packet.priority:
        return packet.priority
    if packet.port == ROUTING_PORT:
        return PRIORITY_ACK
    if packet.port in (TEXT_PORT, ADMIN_PORT):
        return PRIORITY_HIGH
    if packet.request_id:
        return PRIORITY_RESPONSE
    return PRIORITY_RELIABLE if packet.want_ack or packet.want_response else PRIORITY_DEFAULT


class TxQueue:
    """Sixteen places, shared by own packets and relayed ones; the urgent first, then what is relayed."""

    __slots__ = ("_own", "packets")

    def __init__(self, own: int) -> None:
        self.packets: list[Packet] = []
        self._own = own

    def add(self, packet: Packet) -> bool:
        """False when it is full of what is at least as urgent; a less urgent last one makes place."""
        packet.priority = priority_of(packet)
        if len(self.packets) >= TX_QUEUE_MAX:
            if self.packets[-1].priority >= packet.priority:
                return False
            self.packets.pop()
        insort_right(self.packets, packet, key=self._order)
        return True

    def find(self, identity: int) -> Packet | None:
        """The copy of that packet that waits here."""
        for packet in self.packets:
            if packet.identity == identity:
                return packet
        return None

    def cancel(self, identity: int) -> bool:
        """Take it out; whether it was there."""
        found = self.find(identity)
        if found is not None:
            self.packets.remove(found)
        return found is not None

    @property
    def free(self) -> int:
        """Places left."""
        return TX_QUEUE_MAX - len(self.packets)

    def _order(self, packet: Packet) -> tuple[int, bool]:
        return (-packet.priority, packet.source == self._own)
