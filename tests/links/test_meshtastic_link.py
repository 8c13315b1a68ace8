"""The radio link against a radio that works: what goes out, what comes in, one packet at a time."""

from __future__ import annotations

import asyncio

import pytest

from relay.errors import LinkError
from relay.links.base import LinkFacts
from relay.links.meshtastic import link as link_module
from relay.links.radio import NOT_TRANSMITTED
from tests.links.radio_bench import TIMING, Bench
from tests.links.radio_stub import ME, OTHER, RadioStub
from tests.support.clients import fails, until


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "RETRY_MIN_S", 0.05)
    monkeypatch.setattr(link_module, "RETRY_MAX_S", 0.2)


# --- out and in ---


def test_a_frame_goes_to_the_air_as_a_private_broadcast_with_hops_and_priority() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port)
            async with bench.running() as link:
                assert link.room() == 1
                for urgency in (1, 2, 3, 4):
                    await link.send(b"said", urgency)
            each = radio.packets[0]
            assert (each.to, each.decoded.portnum, each.decoded.payload) == (0xFFFFFFFF, 256, b"said")
            assert (each.hop_limit, each.channel, each.want_ack) == (5, 0, False)
            priorities = [packet.priority for packet in radio.packets]
            assert priorities == sorted(priorities, reverse=True) and len(set(priorities)) == 4

    asyncio.run(run())


def test_a_gateway_is_addressed_and_asked_for_an_ack_only_where_configured() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            for want_ack in (False, True):
                async with Bench(port=radio.port, to=OTHER, want_ack=want_ack).running() as link:
                    await link.send(b"said")
                    assert link.radio.payload_bytes_max == 219  # public-key encryption takes 12 bytes
            assert [(each.to, each.want_ack) for each in radio.packets] == [(OTHER, False), (OTHER, True)]
            # A broadcast is never asked for: its ACK would come from any stranger that repeats it.
            async with Bench(port=radio.port, want_ack=True).running() as link:
                await link.send(b"said")
            assert not radio.packets[-1].want_ack

    asyncio.run(run())


def test_what_is_heard_comes_with_how_it_was_heard() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port)
            async with bench.running() as link:
                radio.hear(b"far", rx_snr=-7.5, hop_start=5, hop_limit=2, rx_time=1_800_000_000)
                radio.hear(b"near", rx_snr=6.0, hop_start=0, hop_limit=0)
                await until(lambda: len(bench.heard) == 2)
                far, near = bench.heard
                assert (far.payload, far.sender, far.snr_db) == (b"far", OTHER, -7.5)
                assert (far.hops, far.hop_limit, far.rx_unix_s) == (3, 2, 1_800_000_000)
                # Its clock is not set: no time, rather than 1970.
                assert (near.hops, near.hop_limit, near.rx_unix_s) == (0, 0, None)
                assert (link.radio.last_snr_db, link.radio.last_hops, link.radio.neighbours) == (6.0, 0, 1)

    asyncio.run(run())


def test_what_is_not_ours_is_passed_over() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port)
            async with bench.running():
                radio.deliver(OTHER, {"portnum": 1, "payload": b"a text message"})
                radio.deliver(OTHER, {"portnum": 67, "payload": b"\xff\xff"})  # telemetry of another node
                radio.deliver(ME, {"portnum": 67, "payload": b"\xff\xff"})  # not even telemetry
                radio.deliver(ME, {"portnum": 5, "payload": b"\xff\xff", "request_id": 9})
                radio.say(fileInfo={"file_name": "x"})
                radio.hear(b"an echo of our own", sender=ME)
                radio.hear(b"ours")
                await until(lambda: bool(bench.heard))
                assert bench.payloads() == [b"ours"]
                assert bench.codes() == ["connected"]

    asyncio.run(run())


def test_every_try_of_the_same_frame_has_a_packet_id_of_its_own() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            # A source of chance that repeats itself must not make an id twice.
            bench = Bench(port=radio.port)
            draws = [0.0, 0.25, 0.25, 0.5, 0.25, 0.5, 0.75]
            bench.link._chance = lambda: draws.pop(0) if draws else 0.9
            async with bench.running() as link:
                draws[:] = [0.0, 0.25, 0.25, 0.5, 0.25, 0.5, 0.75]
                for _ in range(3):
                    await link.send(b"again")
            assert [each.id for each in radio.packets] == [2**30, 2**31, 3 * 2**30]

    asyncio.run(run())


