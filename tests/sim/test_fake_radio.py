"""What real firmware was seen to do with packets, the fake radio does too."""

from __future__ import annotations

import time

import pytest
from meshtastic.protobuf import admin_pb2, mesh_pb2, telemetry_pb2

from relay.core.airtime import Preset
from relay.sim.meshtastic import FakeRadios, Quirks
from relay.sim.places import Place
from tests.sim.client import client, run

QUIET = Quirks(node_info=False, telemetry=False)
TOO_LARGE, MAX_RETRANSMIT, DUTY_CYCLE, RATE_LIMIT = 7, 5, 9, 38
ONLY_CONFIG = 69420


def radios(count: int = 2, **options: object) -> FakeRadios:
    return FakeRadios(count, **{"speed": 20.0, "quirks": QUIET, **options})  # type: ignore[arg-type]


def test_what_one_radio_sends_the_other_hears_through_the_air() -> None:
    async def test() -> None:
        async with radios() as air, client(air.ports[0]) as one, client(air.ports[1]) as other:
            packet_id = one.send(b"hello")
            status = await one.status(packet_id)
            assert (status.res, status.maxlen) == (0, 16)
            packet = await other.payload(b"hello")
            assert (getattr(packet, "from"), packet.id) == (air.radios[0].number, packet_id)
            assert packet.decoded.portnum == 256
            assert (packet.hop_limit, packet.hop_start) == (3, 3)
            assert -130 < packet.rx_rssi < 0 < packet.rx_snr
            assert abs(packet.rx_time - time.time()) < 60 * 20
            # own sends are not echoed, nor is what the other relays
            assert not any(frame.packet.decoded.payload for frame in await one.all())

    run(test)


def test_the_air_decides_who_is_reached() -> None:
    async def test() -> None:
        places = [Place(0, 0), Place(5, 0), Place(10, 0), Place(200, 0)]
        async with (
            radios(4, places=places) as air,
            client(air.ports[0]) as one,
            client(air.ports[2]) as third,
            client(air.ports[3]) as far,
        ):
            one.send(b"by way of the second")
            packet = await third.payload(b"by way of the second")
            assert (packet.hop_limit, packet.hop_start) == (2, 3)
            assert packet.relay_node == air.radios[1].number & 0xFF
            assert await far.all() == []

    run(test)


def test_231_bytes_go_232_are_refused_and_235_vanish() -> None:
    async def test() -> None:
        async with radios() as air, client(air.ports[0]) as one, client(air.ports[1]) as other:
            packet_id = one.send(bytes(231))
            assert (await one.status(packet_id)).res == 0
            await other.payload(bytes(231))
            for size in (232, 234):
                packet_id = one.send(bytes(size))
                assert (await one.status(packet_id)).res == TOO_LARGE
                assert await one.verdict(packet_id) == TOO_LARGE
            one.send(bytes(235))
            one.send(bytes(300))
            assert await one.all() == []
            assert await other.all() == []

    run(test)


def test_a_unicast_encrypted_with_the_peer_s_key_holds_219_bytes() -> None:
    async def test() -> None:
        radios_with_keys = radios(quirks=Quirks(telemetry=False, public_keys=True), speed=100.0)
        async with radios_with_keys as air, client(air.ports[0]) as one, client(air.ports[1]) as other:
            # they know each other's key once the node infos have gone out
            await other.until(lambda frame: frame.packet.decoded.portnum == 4)
            await one.until(lambda frame: frame.packet.decoded.portnum == 4)
            peer = air.radios[1].number
            refused = one.send(bytes(220), peer)
            assert (await one.status(refused)).res == TOO_LARGE
            accepted = one.send(bytes(219), peer)
            assert (await one.status(accepted)).res == 0
            assert (await other.payload(bytes(219))).pki_encrypted

    run(test)


def test_a_wanted_acknowledgement_comes_from_the_peer() -> None:
    async def test() -> None:
        async with radios() as air, client(air.ports[0]) as one:
            packet_id = one.send(b"hello", air.radios[1].number, want_ack=True)
            frame = await one.until(lambda each: each.packet.decoded.request_id == packet_id)
            assert getattr(frame.packet, "from") == air.radios[1].number
            assert mesh_pb2.Routing.FromString(frame.packet.decoded.payload).error_reason == 0

    run(test)


