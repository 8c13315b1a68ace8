"""ToRadio and FromRadio as this link uses them: protobuf in here only, values of ours outside."""

from __future__ import annotations

from math import isfinite
from typing import Any

import msgspec

from relay.links.meshtastic.proto import load
from relay.links.radio import HeardFrame

BROADCAST = 0xFFFFFFFF
PRIVATE_PORT = 256
ADMIN_PORT = 6  # to the radio itself: what it is set to
CONFIG_ONLY = 69420  # this nonce leaves out what the radio knows of other nodes: a fast handshake
NOTIFICATION_CHARS_MAX = 200
SNR_DB_MAX = 127.0  # what a batch has room for; real values lie within 20
PRIORITIES = {1: 110, 2: 100, 3: 64, 4: 10}  # MeshPacket.Priority: ALERT, HIGH, DEFAULT, BACKGROUND


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One packet for the mesh."""

    payload: bytes
    packet_id: int
    to: int = BROADCAST
    channel: int = 0
    hop_limit: int = 5  # left out, the firmware would send a packet that nobody relays
    urgency: int = 3
    want_ack: bool = False
    port: int = PRIVATE_PORT


class QueueStatus(msgspec.Struct, frozen=True):
    """What the radio says of its queue: after a packet, with its id, or after a heartbeat, with id 0."""

    result: int
    free: int
    size: int
    packet_id: int


class Verdict(msgspec.Struct, frozen=True):
    """An ACK (reason 0) or NAK for a packet of ours. A hint: both are often untrue."""

    packet_id: int
    reason: int


class Notification(msgspec.Struct, frozen=True):
    """A line that the radio wants its user to read."""

    text: str


class Metrics(msgspec.Struct, frozen=True):
    """The radio's own count of its airtime and of the channel's."""

    air_util_tx_pct: float
    channel_utilization_pct: float
    uptime_s: int | None


class Unreadable(msgspec.Struct, frozen=True):
    """A packet of another channel or key."""


class Readable(msgspec.Struct, frozen=True):
    """Another radio's packet that is none of ours: it shows that the channel's key is right."""


class Nothing(msgspec.Struct, frozen=True):
    """Anything that is not for us; still a sign of life."""


class Restarted(msgspec.Struct, frozen=True):
    """The radio says that it has just started: it has forgotten that we are here."""


class Locked(msgspec.Struct, frozen=True):
    """The radio wants a passphrase before it serves anybody (hardened firmware)."""


class Setting(msgspec.Struct, frozen=True):
    """A part of the radio's configuration, as it comes in a handshake."""

    name: str  # my_info, metadata, config, moduleConfig, channel, node_info
    value: Any


class ConfigComplete(msgspec.Struct, frozen=True):
    """The handshake is over: from here on packets flow."""

    nonce: int


Incoming = (
    HeardFrame
    | QueueStatus
    | Verdict
    | Notification
    | Metrics
    | Unreadable
    | Readable
    | Nothing
    | Restarted
    | Locked
    | Setting
    | ConfigComplete
)
UNLOCKED = 3  # LockdownStatus.State
SETTINGS = ("my_info", "metadata", "config", "moduleConfig", "channel", "node_info")


def want_config() -> bytes:
    """Asks for the configuration, and thereby for packets."""
    return _bytes(load().mesh.ToRadio(want_config_id=CONFIG_ONLY))


def heartbeat() -> bytes:
    """Asks for a sign of life. Its nonce stays 0: 1 would have the radio broadcast who it is."""
    to_radio = load().mesh.ToRadio()
    to_radio.heartbeat.SetInParent()
    return _bytes(to_radio)


def disconnect() -> bytes:
    """Tells the radio to keep what it hears for the next connection, rather than lose it into this one."""
    return _bytes(load().mesh.ToRadio(disconnect=True))


