"""What a technician may set, for a node and for the inbox: one struct per section of the file.

Every field has a default; `config/node.toml` and `config/inbox.toml` explain each of them and are
tested to say the same as this module. Paths in a file are relative to the folder of that file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from relay import toml
from relay.errors import ConfigError, Text
from relay.loopback import is_loopback

FOLDER = Path("/etc/naober")
STATE = Path("/var/lib/naober")
NODE_FILE = "node.toml"
INBOX_FILE = "inbox.toml"
NAME_LENGTH_MAX = 64
CHANNEL_NAME_LENGTH_MAX = 11  # Meshtastic's

Name = Annotated[str, msgspec.Meta(max_length=NAME_LENGTH_MAX)]
KeyFingerprint = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{16})?$")]
RadioNumber = Annotated[str, msgspec.Meta(pattern=r"^(!?[0-9a-fA-F]{8})?$")]
NetworkId = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-fA-F]{16})?$")]
PublicKey = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{64}$")]
PresetName = Literal[
    "SHORT_FAST",
    "SHORT_SLOW",
    "MEDIUM_FAST",
    "MEDIUM_SLOW",
    "LONG_FAST",
    "LONG_MODERATE",
    "LONG_SLOW",
]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]
Days = Annotated[int, msgspec.Meta(ge=1, le=3_650)]


class Section(msgspec.Struct, frozen=True):
    """A table of a file; frozen, since nothing may change under a running daemon."""


class NodeSection(Section, frozen=True):
    """Who this node is, and whom it believes."""

    site: Name = ""  # for logs and screens of this node only: VRD has its own register
    state: Path = STATE  # keys, epoch and outbox; must survive a power cut
    network_id: NetworkId = ""  # keeps exercise range, demo and production apart; from the grant
    inbox_keys: tuple[PublicKey, ...] = ()  # whose receipts count; from the grant
    authority_keys: tuple[PublicKey, ...] = ()  # whose grants and changes count; from the grant


class StatusSection(Section, frozen=True):
    """When the node reports by itself."""

    interval_s: Annotated[int, msgspec.Meta(ge=5, le=86_400)] = 60  # between two statuses on MQTT


class MqttSection(Section, frozen=True):
    """How the broker is reached. `tls = false` is for a broker on this machine only."""

    host: Name = "127.0.0.1"  # name or address, as in the broker's certificate
    port: Port = 8883
    tls: bool = True
    ca: Path = Path("ca.pem")  # the authority that vouches for the broker
    certificate: Path = Path("node.pem")  # shows the broker who we are
    key: Path = STATE / "node-tls.key"  # belongs to the certificate; never leaves this machine
    connect_timeout_s: Annotated[int, msgspec.Meta(ge=1, le=120)] = 10
    keepalive_s: Annotated[int, msgspec.Meta(ge=5, le=3_600)] = (
        30  # a dead connection shows within twice this
    )


class NodeMqttSection(MqttSection, frozen=True):
    """How a node sends over MQTT, beside how it reaches the broker."""

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
    interval_s: Seconds = 30


class CommandSection(Section, frozen=True):
    """One `[[sensors.command]]`: a program that prints values as JSON (relay/sensors/command.py)."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,24}$")]
    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)]
    interval_s: Annotated[int, msgspec.Meta(ge=5, le=86_400)] = 60
    timeout_s: Annotated[int, msgspec.Meta(ge=1, le=60)] = 10


class SensorsSection(Section, frozen=True):
    """What the node measures by itself. Of two that tell the same, the first in this order counts."""

    nut: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9._-]+(@[A-Za-z0-9._-]+(:\d{1,5})?)?)?$")] = ""
    power: bool = True  # /sys/class/power_supply
    temperature: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9:._-]*$", max_length=64)] = ""
    command: Annotated[tuple[CommandSection, ...], msgspec.Meta(max_length=16)] = ()
    host: bool = True  # temperature, load, memory, disk, clock
    network: NetworkSensorSection = NetworkSensorSection()


