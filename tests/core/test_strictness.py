"""Every message has one form. Everything else is a WireError, and nothing but a WireError."""

from __future__ import annotations

import itertools
import resource
from contextlib import suppress

import msgpack
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relay.core import fields, payloads, wire
from relay.core.message import Entry, Header, Heard, Kind, Numbering, ReceiptEntry
from relay.errors import WireError
from tests.support import vectors

ALL = pytest.mark.parametrize("vector", vectors.ENVELOPES.values(), ids=list(vectors.ENVELOPES))
NUMBERS = st.integers(0, wire.NUMBER_MAX) | st.sampled_from([0, 1, 127, 128, 16_383, 16_384, wire.NUMBER_MAX])
ADDRESSES = st.binary(min_size=4, max_size=4)
UNSIGNED = bytes(64)  # decoding does not look at the signature


def no_signature(_: bytes) -> bytes:
    return UNSIGNED


# --- bytes that were valid once ---


@ALL
def test_an_envelope_cut_off_anywhere_is_never_accepted(vector):
    envelope = bytes.fromhex(vector["bytes"])
    key = vectors.private_key(vector["signer"]).public_key()
    for length in range(len(envelope)):
        cut = envelope[:length]
        assert not wire.is_authentic(cut, vectors.NETWORK, key)
        with suppress(WireError):  # a shorter message may be read, but is never believed
            payloads.decode(cut)


@ALL
def test_a_payload_cut_off_anywhere_or_with_a_byte_behind_it_does_not_decode(vector):
    if "hex" in vector["payload"]:
        pytest.skip("this version cannot read it whole either")
    envelope = bytes.fromhex(vector["bytes"])
    header = vectors.header_of(vector)
    for end in range(header.payload_at, len(envelope) - 64):
        if header.kind == Kind.RECEIPT and is_whole_receipt(envelope[:end], header):
            continue
        with pytest.raises(WireError):
            payloads.decode(envelope[:end] + UNSIGNED)
    with pytest.raises(WireError):
        payloads.decode(envelope[:-64] + b"\0" + UNSIGNED)


def is_whole_receipt(unsigned: bytes, header: Header) -> bool:
    """Whether a receipt was cut exactly between two entries."""
    with suppress(WireError):
        receipt = payloads.decode(unsigned + UNSIGNED)
        again = payloads.receipt_payload(receipt.nonce, receipt.advised_min, receipt.entries)
        return unsigned[header.payload_at :] == again
    return False


