"""A fake radio: firmware, client side and mesh, on a timeline. No sockets here; `meshtastic` has those.

What real firmware was seen to do is done here too, and named in `Quirks` where a test may want it otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import msgspec

from relay.sim import meshtastic_proto as pb
from relay.sim.channel import Channel
from relay.sim.mesh import MAX_RETRANSMIT, NO_ERROR, RATE_LIMIT, TOO_LARGE_NAK, MeshRadio
from relay.sim.meshtastic_admin import Admin, Effect
from relay.sim.meshtastic_client import ClientSide, shown
from relay.sim.meshtastic_nodes import Nodes
from relay.sim.meshtastic_settings import Settings, config_frames
from relay.sim.packets import ADMIN_PORT, BROADCAST, NODE_INFO_PORT, TELEMETRY_PORT, TEXT_PORT, Packet
from relay.sim.places import Place
from relay.sim.sender import OK, TOO_LARGE

CLIENT_PACKETS_MAX = 32
FRAME_BYTES_MAX = 255
MALFORMED_BYTES = 235  # a payload from here on is not answered at all
TEXT_GAP_S = 2.0
NODE_INFO_FIRST_S = 30.0
NODE_INFO_GAP_S = 300.0  # between two of ours that others ask for
TELEMETRY_S = 60.0
BOOT_S = 2.0
FREE_CHECK_S = 0.5
LOCKED = 2  # LockdownStatus.State


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """How this radio behaves; the defaults are what firmware 2.7.26 was seen to do."""

    client_packets: int = CLIENT_PACKETS_MAX  # 8 on an old ESP32
    false_naks: float = 0.0  # share of unicasts without want_ack that end in MAX_RETRANSMIT all the same
    clock: bool = True  # False: it doesn't know the time, rx_time is 0
    debug_text: bool = False  # text between the frames of the stream
    node_info: bool = True  # sends its own, 30 s after its start and by its interval
    telemetry: bool = True  # to the client, each 60 s
    public_keys: bool = False  # unicasts to known nodes are encrypted for them: 12 B more
    stream_dies: bool = False  # after a restart the old stream stays dead, even to want_config
    locked: bool = False  # hardened firmware that wants a passphrase first
    strict_duty: bool = True  # False: the limit is only looked at when a packet is queued


class FakeRadio:
    """One radio. `wake` is called whenever something may wait for its client."""

    def __init__(
        self,
        channel: Channel,
        chance: Random,
        number: int,
        place: Place,
        settings: Settings,
        quirks: Quirks,
        start_unix_s: float,
    ) -> None:
        self.number = number
        self.settings = settings
        self.quirks = quirks
        self.wake: Callable[[], None] = lambda: None
        self.restarts = 0
        self.channel_keys: frozenset[bytes] = frozenset()
        self.client = ClientSide(quirks.client_packets, self._free, self._config, self._from_client)
        self._timeline = channel.timeline
        self._chance = chance
        self._start_unix_s = start_unix_s
        self._admin = Admin(settings)
        self._nodes = Nodes(number, settings)
        self._boot = 0
        self._booted_s = 0.0
        self._node_info_s = float("-inf")  # when ours was sent last
        self._checks_free = False
        if quirks.public_keys:
            settings.owner.public_key = chance.randbytes(32)
        options = settings.mesh_options(quirks.strict_duty)
        self.mesh = MeshRadio(channel, chance, number, place, self, options)
        self._start()

    # --- its life

    def reboot(self, after_s: float = 0.0) -> None:
        """Restart, now or later. The stream stays open and says nothing any more."""
        self._timeline.after(after_s, self._stop, self._boot)

    def switch(self, on: bool) -> None:
        """Power."""
        if on:
            self._start()
        else:
            self._boot += 1
            self.mesh.switch(False)
            self.client.restart()
            self.client.off = True

    def _stop(self, boot: int) -> None:
        if boot != self._boot:
            return
        self.switch(False)
        self._timeline.after(BOOT_S, self._start_again, self._boot)

    def _start_again(self, boot: int) -> None:
        if boot == self._boot:
            self.restarts += 1
            self._start()

    def _start(self) -> None:
        self._admin.restart()
        self._apply()
        self.mesh.switch(True)
        self.client.off = False
        self._booted_s = self._timeline.now_s
        self._node_info_s = float("-inf")
        self._timeline.after(NODE_INFO_FIRST_S, self._node_info_due, self._boot)
        self._timeline.after(TELEMETRY_S, self._telemetry_due, self._boot)

    def _apply(self) -> None:
        self.mesh.configure(self.settings.mesh_options(self.quirks.strict_duty))
        self.channel_keys = frozenset(self.settings.keys())

    # --- towards the client

    def heard(self, packet: Packet, rssi_dbm: float) -> None:
        """See Client."""
        if packet.source != self.number:
            self._nodes.heard(packet, self._unix_s())
            if packet.key in self.channel_keys:
                self._node_info_module(packet)
        self.client.add_packet(self._shown(packet, rssi_dbm))
        self.wake()

    def refused(self, packet: Packet, minutes: int) -> None:
        """See Client."""
        notification = pb.mesh.ClientNotification(
            reply_id=packet.id,
            level=pb.mesh.LogRecord.Level.WARNING,
            time=self._unix_s(),
            message=f"Duty cycle limit exceeded. You can send again in {minutes} mins",
        )
        self.client.add_notification(notification)
        self.wake()

    def _shown(self, packet: Packet, rssi_dbm: float) -> Any:
        return shown(packet, rssi_dbm, self._unix_s(), self.settings.keys())

    def _config(self, nonce: int) -> Iterator[Any]:
        yield from config_frames(self.settings, nonce, self._my_info(), self._own_node(), self._nodes.infos())
        if self.quirks.locked:
            yield pb.mesh.FromRadio(lockdown_status=pb.mesh.LockdownStatus(state=LOCKED))

    def _my_info(self) -> Any:
        return pb.mesh.MyNodeInfo(
            my_node_num=self.number,
            reboot_count=self.restarts,
            min_app_version=30_200,
            device_id=self.number.to_bytes(16, "big"),
            pio_env="native",
            nodedb_count=1 + self._nodes.count,
        )

    def _own_node(self) -> Any:
        return pb.mesh.NodeInfo(
            num=self.number,
            user=self.settings.owner,
            last_heard=self._unix_s(),
            device_metrics=self._metrics(),
            is_favorite=True,
        )

    # --- from the client

    def _from_client(self, asked: Any) -> None:
        """A MeshPacket that the client wants sent. Each way to ignore it is one of the firmware's."""
        client, now_s = self.client, self._timeline.now_s
        port, payload = asked.decoded.portnum, asked.decoded.payload
        if len(payload) >= MALFORMED_BYTES or not asked.HasField("decoded"):
            return
        if asked.id:
            if asked.id in client.recent_ids:
                return
            client.recent_ids.append(asked.id)
        too_soon = now_s - client.last_sent_s.get(port, float("-inf")) < TEXT_GAP_S
        packet = self._packet(asked)
        if port == TEXT_PORT and too_soon:
            client.add_status(OK, packet.id)
            self.mesh.tell(RATE_LIMIT, packet.id)
            return
        client.last_sent_s[port] = now_s
        if packet.target == self.number:
            self._to_itself(packet)
            result = OK
        elif packet.bytes_on_air() > FRAME_BYTES_MAX:
            self.mesh.tell(TOO_LARGE_NAK, packet.id)
            result = TOO_LARGE
        else:
            result = self.mesh.send(packet)
            self._false_nak(packet, result)
        client.add_status(result, packet.id)
        self._check_free()

    def _packet(self, asked: Any) -> Packet:
        target = asked.to or BROADCAST
        return Packet(
            source=self.number,
            target=target,
            id=asked.id or self.mesh.new_id(),
            port=asked.decoded.portnum,
            payload=asked.decoded.payload,
            key=self.settings.key(asked.channel) or b"",
            hop_limit=asked.hop_limit,
            want_ack=asked.want_ack,
            want_response=asked.decoded.want_response,
            request_id=asked.decoded.request_id,
            priority=asked.priority,
            sealed=self.quirks.public_keys and self._nodes.has_key(target),
        )

    def _to_itself(self, packet: Packet) -> None:
        if packet.port == ADMIN_PORT:
            try:
                answer, effect = self._admin.handle(packet.payload)
            except pb.DecodeError:
                answer, effect = None, Effect.NONE
            if answer is not None:
                self.heard(self._own(ADMIN_PORT, answer.SerializeToString(), self.number, packet.id), 0.0)
                return
            if effect is not Effect.NONE:
                self._apply()
            if effect is Effect.REBOOT:
                self.reboot(self._admin.reboot_s)
        if packet.want_ack:
            self.mesh.tell(NO_ERROR, packet.id)

    def _false_nak(self, packet: Packet, result: int) -> None:
        if result != OK or packet.target == BROADCAST or packet.want_ack:
            return
        if self._chance.random() < self.quirks.false_naks:
            wait_s = 3 * self.mesh.sender.retransmission_s(packet)
            self._timeline.after(wait_s, self.mesh.tell, MAX_RETRANSMIT, packet.id)

    def _check_free(self) -> None:
        """A client that was told `free=0` is told when there is room again."""
        if self.client.last_free == 0 and not self._checks_free:
            self._checks_free = True
            self._timeline.after(FREE_CHECK_S, self._checked, self._boot)

    def _checked(self, boot: int) -> None:
        self._checks_free = False
        if boot == self._boot and self._free():
            self.client.add_status(OK, 0)
            self.wake()
        elif boot == self._boot:
            self._check_free()

    def _free(self) -> int:
        return self.mesh.sender.queue.free

    # --- what it says by itself

    def _node_info_due(self, boot: int) -> None:
        if boot == self._boot and self.quirks.node_info:
            self._send_node_info(BROADCAST, False)
            wait_s = self.settings.config.device.node_info_broadcast_secs or NODE_INFO_GAP_S
            self._timeline.after(wait_s, self._node_info_due, boot)

    def _node_info_module(self, packet: Packet) -> None:
        """Answers who asks for ours, and asks whoever is heard for the first time."""
        if packet.port == NODE_INFO_PORT:
            self._nodes.learn(packet)
        asked = packet.port == NODE_INFO_PORT and packet.want_response
        stranger = not self._nodes.knows(packet.source)
        recent = self._timeline.now_s - self._node_info_s < NODE_INFO_GAP_S
        if self.quirks.node_info and (asked or stranger) and not recent:
            self._send_node_info(packet.source, stranger, packet.id if asked else 0)

    def _send_node_info(self, target: int, want_response: bool, request_id: int = 0) -> None:
        self._node_info_s = self._timeline.now_s
        packet = self._own(NODE_INFO_PORT, self.settings.owner.SerializeToString(), target, request_id)
        packet.want_response = want_response
        self.mesh.send(packet)

    def _telemetry_due(self, boot: int) -> None:
        if boot != self._boot or not self.quirks.telemetry:
            return
        report = pb.telemetry.Telemetry(time=self._unix_s(), device_metrics=self._metrics())
        self.client.add_packet(
            self._shown(self._own(TELEMETRY_PORT, report.SerializeToString(), BROADCAST, 0), 0.0)
        )
        self.wake()
        self._timeline.after(TELEMETRY_S, self._telemetry_due, boot)

    def _metrics(self) -> Any:
        return pb.telemetry.DeviceMetrics(
            battery_level=101,
            voltage=5.0,
            channel_utilization=self.mesh.busy_percent,
            air_util_tx=self.mesh.tx_percent,
            uptime_seconds=int(self._timeline.now_s - self._booted_s),
        )

    def _own(self, port: int, payload: bytes, target: int, request_id: int) -> Packet:
        return Packet(
            source=self.number,
            target=target,
            id=self.mesh.new_id(),
            port=port,
            payload=payload,
            key=self.settings.key(0) or b"",
            hop_limit=self.settings.config.lora.hop_limit,
            request_id=request_id,
        )

    def _unix_s(self) -> int:
        return int(self._start_unix_s + self._timeline.now_s) if self.quirks.clock else 0
