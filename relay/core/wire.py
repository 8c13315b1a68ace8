"""Envelopes and batches as bytes: the one place that knows how they are written (docs/wire.md).

Decoding is strict. Every message has exactly one encoding: bytes that decode are the bytes that
encoding gives back. Anything else is one kind of error, WireError. A key is never looked up here: who
verifies brings the public key, who signs brings the function that signs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import log2
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidSignature

from relay.core.message import ADDRESS_BYTES, NETWORK_BYTES, Entry, Header, Kind
from relay.errors import WireError

VERSION = 1
PREFIX_BYTES = 6  # never changes in any version
SIGNATURE_BYTES = 64
ENVELOPE_BYTES_MAX = 230  # with its age byte one radio packet of 231
ENVELOPE_BYTES_MIN = PREFIX_BYTES + 1 + 1 + 4 + SIGNATURE_BYTES
HEADER_BYTES_MAX = PREFIX_BYTES + 5 + 5 + 4  # epoch and number at their largest
PAYLOAD_BYTES_MAX = ENVELOPE_BYTES_MAX - SIGNATURE_BYTES - HEADER_BYTES_MAX
INBOX_ENVELOPE_BYTES_MAX = 1024  # a history or a grant may be longer than a radio packet
LONG_KINDS = frozenset((Kind.HISTORY, Kind.GRANT, Kind.ENROLMENT_REQUEST))  # never by radio
BATCH_BYTES_MAX = 128 * 1024
BATCH_ENTRIES_MAX = 2048
NONCE_BYTES = 8
CHECK_BYTES = 2
NUMBER_MAX = 2**32 - 1
KIND_EXTENDED = 31
EPOCH_2025_UNIX_S = 1_735_689_600  # 2025-01-01 UTC

_SIGNING_CONTEXT = b"naober\0"

Sign = Callable[[bytes], bytes]


class PublicKey(Protocol):
    """An Ed25519 public key of the `cryptography` package."""

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """Raise InvalidSignature when `signature` over `data` is not this key's."""


# --- numbers ---


@lru_cache(maxsize=256)  # of its own epoch and the inbox's, over and over
def leb128(number: int) -> bytes:
    """Shortest unsigned LEB128."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_leb128(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number at `at` and the place behind it; raises WireError."""
    number = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if (byte == 0 and shift) or number > NUMBER_MAX:
                raise WireError("number longer than its shortest form, or too large")
            return number, at
        shift += 7
        if shift > 28:
            break
    raise WireError("number cut off or too large")


# --- header and signature ---


def header_bytes(header: Header) -> bytes:
    """The bytes before the payload; `payload_at` is not looked at."""
    kind = header.kind
    first = VERSION << 5 | (kind if kind < KIND_EXTENDED else KIND_EXTENDED)
    flags = (
        (header.urgency - 1) << 6
        | header.clock << 4
        | header.confidence << 2
        | header.exercise << 1
        | header.sealed
    )
    extended = b"" if kind < KIND_EXTENDED else bytes((kind - KIND_EXTENDED - 1,))
    return (
        bytes((first,))
        + header.address
        + bytes((flags,))
        + extended
        + leb128(header.epoch)
        + leb128(header.number)
        + header.time.to_bytes(4, "big")
    )


def parse_header(data: bytes) -> Header:
    """The header of an envelope; raises WireError. The payload and the signature are not looked at."""
    end = len(data) - SIGNATURE_BYTES
    if len(data) < ENVELOPE_BYTES_MIN:
        raise WireError("too short")
    first = data[0]
    if first >> 5 != VERSION:
        raise WireError(f"version {first >> 5} is not known")
    flags = data[5]
    kind = first & 0x1F
    at = PREFIX_BYTES
    if kind == KIND_EXTENDED:
        kind, at = KIND_EXTENDED + 1 + data[at], at + 1
    confidence = flags >> 2 & 3
    if confidence == 3:
        raise WireError("confidence 3 is not known")
    epoch, at = read_leb128(data, at, end)
    number, at = read_leb128(data, at, end)
    if at + 4 > end:
        raise WireError("time cut off")
    return Header(
        kind,
        data[1:5],
        (flags >> 6) + 1,
        flags >> 4 & 3,
        confidence,
        bool(flags & 2),
        bool(flags & 1),
        epoch,
        number,
        int.from_bytes(data[at : at + 4], "big"),
        at + 4,
    )


