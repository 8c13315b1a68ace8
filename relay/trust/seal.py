"""A secret sealed to one machine's key: how the radio channel travels in a grant.

Whoever holds stick, QR code or laptop disk sees bytes that only that Pi can open.

Source: trust design, "channel key sealed to that Pi's key". X25519 with a key of its own for each seal,
HKDF-SHA256, ChaCha20-Poly1305; since no key is ever used twice, the nonce is zero.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from relay.config import CHANNEL_NAME_LENGTH_MAX, PresetName
from relay.errors import Text, TrustError, WireError

SEALED_BYTES_MAX = 160
_PUBLIC_BYTES = 32
_NONCE = bytes(12)
_INFO = b"naober channel"


class Channel(msgspec.Struct, frozen=True, array_like=True):
    """The radio channel that all sites of a network share."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=CHANNEL_NAME_LENGTH_MAX)]
    key: Annotated[bytes, msgspec.Meta(min_length=16, max_length=32)]  # AES-128 or AES-256
    preset: PresetName = "LONG_FAST"
    region: Literal["EU_868", "EU_433"] = "EU_868"
    hop_limit: Annotated[int, msgspec.Meta(ge=0, le=7)] = 5


_channels = msgspec.msgpack.Decoder(Channel)


def seal(channel: Channel, seal_key: bytes) -> bytes:
    """`channel` for the holder of the X25519 key `seal_key` only; raises WireError for an unusable one."""
    plain = msgspec.msgpack.encode(channel)
    _read(plain)
    own = X25519PrivateKey.generate()
    public = own.public_key().public_bytes_raw()
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(seal_key))
    except ValueError:
        raise WireError("no key to seal to") from None
    return public + ChaCha20Poly1305(_key(shared, public, seal_key)).encrypt(_NONCE, plain, None)


def unseal(sealed: bytes, private: X25519PrivateKey) -> Channel:
    """What was sealed to `private`; raises TrustError when it was not, WireError when it is no channel."""
    public, body = sealed[:_PUBLIC_BYTES], sealed[_PUBLIC_BYTES:]
    if len(sealed) > SEALED_BYTES_MAX:
        raise WireError("sealed channel too long")
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
        key = _key(shared, public, private.public_key().public_bytes_raw())
        plain = ChaCha20Poly1305(key).decrypt(_NONCE, body, None)
    except (ValueError, InvalidTag):
        raise TrustError(
            Text(
                "De kanaalsleutel in de toelating is niet voor dit apparaat",
                "The channel key in the grant is not for this machine",
            ),
            Text("Vraag VRD een nieuwe toelating", "Ask VRD for a new grant"),
        ) from None
    return _read(plain)


def _key(shared: bytes, public: bytes, seal_key: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, _INFO + public + seal_key).derive(shared)


def _read(plain: bytes) -> Channel:
    try:
        channel = _channels.decode(plain)
    except (ValueError, RecursionError) as error:
        raise WireError(f"channel: {error}") from None
    if len(channel.key) not in (16, 32) or msgspec.msgpack.encode(channel) != plain:
        raise WireError("channel is not in its one form")
    if not channel.name.isprintable() or len(channel.name.encode()) > CHANNEL_NAME_LENGTH_MAX:
        raise WireError("channel name does not fit a radio")
    return channel
