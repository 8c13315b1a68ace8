"""Frames between client and radio: found in any pieces, behind any text, after any garbage."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.links.meshtastic.packets import BROADCAST, Outgoing, decode, heartbeat, packet, read, want_config
from relay.links.meshtastic.packets import Nothing as NothingForUs
from relay.links.meshtastic.proto import load
from relay.links.meshtastic.stream import FRAME_BYTES_MAX, HEADER_BYTES, START, Deframer, enframe
from relay.links.radio import HeardFrame

BODIES = st.lists(st.binary(max_size=FRAME_BYTES_MAX), max_size=6)


def any_body(body: bytes) -> bytes | None:
    return body


@given(BODIES, st.randoms(use_true_random=False))
def test_frames_come_out_whole_and_in_order_whatever_the_pieces(
    bodies: list[bytes], chance: random.Random
) -> None:
    stream, deframer, found = b"".join(map(enframe, bodies)), Deframer(any_body), list[bytes]()
    while stream:
        size = chance.randint(1, len(stream))
        found += deframer.feed(stream[:size])
        stream = stream[size:]
    assert found == bodies and deframer.skipped == 0


@given(BODIES, st.text(max_size=80))
def test_debug_text_between_frames_is_skipped(bodies: list[bytes], text: str) -> None:
    said = text.encode().replace(START[:1], b"")
    deframer = Deframer(any_body)
    assert deframer.feed(b"".join(said + enframe(body) for body in bodies)) == bodies
    assert deframer.skipped == len(said) * len(bodies)


def test_a_length_beyond_512_is_chance_and_the_frame_behind_it_is_found() -> None:
    for size in (FRAME_BYTES_MAX + 1, 0xFFFF):
        deframer = Deframer(any_body)
        assert deframer.feed(START + size.to_bytes(2, "big") + enframe(b"real")) == [b"real"]
    assert Deframer(any_body).feed(enframe(bytes(FRAME_BYTES_MAX))) == [bytes(FRAME_BYTES_MAX)]
    with pytest.raises(ValueError):
        enframe(bytes(FRAME_BYTES_MAX + 1))


def test_a_start_doubled_or_cut_costs_nothing() -> None:
    deframer = Deframer(any_body)
    assert deframer.feed(START[:1] + enframe(b"one") + START[:1]) == [b"one"]
    assert deframer.feed(enframe(b"two")) == [b"two"]
    assert deframer.feed(START[1:] * 32 + enframe(b"three")) == [b"three"]


def test_what_only_looked_like_a_frame_does_not_swallow_the_frames_in_it() -> None:
    real = enframe(b"ok:1") + enframe(b"ok:2")
    deframer = Deframer(lambda body: body if body.startswith(b"ok:") and len(body) == 4 else None)
    assert deframer.feed(START + len(real).to_bytes(2, "big") + real) == [b"ok:1", b"ok:2"]


@given(st.lists(st.binary(min_size=1, max_size=700), max_size=40))
def test_garbage_takes_no_memory_and_never_fails(pieces: list[bytes]) -> None:
    deframer = Deframer(decode)
    for piece in pieces:
        for from_radio in deframer.feed(piece):
            read(from_radio, 1)
        assert len(deframer._buffer) <= HEADER_BYTES + FRAME_BYTES_MAX
    # Whatever it waited for, real frames are heard again before long.
    status = load().mesh.FromRadio(queueStatus=load().mesh.QueueStatus(free=16, maxlen=16))
    said = enframe(status.SerializeToString())
    heard = [each for _ in range(200) for each in deframer.feed(said)]
    assert any(each.WhichOneof("payload_variant") == "queueStatus" for each in heard)


@given(st.binary(max_size=64), st.integers(0, 2**32 - 1))
def test_no_bytes_of_a_radio_raise(body: bytes, me: int) -> None:
    from_radio = decode(body)
    if from_radio is not None:
        read(from_radio, me)


def test_an_empty_frame_says_nothing_and_is_one() -> None:
    assert read(decode(b""), 1) == NothingForUs()


def test_questions_are_as_the_firmware_reads_them() -> None:
    to_radio = load().mesh.ToRadio
    asked = to_radio.FromString(want_config())
    assert asked.want_config_id == 69420  # without what it knows of other nodes
    alive = to_radio.FromString(heartbeat())
    assert alive.WhichOneof("payload_variant") == "heartbeat"
    assert alive.heartbeat.nonce == 0  # 1 would be answered by a broadcast


def test_the_largest_packet_fits_a_frame() -> None:
    out = Outgoing(payload=bytes(231), packet_id=2**32 - 1, to=BROADCAST, hop_limit=7, channel=7)
    assert len(packet(out)) <= FRAME_BYTES_MAX


@pytest.mark.parametrize(
    ("start", "limit", "bitfield", "hops"),
    [(5, 5, 1, 0), (5, 2, 1, 3), (0, 0, 1, 0), (0, 0, None, None), (0, 3, 1, None), (3, 1, None, 2)],
)
def test_hops_are_told_only_when_the_packet_tells_them(
    start: int, limit: int, bitfield: int | None, hops: int | None
) -> None:
    mesh = load().mesh
    data = mesh.Data(portnum=256, payload=b"x")
    if bitfield is not None:
        data.bitfield = bitfield
    from_radio = mesh.FromRadio(packet=mesh.MeshPacket(decoded=data, hop_start=start, hop_limit=limit))
    heard = read(from_radio, 1)
    assert isinstance(heard, HeardFrame) and heard.hops == hops
