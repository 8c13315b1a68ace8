"""A node's side of joining: make the keys here, ask, and take the answer into use.

Each step may be repeated: what is there already is kept, and keys are never replaced.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from relay import config, files, toml, toml_text
from relay.errors import ConfigError, Text, TrustError
from relay.trust import enrolment, keys, papers, seal
from relay.trust.papers import Grant, Request
from relay.trust.plan import Done, Wanted, carry_out
from relay.trust.roster_file import NAME

KEY_FILE = "node.key"
TLS_KEY_FILE = "node-tls.key"
SEAL_KEY_FILE = "node-seal.key"
CERTIFICATE_FILE = "node.pem"
CA_FILE = "ca.pem"


class Applied(NamedTuple):
    """What came of a grant."""

    grant: Grant
    done: list[Done]
    channel: seal.Channel | None  # for the radio; None for a node without one


def prepare(state: Path, *, model: str = "", radio: str = "") -> bytes:
    """Makes this node's keys in `state`, unless they are there, and the signed request that shows them.

    Raises KeyFileError for existing keys that cannot be used, StorageError.
    """
    files.make_folder(state, 0o700, "naober")
    signer = keys.load_or_create(state / KEY_FILE)
    tls = keys.load_or_create(state / TLS_KEY_FILE)
    sealing = keys.load_or_create_seal(state / SEAL_KEY_FILE)
    request = Request(
        sign_key=keys.public_bytes(signer),
        tls_key=keys.public_bytes(tls),
        seal_key=sealing.public_key().public_bytes_raw(),
        model=one_line(model),
        radio=one_line(radio),
    )
    return papers.sign_request(request, signer)


def one_line(text: str) -> str:
    """What a machine calls itself, as a request can hold it."""
    return " ".join("".join(each for each in text if each.isprintable()).split())[:40].strip()


def remember_radio(
    folder: Path, state: Path, *, device: str = "", host: str = "", port: int = 4403
) -> list[Done]:
    """Writes the radio that setup found into node.toml, unless a technician wrote down one already.

    On USB (`device`), or in the network (`host`). Raises ConfigError, StorageError.
    """
    file = folder / config.NODE_FILE
    text = _text(file)
    if config.parse_node(text, file).radio.is_configured:
        return []
    values: dict[tuple[str, str], toml_text.Plain] = {("node", "state"): str(state.absolute())}
    if device:
        values["radio", "device"] = device
    else:
        values |= {("radio", "host"): host, ("radio", "port"): port}
    return carry_out([Wanted(file, toml_text.fill(text, values).encode())], replace=True)


def remember_page(folder: Path, state: Path, host: str) -> list[Done]:
    """Writes the address of the node's own Wi-Fi into node.toml, unless a technician wrote down one already.

    Raises ConfigError, StorageError.
    """
    file = folder / config.NODE_FILE
    text = _text(file)
    if config.parse_node(text, file).page.host:
        return []
    values: dict[tuple[str, str], toml_text.Plain] = {
        ("node", "state"): str(state.absolute()),
        ("page", "host"): host,
    }
    return carry_out([Wanted(file, toml_text.fill(text, values).encode())], replace=True)


def apply(
    envelope: bytes, folder: Path, state: Path, *, roster: Iterable[bytes] = (), replace: bool = False
) -> Applied:
    """Takes a grant into use: certificates and node.toml in `folder`; what else stands there stays.

    `roster`: papers that came along. `replace` takes a grant of another network.
    Raises TrustError when the grant may not be applied here (nothing has changed then), ConfigError for a
    node.toml that cannot be changed, StorageError.
    """
    file = folder / config.NODE_FILE
    text = _text(file)
    known = _known(config.parse_node(text, file), state, replace)
    grant = enrolment.judged(envelope, known, roster)
    if grant.role == "inbox":
        raise TrustError(
            Text("Deze toelating is voor een postvak", "This grant is for an inbox"),
            Text("Neem de toelating van dit knooppunt", "Take the grant of this node"),
        )
    wanted = []
    if grant.certificate:
        name = keys.address_text(grant.address)
        enrolment.must_fit_key(grant.certificate, grant.ca, state / TLS_KEY_FILE, name)
        wanted = [
            Wanted(folder / CA_FILE, ssl.DER_cert_to_PEM_cert(grant.ca).encode()),
            Wanted(folder / CERTIFICATE_FILE, ssl.DER_cert_to_PEM_cert(grant.certificate).encode()),
        ]
    channel = _channel(grant, state)
    text = toml_text.fill(text, _values(grant, channel, state))
    config.parse_node(text, file)
    wanted += [
        Wanted(file, text.encode()),
        Wanted(state / enrolment.GRANT_FILE, envelope, files.PRIVATE),  # last: until then it is not applied
    ]
    done = carry_out(wanted, replace=True)
    enrolment.keep(grant, state, roster)
    return Applied(grant, done, channel)


def _text(file: Path) -> str:
    return toml.read_text(file if file.exists() else files.shipped(config.NODE_FILE))


def _known(node: config.NodeConfig, state: Path, replace: bool) -> enrolment.Known:
    own = keys.public_bytes(keys.load(state / KEY_FILE))
    pinned = () if replace else node.authority_keys
    if pinned and not node.network_id:
        raise ConfigError(
            Text("node.toml noemt een gezag, maar geen netwerk", "node.toml has authorities, no network"),
            "naober enrol --replace",
        )
    return enrolment.Known(own, pinned, node.network_id, state / enrolment.GRANT_FILE, state / NAME)


def _channel(grant: Grant, state: Path) -> seal.Channel | None:
    if not grant.sealed_channel:
        return None
    return seal.unseal(grant.sealed_channel, keys.load_seal(state / SEAL_KEY_FILE))


def _values(
    grant: Grant, channel: seal.Channel | None, state: Path
) -> dict[tuple[str, str], toml_text.Plain]:
    (host, port), *others = grant.brokers
    values: dict[tuple[str, str], toml_text.Plain] = {
        ("node", "site"): grant.site or grant.name,  # a spare has a name only
        ("node", "state"): str(state.absolute()),
        ("node", "network_id"): grant.network_id.hex(),
        ("node", "inbox_keys"): _hex(grant.inbox_keys),
        ("node", "authority_keys"): _hex(grant.authority_keys),
        ("mqtt", "host"): host,
        ("mqtt", "port"): port,
        ("mqtt", "others"): [f"{host}:{port}" for host, port in others],
        ("mqtt", "tls"): bool(grant.certificate),
        ("mqtt", "key"): str(state.absolute() / TLS_KEY_FILE),
        ("mqtt", "broker_keys"): _hex(grant.broker_keys),
    }
    if grant.certificate:
        values |= {("mqtt", "ca"): CA_FILE, ("mqtt", "certificate"): CERTIFICATE_FILE}
    else:
        values["sensors.network", "active"] = False  # a demo or a test: it sends nothing to the outside
    if channel is not None:
        values |= _radio(channel)
    return values


def _radio(channel: seal.Channel) -> dict[tuple[str, str], toml_text.Plain]:
    from relay.links.meshtastic.settings import fingerprint

    return {
        ("radio", "region"): channel.region,
        ("radio", "preset"): channel.preset,
        ("radio", "hop_limit"): channel.hop_limit,
        ("radio", "channel_name"): channel.name,
        ("radio", "channel_key"): fingerprint(channel.key),
    }


def _hex(found: tuple[bytes, ...]) -> list[str]:
    return [each.hex() for each in found]