def test_a_deaf_peer_ends_in_max_retransmit_after_three_transmissions() -> None:
    async def test() -> None:
        async with radios(1) as air, client(air.ports[0]) as one:
            packet_id = one.send(b"hello", 0x1234, want_ack=True)
            assert await one.verdict(packet_id) == MAX_RETRANSMIT
            assert air.channel.frames == 3
            assert 19 < air.timeline.now_s < 30

    run(test)


def test_an_unknown_target_succeeds_by_an_implicit_acknowledgement_of_our_own_radio() -> None:
    async def test() -> None:
        async with radios() as air, client(air.ports[0]) as one:
            packet_id = one.send(b"hello", 0x1234, want_ack=True)
            frame = await one.until(lambda each: each.packet.decoded.request_id == packet_id)
            assert getattr(frame.packet, "from") == air.radios[0].number
            assert mesh_pb2.Routing.FromString(frame.packet.decoded.payload).error_reason == 0

    run(test)


def test_a_false_nak_follows_a_packet_that_did_arrive() -> None:
    async def test() -> None:
        quirks = Quirks(node_info=False, telemetry=False, false_naks=1.0)
        async with radios(quirks=quirks) as air, client(air.ports[0]) as one, client(air.ports[1]) as other:
            packet_id = one.send(b"hello", air.radios[1].number)
            await other.payload(b"hello")
            assert await one.verdict(packet_id) == MAX_RETRANSMIT

    run(test)


def test_of_twenty_quick_sends_two_are_reported_and_the_queue_says_full() -> None:
    async def test() -> None:
        async with radios(1, speed=1.0) as air, client(air.ports[0]) as one:
            with one.at_once():
                ids = [one.send(bytes(231)) for _ in range(20)]
            statuses = [frame.queueStatus for frame in await one.all() if frame.HasField("queueStatus")]
            assert [status.mesh_packet_id for status in statuses] == ids[-2:]
            assert [(status.res, status.free) for status in statuses] == [(32, 0)] * 2
            # no NAK; and when there is room again the radio says so by itself
            air.radios[0].mesh.switch(False)  # the queue is emptied
            assert (await one.until(lambda frame: frame.HasField("queueStatus"))).queueStatus.free == 16

    run(test)


def test_refused_packets_that_want_an_acknowledgement_may_be_sent_later() -> None:
    async def test() -> None:
        async with radios(speed=60.0) as air, client(air.ports[0]) as one, client(air.ports[1]) as other:
            with one.at_once():
                ids = [one.send(bytes(20), air.radios[1].number, want_ack=True) for _ in range(20)]
            await other.until(lambda frame: frame.packet.id in ids[17:])

    run(test)


def test_over_the_duty_cycle_all_is_refused_in_three_ways_until_the_radio_restarts() -> None:
    async def test() -> None:
        async with radios(1, speed=900.0) as air, client(air.ports[0]) as one:
            while (await one.status(packet_id := one.send(bytes(200), hop_limit=0))).res in (0, 32):
                pass
            note = (
                await one.until(lambda each: each.clientNotification.reply_id == packet_id)
            ).clientNotification
            assert note.message.startswith("Duty cycle limit exceeded. You can send again in ")
            assert await one.verdict(packet_id) == DUTY_CYCLE
            assert (await one.status(one.send(bytes(200)))).res == DUTY_CYCLE
            assert 150 < air.channel.frames < 195
            assert air.radios[0].mesh.chip.lawful.worst_percent <= 10
            air.reboot(0)
            await one.all()
            await one.config()
            assert (await one.status(one.send(bytes(200)))).res == 0

    run(test)


def test_texts_less_than_two_seconds_apart_are_dropped_with_result_0() -> None:
    async def test() -> None:
        async with radios(speed=4.0) as air, client(air.ports[0]) as one, client(air.ports[1]) as other:
            first, second = one.send(b"one", port=1), one.send(b"two", port=1)
            assert (await one.status(second)).res == 0
            assert await one.verdict(second) == RATE_LIMIT
            # the private port knows no such limit
            third = one.send(b"three")
            fourth = one.send(b"four")
            assert (await one.status(fourth)).res == 0
            heard = {(await other.until(lambda frame: frame.HasField("packet"))).packet.id for _ in range(3)}
            assert heard == {first, third, fourth}

    run(test)


