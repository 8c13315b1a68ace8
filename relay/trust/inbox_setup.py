"""The inbox's side at its very beginning: its key, a small authority, and the broker's files.

The authority lives on the inbox host for now; it moves to the technicians' laptops with signed grants.
Each step may be repeated: keys, network id and authority are made once and kept.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from pathlib import Path
from typing import NamedTuple

from relay import config, files, toml, toml_text
from relay.errors import ConfigError, Text
from relay.loopback import is_loopback
from relay.trust import certificates, chain, keys
from relay.trust.plan import Done, Wanted, carry_out
from relay.trust.roster import Roster

KEY_FILE = "inbox.key"
TLS_KEY_FILE = "inbox-tls.key"
CERTIFICATE_FILE = "inbox.pem"
CA_FILE = "ca.pem"
AUTHORITY_FILE = "authority/authority.pem"  # certificate and key in one file: both, or neither
ROSTER_FILE = "roster.toml"
BROKER_FOLDER = "broker"
INBOX_NAME = "inbox"  # the common name that the broker's access list knows
MOSQUITTO_STATE = Path("/var/lib/mosquitto")
_HOST = re.compile(
    r"^(?=.{1,64}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$"
)
_CERTIFICATE_BEGIN = b"-----BEGIN CERTIFICATE-----"


class Place(NamedTuple):
    """Where the inbox's files are, and how nodes find its broker."""

    folder: Path = config.FOLDER
    state: Path = config.STATE
    broker_host: str = "127.0.0.1"
    broker_port: int = 8883
    plain: bool = False  # no TLS: everything on this machine, for demo and tests

    @property
    def broker(self) -> Path:
        """The folder of the broker's own files."""
        return self.folder / BROKER_FOLDER


class Authority(NamedTuple):
    """Who signs certificates: both PEM."""

    certificate: bytes
    key: bytes


def establish(place: Place, *, replace: bool = False) -> list[Done]:
    """Makes all that an inbox needs to start, and an empty roster; says what became of each file.

    Raises ConfigError before anything but keys was made when a file would change without `replace`,
    KeyFileError for existing keys that cannot be used, StorageError when the disk refuses.
    """
    _judge_broker(place)
    files.make_folder(place.state, 0o700, "naober")
    key = keys.public_bytes(keys.load_or_create(place.state / KEY_FILE))
    wanted = _configuration(place, key)
    return carry_out(wanted if place.plain else [*_tls_files(place), *wanted], replace=replace)


def _judge_broker(place: Place) -> None:
    host = place.broker_host
    if place.plain and not is_loopback(host):
        raise ConfigError(
            Text(
                "Zonder TLS kan de broker alleen op dit apparaat zijn",
                "Without TLS only a local broker will do",
            ),
            Text(
                "Laat --plain weg, of geef --broker 127.0.0.1",
                "Leave out --plain, or give --broker 127.0.0.1",
            ),
        )
    if not _HOST.match(host) and not _is_ipv6(host):
        raise ConfigError(
            Text(f"Dit is geen naam of adres: {host!r}", f"This is no name or address: {host!r}"),
            Text(
                "Geef alleen naam of adres, zoals mqtt.vrd.lan; de poort met --port",
                "The port goes into --port",
            ),
        )


def _is_ipv6(host: str) -> bool:
    try:
        return bool(socket.inet_pton(socket.AF_INET6, host))
    except (OSError, ValueError):
        return False


def load_authority(folder: Path) -> Authority:
    """The authority of the inbox in `folder`; raises KeyFileError when it is not there or not safe."""
    bundle = keys.read_private(folder / AUTHORITY_FILE)
    at = bundle.find(_CERTIFICATE_BEGIN)
    return Authority(bundle[at:], bundle[:at])


