"""A batch as text that a QR code holds: what a phone carries in its photos (docs/wire.md).

Capitals and digits without spaces: a scanner app, a mail or a messenger may break the lines, put words around
it or change capitals, and it reads the same. A mark at both ends and a check tell a text that was taken over
in part, or with an error, from one that is whole; that it is true, the signatures in it tell.
"""

from __future__ import annotations

import base64
import re
from zlib import crc32

import msgspec

from relay.core import wire
from relay.errors import WireError

BATCH_BYTES = 1200  # of a code that we make: 129 squares wide, so 3 px each on a screen of 480
BATCH_BYTES_MAX = 2000  # of a code that we read; the largest QR code holds 2676 in this form
TEXT_BYTES_MAX = 256 * 1024  # that is looked through at once
FOUND_MAX = 64  # codes in one text
PREFIX, END = "NAOBER1/", "/"
_HEAD_BYTES = 8
_LETTERS_MAX = -(-(_HEAD_BYTES + BATCH_BYTES_MAX) * 8 // 5)
_BETWEEN = re.compile("[\\s>\u200b\ufeff\u00ad]+")  # what mail and messengers put in
_LETTERS = re.compile("([A-Z2-7]*)(/?)")


class Code(msgspec.Struct, frozen=True):
    """What one code says."""

    frame: bytes  # a batch; its ages are as of `written_s`
    written_s: int | None = None  # since 2025; None: its writer had no clock


def encode(code: Code) -> str:
    """As it stands in the QR code. Raises WireError for a batch that no code holds."""
    if len(code.frame) > BATCH_BYTES_MAX:
        raise WireError("batch too long for a code")
    body = (code.written_s or 0).to_bytes(4, "big") + code.frame
    letters = base64.b32encode(crc32(body).to_bytes(4, "big") + body).decode().rstrip("=")
    return f"{PREFIX}{letters}{END}"


def find(text: str) -> tuple[list[Code], int]:
    """The codes in a text, each once, and how many there are that can't be read.

    `text` is whatever people paste: several codes, and words around them.
    """
    codes: dict[Code, None] = {}
    broken = 0
    _, *pieces = _BETWEEN.sub("", text[:TEXT_BYTES_MAX].upper()).split(PREFIX)
    for piece in pieces:
        try:
            found = _LETTERS.match(piece)
            if not found or len(codes) >= FOUND_MAX:
                raise WireError("too many codes")
            codes[_decoded(found)] = None
        except WireError:
            broken += 1
    return list(codes), broken


def _decoded(found: re.Match[str]) -> Code:
    letters, end = found.groups()
    if not end or len(letters) > _LETTERS_MAX:
        raise WireError("cut off, or too long")
    try:
        data = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except ValueError:
        raise WireError("not base32") from None
    check, body = data[:4], data[4:]
    if len(data) < _HEAD_BYTES or crc32(body).to_bytes(4, "big") != check:
        raise WireError("taken over with an error")
    return Code(body[4:], int.from_bytes(body[:4], "big") or None)


def size_of(envelope: bytes) -> int:
    """What it takes in a batch, at most: its length, an age, and nothing on how it was heard."""
    return len(envelope) + wire.ENTRY_OVERHEAD_BYTES
