"""What goes in comes out: headers, fields, payloads and batches."""

from __future__ import annotations

import itertools
from contextlib import suppress

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.core import fields, payloads, wire
from relay.core.message import Entry, Header, Heard, Kind, Numbering, ReceiptEntry
from relay.errors import WireError
from tests.support import vectors
from tests.support.vectors import no_signature, plain_header

NUMBERS = st.integers(0, wire.NUMBER_MAX) | st.sampled_from([0, 1, 127, 128, 16_383, 16_384, wire.NUMBER_MAX])
ADDRESSES = st.binary(min_size=4, max_size=4)

# --- values in, values out ---


def value_of(field: fields.Field) -> st.SearchStrategy:
    if field.kind == "integer":
        return st.integers(field.low, field.high)
    if field.kind == "text":
        return st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
    return st.sampled_from(field.choices)


VALUES = st.lists(st.sampled_from(fields.FIELDS), max_size=12, unique=True).flatmap(
    lambda rows: st.fixed_dictionaries({row.name: value_of(row) for row in rows})
)
HEADERS = st.builds(
    Header,
    kind=st.sampled_from([*list(range(24)), 32, 287]),
    address=ADDRESSES,
    urgency=st.integers(1, 4),
    clock=st.integers(0, 3),
    confidence=st.integers(0, 2),
    exercise=st.booleans(),
    sealed=st.booleans(),
    epoch=NUMBERS,
    number=NUMBERS,
    time=NUMBERS,
    payload_at=st.just(0),
)


def carried(head: Header, payload: bytes) -> payloads.Decoded:
    return payloads.decode(wire.sign(head, payload, vectors.NETWORK, no_signature))


@given(HEADERS, st.binary(max_size=20))
@settings(deadline=None)
def test_a_header_comes_back_as_it_went(head, payload):
    envelope = wire.sign(head, payload, vectors.NETWORK, no_signature)
    parsed = wire.parse_header(envelope)
    assert envelope[parsed.payload_at : -64] == payload
    assert msgspec.structs.replace(parsed, payload_at=0) == head


