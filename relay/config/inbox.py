"""inbox.toml: one struct per section."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from relay import toml
from relay.config.common import (
    STATE,
    Config,
    LogSection,
    MqttSection,
    Name,
    OwnSection,
    Port,
    PresetName,
    Section,
    judge_address,
    judge_mqtt,
)
from relay.errors import ConfigError, Text
from relay.loopback import is_loopback

Days = Annotated[int, msgspec.Meta(ge=1, le=3_650)]


class InboxSection(OwnSection, frozen=True):
    """Who the inbox is, and whom it knows."""

    sites: Path = Path("sites.toml")  # VRD's register of sites; read again when it changes


class InboxMqttSection(MqttSection, frozen=True):
    """How the inbox itself reaches the broker."""

    others: Annotated[tuple[str, ...], msgspec.Meta(max_length=4)] = ()  # "host:port" of VRD's other brokers
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
    paper_folder: Annotated[str, msgspec.Meta(max_length=255)] = (
        ""  # empty: stand, in the folder of the inbox
    )
    paper_keep: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 48  # pictures of an hour each; 0: none are made
    paper_command: Annotated[tuple[str, ...], msgspec.Meta(max_length=32)] = ()  # gets the name of the file


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


Words = Annotated[tuple[str, ...], msgspec.Meta(max_length=32)]


class OidcSection(Section, frozen=True):
    """A login by VRD's identity provider, beside the local one. Without an issuer there is none."""

    issuer: Annotated[str, msgspec.Meta(max_length=255)] = ""
    client_id: Annotated[str, msgspec.Meta(max_length=255)] = ""
    secret_file: Annotated[str, msgspec.Meta(max_length=255)] = ""  # mode 0600
    address: Annotated[str, msgspec.Meta(max_length=255)] = ""  # of the operators' pages, as browsers know it
    name_claim: Name = "preferred_username"
    role_claim: Name = "roles"
    reader: Words = ()  # values of that claim that make somebody a reader
    operator: Words = ()
    coordinator: Words = ()
    administrator: Words = ()


Command = Annotated[tuple[str, ...], msgspec.Meta(max_length=32)]


class BellSection(Section, frozen=True):
    """The bell on the server (naober inbox bell): a command for each sound; empty: a tone of its own."""

    emergency: Command = ()
    urgent: Command = ()
    system: Command = ()
    chime: Command = ()


class StoreSection(Section, frozen=True):
    """How long the inbox keeps what it need not keep for ever: statuses, the alarms' history."""

    retention_days: Days = 365


class InboxRadioSection(Section, frozen=True):
    """The radio channel of all sites, for which the inbox plans receipts and advises an interval."""

    preset: PresetName = "LONG_FAST"


class InboxConfig(Config, frozen=True):
    """All of inbox.toml."""

    inbox: InboxSection = InboxSection()
    mqtt: InboxMqttSection = InboxMqttSection()
    radio: InboxRadioSection = InboxRadioSection()
    web: WebSection = WebSection()
    pages: PagesSection = PagesSection()
    notify: NotifySection = NotifySection()
    oidc: OidcSection = OidcSection()
    bell: BellSection = BellSection()
    store: StoreSection = StoreSection()
    log: LogSection = LogSection()

    @property
    def own(self) -> OwnSection:
        """See Config."""
        return self.inbox

    @property
    def signing_key(self) -> Path:
        """The Ed25519 key that signs receipts."""
        return self.inbox.state / "inbox.key"

    @property
    def register_file(self) -> Path:
        """What VRD decided about nodes: assigned, blocked."""
        return self.inbox.state / "register.toml"


def load_inbox(path: Path) -> InboxConfig:
    """The inbox's configuration; raises ConfigError with the place and what to write there."""
    return parse_inbox(toml.read_text(path), path)


def parse_inbox(text: str, path: Path) -> InboxConfig:
    """As `load_inbox`, from a text that is (or will be) at `path`."""
    config = toml.parse(text, InboxConfig, path)
    judge_mqtt(config.mqtt, path)
    for other in config.mqtt.others:
        judge_address("mqtt", "others", other, path)
    if not (config.pages.tls or is_loopback(config.pages.host)):
        raise ConfigError(
            Text(
                f"{path}: [pages] host is van buiten bereikbaar zonder TLS",
                f"{path}: [pages] host can be reached from outside without TLS",
            ),
            Text('Schrijf tls = true, of host = "127.0.0.1"', 'Write tls = true, or host = "127.0.0.1"'),
        )
    _judge_oidc(config.oidc, path)
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


def _judge_oidc(oidc: OidcSection, path: Path) -> None:
    """Raises ConfigError for one that is half set up, or that would speak over the network in the clear."""
    if not oidc.issuer:
        return
    missing = [name for name in ("client_id", "secret_file", "address") if not getattr(oidc, name)]
    open_ = [
        name
        for name in ("issuer", "address")
        if (parts := urlsplit(getattr(oidc, name))).scheme != "https"
        and not (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    ]
    if missing or open_:
        wrong = ", ".join(missing or open_)
        raise ConfigError(
            Text(f"{path}: [oidc] {wrong} klopt niet", f"{path}: [oidc] {wrong} is not right"),
            Text(
                "Vul issuer, client_id, secret_file en address in; adressen beginnen met https://",
                "Fill in issuer, client_id, secret_file and address; addresses begin with https://",
            ),
        )
