"""What an authority must never lose and never show: one file, closed with a passphrase.

    "naober authority\\n" | length of the header, 2 bytes | header | ciphertext and tag

The header is a MessagePack array: format 1, scrypt's log2(n), r, p, salt, nonce, the authority's name, its
public signing key. It may be read by all and is authenticated with the rest: whoever changes a byte of it
has a file that no passphrase opens. The key comes from scrypt (n = 2^17, r = 8, p = 1: 128 MiB and about half
a second for each guess), the cipher is ChaCha20-Poly1305. Inside: signing key, X25519 key, the certificate
authority, the radio channel. The same bytes are the paper copy.

Source: experience, section 1 (authority key); RFC 7914, RFC 8439.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from relay.errors import KeyFileError, Text
from relay.trust.papers import network_id_of
from relay.trust.seal import Channel

FILE_BYTES_MAX = 4096
PASSPHRASE_CHARACTERS_MIN = 12
COST_LOG2 = 17
_MAGIC = b"naober authority\n"
_COST_LOG2_MIN, _COST_LOG2_MAX = 10, 18  # a file from elsewhere must not take all of this machine's memory

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,15}$")]
Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]

_OTHER_COPY = Text(
    "Zet het bestand terug van de papieren kopie, of gebruik de andere laptop",
    "Restore the file from the paper copy, or use the other laptop",
)


class Shared(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What both authorities hold, so that either can do the work of the other."""

    version: int  # of the roster when it was made; the higher one counts
    ca: Annotated[bytes, msgspec.Meta(max_length=1024)]  # certificate, DER
    ca_key: Key  # Ed25519, raw
    channel: Channel


class Secrets(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """All that lies inside the file."""

    sign_key: Key  # Ed25519, raw
    seal_key: Key  # X25519, raw: for what the other authority sends
    network_id: Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
    shared: Shared | None = None  # None: the second laptop, before the first one answered

    @property
    def signer(self) -> Ed25519PrivateKey:
        """Signs papers."""
        return Ed25519PrivateKey.from_private_bytes(self.sign_key)

    @property
    def opener(self) -> X25519PrivateKey:
        """Opens what was sealed for this authority."""
        return X25519PrivateKey.from_private_bytes(self.seal_key)

    @property
    def public(self) -> Public:
        """What the other authority must know."""
        return Public(
            self.signer.public_key().public_bytes_raw(), self.opener.public_key().public_bytes_raw()
        )


class Public(NamedTuple):
    """The public half of an authority."""

    sign_key: bytes
    seal_key: bytes


class Header(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What may be read without the passphrase."""

    format: Literal[1]
    cost_log2: Annotated[int, msgspec.Meta(ge=_COST_LOG2_MIN, le=_COST_LOG2_MAX)]
    r: Literal[8]
    p: Literal[1]
    salt: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    nonce: Annotated[bytes, msgspec.Meta(min_length=12, max_length=12)]
    name: Name
    public_key: Key


def new_secrets(network_id: bytes = b"", shared: Shared | None = None) -> Secrets:
    """Fresh keys of one authority; without `network_id` it founds a network of its own."""
    signer, opener = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    network_id = network_id or network_id_of(signer.public_key().public_bytes_raw())
    return Secrets(signer.private_bytes_raw(), opener.private_bytes_raw(), network_id, shared)


def lock(secrets: Secrets, name: str, passphrase: str, *, cost_log2: int = COST_LOG2) -> bytes:
    """The file's bytes. A lower cost is for tests and demonstrations; salt and nonce are new each time."""
    header = Header(1, cost_log2, 8, 1, os.urandom(16), os.urandom(12), name, secrets.public.sign_key)
    encoded = msgspec.msgpack.encode(header)
    front = _MAGIC + len(encoded).to_bytes(2, "big") + encoded
    cipher = ChaCha20Poly1305(_derive(header, passphrase))
    return front + cipher.encrypt(header.nonce, msgspec.msgpack.encode(secrets), front)


def read_header(data: bytes, what: str) -> Header:
    """What stands in front; raises KeyFileError, which calls the file `what`."""
    return _split(data, what)[0]


def unlock(data: bytes, passphrase: str, what: str) -> Secrets:
    """What `lock` was given; raises KeyFileError for a damaged file or another passphrase."""
    header, front, sealed = _split(data, what)
    try:
        opened = ChaCha20Poly1305(_derive(header, passphrase)).decrypt(header.nonce, sealed, front)
    except InvalidTag:
        raise KeyFileError(
            Text(
                f"Verkeerd wachtwoord voor {header.name}, of {what} is beschadigd",
                f"Wrong passphrase for {header.name}, or {what} is damaged",
            ),
            Text("Probeer het opnieuw; let op Caps Lock", "Try again; mind Caps Lock"),
        ) from None
    try:
        return msgspec.msgpack.decode(opened, type=Secrets)
    except msgspec.MsgspecError:  # whole and genuine: of another version of Naober
        raise _damaged(what) from None


def _derive(header: Header, passphrase: str) -> bytes:
    kdf = Scrypt(salt=header.salt, length=32, n=1 << header.cost_log2, r=header.r, p=header.p)
    return kdf.derive(passphrase.encode())


def _split(data: bytes, what: str) -> tuple[Header, bytes, bytes]:
    start = len(_MAGIC) + 2
    if data.startswith(_MAGIC) and start < len(data) <= FILE_BYTES_MAX:
        end = start + int.from_bytes(data[len(_MAGIC) : start], "big")
        try:
            return msgspec.msgpack.decode(data[start:end], type=Header), data[:end], data[end:]
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            pass
    raise _damaged(what)


def _damaged(what: str) -> KeyFileError:
    return KeyFileError(
        Text(
            f"Geen sleutelbestand van het gezag, of beschadigd: {what}",
            f"Not an authority file, or damaged: {what}",
        ),
        _OTHER_COPY,
    )
