"""The stream of the client API: handshake, one client, what is lost when it goes, restarts in silence."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meshtastic.protobuf import mesh_pb2

from relay.sim.meshtastic import FakeRadios, Quirks, Unframer, frame
from relay.sim.packets import Packet
from tests.sim.air import KEY
from tests.sim.client import client, run

QUIET = Quirks(node_info=False, telemetry=False)
ONLY_CONFIG, ONLY_NODES = 69420, 69421


def radios(count: int = 2, **options: object) -> FakeRadios:
    return FakeRadios(count, **{"speed": 20.0, "quirks": QUIET, **options})  # type: ignore[arg-type]


async def settled(air: FakeRadios) -> None:
    """Until nothing is in any queue or on the air."""
    async with asyncio.timeout(10):
        while any(radio.mesh.sender.queue.packets or radio.mesh.chip.sending for radio in air.radios):
            await asyncio.sleep(0.01)


def kinds(frames: list[object]) -> list[str]:
    return [each.WhichOneof("payload_variant") for each in frames]  # type: ignore[attr-defined]


def test_the_configuration_comes_in_the_firmware_s_order() -> None:
    async def test() -> None:
        async with radios(1) as air, client(air.ports[0], config=False) as one:
            frames = await one.config(4711)
            names = kinds(frames)
            assert names[:4] == ["my_info", "deviceuiConfig", "node_info", "metadata"]
            assert names[4:12] == ["channel"] * 8
            assert names[12:22] == ["config"] * 10
            assert set(names[22:-1]) == {"moduleConfig"}
            assert names[-1] == "config_complete_id"
            assert frames[0].my_info.my_node_num == frames[2].node_info.num == air.radios[0].number

    run(test)


def test_a_nonce_skips_the_other_nodes_and_another_all_but_them() -> None:
    async def test() -> None:
        async with radios() as air, client(air.ports[1]) as other, client(air.ports[0]) as one:
            one.send(b"here I am")
            await other.payload(b"here I am")
            own, heard = [frame.node_info for frame in await other.config(7) if frame.HasField("node_info")]
            assert (own.num, heard.num) == (air.radios[1].number, air.radios[0].number)
            assert abs(heard.last_heard - time.time()) < 60 * 20
            assert kinds(await other.config(ONLY_CONFIG)).count("node_info") == 1
            assert kinds(await other.config(ONLY_NODES)) == ["node_info", "node_info", "config_complete_id"]

    run(test)


def test_before_want_config_packets_go_out_and_nothing_comes_back() -> None:
    async def test() -> None:
        async with (
            radios() as air,
            client(air.ports[1]) as other,
            client(air.ports[0], config=False) as one,
        ):
            packet_id = one.send(b"early")
            await other.payload(b"early")
            other.send(b"answer")
            assert await one.all() == []
            # the backlog follows config_complete_id
            assert kinds(await one.config())[-1] == "config_complete_id"
            assert (await one.status(packet_id)).res == 0
            await one.payload(b"answer")

    run(test)


def test_a_heartbeat_is_answered_with_a_status_of_id_0() -> None:
    async def test() -> None:
        async with radios(1) as air, client(air.ports[0]) as one:
            one.heartbeat()
            status = (await one.next()).queueStatus
            assert (status.mesh_packet_id, status.res, status.free, status.maxlen) == (0, 0, 16, 16)

    run(test)


def test_a_second_client_throws_the_first_one_out_at_once() -> None:
    async def test() -> None:
        async with radios(1) as air, client(air.ports[0]) as first:
            async with client(air.ports[0]) as second:
                with pytest.raises(EOFError):
                    await first.next(0.1)
                assert (await second.status(second.send(b"x"))).res == 0
            assert air.streams[0].thrown_out == 1

    run(test)


def test_the_queue_to_an_absent_client_keeps_32_and_drops_the_newest() -> None:
    async def test() -> None:
        async with radios(speed=300.0) as air, client(air.ports[0]) as one:
            for index in range(40):
                await one.status(one.send(b"%d" % index, hop_limit=0))
                await settled(air)
            async with client(air.ports[1]) as other:
                heard = [each.packet.decoded.payload for each in await other.all()]
            assert heard == [b"%d" % index for index in range(32)]
            assert air.radios[1].client.dropped == 8

    run(test)


async def gone(port: int) -> None:
    """A client that was there and went without a word."""
    async with client(port) as other:
        await other.all(0.05)
    await asyncio.sleep(0.05)


def test_the_first_frame_after_a_disconnect_is_lost_and_the_next_ones_are_not() -> None:
    async def test() -> None:
        async with radios(speed=100.0) as air, client(air.ports[0]) as one:
            await gone(air.ports[1])
            for index in range(4):
                await one.status(one.send(b"%d" % index, hop_limit=0))
                await settled(air)
            async with client(air.ports[1]) as other:
                assert [each.packet.decoded.payload for each in await other.all()] == [b"1", b"2", b"3"]
            assert air.streams[1].lost == 1

    run(test)


def test_of_a_fast_stream_the_first_two_frames_are_lost() -> None:
    async def test() -> None:
        async with radios() as air:
            await gone(air.ports[1])
            for index in range(4):  # all at one moment
                packet = Packet(air.radios[0].number, 0xFFFFFFFF, index, 256, b"%d" % index, KEY)
                air.radios[1].heard(packet, -50.0)
            async with client(air.ports[1]) as other:
                assert [each.packet.id for each in await other.all()] == [2, 3]
            assert air.streams[1].lost == 2

    run(test)


def test_who_says_goodbye_loses_nothing() -> None:
    async def test() -> None:
        async with radios(speed=100.0) as air, client(air.ports[0]) as one:
            async with client(air.ports[1]) as other:
                other.write(mesh_pb2.ToRadio(disconnect=True))
                with pytest.raises(EOFError):
                    await other.next()
            await one.status(one.send(b"kept", hop_limit=0))
            await settled(air)
            async with client(air.ports[1]) as other:
                await other.payload(b"kept")

    run(test)


def test_a_restart_says_nothing_and_closes_nothing_until_want_config() -> None:
    async def test() -> None:
        async with radios() as air, client(air.ports[0]) as one, client(air.ports[1]) as other:
            air.reboot(1)
            assert await other.all() == []  # no EOF, no `rebooted`
            assert air.radios[1].restarts == 1
            other.heartbeat()
            other.send(b"into the void")
            one.send(b"unheard")
            assert await other.all() == []
            assert (await other.config())[0].my_info.reboot_count == 1
            await other.payload(b"unheard")

    run(test)


def test_the_stream_may_stay_dead_after_a_restart_and_a_new_one_works() -> None:
    async def test() -> None:
        quirks = Quirks(node_info=False, telemetry=False, stream_dies=True)
        async with radios(1, quirks=quirks) as air, client(air.ports[0]) as one:
            air.reboot(0)
            await one.all()
            one.write(mesh_pb2.ToRadio(want_config_id=1))
            assert await one.all() == []
            async with client(air.ports[0]) as new:
                new.heartbeat()
                await new.next()

    run(test)


def test_fifteen_minutes_without_a_word_close_the_connection() -> None:
    async def test() -> None:
        async with radios(1, speed=1000.0) as air, client(air.ports[0]) as one:
            began_s = air.timeline.now_s
            with pytest.raises(EOFError):
                await one.next()
            assert 890 <= air.timeline.now_s - began_s < 1000
            async with client(air.ports[0]) as talker:
                for _ in range(6):  # 300 s each: heartbeats keep it open
                    await asyncio.sleep(0.3)
                    talker.heartbeat()
                    await talker.next()

    run(test)


def test_debug_text_may_stand_before_frames() -> None:
    async def test() -> None:
        quirks = Quirks(node_info=False, telemetry=False, debug_text=True)
        async with radios(1, quirks=quirks) as air, client(air.ports[0]) as one:
            one.heartbeat()
            await one.next()
            assert one.before.startswith(b"DEBUG |")

    run(test)


def test_junk_between_frames_is_skipped() -> None:
    async def test() -> None:
        async with radios(1) as air, client(air.ports[0]) as one:
            one.writer.write(b"\xc3" * 32 + b"hello\x94\x94\xc3\xff\xff" + frame(b"\xff\xff no protobuf"))
            one.heartbeat()
            assert (await one.next()).HasField("queueStatus")

    run(test)


@given(st.lists(st.binary(max_size=512), max_size=5), st.integers(1, 40))
def test_frames_are_found_in_pieces_of_any_size(bodies: list[bytes], piece: int) -> None:
    stream = b"".join(b"text\r\n" + frame(body) for body in bodies)
    unframer, found = Unframer(), []
    for start in range(0, len(stream), piece):
        found += unframer.feed(stream[start : start + piece])
    assert found == bodies
