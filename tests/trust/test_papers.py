"""What an authority or a joining machine signs: one encoding, judged before it is used."""

from __future__ import annotations

import hashlib
import random
import zlib

import msgspec
import pytest

from relay.core import payloads, wire
from relay.core.message import Kind
from relay.errors import TrustError, WireError
from relay.trust import deflated, keys, papers
from tests.support import papers as support
from tests.support.papers import AUTHORITIES, NETWORK, PAPERS, another, private_key, public_key, sign

ALL = pytest.mark.parametrize("vector", PAPERS.values(), ids=list(PAPERS))
AUTHORITY_SIGNED = pytest.mark.parametrize(
    "vector", [each for each in PAPERS.values() if each["is"] != "Request"], ids=lambda each: each["name"]
)


@ALL
def test_these_bytes_say_exactly_this(vector):
    assert support.read(vector) == support.paper_of(vector)


@ALL
def test_what_is_written_today_is_read_as_it_was_meant(vector):
    paper = support.paper_of(vector)
    again = sign(paper, vector["signer"])
    assert support.reader(vector["is"])(again) == paper
    if vector["is"] != "Grant":  # how deflate chooses is zlib's own affair; what it means is not
        assert again.hex() == vector["bytes"]


@ALL
def test_its_header_and_signature_are_those_of_the_document(vector):
    envelope = bytes.fromhex(vector["bytes"])
    header = wire.parse_header(envelope)
    paper = support.paper_of(vector)
    kind = {"Request": Kind.ENROLMENT_REQUEST, "Grant": Kind.GRANT, "Change": Kind.ROSTER_CHANGE}[
        vector["is"]
    ]
    assert (header.kind, header.epoch, header.time) == (kind, 0, 0)
    assert header.number == getattr(paper, "version", 0)
    assert header.address == keys.address_of(public_key(vector["signer"]))
    network = bytes(8) if vector["is"] == "Request" else NETWORK
    signed = b"naober\0" + network + envelope[:-64]
    private_key(vector["signer"]).public_key().verify(envelope[-64:], signed)


@pytest.mark.parametrize("name", ["grant", "grant-of-a-spare", "grant-of-an-inbox"])
def test_a_grant_is_a_format_byte_and_a_deflated_array(name):
    envelope = bytes.fromhex(PAPERS[name]["bytes"])
    payload = envelope[wire.parse_header(envelope).payload_at : -64]
    assert payload[0] == 1
    dictionary = bytes.fromhex(support.FILE["dictionary"])
    assert dictionary == deflated.DICTIONARY
    plain = zlib.decompressobj(-15, zdict=dictionary).decompress(payload[1:])
    said = msgspec.msgpack.decode(plain)
    assert said[:2] == [support.paper_of(PAPERS[name]).version, support.paper_of(PAPERS[name]).role]


def test_a_usual_grant_fits_a_qr_code_and_a_change_fits_a_radio_packet():
    usual = another("grant", name="", replaces=b"", brokers=(("mqtt.vrd.lan", 8883),))
    assert len(sign(usual, "authority")) <= 730
    longest = papers.Change(
        papers.VERSION_MAX, papers.Revoke(b"abcd", bytes(16), "r" * papers.REASON_BYTES_MAX)
    )
    pair = papers.Change(papers.VERSION_MAX, papers.AuthorityKeys((bytes(32), bytes(31) + b"1")))
    for change in (longest, pair):
        assert len(sign(change, "authority")) <= wire.ENVELOPE_BYTES_MAX


@ALL
def test_every_single_changed_bit_is_noticed(vector):
    envelope = bytearray(bytes.fromhex(vector["bytes"]))
    read = support.reader(vector["is"])
    for at in random.Random(4).sample(range(len(envelope)), 60):
        envelope[at] ^= 1 << at % 8
        with pytest.raises((WireError, TrustError)):
            read(bytes(envelope))
        envelope[at] ^= 1 << at % 8


@ALL
def test_cut_off_at_any_byte_or_with_bytes_behind_it_is_refused(vector):
    envelope = bytes.fromhex(vector["bytes"])
    read = support.reader(vector["is"])
    for end in [*range(0, len(envelope), 7), len(envelope) - 1]:
        with pytest.raises((WireError, TrustError)):
            read(envelope[:end])
    with pytest.raises((WireError, TrustError)):
        read(envelope + b"\0")


