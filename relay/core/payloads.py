"""What stands between an envelope's header and its signature, kind by kind (docs/wire.md)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from relay.core import fields
from relay.core.fields import Unknown, Value
from relay.core.message import (
    ADDRESS_BYTES,
    Address,
    Header,
    Hello,
    History,
    Kind,
    Message,
    Notice,
    Numbering,
    Receipt,
    ReceiptEntry,
)
from relay.core.wire import (
    CHECK_BYTES,
    ENVELOPE_BYTES_MAX,
    NONCE_BYTES,
    NUMBER_MAX,
    SIGNATURE_BYTES,
    leb128,
    parse_header,
    read_leb128,
)
from relay.errors import WireError

HISTORY_RUNS_MAX = 64
NOTICE_TO_MAX = 32

Decoded = Message | Hello | Receipt | History | Notice


def minutes_to_byte(minutes: float) -> int:
    """The byte b with 2^(b/16) min nearest to `minutes`, from 1 min to 42 days."""
    return min(255, max(0, round(16 * math.log2(minutes)))) if minutes > 1 else 0


def byte_to_minutes(byte: int) -> float:
    """2^(b/16) minutes."""
    return float(2 ** (byte / 16))


def message_payload(values: Mapping[str, Value], *, status: tuple[int, float, int] | None = None) -> bytes:
    """Values as payload; a status has (last report number, minutes to the next, inbox sequence) before."""
    packed = msgspec.msgpack.encode(fields.pack(values))
    if status is None:
        return packed
    last_report, next_due_min, sequence = status
    return bytes((last_report & 0xFF, minutes_to_byte(next_due_min), sequence & 0xFF)) + packed


def hello_payload(nonce: bytes, last_state: int, inbox_epoch: int, notice: int, roster: int) -> bytes:
    """Nonce, then four numbers."""
    return nonce + b"".join(map(leb128, (last_state, inbox_epoch, notice, roster)))


def receipt_payload(nonce: bytes, advised_min: float, entries: Iterable[ReceiptEntry]) -> bytes:
    """80 bytes of envelope and about 11 more for each entry."""
    parts = [bytes((len(nonce),)), nonce, bytes((minutes_to_byte(advised_min),))]
    for entry in entries:
        parts += (
            entry.address,
            leb128(entry.epoch),
            leb128(entry.upto),
            bytes((entry.bitmap,)),
            leb128(entry.state),
            entry.check,
        )
    return b"".join(parts)


def history_payload(
    address: Address,
    epoch: int,
    numbering: Numbering,
    runs: Sequence[tuple[int, int]],
    check: bytes,
) -> bytes:
    """Each run as the distance from the one before and its length less one."""
    parts = [address, leb128(epoch), bytes((numbering, len(runs)))]
    behind = 0
    for first, last in runs:
        parts += (leb128(first - behind), leb128(last - first))
        behind = last + 1
    return b"".join(parts) + check


def notice_payload(to: Sequence[Address], values: Mapping[str, Value]) -> bytes:
    """Count of addresses, the addresses, the values."""
    return bytes((len(to),)) + b"".join(to) + msgspec.msgpack.encode(fields.pack(values))


def message_of(envelope: bytes) -> Message | None:
    """The message in what was verified and kept; None for anything else, and for what no longer decodes."""
    try:
        decoded = decode(envelope)
    except WireError:
        return None
    return decoded if isinstance(decoded, Message) else None


def decode(envelope: bytes, header: Header | None = None) -> Decoded:
    """What `envelope` says; raises WireError. Verify first: this says nothing of who signed it."""
    header = header or parse_header(envelope)
    end = len(envelope) - SIGNATURE_BYTES
    payload = envelope[header.payload_at : end]
    if header.sealed:
        raise WireError("sealed payload")
    kind = header.kind
    if kind == Kind.HELLO:
        return _hello(header, payload)
    if kind == Kind.RECEIPT:
        return _receipt(header, payload)
    if kind == Kind.HISTORY:
        return _history(header, payload)
    if kind == Kind.NOTICE:
        return _notice(header, payload)
    if kind == Kind.STATUS:
        if len(payload) < 3:
            raise WireError("status cut off")
        values, unknown = _values(payload[3:])
        return Message(
            header=header,
            values=values,
            unknown=unknown,
            report_low=payload[0],
            next_due_min=byte_to_minutes(payload[1]),
            inbox_low=payload[2],
        )
    if kind < Kind.HELLO or kind == Kind.TEST:
        values, unknown = _values(payload)
        return Message(header=header, values=values, unknown=unknown)
    raise WireError(f"kind {kind} is not known")


def may_go_by_radio(envelope: bytes) -> bool:
    """Whether nothing in a message of our own is kept from the air, where anyone can listen."""
    try:
        said = decode(envelope)
    except WireError:
        return False
    return isinstance(said, Message) and len(fields.by_radio(said.values)) == len(said.values)


_map_decoder = msgspec.msgpack.Decoder(dict[int, Any])


def _values(data: bytes) -> tuple[dict[str, Value], Unknown]:
    if not data or len(data) > ENVELOPE_BYTES_MAX:
        raise WireError("values missing or too long")
    try:
        numbered = _map_decoder.decode(data)
        canonical = msgspec.msgpack.encode(numbered)
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise WireError(f"values: {error}") from None
    if canonical != data or list(numbered) != sorted(numbered):
        raise WireError("values are not in their one form")
    if numbered and not 0 <= min(numbered) <= max(numbered) <= fields.NUMBER_MAX:
        raise WireError("field number out of range")
    if len(numbered) > fields.FIELDS_PER_MESSAGE_MAX:
        raise WireError("too many fields")
    if any(isinstance(value, float) and not math.isfinite(value) for value in numbered.values()):
        raise WireError("not a finite number")
    return fields.unpack(numbered)


def _hello(header: Header, payload: bytes) -> Hello:
    if len(payload) < NONCE_BYTES:
        raise WireError("nonce cut off")
    numbers, at = [], NONCE_BYTES
    for _ in range(4):
        number, at = read_leb128(payload, at, len(payload))
        numbers.append(number)
    if at != len(payload):
        raise WireError("trailing bytes")
    return Hello(header, payload[:NONCE_BYTES], *numbers)


def _receipt(header: Header, payload: bytes) -> Receipt:
    end = len(payload)
    if end < 2 or payload[0] not in (0, NONCE_BYTES) or end < payload[0] + 2:
        raise WireError("receipt cut off")
    at = 1 + payload[0]
    nonce, advice = payload[1:at], payload[at]
    at += 1
    entries = []
    while at < end:
        address = payload[at : at + ADDRESS_BYTES]
        epoch, at = read_leb128(payload, at + ADDRESS_BYTES, end)
        upto, at = read_leb128(payload, at, end)
        if at >= end:
            raise WireError("receipt entry cut off")
        bitmap, at = payload[at], at + 1
        state, at = read_leb128(payload, at, end)
        check, at = payload[at : at + CHECK_BYTES], at + CHECK_BYTES
        if at > end:
            raise WireError("receipt entry cut off")
        entries.append(ReceiptEntry(address, epoch, upto, bitmap, state, check))
    return Receipt(header, nonce, byte_to_minutes(advice) if advice else 0.0, tuple(entries))


def _history(header: Header, payload: bytes) -> History:
    end = len(payload) - CHECK_BYTES
    epoch, at = read_leb128(payload, ADDRESS_BYTES, end)
    if at + 2 > end or payload[at] > Numbering.STATE or payload[at + 1] > HISTORY_RUNS_MAX:
        raise WireError("history cut off, or of too many runs")
    numbering, count = Numbering(payload[at]), payload[at + 1]
    at += 2
    behind, runs = 0, []
    for _ in range(count):
        skip, at = read_leb128(payload, at, end)
        length, at = read_leb128(payload, at, end)
        if not skip:
            raise WireError("runs that touch are one run, and numbers begin at 1")
        runs.append((behind + skip, behind + skip + length))
        behind = runs[-1][1] + 1
    if at != end or behind > NUMBER_MAX + 1:
        raise WireError("trailing bytes, or numbers too large")
    return History(header, payload[:ADDRESS_BYTES], epoch, numbering, tuple(runs), payload[end:])


def _notice(header: Header, payload: bytes) -> Notice:
    if not payload or payload[0] > NOTICE_TO_MAX:
        raise WireError("notice cut off, or to too many")
    at = 1 + ADDRESS_BYTES * payload[0]
    to = tuple(payload[place : place + ADDRESS_BYTES] for place in range(1, at, ADDRESS_BYTES))
    values, unknown = _values(payload[at:])
    return Notice(header, to, values, unknown)