def _configuration(place: Place, key: bytes) -> list[Wanted]:
    """inbox.toml and roster.toml, with what a person wrote into them left as it is."""
    inbox_file, roster_file = place.folder / config.INBOX_FILE, place.folder / ROSTER_FILE
    inbox_text = _current(inbox_file, config.INBOX_FILE)
    roster_text = _current(roster_file, ROSTER_FILE)
    network_id = toml_text.look_up(inbox_text, "inbox", "network_id") or (
        toml_text.look_up(roster_text, "", "network_id") if roster_file.exists() else None
    )
    network_id = str(network_id or secrets.token_hex(8))
    inbox_text = toml_text.fill(
        inbox_text,
        {
            ("inbox", "state"): str(place.state.absolute()),
            ("inbox", "network_id"): network_id,
            ("inbox", "roster"): ROSTER_FILE,
            ("mqtt", "host"): "127.0.0.1",  # beside its broker it needs no name server
            ("mqtt", "port"): place.broker_port,
            ("mqtt", "tls"): not place.plain,
            ("mqtt", "key"): str(place.state.absolute() / TLS_KEY_FILE),
            ("broker", "host"): place.broker_host,
            ("broker", "port"): place.broker_port,
        },
    )
    roster_text = toml_text.fill(
        roster_text, {("", "network_id"): network_id, ("", "inbox_keys"): [key.hex()]}
    )
    config.parse_inbox(inbox_text, inbox_file)
    Roster.parse(roster_text, roster_file)
    return [Wanted(roster_file, roster_text.encode()), Wanted(inbox_file, inbox_text.encode())]


def _current(file: Path, name: str) -> str:
    return toml.read_text(file if file.exists() else files.shipped(name))


def _tls_files(place: Place) -> list[Wanted]:
    """Makes what keys are missing; certificates for them, unless those that are there will do."""
    authority = _authority(place.folder)
    files.make_folder(place.broker, 0o750, "mosquitto")
    names = sorted({place.broker_host, "localhost", "127.0.0.1"})
    broker_key = place.broker / "broker.key"
    broker = _certificate(place.broker / "broker.pem", broker_key, authority, "broker", names)
    inbox_key = place.state / TLS_KEY_FILE
    inbox = _certificate(place.folder / CERTIFICATE_FILE, inbox_key, authority, INBOX_NAME, [])
    acl = files.shipped("mosquitto/naober.acl").read_bytes()
    return [
        Wanted(place.folder / CA_FILE, authority.certificate),
        Wanted(place.folder / CERTIFICATE_FILE, inbox),
        Wanted(place.broker / CA_FILE, authority.certificate),
        Wanted(place.broker / "broker.pem", broker),
        Wanted(place.broker / "naober.acl", acl, 0o640),
        Wanted(place.broker / "naober.conf", _broker_text(place).encode()),
    ]


def _authority(folder: Path) -> Authority:
    file = folder / AUTHORITY_FILE
    if not os.path.lexists(file):
        files.make_folder(folder)
        certificate, key = certificates.make_authority("Naober")
        keys.create_private(file, key + certificate)
    return load_authority(folder)


def _certificate(file: Path, key_file: Path, authority: Authority, name: str, names: list[str]) -> bytes:
    """The certificate at `file` when it fits key, authority and names; else a new one."""
    if not os.path.lexists(key_file):
        keys.create_private(key_file, certificates.make_tls_key())
    key = keys.read_private(key_file)
    if file.exists():
        old = file.read_bytes()
        found = chain.certificate(old, str(file))
        fits = chain.key_of_certificate(found) == chain.key_of_private(key, str(key_file))
        issuer = chain.certificate(authority.certificate, CA_FILE)
        if fits and chain.issued_by(found, issuer) and set(names) <= chain.host_names(found):
            return old
    csr = certificates.request(key, name)
    return certificates.issue(authority.certificate, authority.key, csr, common_name=name, names=names)


def _broker_text(place: Place) -> str:
    """The shipped configuration of Mosquitto, with the files of this place."""
    broker = place.broker.absolute()
    home = MOSQUITTO_STATE if place.folder == config.FOLDER else broker
    lines = {
        "listener": f"listener {place.broker_port}",
        "cafile": f"cafile {broker / CA_FILE}",
        "certfile": f"certfile {broker / 'broker.pem'}",
        "keyfile": f"keyfile {broker / 'broker.key'}",
        "acl_file": f"acl_file {broker / 'naober.acl'}",
        "persistence_location": f"persistence_location {home}/",
    }
    shipped = files.shipped("mosquitto/naober.conf").read_text("utf-8").splitlines()
    return "\n".join(lines.get(line.split(" ")[0], line) for line in shipped) + "\n"
