"""The inbox's side of joining: its keys and those of its broker, and the broker's files from the grant.

Each step may be repeated: keys are made once and kept, and what is there already is left alone.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from relay import config, files, toml, toml_text
from relay.errors import ConfigError, Text, TrustError
from relay.trust import enrolment, keys, papers
from relay.trust.node_setup import one_line
from relay.trust.papers import Grant, Request
from relay.trust.plan import Done, Wanted, carry_out
from relay.trust.roster_file import NAME

KEY_FILE = "inbox.key"
TLS_KEY_FILE = "inbox-tls.key"
SEAL_KEY_FILE = "inbox-seal.key"
CERTIFICATE_FILE = "inbox.pem"
CA_FILE = "ca.pem"
SITES_FILE = "sites.toml"
BROKER_FOLDER = "broker"
BROKER_KEY_FILE = "broker.key"
INBOX_NAME, BROKER_NAME = "inbox", "broker"  # common names that the broker's access list knows
MOSQUITTO_STATE = Path("/var/lib/mosquitto")
_HOST = re.compile(
    r"^(?=.{1,64}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$"
)


class Place(NamedTuple):
    """Where the inbox's files are, and how nodes find its broker."""

    folder: Path = config.FOLDER
    state: Path = config.STATE
    broker_host: str = "127.0.0.1"
    broker_port: int = 8883

    @property
    def broker(self) -> Path:
        """The folder of the broker's own files."""
        return self.folder / BROKER_FOLDER


def prepare(place: Place, *, model: str = "") -> bytes:
    """Makes the keys of inbox and broker, unless they are there, and the signed request that shows them.

    Raises ConfigError for a broker that has no such name, KeyFileError for existing keys that cannot be
    used, StorageError.
    """
    _judge_broker(place.broker_host)
    files.make_folder(place.state, 0o700, "naober")
    files.make_folder(place.broker, 0o750, "mosquitto")
    signer = keys.load_or_create(place.state / KEY_FILE)
    sealing = keys.load_or_create_seal(place.state / SEAL_KEY_FILE)
    request = Request(
        sign_key=keys.public_bytes(signer),
        tls_key=keys.public_bytes(keys.load_or_create(place.state / TLS_KEY_FILE)),
        seal_key=sealing.public_key().public_bytes_raw(),
        role="inbox",
        model=one_line(model),
        broker=place.broker_host,
        port=place.broker_port,
        broker_key=keys.public_bytes(keys.load_or_create(place.broker / BROKER_KEY_FILE)),
    )
    return papers.sign_request(request, signer)


def apply(
    envelope: bytes, folder: Path, state: Path, *, roster: Iterable[bytes] = (), replace: bool = False
) -> tuple[Grant, list[Done]]:
    """Takes a grant into use: inbox.toml, certificates and the broker's files in `folder`.

    Raises TrustError when the grant may not be applied here (nothing has changed then), ConfigError for an
    inbox.toml that cannot be changed, StorageError.
    """
    file = folder / config.INBOX_FILE
    text = toml.read_text(file if file.exists() else files.shipped(config.INBOX_FILE))
    now = config.parse_inbox(text, file)
    own = keys.public_bytes(keys.load(state / KEY_FILE))
    pinned = () if replace else now.authority_keys
    applied = state / enrolment.INBOX_GRANT_FILE
    known = enrolment.Known(own, pinned, now.network_id, applied, state / NAME)
    grant = enrolment.judged(envelope, known, roster)
    if grant.role != "inbox":
        raise TrustError(
            Text("Deze toelating is niet voor een postvak", "This grant is not for an inbox"),
            Text("Neem de toelating van dit postvak", "Take the grant of this inbox"),
        )
    place = Place(folder, state, *grant.brokers[0])
    wanted = _tls_files(place, grant) if grant.certificate else []
    text = toml_text.fill(text, _values(place, grant))
    config.parse_inbox(text, file)
    wanted += [
        Wanted(file, text.encode()),
        Wanted(applied, envelope, files.PRIVATE),  # last: until then it is not applied
    ]
    done = [*_made_once(folder / SITES_FILE), *carry_out(wanted, replace=True)]
    enrolment.keep(grant, state, roster, also=[envelope])
    return grant, done


def _judge_broker(host: str) -> None:
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


def _made_once(file: Path) -> list[Done]:
    """The register of sites is a person's: it is put there empty, and never touched again."""
    if file.exists():
        return []
    return carry_out([Wanted(file, files.shipped(SITES_FILE).read_bytes())], replace=False)


def _values(place: Place, grant: Grant) -> dict[tuple[str, str], toml_text.Plain]:
    return {
        ("inbox", "state"): str(place.state.absolute()),
        ("inbox", "network_id"): grant.network_id.hex(),
        ("inbox", "authority_keys"): [key.hex() for key in grant.authority_keys],
        ("mqtt", "host"): "127.0.0.1",  # beside its broker it needs no name server
        ("mqtt", "port"): place.broker_port,
        ("mqtt", "tls"): bool(grant.certificate),
        ("mqtt", "key"): str(place.state.absolute() / TLS_KEY_FILE),
    }


def _tls_files(place: Place, grant: Grant) -> list[Wanted]:
    """Certificates of inbox and broker, and what else Mosquitto reads."""
    enrolment.must_fit_key(grant.certificate, grant.ca, place.state / TLS_KEY_FILE, INBOX_NAME)
    broker_key = place.broker / BROKER_KEY_FILE
    enrolment.must_fit_key(grant.broker_certificate, grant.ca, broker_key, BROKER_NAME)
    ca = ssl.DER_cert_to_PEM_cert(grant.ca).encode()
    broker = ssl.DER_cert_to_PEM_cert(grant.broker_certificate).encode()
    files.make_folder(place.broker, 0o750, "mosquitto")
    wanted = [
        Wanted(place.folder / CA_FILE, ca),
        Wanted(place.folder / CERTIFICATE_FILE, ssl.DER_cert_to_PEM_cert(grant.certificate).encode()),
        Wanted(place.broker / CA_FILE, ca),
        Wanted(place.broker / "broker.pem", broker),
        Wanted(place.broker / "naober.conf", _broker_text(place).encode()),
    ]
    acl = place.broker / "naober.acl"
    if not acl.exists():  # from then on the inbox writes it, from the roster
        wanted.append(Wanted(acl, files.shipped("mosquitto/naober.acl").read_bytes(), 0o640))
    return wanted


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