@AUTHORITY_SIGNED
def test_only_a_known_authority_of_this_network_is_believed(vector):
    envelope = bytes.fromhex(vector["bytes"])
    read = papers.read_grant if vector["is"] == "Grant" else papers.read_change
    for authorities, network in (
        ((), NETWORK),
        ((public_key("node"),), NETWORK),
        (AUTHORITIES, b"exercise"),
        (tuple(each for each in AUTHORITIES if each != public_key(vector["signer"])), NETWORK),
    ):
        with pytest.raises(TrustError, match="known authority"):
            read(envelope, authorities, network)
    assert papers.signer_of(envelope, AUTHORITIES, NETWORK) == public_key(vector["signer"])


def test_a_paper_by_a_node_key_is_worth_nothing():
    for name in ("grant", "roster-change-revoke"):
        with pytest.raises(TrustError):
            support.reader(PAPERS[name]["is"])(sign(support.paper_of(PAPERS[name]), "node"))


def test_an_authoritys_signature_under_another_kind_is_no_paper():
    envelope = bytes.fromhex(PAPERS["roster-change-revoke"]["bytes"])
    with pytest.raises(WireError):
        papers.read_grant(envelope, AUTHORITIES, NETWORK)
    with pytest.raises(WireError):
        papers.read_request(envelope)


def test_a_request_is_signed_by_the_key_that_it_shows():
    request = support.paper_of(PAPERS["enrolment-request"])
    with pytest.raises(WireError, match="own key"):
        papers.read_request(sign(request, "inbox"))


def test_a_first_grant_is_judged_by_the_keys_that_it_names_itself():
    grant = support.paper_of(PAPERS["grant"])
    assert papers.read_first_grant(bytes.fromhex(PAPERS["grant"]["bytes"])) == grant
    with pytest.raises(TrustError):
        papers.read_first_grant(sign(grant, "node"))


def resigned(name, **header):
    """A vector's payload under a header that our own code would not write, well signed."""
    vector = PAPERS[name]
    envelope = bytes.fromhex(vector["bytes"])
    old = wire.parse_header(envelope)
    changed = msgspec.structs.replace(old, **header)
    network = bytes(8) if vector["is"] == "Request" else NETWORK
    payload = envelope[old.payload_at : -64]
    return vector["is"], wire.sign(changed, payload, network, private_key(vector["signer"]).sign)


@pytest.mark.parametrize("name", ["enrolment-request", "grant", "roster-change-revoke"])
@pytest.mark.parametrize(
    "header",
    [
        *({"urgency": 1}, {"clock": 3}, {"confidence": 1}, {"exercise": True}, {"sealed": True}),
        *({"epoch": 1}, {"time": 5}, {"number": 77}),
    ],
    ids=str,
)
def test_a_header_that_is_not_the_one_form_is_refused_even_when_well_signed(name, header):
    kind, envelope = resigned(name, **header)
    with pytest.raises(WireError):
        support.reader(kind)(envelope)


def signed_payload(payload: bytes, kind: Kind = Kind.ROSTER_CHANGE, version: int = 5) -> bytes:
    envelope = bytes.fromhex(PAPERS["roster-change-revoke"]["bytes"])
    header = msgspec.structs.replace(wire.parse_header(envelope), kind=kind, number=version)
    return wire.sign(header, payload, NETWORK, private_key("authority").sign)


@pytest.mark.parametrize(
    "said",
    [
        [5, [1, b"abcd", bytes(16), "x"], 0],
        [5, [1, b"abc", bytes(16), "x"]],
        [5, [1, b"abcd", bytes(15), "x"]],
        [5, [1, b"abcd", bytes(16), "x" * 61]],
        [5, [1, b"abcd", bytes(16), "twee\nregels"]],
        [5, [1, b"abcd", bytes(16), " x"]],
        [5, [2, []]],
        [5, [2, [bytes(32)] * 2]],
        [5, [2, [bytes(32), b"1" * 32, b"2" * 32]]],
        [5, [4, [bytes(32)]]],
        [True, [2, [bytes(32)]]],
        [6, [2, [bytes(32)]]],
        ["5", [2, [bytes(32)]]],
        {"version": 5},
        None,
    ],
    ids=repr,
)
def test_a_change_of_another_shape_is_refused_even_when_well_signed(said):
    with pytest.raises(WireError):
        papers.read_change(signed_payload(msgspec.msgpack.encode(said)), AUTHORITIES, NETWORK)


