"""node.toml: one struct per section."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from relay.config.common import (
    Config,
    LogSection,
    MqttSection,
    Name,
    OwnSection,
    Port,
    PresetName,
    PublicKey,
    Section,
    judge_address,
    judge_mqtt,
)
from relay.errors import ConfigError, Text

CHANNEL_NAME_LENGTH_MAX = 11  # Meshtastic's
KeyFingerprint = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{16})?$")]
RadioNumber = Annotated[str, msgspec.Meta(pattern=r"^(!?[0-9a-fA-F]{8})?$")]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class NodeSection(OwnSection, frozen=True):
    """Who this node is, and whom it believes."""

    site: Name = ""  # for logs and screens of this node only: VRD has its own register
    inbox_keys: tuple[PublicKey, ...] = ()  # whose receipts count; from the grant


class StatusSection(Section, frozen=True):
    """When the node reports by itself."""

    interval_s: Annotated[int, msgspec.Meta(ge=5, le=86_400)] = 60  # between two statuses on MQTT


class NodeMqttSection(MqttSection, frozen=True):
    """How a node sends over MQTT, beside how it reaches the broker."""

    others: Annotated[tuple[str, ...], msgspec.Meta(max_length=4)] = ()  # "host:port" of VRD's other brokers
    broker_keys: tuple[PublicKey, ...] = ()  # pins: SHA-256 of the broker's SPKI; empty: any that `ca` knows
    window: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4  # batches under way at once
    retry_max_s: Annotated[int, msgspec.Meta(ge=1, le=600)] = 60  # between two tries to reach the broker
    backfill_spread_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = (
        600  # old messages wait up to this long
    )


class RadioSection(Section, frozen=True):
    """The Meshtastic radio of this node; without `device` and `host` it has none."""

    device: Annotated[str, msgspec.Meta(max_length=255)] = ""  # of a radio on USB
    host: Name = ""  # of a radio in the network
    port: Port = 4403
    region: Literal["EU_868", "EU_433"] = "EU_868"  # those whose law is the 10 % that is kept to
    preset: PresetName = "LONG_FAST"
    channel_name: Annotated[str, msgspec.Meta(max_length=CHANNEL_NAME_LENGTH_MAX)] = ""  # empty: any
    channel_key: KeyFingerprint = ""  # empty: any
    hop_limit: Annotated[int, msgspec.Meta(ge=0, le=7)] = 5
    to: RadioNumber = ""  # a gateway's radio; empty: all
    want_ack: bool = False  # with `to` only
    payload_bytes_max: Annotated[int, msgspec.Meta(ge=100, le=231)] = 231
    extra_bytes: Annotated[int, msgspec.Meta(ge=0, le=128)] = 0  # that the firmware adds to a packet
    sites: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50  # on the channel, until the inbox advises

    @property
    def is_configured(self) -> bool:
        """Whether this node has a radio at all."""
        return bool(self.device or self.host)


class OutboxSection(Section, frozen=True):
    """How much is kept on the node, and for how long after the inbox has it."""

    quota_mb: Annotated[int, msgspec.Meta(ge=4, le=65_536)] = 64
    report_days: Annotated[int, msgspec.Meta(ge=30, le=3_650)] = (
        30  # an inbox restored from a backup asks again
    )
    status_days: Annotated[int, msgspec.Meta(ge=7, le=3_650)] = 7


class NetworkSensorSection(Section, frozen=True):
    """How the node finds out what works between it and the world."""

    active: bool = True  # false: nothing is ever sent to find out
    probes: tuple[str, ...] = ()  # "host:port" that show whether the internet works; none: not known
    dns_name: Name = ""  # asked of each name server; empty: not known
    portal_url: Annotated[str, msgspec.Meta(max_length=255)] = ""  # a page that a portal can't give
    portal_expect: Annotated[str, msgspec.Meta(max_length=255)] = ""  # what stands in it; empty: answer 204
    interval_s: Seconds = 30


class VictronSection(Section, frozen=True):
    """A Victron installation with Venus OS; without `host` there is none."""

    host: Name = ""
    port: Port = 1883
    portal: Annotated[str, msgspec.Meta(pattern=r"^([0-9A-Za-z]{6,32})?$")] = ""  # VRM portal ID
    password_file: Annotated[str, msgspec.Meta(max_length=255)] = ""  # holds its password; then TLS, too


class GpioSection(Section, frozen=True):
    """One `[[sensors.gpio]]`: a contact on a line of a GPIO chip (relay/sensors/gpio.py)."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,24}$")]
    line: Annotated[int, msgspec.Meta(ge=0, le=1023)]  # on a Pi the number after "GPIO"
    means: Literal["power", "generator", "door"]
    chip: Annotated[str, msgspec.Meta(pattern=r"^/dev/[A-Za-z0-9/_-]+$", max_length=64)] = "/dev/gpiochip0"
    active_low: bool = False  # true: an active contact pulls the line to ground
    pull: Literal["none", "up", "down"] = "none"
    debounce_ms: Annotated[int, msgspec.Meta(ge=0, le=300)] = 50


