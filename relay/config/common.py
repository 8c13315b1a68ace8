"""What both files of settings have: words for values, and the sections on broker and log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from relay.errors import ConfigError, Text
from relay.loopback import is_loopback

FOLDER = Path("/etc/naober")
STATE = Path("/var/lib/naober")
NODE_FILE = "node.toml"
INBOX_FILE = "inbox.toml"
NAME_LENGTH_MAX = 64
Name = Annotated[str, msgspec.Meta(max_length=NAME_LENGTH_MAX)]
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


class Section(msgspec.Struct, frozen=True):
    """A table of a file; frozen, since nothing may change under a running daemon."""


class OwnSection(Section, frozen=True):
    """Who this machine is, and by whose word."""

    state: Path = STATE  # keys, epoch and messages; must survive a power cut
    network_id: NetworkId = ""  # keeps exercise range, demo and production apart; from the grant
    authority_keys: tuple[PublicKey, ...] = ()  # whose grants and changes count; from the grant


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


class LogSection(Section, frozen=True):
    """What goes to standard error, from where systemd takes it to the journal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    json: bool = False  # one JSON object a line, for machines


class Config(msgspec.Struct, frozen=True):
    """All of a file."""

    @property
    def own(self) -> OwnSection:
        """Its first section."""
        raise NotImplementedError

    @property
    def network_id(self) -> bytes:
        """8 bytes, or none before a grant was applied."""
        return bytes.fromhex(self.own.network_id)

    @property
    def authority_keys(self) -> tuple[bytes, ...]:
        """The public keys whose grants and changes count, 32 bytes each."""
        return tuple(map(bytes.fromhex, self.own.authority_keys))

    @property
    def roster_file(self) -> Path:
        """The papers that are known here; a node keeps changes only."""
        return self.own.state / "roster"


def judge_mqtt(mqtt: MqttSection, path: Path) -> None:
    """Raises ConfigError for a broker without a name, or one elsewhere without TLS."""
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


def judge_address(section: str, key: str, address: str, path: Path) -> None:
    """Raises ConfigError for what is no "host:port"."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= 65535:
        raise ConfigError(
            Text(
                f'{path}: [{section}] {key}: "{address}" past niet',
                f'{path}: [{section}] {key}: "{address}" does not fit',
            ),
            Text('Schrijf ze als "adres:poort"', 'Write them as "address:port"'),
        )
