"""Every message has one form. Everything else is a WireError, and nothing but a WireError."""

from __future__ import annotations

import resource
from contextlib import suppress

import msgpack
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relay.core import payloads, wire
from relay.core.message import Header, Kind
from relay.errors import WireError
from tests.support import vectors
from tests.support.vectors import UNSIGNED, no_signature, plain_header

ALL = pytest.mark.parametrize("vector", vectors.ENVELOPES.values(), ids=list(vectors.ENVELOPES))
_READABLE = [vector for vector in vectors.ENVELOPES.values() if "hex" not in vector["payload"]]
READABLE = pytest.mark.parametrize("vector", _READABLE, ids=lambda vector: vector["name"])
NUMBERS = st.integers(0, wire.NUMBER_MAX) | st.sampled_from([0, 1, 127, 128, 16_383, 16_384, wire.NUMBER_MAX])

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


@READABLE
def test_a_payload_cut_off_anywhere_or_with_a_byte_behind_it_does_not_decode(vector):
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
    head = wire.header_bytes(plain_header(Kind.REPORT))
    payload = msgpack.packb(numbered)
    try:
        message = payloads.decode(head + payload + UNSIGNED)
    except WireError:
        return
    # what was taken is the one form of what it says
    assert vectors.with_unknown(message.values, message.unknown) == payload


@given(st.binary(max_size=60))
@settings(max_examples=1500, deadline=None)
@example(bytes.fromhex("dfffffffff"))
def test_what_decodes_is_what_encoding_gives_back(payload):
    for kind in (Kind.REPORT, Kind.HELLO, Kind.RECEIPT, Kind.HISTORY, Kind.NOTICE, Kind.STATUS):
        envelope = wire.header_bytes(plain_header(kind)) + payload + UNSIGNED
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
            msgspec.structs.replace(plain_header(Kind.REPORT), **{name: 2**32}),
            b"\x80",
            vectors.NETWORK,
            no_signature,
        )


def test_an_envelope_longer_than_a_radio_packet_is_not_signed():
    room = wire.ENVELOPE_BYTES_MAX - 64 - len(wire.header_bytes(plain_header(Kind.REPORT)))
    wire.sign(plain_header(Kind.REPORT), bytes(room), vectors.NETWORK, no_signature)
    with pytest.raises(WireError):
        wire.sign(plain_header(Kind.REPORT), bytes(room + 1), vectors.NETWORK, no_signature)
    # but a history, which goes over MQTT only, may be
    wire.sign(plain_header(Kind.HISTORY), bytes(room + 1), vectors.NETWORK, no_signature)


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


def test_counts_that_lie_take_no_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for lie in ("dfffffffff", "ddffffffff", "dbffffffff", "c6ffffffff", "81 5addffffffff", "81 5adbffffffff"):
        for _ in range(50):
            with pytest.raises(WireError):
                payloads.decode(wire.header_bytes(plain_header(Kind.REPORT)) + bytes.fromhex(lie) + UNSIGNED)
            with pytest.raises(WireError):
                wire.decode_batch(bytes.fromhex(lie))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