class LogSection(Section, frozen=True):
    """What goes to standard error, from where systemd takes it to the journal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    json: bool = False  # one JSON object a line, for machines


class NodeConfig(msgspec.Struct, frozen=True):
    """All of node.toml."""

    node: NodeSection = NodeSection()
    status: StatusSection = StatusSection()
    mqtt: NodeMqttSection = NodeMqttSection()
    radio: RadioSection = RadioSection()
    outbox: OutboxSection = OutboxSection()
    sensors: SensorsSection = SensorsSection()
    log: LogSection = LogSection()

    @property
    def network_id(self) -> bytes:
        """8 bytes, or none before a grant was applied."""
        return bytes.fromhex(self.node.network_id)

    @property
    def inbox_keys(self) -> tuple[bytes, ...]:
        """The public keys whose receipts count, 32 bytes each."""
        return tuple(map(bytes.fromhex, self.node.inbox_keys))

    @property
    def authority_keys(self) -> tuple[bytes, ...]:
        """The public keys whose grants and changes count, 32 bytes each."""
        return tuple(map(bytes.fromhex, self.node.authority_keys))

    @property
    def grant_file(self) -> Path:
        """This node's own admission, as it was signed."""
        return self.node.state / "grant"

    @property
    def roster_file(self) -> Path:
        """The roster changes that this node has heard of."""
        return self.node.state / "roster"

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


class InboxSection(Section, frozen=True):
    """Who the inbox is, and whom it knows."""

    state: Path = STATE  # keys, epoch and store
    network_id: NetworkId = ""  # keeps exercise range, demo and production apart; from the grant
    authority_keys: tuple[PublicKey, ...] = ()  # whose grants and changes count; from the grant
    sites: Path = Path("sites.toml")  # VRD's register of sites; read again when it changes


class InboxMqttSection(MqttSection, frozen=True):
    """How the inbox itself reaches the broker."""

    certificate: Path = Path("inbox.pem")
    key: Path = STATE / "inbox-tls.key"


class WebSection(Section, frozen=True):
    """The read-only JSON page for commands on this machine. Loopback only: it has no login."""

    host: Name = "127.0.0.1"
    port: Port = 8070


class PagesSection(Section, frozen=True):
    """The operators' pages, with a login. Without TLS on this machine only."""

    host: Name = "127.0.0.1"
    port: Port = 8080
    tls: bool = False
    certificate: Path = Path("pages.pem")
    key: Path = STATE / "pages.key"
    alarms: Path = Path("alarms.toml")  # thresholds
    outline: Path = Path("drenthe.geojson")  # of the region, for the map
    teams: tuple[Name, ...] = ()  # to whom a report can be forwarded
    banner: Name = ""  # in the place of "ECHT": a demo, an exercise range


class NotifySection(Section, frozen=True):
    """Who is told of an alarm besides the screens. Nothing is switched on by itself."""

    level: Annotated[int, msgspec.Meta(ge=1, le=3)] = 2  # up to this one
    email_to: tuple[Name, ...] = ()
    email_from: Name = ""
    smtp_host: Name = "127.0.0.1"
    smtp_port: Port = 25  # 465 with TLS from the start; others with STARTTLS, but on this machine
    smtp_user: Name = ""
    smtp_password_file: Annotated[str, msgspec.Meta(max_length=255)] = ""
    webhook_url: Annotated[
        str, msgspec.Meta(pattern=r"^(https://.+|http://(127\.0\.0\.1|localhost)[:/].*)?$")
    ] = ""
    webhook_secret_file: Annotated[str, msgspec.Meta(max_length=255)] = ""
    mqtt: bool = False


class StoreSection(Section, frozen=True):
    """How long the inbox keeps what it received."""

    retention_days: Days = 365


class InboxRadioSection(Section, frozen=True):
    """The radio channel of all sites, for which the inbox plans receipts and advises an interval."""

    preset: PresetName = "LONG_FAST"


