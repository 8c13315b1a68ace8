"""Who we are: the Ed25519 signing key and, beside it, the epoch.

A key is made on the machine that uses it and never leaves it. Its file belongs to the one who reads it
and is closed to everyone else; a file that is not is refused rather than used, since whoever could read
it may be signing in our name already.

Source: design, "Vocabulary" (address, epoch) and rule 3.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from relay import files
from relay.errors import KeyFileError, LedgerError, StorageError, Text

ADDRESS_BYTES = 4
PUBLIC_KEY_BYTES = PRIVATE_KEY_BYTES = 32
EPOCH_MAX = 2**32 - 1
KEY_FILE_BYTES_MAX = 4096
CONTROL_GROUPS, CONTROL_GROUP_DIGITS = 5, 5

# RFC 8410, section 7: PKCS#8 of Ed25519 and X25519 is these bytes and the 32 of the key. Written out here
# because `cryptography`'s serialization would cost every node more than a megabyte of memory.
_PKCS8_PREFIX = bytes.fromhex("302e020100300506032b657004220420")
_PKCS8_PREFIX_X25519 = bytes.fromhex("302e020100300506032b656e04220420")
_PEM = re.compile(rb"\s*-----BEGIN PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*")

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_RESTORE = Text(
    "Zet het bestand van dit apparaat terug, of maak een nieuwe sleutel (naober setup) en leer opnieuw in",
    "Put this machine's own file back, or make a new key (naober setup) and enrol again",
)


def load(path: Path) -> Ed25519PrivateKey:
    """The signing key at `path`; raises KeyFileError when it is missing, open to others or no key."""
    return Ed25519PrivateKey.from_private_bytes(_raw(path, _PKCS8_PREFIX))


def load_seal(path: Path) -> X25519PrivateKey:
    """The sealing key at `path`, which opens what was sealed to this machine; errors as `load`."""
    return X25519PrivateKey.from_private_bytes(_raw(path, _PKCS8_PREFIX_X25519))


def load_or_create(path: Path) -> Ed25519PrivateKey:
    """The signing key at `path`, made and synced to disk when there is none.

    Raises KeyFileError for an existing file that cannot be trusted (it is never replaced), StorageError
    when a new one cannot be written. Of two callers at once both get the same key.
    """
    if not path.is_symlink() and not path.exists():
        create_private(path, _pem(_PKCS8_PREFIX, Ed25519PrivateKey.generate().private_bytes_raw()))
    return load(path)


def load_or_create_seal(path: Path) -> X25519PrivateKey:
    """As `load_or_create`, for the sealing key."""
    if not path.is_symlink() and not path.exists():
        create_private(path, _pem(_PKCS8_PREFIX_X25519, X25519PrivateKey.generate().private_bytes_raw()))
    return load_seal(path)


def _raw(path: Path, prefix: bytes) -> bytes:
    """The 32 bytes of the private key at `path`, which is of the kind that `prefix` says."""
    found = _PEM.fullmatch(read_private(path))
    try:
        der = base64.b64decode(found[1]) if found else b""
    except ValueError:
        der = b""
    if not der.startswith(prefix) or len(der) != len(prefix) + PRIVATE_KEY_BYTES:
        raise KeyFileError(
            Text(f"Sleutelbestand is beschadigd: {path}", f"Key file is damaged: {path}"), _RESTORE
        )
    return der[len(prefix) :]


def _pem(prefix: bytes, raw: bytes) -> bytes:
    body = base64.b64encode(prefix + raw)
    return b"-----BEGIN PRIVATE KEY-----\n" + body + b"\n-----END PRIVATE KEY-----\n"


def create_private(path: Path, pem: bytes) -> bool:
    """Writes private key material as mode 0600; False when `path` is there already. Raises StorageError."""
    files.make_folder(path.parent, 0o700)
    try:
        files.write_new(path, pem, files.PRIVATE)
    except FileExistsError:
        return False
    return True


def read_private(path: Path) -> bytes:
    """What a private key file holds; raises KeyFileError unless it is ours and closed to others."""
    try:
        with path.open("rb") as file:
            _judge_file(path, os.fstat(file.fileno()))
            return file.read(KEY_FILE_BYTES_MAX)
    except FileNotFoundError:
        raise KeyFileError(
            Text(f"Sleutelbestand ontbreekt: {path}", f"Key file is missing: {path}"),
            Text("Maak het met naober setup", "Make it with naober setup"),
        ) from None
    except OSError as error:
        raise KeyFileError(
            Text(
                f"Kan sleutel niet lezen: {path}: {error.strerror}",
                f"Cannot read key {path}: {error.strerror}",
            ),
            Text(
                "Draai dit als de gebruiker van de dienst, of met sudo",
                "Run this as the service's user, or with sudo",
            ),
        ) from error


def _judge_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileError(Text(f"Geen gewoon bestand: {path}", f"Not a regular file: {path}"), _RESTORE)
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OTHERS:
        raise KeyFileError(
            Text(
                f"Sleutel {path} is toegankelijk voor anderen (rechten {mode:04o})",
                f"Key {path} is open to others (mode {mode:04o})",
            ),
            f"chmod 600 {path}",
        )
    me = os.geteuid()
    # root reads on behalf of the service; the file must then be the service's, as its folder is
    allowed = {me, path.parent.stat().st_uid} if me == 0 else {me}
    if found.st_uid not in allowed:
        raise KeyFileError(
            Text(
                f"Sleutel {path} is van een andere gebruiker (nummer {found.st_uid})",
                f"Key {path} belongs to another user (number {found.st_uid})",
            ),
            f"sudo chown {path.parent.stat().st_uid} {path}",
        )


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes by which others know `key`."""
    return key.public_key().public_bytes_raw()