def test_the_last_twenty_ids_are_ignored_when_repeated() -> None:
    async def test() -> None:
        async with radios(1) as air, client(air.ports[0]) as one:
            first = one.send(b"x")
            await one.status(first)
            one.send(b"x", id=first)
            assert await one.all() == []
            for _ in range(19):
                await one.status(one.send(b"x"))
            one.send(b"x", id=first)
            assert not any(frame.queueStatus.mesh_packet_id == first for frame in await one.all())
            await one.status(one.send(b"x"))
            one.send(b"x", id=first)
            assert (await one.status(first)).mesh_packet_id == first

    run(test)


def test_a_radio_without_clock_says_time_0() -> None:
    async def test() -> None:
        quirks = Quirks(node_info=False, telemetry=False, clock=False)
        async with radios(quirks=quirks) as air, client(air.ports[0]) as one, client(air.ports[1]) as other:
            one.send(b"when")
            assert (await other.payload(b"when")).rx_time == 0

    run(test)


def test_its_node_info_goes_out_after_30_s_and_telemetry_to_the_client_each_60_s() -> None:
    async def test() -> None:
        async with radios(quirks=Quirks(), speed=100.0) as air, client(air.ports[1]) as other:
            info = await other.until(lambda frame: frame.packet.decoded.portnum == 4)
            assert air.timeline.now_s >= 30
            user = mesh_pb2.User.FromString(info.packet.decoded.payload)
            assert user.id == f"!{air.radios[0].number:08x}"
            times = []
            for _ in range(2):
                frame = await other.until(lambda frame: frame.packet.decoded.portnum == 67)
                assert getattr(frame.packet, "from") == air.radios[1].number
                report = telemetry_pb2.Telemetry.FromString(frame.packet.decoded.payload).device_metrics
                times.append(report.uptime_seconds)
                assert 0 < report.air_util_tx < 1
                assert report.channel_utilization >= 0
            assert times[1] - times[0] == pytest.approx(60, abs=1)

    run(test)


def test_another_channel_s_packets_reach_the_client_undecoded() -> None:
    async def test() -> None:
        async with radios() as air, client(air.ports[0]) as one, client(air.ports[1]) as other:
            settings = air.radios[0].settings
            settings.channels[0].settings.psk = bytes(range(32))
            one.admin(air.radios[0].number, set_channel=settings.channels[0])
            await one.all()
            one.send(b"secret")
            packet = (await other.until(lambda frame: frame.HasField("packet"))).packet
            assert packet.WhichOneof("payload_variant") == "encrypted"
            assert b"secret" not in packet.encrypted

    run(test)


def test_a_change_of_region_restarts_the_radio_and_takes_it_off_the_air_of_the_others() -> None:
    async def test() -> None:
        async with radios(speed=50.0) as air, client(air.ports[0]) as one, client(air.ports[1]) as other:
            lora = air.radios[0].settings.config.lora
            change = admin_pb2.AdminMessage()
            change.set_config.lora.CopyFrom(lora)
            own = air.radios[0].number
            one.send(change.SerializeToString(), own, 6, want_ack=True)  # the same: no restart
            change.set_config.lora.region = 2
            one.send(change.SerializeToString(), own, 6, want_ack=True)
            await one.all(0.5)
            assert air.radios[0].restarts == 1
            config = await one.config()
            assert any(frame.config.lora.region == 2 for frame in config if frame.HasField("config"))
            one.send(b"on another frequency")
            assert await other.all() == []

    run(test)


def test_the_role_router_comes_with_a_mode_that_relays_no_private_port() -> None:
    async def test() -> None:
        async with radios(1, preset=Preset.SHORT_FAST, speed=50.0) as air, client(air.ports[0]) as one:
            change = admin_pb2.AdminMessage()
            change.set_config.device.CopyFrom(air.radios[0].settings.config.device)
            change.set_config.device.role = 2
            one.send(change.SerializeToString(), air.radios[0].number, 6)
            await one.all()
            assert air.radios[0].settings.config.device.rebroadcast_mode == 5

    run(test)
