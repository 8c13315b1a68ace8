"""What an authority signs: grants for nodes and for the inbox. No files, no questions.

A grant tells a machine who it is (its place, its certificate) and whom to believe (brokers and their pins,
inbox keys, authority keys); the radio channel inside is sealed to that machine's own key.
Source: experience, section 1; docs/wire.md.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.errors import Text, TrustError
from relay.trust import certificates, papers
from relay.trust.authority_file import Shared
from relay.trust.keys import address_text
from relay.trust.papers import Grant, Request, Role
from relay.trust.seal import Channel, seal

CA_NAME = "Naober"  # as the dictionary of papers knows it
INBOX_NAME, BROKER_NAME = "inbox", "broker"  # common names that the broker's access list knows
BROKERS_MAX, PINS_MAX = 3, 2
CHANNEL_NAME = "naober"
CHANNEL_KEY_BYTES = 32
_SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: before the 32 bytes of the key


class Place(NamedTuple):
    """What a machine is admitted for."""

    role: Role
    site_id: str = ""
    site: str = ""
    municipality: str = ""
    name: str = ""  # which box, when the site has two; what a spare is called
    replaces: bytes = b""  # address of the node whose place it takes


class Network(NamedTuple):
    """Whom every machine must believe."""

    network_id: bytes
    authority_keys: tuple[bytes, ...]
    inbox_keys: tuple[bytes, ...]  # current, then the sealed next one
    brokers: tuple[tuple[str, int], ...]
    broker_keys: tuple[bytes, ...]  # pins


def new_shared(version: int, channel: Channel | None = None) -> Shared:
    """A certificate authority and a radio channel, new."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    certificate, key_pem = certificates.make_authority(CA_NAME)
    key = load_pem_private_key(key_pem, None)
    assert isinstance(key, Ed25519PrivateKey)
    der = ssl.PEM_cert_to_DER_cert(certificate.decode())
    return Shared(version, der, key.private_bytes_raw(), channel or new_channel())


def new_channel(like: Channel | None = None) -> Channel:
    """A channel with a new key; all else as `like` has it."""
    key = os.urandom(CHANNEL_KEY_BYTES)
    if like is None:
        return Channel(CHANNEL_NAME, key)
    return Channel(like.name, key, like.preset, like.region, like.hop_limit)


def pin_of(public_key: bytes) -> bytes:
    """How a grant names the key of a broker's certificate: SHA-256 of its SubjectPublicKeyInfo."""
    return hashlib.sha256(_SPKI_ED25519 + public_key).digest()


def network_with(
    network_id: bytes,
    authority_keys: tuple[bytes, ...],
    inboxes: Sequence[Request],
    also_brokers: Iterable[tuple[str, int]] = (),
    also_pins: Iterable[bytes] = (),
) -> Network:
    """Whom machines must believe, when these inboxes were admitted: the current one, then the next.

    What is announced besides comes last, as far as there is room. Raises TrustError for a third inbox.
    """
    if len(inboxes) > 2:
        raise TrustError(
            Text(
                "Er zijn al twee postvaksleutels: de huidige en de verzegelde volgende",
                "There are two inbox keys already: the current and the sealed next one",
            ),
            Text("Trek eerst een van de twee in", "Revoke one of the two first"),
        )
    brokers = [(each.broker, each.port) for each in inboxes]
    pins = [pin_of(each.broker_key) for each in inboxes]
    return Network(
        network_id,
        authority_keys,
        tuple(each.sign_key for each in inboxes),
        tuple(dict.fromkeys((*brokers, *also_brokers)))[:BROKERS_MAX],
        tuple(dict.fromkeys((*pins, *also_pins)))[:PINS_MAX],
    )


def grant_node(
    request: Request, place: Place, network: Network, shared: Shared, signer: Ed25519PrivateKey, version: int
) -> bytes:
    """The grant for a node, gateway or spare; raises WireError when it would not fit."""
    grant = _grant(request, place, network, shared, version, address_text(request.address))
    return papers.sign_grant(grant, signer)


def grant_inbox(
    request: Request, network: Network, shared: Shared, signer: Ed25519PrivateKey, version: int
) -> bytes:
    """The grant for the inbox, its broker's certificate included; raises WireError when it would not fit."""
    names = sorted({request.broker, "localhost", "127.0.0.1"})
    broker = certificates.certify(
        shared.ca, _ca_key(shared), request.broker_key, common_name=BROKER_NAME, names=names
    )
    grant = _grant(request, Place("inbox"), network, shared, version, INBOX_NAME, broker=broker)
    return papers.sign_grant(grant, signer)


def _grant(
    request: Request,
    place: Place,
    network: Network,
    shared: Shared,
    version: int,
    common_name: str,
    broker: bytes = b"",
) -> Grant:
    return Grant(
        version=version,
        role=place.role,
        site_id=place.site_id,
        site=place.site,
        municipality=place.municipality,
        name=place.name,
        network_id=network.network_id,
        sign_key=request.sign_key,
        replaces=place.replaces,
        certificate=certificates.certify(
            shared.ca, _ca_key(shared), request.tls_key, common_name=common_name
        ),
        ca=shared.ca,
        brokers=network.brokers,
        broker_keys=network.broker_keys,
        inbox_keys=network.inbox_keys,
        authority_keys=network.authority_keys,
        sealed_channel=b"" if place.role == "inbox" else seal(shared.channel, request.seal_key),
        broker_certificate=broker,
    )


def _ca_key(shared: Shared) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(shared.ca_key)