def test_one_packet_at_a_time_until_the_radios_queue_is_empty() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port, airtime_ms=lambda payload_bytes: 200.0)
            async with bench.running() as link:
                radio.free = 15
                sending = asyncio.create_task(link.send(b"first"))
                await until(lambda: bool(radio.packets))
                assert link.room() == 0
                assert (await fails(link.send(b"second"))).code == "busy"
                await until(lambda: radio.heard.count("heartbeat") >= 3)  # it asks
                assert not sending.done()
                radio.free = 16
                await sending
                assert link.room() == 1
                await link.send(b"second")
                assert [each.decoded.payload for each in radio.packets] == [b"first", b"second"]
                assert link.radio.queue_free == link.radio.queue_size == 16

    asyncio.run(run())


def test_a_queue_that_others_keep_full_is_waited_for_no_longer_than_it_can_take() -> None:
    async def run() -> None:
        async with RadioStub() as radio, Bench(port=radio.port).running() as link:
            radio.free = 12  # relays come as fast as they go
            await link.send(b"ours has gone by now")
            assert link.radio.queue_waits == 1
            assert link.room() == 1

    asyncio.run(run())


def test_an_urgent_packet_goes_before_relays_so_the_next_waits_for_it_only() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port, airtime_ms=lambda payload_bytes: 100.0)
            async with bench.running() as link:
                radio.free = 12  # relays come as fast as they go
                took_s = []
                for urgency in (1, 2, 3):
                    began_s = asyncio.get_running_loop().time()
                    await link.send(b"ours", urgency)
                    took_s.append(asyncio.get_running_loop().time() - began_s)
                assert max(took_s[:2]) < 1.0 < took_s[2]
                assert min(took_s) > 0.1  # its own airtime at least

    asyncio.run(run())


def test_an_urgent_packet_may_follow_a_routine_one_that_still_waits_in_the_queue() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port, airtime_ms=lambda payload_bytes: 200.0)
            async with bench.running() as link:
                radio.free = 15
                routine = asyncio.create_task(link.send(b"routine", 3))
                await until(lambda: link.room(2) == 1 and bool(radio.packets))
                assert link.room(3) == 0
                assert (await fails(link.send(b"another", 3))).code == "busy"
                urgent = asyncio.create_task(link.send(b"urgent", 2))
                await until(lambda: len(radio.packets) == 2)
                assert link.room(1) == 0  # one of each: the radio's queue is shared with relays
                assert (await fails(link.send(b"too", 1))).code == "busy"
                first, second = (packet.priority for packet in radio.packets)
                assert second > first  # by which the firmware's queue lets it go first
                radio.free = 16
                await asyncio.gather(routine, urgent)
                assert link.room(3) == link.room(1) == 1

    asyncio.run(run())


def test_two_sends_without_a_connection_are_refused() -> None:
    async def run() -> None:
        bench = Bench(port=1)
        assert (await fails(bench.link.send(b"x"))).code == "not_connected"
        async with bench.running(connected=False) as link:
            await until(lambda: bool(bench.facts))
            assert bench.codes() == ["refused"] and link.room() == 0

    asyncio.run(run())


def test_a_send_during_which_the_radio_goes_says_so_and_frees_the_link() -> None:
    async def run() -> None:
        async with RadioStub() as radio, Bench(port=radio.port).running() as link:
            radio.result = lambda packet: radio.throw_out()
            with pytest.raises(LinkError) as caught:
                await link.send(b"x")
            # It may be on the air: its airtime is not given back.
            assert caught.value.code == "lost" and caught.value.code not in NOT_TRANSMITTED
            radio.result = lambda packet: 0
            await until(lambda: link.room() == 1)
            await link.send(b"y")

    asyncio.run(run())


def test_a_radio_that_goes_while_its_queue_is_waited_for_has_had_the_packet() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port, airtime_ms=lambda payload_bytes: 300.0)
            async with bench.running() as link:
                radio.free = 15
                sending = asyncio.create_task(link.send(b"accepted"))
                await until(lambda: "heartbeat" in radio.heard)
                radio.throw_out()
                await sending
                assert "lost" in bench.codes() and len(radio.packets) == 1

    asyncio.run(run())


def test_what_the_receiver_raises_ends_the_link_and_is_not_swallowed() -> None:
    class Ours(Exception):
        pass

    def fail(_: object) -> None:
        raise Ours

    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port)
            task = asyncio.create_task(bench.link.run(fail, bench.facts.append))
            await until(lambda: bench.link.facts.connected)
            radio.hear(b"x")
            with pytest.raises(Ours):
                await task

    asyncio.run(run())


def test_facts_change_once_per_change() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port, timing=TIMING)
            async with bench.running():
                for number in range(50):
                    radio.hear(bytes([number]))
                await until(lambda: len(bench.heard) == 50)
                await until(lambda: radio.heard.count("heartbeat") >= 2)
            assert bench.facts == [LinkFacts(True, "connected", bench.facts[0].what)]

    asyncio.run(run())
