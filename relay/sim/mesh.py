"""One Meshtastic radio without its client: managed flooding and acknowledgements.

Written after the firmware's routers (2.7.26). Theory of operation:

- Sending (`sender`): into a queue of 16, then a random number of slots (own packets: a window that grows with
  channel use; relayed ones: one that grows with the SNR with which they came, so that the farthest relays
  first, and routers before all clients), then carrier sense; busy means a new delay.
- Flooding: a packet whose (from, id) is new and whose hop limit isn't used up is sent on with one hop less.
  Who hears another do so first gives up its own copy, routers excepted. A copy with more hops left than the
  one that waits takes its place; the sender's own repetition is relayed again.
- Acknowledgements: a unicast that wants one gets it from its target, or an implicit one from whoever is heard
  relaying it. Without either it is sent three times in all, then comes MAX_RETRANSMIT.
- Duty cycle: at the limit own packets are refused (9), relayed ones dropped in silence. The firmware looks
  only when a packet is queued and may run over by what its queue holds; with `strict_duty` (the default here)
  the limit is also kept at the moment of sending. The counter starts anew with every restart, as in a radio.

Left out: next-hop routing (unicasts are flooded), favourite routers, late routers, MQTT, encryption as such
(a packet carries its channel's key, and who has another can't read it).
"""

from __future__ import annotations

from random import Random
from typing import Protocol

from msgspec.structs import replace

from relay.sim.channel import Channel
from relay.sim.packets import BROADCAST, CORE_PORTS, ROUTING_PORT, Packet, priority_of
from relay.sim.places import Place
from relay.sim.sender import OK, MeshOptions, Rebroadcast, Role, Sender

NO_ERROR, MAX_RETRANSMIT, NO_CHANNEL, TOO_LARGE_NAK, DUTY_CYCLE_NAK, RATE_LIMIT = 0, 5, 6, 7, 9, 38

TRANSMISSIONS = 3  # of a packet that wants an acknowledgement
SEEN_MAX = 256  # remembered (from, id)
PENDING_MAX = 64


class Client(Protocol):
    """Whoever is told what the radio hears."""

    channel_keys: frozenset[bytes]  # of the channels that it can read

    def heard(self, packet: Packet, rssi_dbm: float) -> None:
        """A packet for this radio or for all; `rssi_dbm` is 0 for what the radio says itself."""
        ...

    def refused(self, packet: Packet, minutes: int) -> None:
        """The duty cycle is used up, for so many minutes."""
        ...


class _Pending:
    """A packet that waits for its acknowledgement."""

    __slots__ = ("due_s", "left", "packet")

    def __init__(self, packet: Packet) -> None:
        self.packet = packet
        self.left = TRANSMISSIONS - 1
        self.due_s = 0.0