def signed_bytes(envelope: bytes, network: bytes) -> bytes:
    """What the signature of `envelope` is over."""
    return _SIGNING_CONTEXT + network + envelope[:-SIGNATURE_BYTES]


def signature_of(envelope: bytes) -> bytes:
    """The last 64 bytes."""
    return envelope[-SIGNATURE_BYTES:]


def is_authentic(envelope: bytes, network: bytes, key: PublicKey) -> bool:
    """Whether the holder of `key` signed `envelope` for this network."""
    try:
        key.verify(envelope[-SIGNATURE_BYTES:], _SIGNING_CONTEXT + network + envelope[:-SIGNATURE_BYTES])
    except InvalidSignature:
        return False
    return True


def sign(header: Header, payload: bytes, network: bytes, signer: Sign) -> bytes:
    """A whole envelope; raises WireError when it is longer than its kind may be."""
    if len(network) != NETWORK_BYTES or len(header.address) != ADDRESS_BYTES:
        raise WireError("network id or address has the wrong length")
    if max(header.epoch, header.number, header.time) > NUMBER_MAX:
        raise WireError("a number of more than 32 bits is one that nobody reads")
    unsigned = header_bytes(header) + payload
    longest = INBOX_ENVELOPE_BYTES_MAX if header.kind in LONG_KINDS else ENVELOPE_BYTES_MAX
    if len(unsigned) + SIGNATURE_BYTES > longest:
        raise WireError(f"{len(unsigned) + SIGNATURE_BYTES} bytes do not fit {longest}")
    return unsigned + signer(_SIGNING_CONTEXT + network + unsigned)


# --- batches ---

_batch_decoder = msgspec.msgpack.Decoder(list[Entry])
_batch_encoder = msgspec.msgpack.Encoder()
ENTRY_OVERHEAD_BYTES = 10


def encode_batch(entries: Sequence[Entry]) -> bytes:
    """Many envelopes as one MQTT or courier frame."""
    return _batch_encoder.encode(entries)


def decode_batch(frame: bytes) -> list[Entry]:
    """What `encode_batch` was given; raises WireError. No envelope is looked at."""
    if len(frame) > BATCH_BYTES_MAX:
        raise WireError("batch too long")
    try:
        entries = _batch_decoder.decode(frame)
    except (ValueError, RecursionError) as error:
        raise WireError(f"batch: {error}") from None
    if len(entries) > BATCH_ENTRIES_MAX:
        raise WireError("batch of too many envelopes")
    return entries


# --- radio frames ---

AGE_BYTES = 1
AGE_UNKNOWN = 239
AGES = 240  # bytes from here on are kept for frames of other kinds


def age_to_byte(age_s: float | None) -> int:
    """The byte b with 2^(b/8) s nearest to an age, from 1 s to 28 years; None: not known."""
    if age_s is None:
        return AGE_UNKNOWN
    return min(AGE_UNKNOWN - 1, round(8 * log2(age_s))) if age_s > 1 else 0


def byte_to_age(byte: int) -> int | None:
    """Seconds, or None when the age is not known."""
    return None if byte == AGE_UNKNOWN else round(2 ** (byte / 8))


def encode_radio_frame(envelope: bytes, age_s: float | None) -> bytes:
    """One envelope as one packet; its age in front, which no signature covers."""
    return bytes((age_to_byte(age_s),)) + envelope


def decode_radio_frame(frame: bytes) -> Entry:
    """What `encode_radio_frame` was given; raises WireError. The envelope is not looked at."""
    if not frame or frame[0] >= AGES:
        raise WireError("not a frame of ours")
    if len(frame) > AGE_BYTES + ENVELOPE_BYTES_MAX:
        raise WireError("frame too long")
    return Entry(frame[AGE_BYTES:], byte_to_age(frame[0]))