def test_a_longer_form_of_the_same_change_is_refused():
    payload = msgspec.msgpack.encode([5, [2, [bytes(32)]]])
    assert papers.read_change(signed_payload(payload), AUTHORITIES, NETWORK).what.keys == (bytes(32),)
    assert payload[1] == 5
    with pytest.raises(WireError, match="one form"):
        longer = payload[:1] + bytes((0xCC, 5)) + payload[2:]
        papers.read_change(signed_payload(longer), AUTHORITIES, NETWORK)


def test_a_grant_that_unpacks_without_end_is_refused_within_its_limit():
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bytes((papers.GRANT_FORMAT,)) + bomb.compress(bytes(500_000)) + bomb.flush()
    with pytest.raises(WireError, match="too long"):
        papers.read_grant(signed_payload(packed, Kind.GRANT), AUTHORITIES, NETWORK)
    with pytest.raises(WireError, match="format"):
        papers.read_grant(signed_payload(b"\2" + packed[1:], Kind.GRANT), AUTHORITIES, NETWORK)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("grant", {"site": ""}),
        ("grant", {"site": "twee\nregels"}),
        ("grant", {"ca": b""}),
        ("grant", {"broker_certificate": b"x"}),
        ("grant", {"inbox_keys": ()}),
        ("grant", {"authority_keys": (bytes(32), bytes(32))}),
        ("grant", {"brokers": ()}),
        ("grant", {"brokers": (("mqtt.vrd.lan; rm", 8883),)}),
        ("grant", {"brokers": (("mqtt.vrd.lan", 0),)}),
        ("grant", {"role": "broker"}),
        ("grant", {"version": 0}),
        ("grant", {"replaces": b"abc"}),
        ("grant", {"certificate": bytes(769)}),
        ("enrolment-request", {"broker": "mqtt.vrd.lan", "port": 8883}),
        ("enrolment-request", {"broker_key": bytes(32)}),
        ("enrolment-request", {"model": "x" * 41}),
        ("enrolment-request-of-an-inbox", {"broker": ""}),
        ("enrolment-request-of-an-inbox", {"port": 0}),
        ("enrolment-request-of-an-inbox", {"broker_key": b""}),
    ],
    ids=str,
)
def test_what_would_not_be_read_is_not_signed_either(name, changes):
    with pytest.raises(WireError):
        sign(another(name, **changes), PAPERS[name]["signer"])


def test_a_grant_that_does_not_fit_is_not_signed():
    noise = random.Random(1).randbytes
    with pytest.raises(WireError, match="do not fit"):
        sign(another("grant", certificate=noise(500), ca=noise(400)), "authority")


def test_a_revocation_means_one_key_and_not_an_address():
    revoke = support.paper_of(PAPERS["roster-change-revoke"]).what
    assert revoke.key_hash == hashlib.sha256(public_key("node")).digest()[:16]
    assert revoke.key_hash == papers.key_hash(public_key("node")) != papers.key_hash(public_key("inbox"))


def test_the_control_number_is_over_all_keys_of_the_request():
    numbers = {
        another("enrolment-request", **{name: bytes(32)}).control
        for name in ("sign_key", "tls_key", "seal_key")
    }
    numbers.add(support.paper_of(PAPERS["enrolment-request"]).control)
    numbers |= {another("enrolment-request-of-an-inbox", broker_key=key * 32).control for key in (b"a", b"b")}
    assert len(numbers) == 6


@ALL
def test_a_paper_is_no_message(vector):
    envelope = bytes.fromhex(vector["bytes"])
    with pytest.raises(WireError):
        payloads.decode(envelope)
    assert not payloads.may_go_by_radio(envelope)
