"""Papers: what an authority or a joining machine signs. Requests, grants and changes, as bytes and back.

Nothing here reads a file, a clock or a key store. Reading is strict: an envelope that another encoder
could have written otherwise is refused, and nothing of it is used before its signature was verified.

Source: design, "Envelope" (everything our keys sign is an envelope kind) and "Trust"; docs/wire.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from relay.core import wire
from relay.core.message import Clock, Confidence, Header, Kind, Urgency
from relay.errors import Text, TrustError, WireError
from relay.trust import deflated
from relay.trust.keys import address_of, control_number, public_bytes, show

NO_NETWORK = bytes(8)  # in which a request is signed: its machine knows none yet
VERSION_MAX = wire.NUMBER_MAX
KEY_HASH_BYTES = 16
REASON_BYTES_MAX = 60
GRANT_BYTES_MAX = REQUEST_BYTES_MAX = wire.INBOX_ENVELOPE_BYTES_MAX
CHANGE_BYTES_MAX = wire.ENVELOPE_BYTES_MAX
GRANT_FORMAT = 1

Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Address = Annotated[bytes, msgspec.Meta(min_length=4, max_length=4)]
Network = Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
Version = Annotated[int, msgspec.Meta(ge=1, le=VERSION_MAX)]
Pair = Annotated[tuple[Key, ...], msgspec.Meta(min_length=1, max_length=2)]
Der = Annotated[bytes, msgspec.Meta(max_length=768)]
Host = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9.:-]+$")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Short = Annotated[str, msgspec.Meta(max_length=24)]
Part = Annotated[str, msgspec.Meta(max_length=40)]
Role = Literal["node", "gateway", "spare", "inbox"]


class Request(msgspec.Struct, frozen=True, array_like=True):
    """A machine asks to be admitted. It shows public halves only."""

    sign_key: Key  # Ed25519: signs its messages, and this request
    tls_key: Key  # Ed25519: for the certificate that the broker asks
    seal_key: Key  # X25519: secrets are sealed to it
    role: Literal["node", "inbox"] = "node"
    model: Part = ""  # of the machine, for the technician's table
    radio: Part = ""  # of the radio that was found
    broker: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9.:-]*$")] = ""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    broker_key: Annotated[bytes, msgspec.Meta(max_length=32)] = b""  # Ed25519, of the inbox's broker

    @property
    def address(self) -> bytes:
        """Where this machine's envelopes will come from."""
        return address_of(self.sign_key)

    @property
    def control(self) -> str:
        """The *controlegetal* over all its keys, to compare by eye or telephone."""
        parts = (self.sign_key, self.tls_key, self.seal_key)
        return control_number(*parts, self.broker_key) if self.broker_key else control_number(*parts)