def address_of(public_key: bytes) -> bytes:
    """The first 4 bytes of SHA-256: a look-up, never a proof."""
    return hashlib.sha256(public_key).digest()[:ADDRESS_BYTES]


def address_text(address: bytes) -> str:
    """As in file names, topics and certificates: `3f9a21c4`."""
    return address.hex()


def show(address: bytes) -> str:
    """As on screens and labels: `3f9a-21c4`."""
    text = address.hex()
    return f"{text[:4]}-{text[4:]}"


def control_number(*public_parts: bytes) -> str:
    """The *controlegetal* over public keys: 5 times 5 digits (83 bits) to read aloud and compare.

    Each part is hashed by itself first, so that no byte can move from one part to the next.
    """
    digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in public_parts)).digest()
    count = CONTROL_GROUPS * CONTROL_GROUP_DIGITS
    digits = f"{int.from_bytes(digest) % 10**count:0{count}d}"
    return " ".join(digits[at : at + CONTROL_GROUP_DIGITS] for at in range(0, count, CONTROL_GROUP_DIGITS))


class EpochFile:
    """The epoch in one small synced file; it only ever goes up, so that no number is used twice."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> int:
        """The epoch on disk, 0 when there is no file; raises StorageError (`corrupt`, `failed`)."""
        try:
            with self.path.open("rb") as file:
                data = file.read(KEY_FILE_BYTES_MAX)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise StorageError(
                Text(
                    f"Kan tijdvak niet lezen: {self.path}: {error.strerror}",
                    f"Cannot read the epoch: {self.path}: {error.strerror}",
                )
            ) from error
        digits = data.removesuffix(b"\n")
        if not digits.isdigit() or len(digits) > len(str(EPOCH_MAX)) or int(digits) > EPOCH_MAX:
            raise self._corrupt()
        return int(digits)

    def raise_to(self, epoch: int) -> None:
        """Makes `epoch` the one on disk before returning; the same again is no change.

        Raises LedgerError for a lower one (it would use numbers twice), StorageError when the disk
        refuses or the file is damaged.
        """
        now = self.read()
        if not now <= epoch <= EPOCH_MAX:
            raise LedgerError(f"epoch {epoch} after {now}: it can only go up, to {EPOCH_MAX} at most")
        if epoch > now:
            files.replace(self.path, f"{epoch}\n".encode(), files.PRIVATE)

    def _corrupt(self) -> StorageError:
        # removing the file would start at 0 and use numbers twice, so that is not the advice
        return StorageError(
            Text(f"Tijdvakbestand is beschadigd: {self.path}", f"Epoch file is damaged: {self.path}"),
            Text(
                "Schrijf er één getal in: 100 hoger dan het tijdvak dat VRD van dit knooppunt kent",
                "Write one number into it: 100 above the epoch that VRD knows of this node",
            ),
            code="corrupt",
        )