class CommandSection(Section, frozen=True):
    """One `[[sensors.command]]`: a program that prints values as JSON (relay/sensors/command.py)."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,24}$")]
    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)]
    interval_s: Annotated[int, msgspec.Meta(ge=5, le=86_400)] = 60
    timeout_s: Annotated[int, msgspec.Meta(ge=1, le=60)] = 10
    measures: Literal["site", "ups", "own"] = "site"  # where, if it tells `power` (relay/sensors/mains.py)


class SensorsSection(Section, frozen=True):
    """What the node measures by itself. Of two that tell the same, the first in this order counts.

    Not so for the mains: relay/sensors/mains.py.
    """

    victron: VictronSection = VictronSection()
    gpio: Annotated[tuple[GpioSection, ...], msgspec.Meta(max_length=16)] = ()
    nut: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9._-]+(@[A-Za-z0-9._-]+(:\d{1,5})?)?)?$")] = ""
    power: bool = True  # /sys/class/power_supply
    temperature: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9:._-]*$", max_length=64)] = ""
    command: Annotated[tuple[CommandSection, ...], msgspec.Meta(max_length=16)] = ()
    gpsd: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9._-]+(:\d{1,5})?)?$")] = ""
    host: bool = True  # temperature, load, memory, disk, clock
    network: NetworkSensorSection = NetworkSensorSection()


class PageSection(Section, frozen=True):
    """The site's own page; without `host` and `lan_host` there is none."""

    host: Name = ""  # an address of the node's own Wi-Fi: who is on it may send
    lan_host: Name = ""  # an address in the building's network: who comes there is asked for the PIN
    port: Port = 80
    capacity: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0  # visitors that fit here; 0: not known
    nearest_post: Annotated[str, msgspec.Meta(max_length=80)] = ""  # where to send somebody on foot
    phone: Annotated[str, msgspec.Meta(max_length=40)] = ""  # of VRD, for who reads out a code

    @property
    def is_configured(self) -> bool:
        """Whether this node shows a page at all."""
        return bool(self.host or self.lan_host)


class NodeConfig(Config, frozen=True):
    """All of node.toml."""

    node: NodeSection = NodeSection()
    status: StatusSection = StatusSection()
    mqtt: NodeMqttSection = NodeMqttSection()
    radio: RadioSection = RadioSection()
    outbox: OutboxSection = OutboxSection()
    sensors: SensorsSection = SensorsSection()
    page: PageSection = PageSection()
    log: LogSection = LogSection()

    @property
    def own(self) -> OwnSection:
        """See Config."""
        return self.node

    @property
    def inbox_keys(self) -> tuple[bytes, ...]:
        """The public keys whose receipts count, 32 bytes each."""
        return tuple(map(bytes.fromhex, self.node.inbox_keys))

    @property
    def grant_file(self) -> Path:
        """This node's own admission, as it was signed."""
        return self.node.state / "grant"

    @property
    def seal_key(self) -> Path:
        """The X25519 key that secrets in a grant are sealed to."""
        return self.node.state / "node-seal.key"

    @property
    def signing_key(self) -> Path:
        """The Ed25519 key that makes this node who it is."""
        return self.node.state / "node.key"

    @property
    def epoch_file(self) -> Path:
        """The epoch stands beside the key: they must be lost or copied together."""
        return self.node.state / "node.epoch"


def load_node(path: Path) -> NodeConfig:
    """The node's configuration; raises ConfigError with the place and what to write there."""
    from relay import toml  # gone again, with its parser, when a daemon has started

    return parse_node(toml.read_text(path), path)


def parse_node(text: str, path: Path) -> NodeConfig:
    """As `load_node`, from a text that is (or will be) at `path`."""
    from relay import toml  # gone again, with its parser, when a daemon has started

    config = toml.parse(text, NodeConfig, path)
    judge_mqtt(config.mqtt, path)
    _judge_radio(config.radio, path)
    for other in config.mqtt.others:
        judge_address("mqtt", "others", other, path)
        judge_mqtt(msgspec.structs.replace(config.mqtt, host=other.rpartition(":")[0]), path)
    _judge_victron(config.sensors.victron, path)
    _judge_portal(config.sensors.network, path)
    for probe in config.sensors.network.probes:
        judge_address("sensors.network", "probes", probe, path)
    return config


def _judge_portal(network: NetworkSensorSection, path: Path) -> None:
    """As far as it is not judged where it is used (relay/sensors/portal.py)."""
    if network.portal_url and not network.portal_url.startswith("http://"):
        raise ConfigError(
            Text(
                f'{path}: [sensors.network] portal_url "{network.portal_url}" past niet',
                f'{path}: [sensors.network] portal_url "{network.portal_url}" does not fit',
            ),
            Text("Het begint met http://, niet met https", "It begins with http://, not with https"),
        )


def _judge_victron(victron: VictronSection, path: Path) -> None:
    if victron.host and not victron.portal:
        raise ConfigError(
            Text(f"{path}: [sensors.victron] zonder portal", f"{path}: [sensors.victron] without portal"),
            Text(
                "Het is het VRM-portal-ID in het menu van het GX-apparaat",
                "It is the VRM portal ID in the menu of the GX device",
            ),
        )


def _judge_radio(radio: RadioSection, path: Path) -> None:
    if radio.device and radio.host:
        raise ConfigError(
            Text(f"{path}: [radio] device en host staan er allebei", f"{path}: [radio] has device and host"),
            Text('Maak er een leeg: host = ""', 'Make one of them empty: host = ""'),
        )
    if radio.device and not radio.device.startswith("/"):
        raise ConfigError(
            Text(
                f'{path}: [radio] device "{radio.device}" past niet',
                f'{path}: [radio] device "{radio.device}" does not fit',
            ),
            Text(
                "Schrijf het hele pad, zoals /dev/serial/by-id/usb-...",
                "Write the whole path, such as /dev/serial/by-id/usb-...",
            ),
        )
    if radio.want_ack and not radio.to:
        raise ConfigError(
            Text(f"{path}: [radio] want_ack zonder to", f"{path}: [radio] want_ack without to"),
            Text("Schrijf want_ack = false, of geef to", "Write want_ack = false, or give to"),
        )