class Grant(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """An authority admits one machine, and tells it whom to believe. It holds no readable secret."""

    version: Version  # of the roster as it was signed into
    role: Role
    site_id: Short = ""  # the place's number in VRD's register
    site: Annotated[str, msgspec.Meta(max_length=64)] = ""  # empty for a spare
    municipality: Short = ""
    name: Short = ""  # of the box, when a site has more than one
    network_id: Network
    sign_key: Key
    replaces: Annotated[bytes, msgspec.Meta(max_length=4)] = b""  # address of the node whose place it takes
    certificate: Der = b""  # empty, as is `ca`: a broker without TLS on this same machine
    ca: Der = b""
    brokers: Annotated[tuple[tuple[Host, Port], ...], msgspec.Meta(min_length=1, max_length=3)]
    broker_keys: Annotated[tuple[Key, ...], msgspec.Meta(max_length=2)] = ()  # SHA-256 of SPKI; pins
    inbox_keys: Pair  # current, then the sealed next one
    authority_keys: Pair
    sealed_channel: Annotated[bytes, msgspec.Meta(max_length=160)] = b""  # see trust.seal; empty: no radio
    broker_certificate: Der = b""  # role inbox only

    @property
    def address(self) -> bytes:
        """The machine that this is for."""
        return address_of(self.sign_key)


class Revoke(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A key counts no more, for ever."""

    address: Address
    key_hash: Annotated[bytes, msgspec.Meta(min_length=KEY_HASH_BYTES, max_length=KEY_HASH_BYTES)]
    reason: Annotated[str, msgspec.Meta(max_length=REASON_BYTES_MAX)] = ""


class InboxKeys(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Whose receipts count from now on; receipts by any other key are void."""

    keys: Pair


class AuthorityKeys(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Whose papers count from now on; signed by one of the pair before."""

    keys: Pair


class Change(msgspec.Struct, frozen=True, array_like=True):
    """One change of the roster that everyone must hear of; it fits one radio packet."""

    version: Version
    what: Revoke | InboxKeys | AuthorityKeys


def key_hash(public_key: bytes) -> bytes:
    """How a revocation names a key."""
    return hashlib.sha256(public_key).digest()[:KEY_HASH_BYTES]


def network_id_of(first_authority_key: bytes) -> bytes:
    """The network that an authority's public key founds: 8 bytes."""
    return hashlib.sha256(first_authority_key).digest()[:8]


# --- signing ---


def sign_request(request: Request, private: Ed25519PrivateKey) -> bytes:
    """The request as an envelope by its own key; raises WireError when it is not one that is read."""
    _judge_request(request)
    return _sign(Kind.ENROLMENT_REQUEST, 0, _encode(request, _requests), private, NO_NETWORK)


def sign_grant(grant: Grant, private: Ed25519PrivateKey) -> bytes:
    """The grant as an envelope of at most GRANT_BYTES_MAX; raises WireError when it does not fit."""
    _judge_grant(grant)
    payload = bytes((GRANT_FORMAT,)) + deflated.pack(_encode(grant, _grants))
    return _sign(Kind.GRANT, grant.version, payload, private, grant.network_id)


def sign_change(change: Change, private: Ed25519PrivateKey, network_id: bytes) -> bytes:
    """The change as an envelope that fits a radio packet; raises WireError when it does not fit."""
    _judge_change(change)
    return _sign(Kind.ROSTER_CHANGE, change.version, _encode(change, _changes), private, network_id)


# --- reading ---


def read_request(envelope: bytes) -> Request:
    """What a machine asks. Raises WireError, also when it is not signed by the key that it shows."""
    request = _decode(_payload(envelope, Kind.ENROLMENT_REQUEST, REQUEST_BYTES_MAX), _requests)
    _judge_request(request)
    header = wire.parse_header(envelope)
    if (
        header.address != request.address
        or header.number
        or not _is_by(envelope, NO_NETWORK, request.sign_key)
    ):
        raise WireError("request is not signed by its own key")
    return request


def read_grant(envelope: bytes, authority_keys: Sequence[bytes], network_id: bytes) -> Grant:
    """What an authority grants. Raises WireError (no grant), TrustError (by none of `authority_keys`)."""
    payload = _payload(envelope, Kind.GRANT, GRANT_BYTES_MAX)
    signer_of(envelope, authority_keys, network_id)
    if payload[:1] != bytes((GRANT_FORMAT,)):
        raise WireError("grant of another format")
    grant = _decode(deflated.unpack(payload[1:]), _grants)
    _judge_grant(grant)
    if grant.network_id != network_id:
        raise WireError("grant names another network than it is signed for")
    _must_be_version(envelope, grant.version)
    return grant


def read_change(envelope: bytes, authority_keys: Sequence[bytes], network_id: bytes) -> Change:
    """What an authority changes. Raises WireError (no change), TrustError (by none of `authority_keys`)."""
    payload = _payload(envelope, Kind.ROSTER_CHANGE, CHANGE_BYTES_MAX)
    signer_of(envelope, authority_keys, network_id)
    change = _decode(payload, _changes)
    _judge_change(change)
    _must_be_version(envelope, change.version)
    return change


def signer_of(envelope: bytes, authority_keys: Sequence[bytes], network_id: bytes) -> bytes:
    """Which of the keys signed a paper; raises WireError (no envelope), TrustError (none of them)."""
    address = wire.parse_header(envelope).address
    for key in authority_keys:
        if address_of(key) == address and _is_by(envelope, network_id, key):
            return key
    raise TrustError(
        Text(
            f"Niet getekend door een bekend gezag ({show(address)})",
            f"Not signed by a known authority ({show(address)})",
        ),
        Text("Niets is gewijzigd. Vraag VRD om een nieuwe", "Nothing has changed. Ask VRD for a new one"),
    )


def read_first_grant(envelope: bytes) -> Grant:
    """A grant judged by the authority keys that it names itself.

    For a machine that knows no authority yet: it proves that the grant is whole, not whose it is.
    Raises WireError, TrustError.
    """
    payload = _payload(envelope, Kind.GRANT, GRANT_BYTES_MAX)
    named = _decode(deflated.unpack(payload[1:]), _grants)
    return read_grant(envelope, named.authority_keys, named.network_id)


# --- how they are written ---

Paper = TypeVar("Paper", Request, Grant, Change)

_requests = msgspec.msgpack.Decoder(Request)
_grants = msgspec.msgpack.Decoder(Grant)
_changes = msgspec.msgpack.Decoder(Change)


def _encode(paper: Paper, decoder: msgspec.msgpack.Decoder[Paper]) -> bytes:
    """The paper's bytes; raises WireError when reading them would not give the paper back."""
    payload = msgspec.msgpack.encode(paper)
    if _decode(payload, decoder) != paper:
        raise WireError("paper does not survive its encoding")
    return payload


def _decode(payload: bytes, decoder: msgspec.msgpack.Decoder[Paper]) -> Paper:
    try:
        paper = decoder.decode(payload)
        canonical = msgspec.msgpack.encode(paper)
    except (ValueError, RecursionError) as error:
        raise WireError(f"paper: {error}") from None
    if canonical != payload:
        raise WireError("paper is not in its one form")
    return paper


def _header(kind: Kind, address: bytes, version: int) -> Header:
    return Header(
        kind, address, Urgency.ROUTINE, Clock.NONE, Confidence.MEASURED, False, False, 0, version, 0, 0
    )


def _sign(kind: Kind, version: int, payload: bytes, private: Ed25519PrivateKey, network_id: bytes) -> bytes:
    header = _header(kind, address_of(public_bytes(private)), version)
    return wire.sign(header, payload, network_id, private.sign)


def _payload(envelope: bytes, kind: Kind, longest: int) -> bytes:
    """What stands between header and signature; raises WireError unless all before it is as we write it."""
    if len(envelope) > longest:
        raise WireError("paper too long")
    header = wire.parse_header(envelope)
    lead = wire.header_bytes(_header(kind, header.address, header.number))
    if not envelope.startswith(lead) or len(lead) != header.payload_at:
        raise WireError("not a paper of this kind")
    return envelope[header.payload_at : -wire.SIGNATURE_BYTES]


def _is_by(envelope: bytes, network_id: bytes, key: bytes) -> bool:
    return wire.is_authentic(envelope, network_id, Ed25519PublicKey.from_public_bytes(key))


def _must_be_version(envelope: bytes, version: int) -> None:
    if wire.parse_header(envelope).number != version:
        raise WireError("paper names another version than its header")


def _judge_request(request: Request) -> None:
    _judge_texts(request.model, request.radio)
    is_inbox = request.role == "inbox"
    if is_inbox != bool(request.broker) or is_inbox != bool(request.port):
        raise WireError("an inbox names its broker, a node names none")
    if len(request.broker_key) != (32 if is_inbox else 0):
        raise WireError("a broker key belongs to an inbox")


def _judge_grant(grant: Grant) -> None:
    _judge_texts(grant.site_id, grant.site, grant.municipality, grant.name)
    _judge_pairs(grant.inbox_keys, grant.authority_keys, grant.broker_keys)
    if len(grant.replaces) not in (0, 4) or grant.replaces == grant.address:
        raise WireError("grant replaces what is no other node")
    if bool(grant.certificate) != bool(grant.ca) or (grant.broker_certificate and not grant.ca):
        raise WireError("a certificate and its authority come together")
    if grant.broker_certificate and grant.role != "inbox":
        raise WireError("a broker's certificate belongs to an inbox")
    if grant.role in ("node", "gateway") and not grant.site:
        raise WireError("a node without a site is a spare")


def _judge_change(change: Change) -> None:
    if isinstance(change.what, Revoke):
        _judge_texts(change.what.reason)
        if len(change.what.reason.encode()) > REASON_BYTES_MAX:
            raise WireError("reason too long")
    else:
        _judge_pairs(change.what.keys)


def _judge_texts(*texts: str) -> None:
    if not all(text == text.strip() and (text.isprintable() or not text) for text in texts):
        raise WireError("text that is not one line of readable characters")


def _judge_pairs(*pairs: tuple[bytes, ...]) -> None:
    if any(len(set(pair)) < len(pair) for pair in pairs):
        raise WireError("the same key twice")
