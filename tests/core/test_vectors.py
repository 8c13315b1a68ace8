"""What is written today is what was written last year: literal bytes for every kind."""

from __future__ import annotations

from hashlib import sha256

import msgpack
import msgspec
import pytest

from relay.core import payloads, wire
from relay.core.message import Entry, Kind
from relay.errors import WireError
from tests.support import vectors

ALL = pytest.mark.parametrize("vector", vectors.ENVELOPES.values(), ids=list(vectors.ENVELOPES))
OPEN = [each for each in vectors.ENVELOPES.values() if "hex" not in each["payload"]]
CLOSED = [each for each in vectors.ENVELOPES.values() if "hex" in each["payload"]]
VALUED = [each for each in OPEN if "values" in each["payload"]]


def named(some):
    return pytest.mark.parametrize("vector", some, ids=[each["name"] for each in some])


@pytest.mark.parametrize("signer", vectors.FILE["keys"])
def test_the_keys_in_the_file_are_those_of_its_seeds(signer):
    said = vectors.FILE["keys"][signer]
    public = vectors.private_key(signer).public_key().public_bytes_raw()
    assert said["public"] == public.hex()
    assert said["address"] == sha256(public).hexdigest()[:8] == vectors.address(signer).hex()


def test_the_network_id_is_of_the_first_authority_key():
    authority = vectors.private_key("authority").public_key().public_bytes_raw()
    assert sha256(authority).digest()[:8] == vectors.NETWORK


def test_every_kind_that_is_written_today_has_a_vector():
    later = {Kind.GRANT, Kind.ROSTER_CHANGE, Kind.ENROLMENT_REQUEST, Kind.RELEASE}
    assert {each["header"]["kind"] for each in OPEN} == set(Kind) - later


@ALL
def test_encoding_gives_exactly_these_bytes(vector):
    assert vectors.sign(vector).hex() == vector["bytes"]


@ALL
def test_the_header_of_these_bytes_is_exactly_this(vector):
    assert wire.parse_header(bytes.fromhex(vector["bytes"])) == vectors.header_of(vector)


@named(OPEN)
def test_decoding_gives_exactly_these_values(vector):
    assert payloads.decode(bytes.fromhex(vector["bytes"])) == vectors.decoded_of(vector)


@named(CLOSED)
def test_what_this_version_cannot_read_has_a_header_and_is_refused_as_a_whole(vector):
    with pytest.raises(WireError):
        payloads.decode(bytes.fromhex(vector["bytes"]))


@ALL
def test_the_signature_is_the_signers_and_of_this_network_only(vector):
    envelope = bytes.fromhex(vector["bytes"])
    key = vectors.private_key(vector["signer"]).public_key()
    assert wire.is_authentic(envelope, vectors.NETWORK, key)
    # what is signed stands in docs/wire.md; said here once more, without the code's help
    key.verify(envelope[-64:], b"naober\x00" + vectors.NETWORK + envelope[:-64])
    assert not wire.is_authentic(envelope, b"exercise", key)
    assert not wire.is_authentic(envelope, vectors.NETWORK, vectors.private_key("authority").public_key())


@named(VALUED)
def test_another_msgpack_library_writes_the_same_map(vector):
    envelope = bytes.fromhex(vector["bytes"])
    payload = envelope[vectors.header_of(vector).payload_at : -64]
    lead = {Kind.STATUS: 3, Kind.NOTICE: 1 + 4 * payload[0]}.get(vector["header"]["kind"], 0)
    numbered = msgpack.unpackb(payload[lead:], strict_map_key=False)
    assert numbered == msgspec.msgpack.decode(payload[lead:])
    assert msgpack.packb(dict(sorted(numbered.items()))) == payload[lead:]


@pytest.mark.parametrize("batch", vectors.BATCHES, ids=[each["name"] for each in vectors.BATCHES])
def test_a_batch_is_exactly_these_bytes(batch):
    frame, entries = bytes.fromhex(batch["bytes"]), vectors.batch_entries(batch)
    assert wire.encode_batch(entries) == frame
    assert wire.decode_batch(frame) == entries
    plain = [
        [each.envelope, each.age_s, each.heard and [each.heard.link, each.heard.snr_db, each.heard.hops]]
        for each in entries
    ]
    assert msgpack.unpackb(frame) == plain
    assert msgpack.packb(plain) == frame


@pytest.mark.parametrize("vector", vectors.RADIO_FRAMES, ids=lambda vector: vector["name"])
def test_a_radio_frame_is_exactly_these_bytes(vector):
    frame = bytes.fromhex(vector["bytes"])
    envelope = bytes.fromhex(vectors.ENVELOPES[vector["envelope"]]["bytes"])
    assert wire.encode_radio_frame(envelope, vector["age_s"]) == frame
    assert wire.decode_radio_frame(frame) == Entry(envelope, vector["heard_as_s"])


@pytest.mark.parametrize("age_s", [0.0, 1.0, 2.0, 59.0, 600.0, 86_400.0, 3e6, 1e12])
def test_an_age_is_told_within_five_percent(age_s):
    told_s = wire.byte_to_age(wire.age_to_byte(age_s))
    assert told_s is not None
    assert told_s == pytest.approx(min(max(age_s, 1.0), 2 ** (238 / 8)), rel=0.05, abs=0.5)


@pytest.mark.parametrize("frame", [b"", bytes((240,)) + bytes(100), bytes((255,)), bytes(232)])
def test_a_frame_of_another_kind_or_too_long_is_refused(frame):
    with pytest.raises(WireError):
        wire.decode_radio_frame(frame)


@pytest.mark.parametrize("refused", vectors.REFUSED, ids=[each["why"] for each in vectors.REFUSED])
def test_a_signed_payload_is_refused_when_it_is(refused):
    header = msgspec.structs.replace(
        vectors.header_of(vectors.ENVELOPES["report"]), kind=refused["kind"], epoch=1, number=1
    )
    payload = bytes.fromhex(refused["payload"])
    # the code that signs has limits of its own; a peer of another make may not
    unsigned = wire.header_bytes(header) + payload
    with pytest.raises(WireError):
        payloads.decode(unsigned + bytes(64))
