"""A file of any length, closed with a passphrase: what is read from it is what was written, all of it.

    "naober backup\\n" | length of the header, 2 bytes | header | pieces

The header is a MessagePack array: format 1, scrypt's log2(n), r, p, salt. The key comes from scrypt as in
`authority_file`. Each piece holds 64 KiB, the last one less, and ends with its tag (ChaCha20-Poly1305); its
nonce is its number (11 bytes) and whether it is the last (1 byte), and it authenticates the header. So pieces
can't be changed, moved, left out or cut off, and nothing larger than one is kept in memory. A key is used for
one file only, since the salt is new each time.

Source: RFC 7914, RFC 8439; the way of numbering is that of STREAM (Hoang and others, 2015), as age has it.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from relay.errors import KeyFileError, Text

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

MAGIC = b"naober backup\n"
COST_LOG2 = 17
PIECE_BYTES = 64 * 1024
TAG_BYTES = 16
_COST_LOG2_MIN, _COST_LOG2_MAX = 10, 18  # a file from elsewhere must not take all of this machine's memory
_HEADER_BYTES_MAX = 256


class _Header(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    format: Literal[1]
    cost_log2: Annotated[int, msgspec.Meta(ge=_COST_LOG2_MIN, le=_COST_LOG2_MAX)]
    r: Literal[8]
    p: Literal[1]
    salt: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]


class Locked(io.RawIOBase):
    """Writes to `file`. Only `finish` makes it whole: without, the reader finds it cut off."""

    def __init__(self, file: BinaryIO, passphrase: str, *, cost_log2: int = COST_LOG2) -> None:
        """A lower cost is for tests. Raises OSError, as every write does."""
        super().__init__()
        header = _Header(1, cost_log2, 8, 1, os.urandom(16))
        encoded = msgspec.msgpack.encode(header)
        self._front = MAGIC + len(encoded).to_bytes(2, "big") + encoded
        self._file, self._cipher, self._number = file, _cipher(header, passphrase), 0
        self._waiting = bytearray()
        file.write(self._front)

    def writable(self) -> bool:
        """See RawIOBase."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """See RawIOBase; takes all of it."""
        with memoryview(data) as view:
            self._waiting += view
            length = view.nbytes
        while len(self._waiting) > PIECE_BYTES:  # a full piece waits too: it may be the last
            self._put(bytes(self._waiting[:PIECE_BYTES]), last=False)
            del self._waiting[:PIECE_BYTES]
        return length

    def finish(self) -> None:
        """Write the last piece; nothing may follow."""
        self._put(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _put(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), piece, self._front))
        self._number += 1


class Unlocked(io.RawIOBase):
    """Reads what `Locked` wrote to `file`; `what` is what errors call it.

    Raises KeyFileError for another passphrase and for a file that is damaged or cut off. What was read before
    such an error is genuine, but not all there was: it must not be used.
    """

    def __init__(self, file: BinaryIO, passphrase: str, what: str) -> None:
        super().__init__()
        self._file, self._what, self._number = file, what, 0
        start = file.read(len(MAGIC) + 2)
        length = int.from_bytes(start[len(MAGIC) :], "big")
        encoded = file.read(min(length, _HEADER_BYTES_MAX)) if start.startswith(MAGIC) else b""
        try:
            header = msgspec.msgpack.decode(encoded, type=_Header)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise damaged(what) from None
        self._front = start + encoded
        self._cipher = _cipher(header, passphrase)
        self._sealed = file.read(PIECE_BYTES + TAG_BYTES)
        self._open = b""
        self._ended = False

    def readable(self) -> bool:
        """See RawIOBase."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """See RawIOBase."""
        if not self._open and not self._ended:
            self._next()
        with memoryview(buffer).cast("B") as view:
            part = self._open[: view.nbytes]
            view[: len(part)] = part
        self._open = self._open[len(part) :]
        return len(part)

    def _next(self) -> None:
        following = self._file.read(PIECE_BYTES + TAG_BYTES)
        last = not following
        try:
            self._open = self._cipher.decrypt(_nonce(self._number, last=last), self._sealed, self._front)
        except InvalidTag:
            raise damaged(self._what) if self._number else _not_opened(self._what) from None
        self._sealed, self._number, self._ended = following, self._number + 1, last


def is_locked(start: bytes) -> bool:
    """Whether a file that begins so is one of these."""
    return start.startswith(MAGIC)


def damaged(what: str) -> KeyFileError:
    """The file is not what was written."""
    return KeyFileError(
        Text(f"Geen back-up van Naober, of beschadigd: {what}", f"No backup of Naober, or damaged: {what}"),
        Text("Neem een andere back-up", "Take another backup"),
    )


def _not_opened(what: str) -> KeyFileError:
    return KeyFileError(
        Text(f"Verkeerd wachtwoord, of beschadigd: {what}", f"Wrong passphrase, or damaged: {what}"),
        Text("Probeer het opnieuw; let op Caps Lock", "Try again; mind Caps Lock"),
    )


def _cipher(header: _Header, passphrase: str) -> ChaCha20Poly1305:
    kdf = Scrypt(salt=header.salt, length=32, n=1 << header.cost_log2, r=header.r, p=header.p)
    return ChaCha20Poly1305(kdf.derive(passphrase.encode()))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))
