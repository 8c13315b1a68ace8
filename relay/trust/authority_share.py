"""Between two authorities: who the other is, and the shared secrets, sealed so that only it can open them.

Both travel on a stick in `naober/gezag/`: `<name>` says who an authority is, `<name>.sealed` is for it. An
introduction holds public keys only; what protects it is the control number, which two people compare on both
screens before anything is sealed. A sealed file proves its sender too: its key is made of two X25519
agreements, one with a fresh key and one with the sender's own (as Noise's pattern K does), so that nobody who
can write on the stick can slip in a certificate authority or channel key of his own. No passphrase travels.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from relay.errors import Text, TrustError, WireError
from relay.trust.authority_file import Key, Name, Secrets, Shared
from relay.trust.keys import control_number

FOLDER = "gezag"
SEALED_SUFFIX = ".sealed"
INTRODUCTION_BYTES_MAX = 256
SEALED_BYTES_MAX = 2048
_CONTEXT = b"naober authorities"
_KEY_BYTES = 32


class Introduction(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Who an authority is. No secret."""

    format: Literal[1]
    name: Name
    sign_key: Key
    seal_key: Key
    network_id: Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]

    @property
    def control(self) -> str:
        """The number that both screens must show."""
        return control_number(self.name.encode(), self.sign_key, self.seal_key, self.network_id)


def introduction_bytes(introduction: Introduction) -> bytes:
    """As a file."""
    return msgspec.msgpack.encode(introduction)


def read_introduction(data: bytes) -> Introduction:
    """What `introduction_bytes` was given; raises WireError."""
    if len(data) <= INTRODUCTION_BYTES_MAX:
        try:
            found = msgspec.msgpack.decode(data, type=Introduction)
            if introduction_bytes(found) == data:
                return found
        except (ValueError, RecursionError):
            pass
    raise WireError(
        Text("Dit is geen kennismaking van een ander gezag", "This is no introduction of an authority"),
        Text("Laat de andere laptop het opnieuw schrijven", "Let the other laptop write it again"),
    )


def seal_shared(shared: Shared, sender: Secrets, to_seal_key: bytes) -> bytes:
    """`shared` for the authority with this key, from the one that holds `sender`."""
    fresh = X25519PrivateKey.generate()
    public = fresh.public_key().public_bytes_raw()
    to = X25519PublicKey.from_public_bytes(to_seal_key)
    cipher = _cipher(
        fresh.exchange(to) + sender.opener.exchange(to), public, sender.public.seal_key, to_seal_key
    )
    return public + cipher.encrypt(bytes(12), msgspec.msgpack.encode(shared), None)  # the key serves once


def open_shared(sealed: bytes, receiver: Secrets, from_seal_key: bytes) -> Shared:
    """What the authority with this key sealed for us; raises TrustError when it did not."""
    try:
        if not _KEY_BYTES < len(sealed) <= SEALED_BYTES_MAX:
            raise ValueError
        public, opener = sealed[:_KEY_BYTES], receiver.opener
        fresh = opener.exchange(X25519PublicKey.from_public_bytes(public))
        own = opener.exchange(X25519PublicKey.from_public_bytes(from_seal_key))
        cipher = _cipher(fresh + own, public, from_seal_key, receiver.public.seal_key)
        return msgspec.msgpack.decode(cipher.decrypt(bytes(12), sealed[_KEY_BYTES:], None), type=Shared)
    except (ValueError, InvalidTag):
        raise TrustError(
            Text(
                "De gedeelde sleutels op de stick zijn niet van de andere laptop, of beschadigd",
                "The shared keys on the stick are not by the other laptop, or damaged",
            ),
            Text("Laat de andere laptop opnieuw: naober authority sync", "Let it sync again"),
        ) from None


def _cipher(agreed: bytes, *publics: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(SHA256(), 32, None, b"".join((_CONTEXT, *publics))).derive(agreed))
