"""The firmware's side of the client API: what waits for the client, and what it is given when.

The quirks are the firmware's (PhoneAPI, MeshService; 2.7.26): nothing comes before want_config; a queue of 32
packets that drops the newest (texts push out the oldest), one of 2 for QueueStatus and one of 2 for
notifications that drop the oldest; a heartbeat is answered at once with a QueueStatus of id 0.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from relay.core.airtime import MESH_HEADER_BYTES
from relay.sim import meshtastic_proto as pb
from relay.sim.packets import TEXT_PORT, TX_QUEUE_MAX, Packet

STATUSES_MAX = 2
NOTIFICATIONS_MAX = 2
IDS_MAX = 20  # of the last packets from the client: a repetition is ignored


class ClientSide:
    """One radio's client, or its absence. `config` makes the frames that want_config asks for."""

    def __init__(
        self,
        packets_max: int,
        free: Callable[[], int],
        config: Callable[[int], Iterable[Any]],
        packet: Callable[[Any], None],
    ) -> None:
        self.flows = False  # whether packets go to the client
        self.off = False  # the radio has no power, or is starting
        self.deaf = False  # after a restart the old stream is dead until want_config comes
        self.dropped = 0  # packets for which there was no room
        self.recent_ids: deque[int] = deque(maxlen=IDS_MAX)
        self.last_sent_s: dict[int, float] = {}  # by port
        self.last_free = TX_QUEUE_MAX  # as the client knows it
        self._packets_max = packets_max
        self._free = free
        self._config = config
        self._packet = packet
        self._config_frames: deque[Any] = deque()
        self._packets: deque[Any] = deque()
        self._statuses: deque[Any] = deque(maxlen=STATUSES_MAX)
        self._notifications: deque[Any] = deque(maxlen=NOTIFICATIONS_MAX)
        self._heartbeat = False

    def connect(self) -> None:
        """A new stream: it must ask for the configuration first. What waits stays."""
        self.flows = self.deaf = self._heartbeat = False
        self.recent_ids.clear()
        self.last_sent_s.clear()
        self._config_frames.clear()

    def restart(self) -> None:
        """The radio starts anew: everything in memory is gone, and the stream that is open is dead."""
        self.connect()
        self.deaf = True
        self.last_free = TX_QUEUE_MAX
        self._packets.clear()
        self._statuses.clear()
        self._notifications.clear()

    def take(self, body: bytes, revives: bool = True) -> bool:
        """One ToRadio; False when it says goodbye. What can't be parsed is ignored."""
        if self.off:
            return True
        try:
            message = pb.mesh.ToRadio.FromString(body)
        except pb.DecodeError:
            return True
        kind = message.WhichOneof("payload_variant")
        if self.deaf and not (kind == "want_config_id" and revives):
            return True
        if kind == "want_config_id":
            self.deaf = self.flows = False
            self._config_frames = deque(self._config(message.want_config_id))
        elif kind == "heartbeat":
            self._heartbeat = True
        elif kind == "packet":
            self._packet(message.packet)
        return bool(kind != "disconnect")

    def next(self) -> bytes | None:
        """The next FromRadio for the client, or None."""
        if self.deaf or self.off:
            return None
        if self._heartbeat:
            self._heartbeat = False
            status = pb.mesh.QueueStatus(free=self._free(), maxlen=TX_QUEUE_MAX)
            return _bytes(pb.mesh.FromRadio(queueStatus=status))
        if self._config_frames:
            frame = self._config_frames.popleft()
            self.flows = not self._config_frames  # the last is config_complete_id
            return _bytes(frame)
        if not self.flows:
            return None
        if self._statuses:
            return _bytes(pb.mesh.FromRadio(queueStatus=self._statuses.popleft()))
        if self._notifications:
            return _bytes(pb.mesh.FromRadio(clientNotification=self._notifications.popleft()))
        if self._packets:
            return _bytes(pb.mesh.FromRadio(packet=self._packets.popleft()))
        return None

    def add_packet(self, packet: Any) -> None:
        """A packet for the client."""
        if len(self._packets) >= self._packets_max:
            self.dropped += 1
            if packet.decoded.portnum != TEXT_PORT:
                return
            self._packets.popleft()
        self._packets.append(packet)

    def add_status(self, result: int, packet_id: int) -> None:
        """How queueing a packet went."""
        self.last_free = self._free()
        status = pb.mesh.QueueStatus(
            res=result, free=self.last_free, maxlen=TX_QUEUE_MAX, mesh_packet_id=packet_id
        )
        self._statuses.append(status)

    def add_notification(self, notification: Any) -> None:
        """Something to show to a person."""
        self._notifications.append(notification)


def shown(packet: Packet, rssi_dbm: float, unix_s: int, channels: Mapping[bytes, int]) -> Any:
    """A packet as the client gets it; `rssi_dbm` is 0 for one that the radio made itself."""
    message = pb.mesh.MeshPacket(
        to=packet.target,
        id=packet.id,
        rx_time=unix_s,
        hop_limit=packet.hop_limit,
        hop_start=packet.hop_start,
        want_ack=packet.want_ack,
        relay_node=packet.relay,
        pki_encrypted=packet.sealed,
    )
    setattr(message, "from", packet.source)
    if rssi_dbm:
        message.rx_snr, message.rx_rssi = packet.snr_db, round(rssi_dbm)
        message.transport_mechanism = pb.mesh.MeshPacket.TransportMechanism.TRANSPORT_LORA
        if packet.key not in channels:
            message.channel = packet.key[0] if packet.key else 0  # the hash of a channel that we don't have
            message.encrypted = bytes(packet.bytes_on_air() - MESH_HEADER_BYTES)  # nothing to be read
            return message
    message.channel = channels.get(packet.key, 0)
    message.decoded.portnum = packet.port
    message.decoded.payload = packet.payload
    message.decoded.want_response = packet.want_response
    message.decoded.request_id = packet.request_id
    return message


def _bytes(message: Any) -> bytes:
    body: bytes = message.SerializeToString()
    return body