@pytest.mark.parametrize("row", fields.FIELDS, ids=list(fields.BY_NAME))
def test_every_field_comes_back_as_it_went(row):
    if row.kind == "integer":
        some = [row.low, row.high, (row.low + row.high) // 2]
    else:
        some = ["é", "x" * 80] if row.kind == "text" else list(row.choices)
    for value in some:
        said = carried(plain_header(Kind.REPORT), payloads.message_payload({row.name: value}))
        assert (said.values, said.unknown) == ({row.name: value}, {})


@given(VALUES, st.integers(0, 2**20), st.integers(0, 255), st.integers(0, 2**20))
@settings(max_examples=300, deadline=None)
def test_a_status_comes_back_as_it_went(values, last_report, due, sequence):
    minutes = payloads.byte_to_minutes(due)
    payload = payloads.message_payload(values, status=(last_report, minutes, sequence))
    if len(payload) > 140:
        return
    said = carried(plain_header(Kind.STATUS), payload)
    assert (said.values, said.unknown, said.next_due_min) == (values, {}, minutes)
    assert (said.report_low, said.inbox_low) == (last_report % 256, sequence % 256)
    assert msgpack.unpackb(payload[3:], strict_map_key=False) == fields.pack(values)


ENTRIES = st.builds(
    ReceiptEntry, ADDRESSES, NUMBERS, NUMBERS, st.integers(0, 255), NUMBERS, st.binary(min_size=2, max_size=2)
)


@given(st.sampled_from([b"", bytes(8), b"noncenon"]), st.integers(0, 255), st.lists(ENTRIES, max_size=6))
@settings(deadline=None)
def test_a_receipt_comes_back_as_it_went(nonce, advice, entries):
    advised_min = payloads.byte_to_minutes(advice) if advice else 0.0
    said = carried(plain_header(Kind.RECEIPT), payloads.receipt_payload(nonce, advised_min, entries))
    assert (said.nonce, said.advised_min, said.entries) == (nonce, advised_min, tuple(entries))


@given(st.lists(st.integers(1, wire.NUMBER_MAX), min_size=2, max_size=80, unique=True), st.data())
@settings(deadline=None)
def test_a_history_comes_back_as_it_went(numbers, data):
    ends = sorted(numbers)
    runs = list(zip(ends[::2], ends[1::2], strict=False))
    if any(after[0] == before[1] + 1 for before, after in itertools.pairwise(runs)):
        return
    numbering = data.draw(st.sampled_from(Numbering))
    payload = payloads.history_payload(b"abcd", 5, numbering, runs, b"ok")
    said = carried(plain_header(Kind.HISTORY), payload)
    assert (said.address, said.epoch, said.numbering, said.check) == (b"abcd", 5, numbering, b"ok")
    assert said.runs == tuple(runs)


@given(st.lists(ADDRESSES, max_size=32), VALUES)
@settings(deadline=None)
def test_a_notice_comes_back_as_it_went(to, values):
    payload = payloads.notice_payload(to, values)
    if len(payload) > 140:
        return
    said = carried(plain_header(Kind.NOTICE), payload)
    assert (said.to, said.values, said.unknown) == (tuple(to), values, {})


@pytest.mark.parametrize("byte", range(256))
def test_each_byte_of_minutes_is_one_number_of_minutes(byte):
    assert payloads.minutes_to_byte(payloads.byte_to_minutes(byte)) == byte


# --- batches ---


HEARD = st.none() | st.builds(Heard, st.text(max_size=16), st.integers(-128, 127), st.integers(0, 255))


@given(
    st.lists(
        st.builds(Entry, st.binary(max_size=230), st.none() | st.integers(0, 2**32 - 1), HEARD), max_size=20
    )
)
@settings(deadline=None)
def test_a_batch_comes_back_as_it_went(entries):
    assert wire.decode_batch(wire.encode_batch(entries)) == entries


@given(st.binary(max_size=200))
@settings(max_examples=800, deadline=None)
def test_random_frames_are_batches_or_a_wire_error(frame):
    with suppress(WireError):
        wire.decode_batch(frame)


@pytest.mark.parametrize(
    ("why", "frame"),
    [
        ("nothing", ""),
        ("a map", "80"),
        ("bytes behind it", "90 00"),
        ("cut off", "92 93 c400 00 c0"),
        ("an envelope that is a text", "91 93 a161 00 c0"),
        ("an age below zero", "91 93 c400 ff c0"),
        ("an age that no 32 bits hold", "91 93 c400 cf0000000100000000 c0"),
        ("an age that no database holds", "91 93 c400 cfffffffffffffffff c0"),
        ("an age that is a fraction", "91 93 c400 cb3fe0000000000000 c0"),
        ("heard over a link with an endless name", "91 93 c400 00 93" + "d9ff" + "61" * 255 + "0000"),
        ("heard with a signal that no database holds", "91 93 c400 00 93 a161 cfffffffffffffffff 00"),
        ("heard over hops that no database holds", "91 93 c400 00 93 a161 00 cfffffffffffffffff"),
        ("four thousand million envelopes", "ddffffffff"),
        ("an envelope of four thousand million bytes", "91 93 c6ffffffff"),
        ("arrays without end", "91" * 5000),
    ],
)
def test_a_frame_is_refused_when_it_is(why, frame):
    with pytest.raises(WireError):
        wire.decode_batch(bytes.fromhex(frame))


def test_a_frame_of_too_many_bytes_or_envelopes_is_refused():
    entries = [Entry(b"", 0)] * wire.BATCH_ENTRIES_MAX
    wire.decode_batch(wire.encode_batch(entries))
    with pytest.raises(WireError):
        wire.decode_batch(wire.encode_batch([*entries, Entry(b"", 0)]))
    with pytest.raises(WireError):
        wire.decode_batch(wire.encode_batch([Entry(bytes(wire.BATCH_BYTES_MAX), 0)]))