class InboxConfig(msgspec.Struct, frozen=True):
    """All of inbox.toml."""

    inbox: InboxSection = InboxSection()
    mqtt: InboxMqttSection = InboxMqttSection()
    radio: InboxRadioSection = InboxRadioSection()
    web: WebSection = WebSection()
    pages: PagesSection = PagesSection()
    notify: NotifySection = NotifySection()
    store: StoreSection = StoreSection()
    log: LogSection = LogSection()

    @property
    def network_id(self) -> bytes:
        """8 bytes, or none before a grant was applied."""
        return bytes.fromhex(self.inbox.network_id)

    @property
    def signing_key(self) -> Path:
        """The Ed25519 key that signs receipts."""
        return self.inbox.state / "inbox.key"

    @property
    def authority_keys(self) -> tuple[bytes, ...]:
        """The public keys whose grants and changes count, 32 bytes each."""
        return tuple(map(bytes.fromhex, self.inbox.authority_keys))

    @property
    def roster_file(self) -> Path:
        """The papers that the inbox knows."""
        return self.inbox.state / "roster"

    @property
    def register_file(self) -> Path:
        """What VRD decided about nodes: assigned, blocked."""
        return self.inbox.state / "register.toml"


def load_node(path: Path) -> NodeConfig:
    """The node's configuration; raises ConfigError with the place and what to write there."""
    return parse_node(toml.read_text(path), path)


def parse_node(text: str, path: Path) -> NodeConfig:
    """As `load_node`, from a text that is (or will be) at `path`."""
    config = toml.parse(text, NodeConfig, path)
    _judge_mqtt(config.mqtt, path)
    _judge_radio(config.radio, path)
    for probe in config.sensors.network.probes:
        _judge_probe(probe, path)
    return config


def load_inbox(path: Path) -> InboxConfig:
    """The inbox's configuration; raises ConfigError with the place and what to write there."""
    return parse_inbox(toml.read_text(path), path)


def parse_inbox(text: str, path: Path) -> InboxConfig:
    """As `load_inbox`, from a text that is (or will be) at `path`."""
    config = toml.parse(text, InboxConfig, path)
    _judge_mqtt(config.mqtt, path)
    if not (config.pages.tls or is_loopback(config.pages.host)):
        raise ConfigError(
            Text(
                f"{path}: [pages] host is van buiten bereikbaar zonder TLS",
                f"{path}: [pages] host can be reached from outside without TLS",
            ),
            Text('Schrijf tls = true, of host = "127.0.0.1"', 'Write tls = true, or host = "127.0.0.1"'),
        )
    if not is_loopback(config.web.host):
        raise ConfigError(
            Text(
                f"{path}: [web] host is van buiten bereikbaar",
                f"{path}: [web] host can be reached from outside",
            ),
            Text(
                'Schrijf host = "127.0.0.1": deze pagina heeft geen inlog',
                'Write host = "127.0.0.1": this page has no login',
            ),
        )
    return config


def _judge_mqtt(mqtt: MqttSection, path: Path) -> None:
    if not mqtt.host.strip():
        raise ConfigError(
            Text(f"{path}: [mqtt] host is leeg", f"{path}: [mqtt] host is empty"),
            Text("Geef naam of adres van de broker", "Give the name or address of the broker"),
        )
    if not mqtt.tls and not is_loopback(mqtt.host):
        raise ConfigError(
            Text(
                f"{path}: [mqtt] tls = false mag niet met broker {mqtt.host}",
                f"{path}: [mqtt] tls = false is not allowed with broker {mqtt.host}",
            ),
            Text("Schrijf tls = true; zonder TLS kan alleen op dit apparaat", "Write tls = true"),
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


def _judge_probe(probe: str, path: Path) -> None:
    host, _, port = probe.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= 65535:
        raise ConfigError(
            Text(
                f'{path}: [sensors.network] probes: "{probe}" past niet',
                f'{path}: [sensors.network] probes: "{probe}" does not fit',
            ),
            Text('Schrijf ze als "adres:poort"', 'Write them as "address:port"'),
        )
