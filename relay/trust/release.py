"""A version of Naober that VRD lets onto its machines: the authority's signature over an upgrade bundle.

It is an envelope kind like all that our keys sign. The authority signs, and not a key of the makers: what
runs on VRD's machines is VRD's decision, both laptops can do it, a lost one is replaced by the roster, and
no further key has to be kept for years. Source: design, "Envelope"; docs/wire.md, "Papers".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.core import wire
from relay.core.message import Clock, Confidence, Header, Kind, Urgency
from relay.errors import WireError
from relay.trust.keys import address_of, public_bytes
from relay.trust.papers import signer_of

DIGEST_BYTES = 32


class Release(msgspec.Struct, frozen=True, array_like=True):
    """What is let in: the manifest with this hash, and by it every byte of the bundle."""

    version: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    digest: Annotated[bytes, msgspec.Meta(min_length=DIGEST_BYTES, max_length=DIGEST_BYTES)]


_releases = msgspec.msgpack.Decoder(Release)


def release_of(version: str, manifest: bytes) -> Release:
    """The release that a bundle with this manifest is."""
    return Release(version, hashlib.sha256(manifest).digest())


def sign_release(release: Release, private: Ed25519PrivateKey, network_id: bytes) -> bytes:
    """The release as an envelope; raises WireError when it is not one that is read."""
    header = _header(address_of(public_bytes(private)))
    return wire.sign(header, msgspec.msgpack.encode(release), network_id, private.sign)


def read_release(envelope: bytes, authority_keys: Sequence[bytes], network_id: bytes) -> Release:
    """What an authority lets in. Raises WireError (no release), TrustError (by none of `authority_keys`)."""
    if len(envelope) > wire.ENVELOPE_BYTES_MAX:
        raise WireError("release too long")
    header = wire.parse_header(envelope)
    if not envelope.startswith(wire.header_bytes(_header(header.address))):
        raise WireError("not a release")
    signer_of(envelope, authority_keys, network_id)
    payload = envelope[header.payload_at : -wire.SIGNATURE_BYTES]
    try:
        release = _releases.decode(payload)
    except (ValueError, RecursionError) as error:
        raise WireError(f"release: {error}") from None
    if msgspec.msgpack.encode(release) != payload:
        raise WireError("release is not in its one form")
    return release


def _header(address: bytes) -> Header:
    return Header(
        Kind.RELEASE, address, Urgency.ROUTINE, Clock.NONE, Confidence.MEASURED, False, False, 0, 0, 0, 0
    )