def packet(out: Outgoing) -> bytes:
    """The ToRadio that has `out` transmitted."""
    to_radio = load().mesh.ToRadio()
    each = to_radio.packet
    each.to, each.id, each.channel = out.to, out.packet_id, out.channel
    each.hop_limit = out.hop_limit
    each.priority = PRIORITIES[out.urgency]
    each.want_ack = out.want_ack and out.to != BROADCAST
    each.decoded.portnum = out.port
    each.decoded.payload = out.payload
    return _bytes(to_radio)


def decode(body: bytes) -> Any | None:
    """The FromRadio in `body`; None when it holds none (an empty body is one that says nothing)."""
    from_radio = load().mesh.FromRadio()
    try:
        from_radio.ParseFromString(body)
    except Exception:  # protobuf's DecodeError, whose place differs between its versions
        return None
    return from_radio if not body or from_radio.WhichOneof("payload_variant") else None


def read(from_radio: Any, me: int) -> Incoming:
    """What a decoded FromRadio says to us, whose node number is `me`. Never raises."""
    kind = from_radio.WhichOneof("payload_variant")
    if kind == "packet":
        return _packet(from_radio.packet, me)
    if kind == "queueStatus":
        status = from_radio.queueStatus
        return QueueStatus(status.res, status.free, status.maxlen, status.mesh_packet_id)
    if kind == "clientNotification":
        return Notification(from_radio.clientNotification.message[:NOTIFICATION_CHARS_MAX])
    if kind == "config_complete_id":
        return ConfigComplete(from_radio.config_complete_id)
    if kind == "rebooted":
        return Restarted()
    if kind == "lockdown_status":
        return Nothing() if from_radio.lockdown_status.state == UNLOCKED else Locked()
    if kind in SETTINGS:
        return Setting(kind, getattr(from_radio, kind))
    return Nothing()


def _packet(each: Any, me: int) -> Incoming:
    sender = getattr(each, "from")
    if each.WhichOneof("payload_variant") != "decoded":
        return Nothing() if sender == me else Unreadable()
    data, ports = each.decoded, load().portnums.PortNum
    if data.portnum == PRIVATE_PORT and sender != me:
        return HeardFrame(
            payload=data.payload,
            sender=sender,
            snr_db=min(max(each.rx_snr, -SNR_DB_MAX), SNR_DB_MAX) if isfinite(each.rx_snr) else 0.0,
            hops=_hops(each),
            hop_limit=each.hop_limit,
            rx_unix_s=each.rx_time or None,
        )
    if data.portnum == ports.ROUTING_APP and data.request_id:
        return _verdict(data)
    if data.portnum == ports.TELEMETRY_APP and sender == me:
        return _metrics(data.payload)
    return Nothing() if sender == me else Readable()


def _hops(each: Any) -> int | None:
    """None from a sender too old to say where it started: 0 says nothing there."""
    if each.hop_start < each.hop_limit or (each.hop_start == 0 and not each.decoded.HasField("bitfield")):
        return None
    return int(each.hop_start - each.hop_limit)


def _verdict(data: Any) -> Incoming:
    routing = load().mesh.Routing()
    try:
        routing.ParseFromString(data.payload)
    except Exception:
        return Nothing()
    return Verdict(data.request_id, routing.error_reason)


def _metrics(payload: bytes) -> Incoming:
    telemetry = load().telemetry.Telemetry()
    try:
        telemetry.ParseFromString(payload)
    except Exception:
        return Nothing()
    kind = telemetry.WhichOneof("variant")
    if kind not in ("device_metrics", "local_stats"):
        return Nothing()
    return metrics_of(getattr(telemetry, kind))


def metrics_of(found: Any) -> Metrics | Nothing:
    """From the radio's telemetry about itself, of either kind."""
    if not (0 <= found.air_util_tx <= 100 and 0 <= found.channel_utilization <= 100):
        return Nothing()
    return Metrics(found.air_util_tx, found.channel_utilization, found.uptime_seconds or None)


def _bytes(to_radio: Any) -> bytes:
    return bytes(to_radio.SerializeToString())