@ALL
def test_no_single_bit_can_be_turned(vector):
    envelope = bytes.fromhex(vector["bytes"])
    key = vectors.private_key(vector["signer"]).public_key()
    for place in range(len(envelope) * 8):
        turned = bytearray(envelope)
        turned[place // 8] ^= 1 << place % 8
        assert not wire.is_authentic(bytes(turned), vectors.NETWORK, key)
        with suppress(WireError):
            payloads.decode(bytes(turned))


# --- bytes that never were ---


@given(st.binary(max_size=300))
@settings(max_examples=400, deadline=None)
def test_random_bytes_are_decoded_or_a_wire_error(data):
    with suppress(WireError):
        payloads.decode(data)


@given(kind=st.integers(0, 31), head=st.binary(min_size=5, max_size=5), rest=st.binary(max_size=200))
@settings(max_examples=1500, deadline=None)
def test_random_payloads_of_every_kind_are_decoded_or_a_wire_error(kind, head, rest):
    with suppress(WireError):
        payloads.decode(bytes((0x20 | kind,)) + head + b"\1\1\0\0\0\0" + rest + UNSIGNED)


SIMPLE = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
KEYS = st.integers(-(2**63), 2**64 - 1) | st.integers(0, 60) | st.text(max_size=3) | st.booleans()


NESTED = st.lists(SIMPLE, max_size=3) | st.dictionaries(KEYS, SIMPLE, max_size=3)


@given(st.dictionaries(KEYS, SIMPLE | NESTED, max_size=6))
@settings(max_examples=300, deadline=None)
def test_maps_of_anything_are_decoded_or_a_wire_error(numbered):
    head = vectors_head(Kind.REPORT)
    payload = msgpack.packb(numbered)
    try:
        message = payloads.decode(head + payload + UNSIGNED)
    except WireError:
        return
    # what was taken is the one form of what it says
    assert vectors.with_unknown(message.values, message.unknown) == payload


def vectors_head(kind: int) -> bytes:
    """A small valid header."""
    return bytes((0x20 | kind,)) + b"\0\0\0\1" + b"\0" + b"\1\1\0\0\0\0"


@given(st.binary(max_size=60))
@settings(max_examples=1500, deadline=None)
@example(bytes.fromhex("dfffffffff"))
def test_what_decodes_is_what_encoding_gives_back(payload):
    for kind in (Kind.REPORT, Kind.HELLO, Kind.RECEIPT, Kind.HISTORY, Kind.NOTICE, Kind.STATUS):
        envelope = vectors_head(kind) + payload + UNSIGNED
        with suppress(WireError):
            assert written_again(payloads.decode(envelope)) == envelope


def written_again(said: payloads.Decoded) -> bytes:
    """A decoded envelope, encoded."""
    return wire.sign(said.header, payload_again(said), vectors.NETWORK, no_signature)


def payload_again(said: payloads.Decoded) -> bytes:
    if isinstance(said, payloads.Hello):
        return payloads.hello_payload(said.nonce, said.last_state, said.inbox_epoch, said.notice, said.roster)
    if isinstance(said, payloads.Receipt):
        return payloads.receipt_payload(said.nonce, said.advised_min, said.entries)
    if isinstance(said, payloads.History):
        return payloads.history_payload(said.address, said.epoch, said.numbering, said.runs, said.check)
    values = vectors.with_unknown(said.values, said.unknown)
    if isinstance(said, payloads.Notice):
        return payloads.notice_payload(said.to, {})[:-1] + values
    if said.header.kind == Kind.STATUS:
        lead = (said.report_low, said.next_due_min, said.inbox_low)
        return payloads.message_payload({}, status=lead)[:-1] + values
    return values


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


def header(kind: Kind) -> Header:
    return Header(kind, b"abcd", 3, 3, 2, False, False, 7, 9, 1000, 0)


def carried(head: Header, payload: bytes) -> payloads.Decoded:
    return payloads.decode(wire.sign(head, payload, vectors.NETWORK, no_signature))


@given(HEADERS, st.binary(max_size=20))
@settings(deadline=None)
def test_a_header_comes_back_as_it_went(head, payload):
    envelope = wire.sign(head, payload, vectors.NETWORK, no_signature)
    parsed = wire.parse_header(envelope)
    assert envelope[parsed.payload_at : -64] == payload
    assert msgspec.structs.replace(parsed, payload_at=0) == head


@pytest.mark.parametrize("row", fields.FIELDS, ids=fields.names())
def test_every_field_comes_back_as_it_went(row):
    if row.kind == "integer":
        some = [row.low, row.high, (row.low + row.high) // 2]
    else:
        some = ["é", "x" * 80] if row.kind == "text" else list(row.choices)
    for value in some:
        said = carried(header(Kind.REPORT), payloads.message_payload({row.name: value}))
        assert (said.values, said.unknown) == ({row.name: value}, {})


@given(VALUES, st.integers(0, 2**20), st.integers(0, 255), st.integers(0, 2**20))
@settings(max_examples=300, deadline=None)
def test_a_status_comes_back_as_it_went(values, last_report, due, sequence):
    minutes = payloads.byte_to_minutes(due)
    payload = payloads.message_payload(values, status=(last_report, minutes, sequence))
    if len(payload) > 140:
        return
    said = carried(header(Kind.STATUS), payload)
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
    said = carried(header(Kind.RECEIPT), payloads.receipt_payload(nonce, advised_min, entries))
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
    said = carried(header(Kind.HISTORY), payload)
    assert (said.address, said.epoch, said.numbering, said.check) == (b"abcd", 5, numbering, b"ok")
    assert said.runs == tuple(runs)


@given(st.lists(ADDRESSES, max_size=32), VALUES)
@settings(deadline=None)
def test_a_notice_comes_back_as_it_went(to, values):
    payload = payloads.notice_payload(to, values)
    if len(payload) > 140:
        return
    said = carried(header(Kind.NOTICE), payload)
    assert (said.to, said.values, said.unknown) == (tuple(to), values, {})


@pytest.mark.parametrize("byte", range(256))
def test_each_byte_of_minutes_is_one_number_of_minutes(byte):
    assert payloads.minutes_to_byte(payloads.byte_to_minutes(byte)) == byte


# --- numbers ---


@given(NUMBERS)
def test_a_number_has_one_form(number):
    assert wire.read_leb128(wire.leb128(number) + b"\xff", 0, 99) == (number, len(wire.leb128(number)))


@pytest.mark.parametrize(
    "form", ["8000", "ff00", "808000", "80808080 10", "ffffffff7f", "8080808080 01", "80", ""]
)
def test_a_longer_form_or_a_number_of_more_than_32_bits_is_refused(form):
    data = bytes.fromhex(form)
    with pytest.raises(WireError):
        wire.read_leb128(data, 0, len(data))


@pytest.mark.parametrize("name", ["epoch", "number", "time"])
def test_a_header_whose_number_has_more_than_32_bits_is_not_signed(name):
    with pytest.raises(WireError):
        wire.sign(
            msgspec.structs.replace(header(Kind.REPORT), **{name: 2**32}),
            b"\x80",
            vectors.NETWORK,
            no_signature,
        )


def test_an_envelope_longer_than_a_radio_packet_is_not_signed():
    room = wire.ENVELOPE_BYTES_MAX - 64 - len(wire.header_bytes(header(Kind.REPORT)))
    wire.sign(header(Kind.REPORT), bytes(room), vectors.NETWORK, no_signature)
    with pytest.raises(WireError):
        wire.sign(header(Kind.REPORT), bytes(room + 1), vectors.NETWORK, no_signature)
    # but a history, which goes over MQTT only, may be
    wire.sign(header(Kind.HISTORY), bytes(room + 1), vectors.NETWORK, no_signature)


@pytest.mark.parametrize("version", [0, 2, 3, 4, 5, 6, 7])
def test_another_version_is_refused(version):
    envelope = bytearray.fromhex(vectors.ENVELOPES["report"]["bytes"])
    envelope[0] = version << 5 | envelope[0] & 0x1F
    with pytest.raises(WireError):
        wire.parse_header(bytes(envelope))


def test_the_fourth_confidence_is_refused():
    envelope = bytearray.fromhex(vectors.ENVELOPES["report"]["bytes"])
    envelope[5] |= 3 << 2
    with pytest.raises(WireError):
        wire.parse_header(bytes(envelope))


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


def test_counts_that_lie_take_no_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for lie in ("dfffffffff", "ddffffffff", "dbffffffff", "c6ffffffff", "81 5addffffffff", "81 5adbffffffff"):
        for _ in range(50):
            with pytest.raises(WireError):
                payloads.decode(vectors_head(Kind.REPORT) + bytes.fromhex(lie) + UNSIGNED)
            with pytest.raises(WireError):
                wire.decode_batch(bytes.fromhex(lie))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