class MeshRadio:
    """One radio; `number` is its node number."""

    def __init__(
        self,
        channel: Channel,
        chance: Random,
        number: int,
        place: Place,
        client: Client,
        options: MeshOptions,
    ) -> None:
        self.number = number
        self.client = client
        self.chip = channel.join(number, place, self._received, options.tuning, options.power_dbm)
        self.sender = Sender(channel, self.chip, chance, options, self._refused)
        self.relayed = self.cancelled = self.duplicates = 0
        self._channel = channel
        self._timeline = channel.timeline
        self._chance = chance
        self._seen: dict[int, int] = {}  # identity -> most hops left
        self._pending: dict[int, _Pending] = {}  # own id -> packet

    def send(self, packet: Packet) -> int:
        """Queue a packet of our own; says OK, FULL, DUTY_CYCLE or DISABLED (see QueueStatus.res)."""
        packet.source = self.number
        if packet.want_ack and packet.hop_limit == 0:
            packet.hop_limit = self.sender.options.hop_limit
        packet.hop_start = packet.hop_limit
        packet.priority = priority_of(packet)
        if packet.want_ack and len(self._pending) < PENDING_MAX:
            pending = self._pending[packet.id] = _Pending(replace(packet))
            self._next_try(pending)
        return self._flood(packet)

    def configure(self, options: MeshOptions) -> None:
        """Another set-up, from now on."""
        self.sender.options = options
        self.chip.power_dbm = options.power_dbm
        self._channel.retune(self.chip, options.tuning)

    def switch(self, on: bool) -> None:
        """Power; what is in memory goes: queue, duplicates, pending packets, the hour's count."""
        self.chip.switch(on)
        self.sender.restart()
        self._seen.clear()
        self._pending.clear()

    @property
    def tx_percent(self) -> float:
        """`air_util_tx`: of the last hour since the start, in percent."""
        return self.sender.hour.percent(self._timeline.now_s)

    @property
    def busy_percent(self) -> float:
        """`channel_utilization`, in percent."""
        return self.chip.busy.percent(self._timeline.now_s)

    def tell(self, error: int, request_id: int) -> None:
        """Tell our own client how its packet fared, as the firmware does: by a packet to ourselves."""
        self._pending.pop(request_id, None)
        self.client.heard(self._routing(error, self.number, request_id, 0), 0.0)

    def new_id(self) -> int:
        """A packet id; never 0."""
        return self._chance.getrandbits(32) or 1

    def _flood(self, packet: Packet) -> int:
        """Queue a packet for sending, our own or another's."""
        airtime_s = self.sender.airtime_s(packet)
        for pending in self._pending.values():
            if pending.packet.id != packet.id:
                pending.due_s += airtime_s  # no acknowledgement can be heard meanwhile
        self._remember(packet)
        packet.relay = self.number & 0xFF
        if packet.target == BROADCAST:
            packet.want_ack = False  # on the air; who sent it remembers
        return self.sender.add(packet)

    def _refused(self, packet: Packet) -> None:
        self.client.refused(packet, self.sender.silent_minutes())
        if packet.source == self.number:
            self.tell(DUTY_CYCLE_NAK, packet.id)

    # --- packets that want an acknowledgement

    def _next_try(self, pending: _Pending) -> None:
        pending.due_s = self._timeline.now_s + self.sender.retransmission_s(pending.packet)
        self._timeline.at(pending.due_s, self._retry, pending)

    def _retry(self, pending: _Pending) -> None:
        if self._pending.get(pending.packet.id) is not pending:
            return
        if pending.due_s > self._timeline.now_s:
            self._timeline.at(pending.due_s, self._retry, pending)
        elif pending.left == 0:
            self.tell(MAX_RETRANSMIT, pending.packet.id)
        else:
            pending.left -= 1
            self._next_try(pending)
            self._flood(replace(pending.packet))

    # --- receiving

    def _received(self, packet: Packet, snr_db: float, rssi_dbm: float) -> None:
        """A frame from the chip. The object is shared by all who hear it: never changed, only copied."""
        if packet.source == self.number and packet.id in self._pending:
            self.tell(NO_ERROR, packet.id)  # somebody relays it: the implicit acknowledgement
        if self._pending:
            airtime_s = self.sender.airtime_s(packet)
            for pending in self._pending.values():
                pending.due_s += airtime_s
        most = self._seen.get(packet.identity)
        if most is not None:
            self.duplicates += 1
            self._again(packet, snr_db, more_hops=packet.hop_limit > most)
            return
        self._remember(packet)
        readable = packet.key in self.client.channel_keys
        mode = self.sender.options.rebroadcast
        if readable and mode is Rebroadcast.CORE_PORTNUMS_ONLY and packet.port not in CORE_PORTS:
            return
        self._relay(packet, snr_db, readable)
        if packet.target == self.number:
            self._answer(packet, readable)
        elif packet.request_id and readable:  # an answer that passes: what it answers needs no relaying
            self.sender.queue.cancel(packet.target << 32 | packet.request_id)
        if packet.target in (self.number, BROADCAST):
            self.client.heard(replace(packet, snr_db=snr_db), rssi_dbm)

    def _again(self, packet: Packet, snr_db: float, more_hops: bool) -> None:
        """A copy of what has been seen."""
        identity = packet.identity
        waiting = self.sender.queue.find(identity)
        if more_hops:
            self._seen[identity] = packet.hop_limit
            if waiting is not None and waiting.hop_limit < packet.hop_limit:
                self.sender.queue.cancel(identity)
                self._relay(packet, snr_db, True)
                return
        if packet.hop_start == packet.hop_limit > 0:  # its sender repeats it
            if waiting is not None:
                return
            if packet.target == self.number and packet.want_ack:
                self._acknowledge(packet, NO_ERROR, 0)
            else:
                self._relay(packet, snr_db, packet.key in self.client.channel_keys)
        elif packet.source != self.number and self.sender.options.role is not Role.ROUTER:
            self.cancelled += self.sender.queue.cancel(identity)

    def _relay(self, packet: Packet, snr_db: float, readable: bool) -> None:
        mode, role = self.sender.options.rebroadcast, self.sender.options.role
        if self.number in (packet.target, packet.source) or packet.hop_limit == 0 or packet.id == 0:
            return
        if role is Role.CLIENT_MUTE or mode is Rebroadcast.NONE:
            return
        if not readable and mode is not Rebroadcast.ALL:
            return
        hops = packet.hop_limit - 1
        self.relayed += self._flood(replace(packet, hop_limit=hops, snr_db=snr_db, priority=0)) == OK

    def _answer(self, packet: Packet, readable: bool) -> None:
        """To a packet for us: an acknowledgement given, or taken."""
        if packet.want_ack and not packet.request_id:
            self._acknowledge(packet, NO_ERROR if readable else NO_CHANNEL, self._hops_back(packet))
        if packet.request_id:
            self._pending.pop(packet.request_id, None)

    def _acknowledge(self, packet: Packet, error: int, hop_limit: int) -> None:
        self._flood(self._routing(error, packet.source, packet.id, hop_limit, packet.key))

    def _hops_back(self, packet: Packet) -> int:
        """An answer may take two hops more than the question did."""
        used, most = packet.hop_start - packet.hop_limit, self.sender.options.hop_limit
        return used if used > most else min(used + 2, most)

    def _routing(self, error: int, target: int, request_id: int, hop_limit: int, key: bytes = b"") -> Packet:
        return Packet(
            source=self.number,
            target=target,
            id=self.new_id(),
            port=ROUTING_PORT,
            payload=bytes((0x18, error)),  # Routing.error_reason
            key=key,
            hop_limit=hop_limit,
            hop_start=hop_limit,
            request_id=request_id,
        )

    def _remember(self, packet: Packet) -> None:
        seen, identity = self._seen, packet.identity
        seen[identity] = max(packet.hop_limit, seen.pop(identity, 0))
        if len(seen) > SEEN_MAX:
            del seen[next(iter(seen))]
