"""A node's side of joining: make the keys here, ask, and take the answer into use.

Each step may be repeated: what is there already is kept, what would change is named and refused unless
asked for, and keys are never replaced.
"""

from __future__ import annotations

import os
from pathlib import Path

from relay import config, files, toml, toml_text
from relay.errors import ConfigError, KeyFileError, Text
from relay.trust import certificates, chain, keys
from relay.trust.admission import Admission, Request, check_site, make_request
from relay.trust.plan import Done, Wanted, carry_out

KEY_FILE = "node.key"
TLS_KEY_FILE = "node-tls.key"
CERTIFICATE_FILE = "node.pem"
CA_FILE = "ca.pem"


def prepare(state: Path, site: str, *, plain: bool = False) -> Request:
    """Makes this node's keys in `state`, unless they are there, and the request that goes with them.

    `plain` asks for no certificate: for a broker without TLS on this machine. Raises KeyFileError for
    existing keys that cannot be used, StorageError, and ConfigError for an unusable site.
    """
    check_site(site)
    files.make_folder(state, 0o700, "naober")
    public = keys.public_bytes(keys.load_or_create(state / KEY_FILE))
    if plain:
        return make_request(site, public, b"")
    tls_key = state / TLS_KEY_FILE
    if not os.path.lexists(tls_key):
        keys.create_private(tls_key, certificates.make_tls_key())
    csr = certificates.request(keys.read_private(tls_key), keys.address_text(keys.address_of(public)))
    return make_request(site, public, csr)


def apply(admission: Admission, folder: Path, state: Path, *, replace: bool = False) -> list[Done]:
    """Writes certificate, authority and node.toml into `folder`; what else stands in node.toml stays.

    Raises ConfigError when the admission is for another node or does not hold together (nothing has
    changed then), or when a file would be changed without `replace`.
    """
    _must_be_ours(admission, state)
    file = folder / config.NODE_FILE
    wanted = []
    if admission.tls:
        _must_hold_together(admission, state)
        wanted = [
            Wanted(folder / CA_FILE, admission.ca.encode()),
            Wanted(folder / CERTIFICATE_FILE, admission.certificate.encode()),
        ]
    text = toml_text.fill(_current(file), _values(admission, state))
    config.parse_node(text, file)
    return carry_out([*wanted, Wanted(file, text.encode())], replace=replace)


def _current(file: Path) -> str:
    source = file if file.exists() else files.shipped(config.NODE_FILE)
    return toml.read_text(source)


def _values(admission: Admission, state: Path) -> dict[tuple[str, str], toml_text.Plain]:
    values: dict[tuple[str, str], toml_text.Plain] = {
        ("node", "site"): admission.site,
        ("node", "state"): str(state.absolute()),
        ("node", "network_id"): admission.network_id,
        ("node", "inbox_keys"): list(admission.inbox_keys),
        ("mqtt", "host"): admission.broker_host,
        ("mqtt", "port"): admission.broker_port,
        ("mqtt", "tls"): admission.tls,
        ("mqtt", "key"): str(state.absolute() / TLS_KEY_FILE),
    }
    if admission.tls:
        values |= {("mqtt", "ca"): CA_FILE, ("mqtt", "certificate"): CERTIFICATE_FILE}
    else:
        values["sensors.network", "active"] = False  # a demo or a test: it sends nothing to the outside
    return values


def _must_be_ours(admission: Admission, state: Path) -> None:
    own = keys.public_bytes(keys.load(state / KEY_FILE))
    if own.hex() != admission.public_key.lower():
        ours, theirs = keys.show(keys.address_of(own)), keys.show(admission.address)
        raise ConfigError(
            Text(
                f"Deze toelating is voor {theirs}; dit is {ours}",
                f"This admission is for {theirs}; this is {ours}",
            ),
            Text("Neem het bestand dat bij dit knooppunt hoort", "Take the file that belongs to this node"),
        )


def _must_hold_together(admission: Admission, state: Path) -> None:
    authority = chain.certificate(admission.ca.encode(), "ca")
    certificate = chain.certificate(admission.certificate.encode(), "certificate")
    tls_key = state / TLS_KEY_FILE
    own = chain.key_of_private(keys.read_private(tls_key), str(tls_key))
    if chain.key_of_certificate(certificate) != own:
        raise KeyFileError(
            Text(
                f"Het certificaat hoort niet bij {tls_key}", f"The certificate does not belong to {tls_key}"
            ),
            Text("Doe een nieuw verzoek (naober setup node)", "Make a new request (naober setup node)"),
        )
    name = keys.address_text(admission.address)
    if not chain.issued_by(certificate, authority) or chain.common_name(certificate) != name:
        raise ConfigError(
            Text(
                "Het certificaat in deze toelating klopt niet", "The certificate in this admission is wrong"
            ),
            Text("Vraag een nieuwe toelating aan VRD", "Ask VRD for a new admission"),
        )
