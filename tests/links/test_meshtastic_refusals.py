"""The radio link against a radio that refuses, or says so, or says nothing.

Each behaviour that was seen at the API of real firmware has its test here, named after it.
"""

from __future__ import annotations

import asyncio

import pytest

from relay.links.meshtastic import link as link_module
from relay.links.radio import NOT_TRANSMITTED
from tests.links.radio_bench import Bench
from tests.links.radio_stub import ME, OTHER, RadioStub
from tests.support.clients import fails, until


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "RETRY_MIN_S", 0.05)
    monkeypatch.setattr(link_module, "RETRY_MAX_S", 0.2)


def test_231_bytes_go_and_more_never_reach_the_radio() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            async with Bench(port=radio.port).running() as link:
                await link.send(bytes(231))
                for size in (232, 234, 235, 4000):  # from 235 the radio would say nothing at all
                    error = await fails(link.send(bytes(size)))
                    assert error.code == "too_large" and error.code in NOT_TRANSMITTED
                assert len(radio.packets) == 1
            async with Bench(port=radio.port, payload_bytes_max=165).running() as link:
                assert (await fails(link.send(bytes(166)))).code == "too_large"
                await link.send(bytes(165))

    asyncio.run(run())


def test_a_radio_with_less_room_than_we_thought_is_believed() -> None:
    async def run() -> None:
        async with RadioStub() as radio, Bench(port=radio.port).running() as link:
            radio.result = lambda packet: 7
            assert (await fails(link.send(bytes(200)))).code == "too_large"
            assert link.radio.payload_bytes_max == 199
            radio.result = lambda packet: 0
            await link.send(bytes(190))
            radio.nak(radio.packets[-1].id, 7)  # said by a NAK instead
            await until(lambda: link.radio.payload_bytes_max == 189)

    asyncio.run(run())


def test_a_full_queue_is_reported_and_waited_out_since_the_packet_may_be_sent_all_the_same() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port, airtime_ms=lambda payload_bytes: 100.0)
            async with bench.running() as link:
                radio.result, radio.free = (lambda packet: 32), 0
                sending = asyncio.create_task(link.send(b"x"))
                await until(lambda: radio.heard.count("heartbeat") >= 2)
                assert link.room() == 0
                radio.free = 16
                error = await fails(sending)
                assert error.code == "queue_full" and error.code not in NOT_TRANSMITTED
                assert link.room() == 1

    asyncio.run(run())


def test_a_lost_queue_status_is_neither_success_nor_failure() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port)
            async with bench.running() as link:
                radio.result = lambda packet: None
                await link.send(b"no answer")
                assert "heartbeat" in radio.heard
                assert link.facts.connected and radio.connections == 1

    asyncio.run(run())


def test_other_reasons_of_the_radio_are_passed_on() -> None:
    async def run() -> None:
        async with RadioStub() as radio, Bench(port=radio.port).running() as link:
            radio.result = lambda packet: 33
            error = await fails(link.send(b"x"))
            assert error.code == "radio_refused" and "33" in error.what.nl
            assert link.room() == 1

    asyncio.run(run())


@pytest.mark.parametrize("notified_first", [True, False])
def test_over_the_duty_cycle_nothing_goes_until_the_time_that_the_radio_names(notified_first: bool) -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port)
            async with bench.running() as link:
                loop = asyncio.get_running_loop()
                text = "Duty cycle limit exceeded. You can send again in 47 mins"
                radio.result = lambda packet: radio.notify(text) or 9 if notified_first else 9
                error = await fails(link.send(b"x"))
                radio.nak(radio.packets[-1].id, 9)
                if not notified_first:
                    radio.notify(text)
                await until(lambda: link.radio.notification == text)
                assert error.code == "duty_cycle" and error.code in NOT_TRANSMITTED
                assert link.room() == 0 and link.facts.connected
                assert link.facts.code == "duty_cycle" and "47 min" in link.facts.what.nl
                assert (await fails(link.send(b"x"))).code == "duty_cycle"
                assert len(radio.packets) == 1
                assert 46 * 60 < link._watch.paused_until_s - loop.time() <= 47 * 60
                # Hearing goes on, and a restart of the connection changes nothing.
                radio.hear(b"x")
                await until(lambda: bool(bench.heard))
                radio.throw_out()
                await until(lambda: radio.connections == 2 and link.facts.connected)
                assert link.room() == 0 and link.facts.code == "duty_cycle"
                # The pause ends by itself.
                link._watch.paused_until_s = loop.time() + 0.05
                link._tell()
                await until(lambda: link.facts.code == "connected")
                assert link.room() == 1

    asyncio.run(run())


def test_false_naks_and_implicit_acks_change_nothing() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port, to=OTHER, want_ack=True)
            async with bench.running() as link:
                await link.send(b"it does arrive")
                packet_id = radio.packets[0].id
                radio.nak(packet_id, 5)  # MAX_RETRANSMIT
                radio.nak(packet_id, 0)  # an ACK, for all we know from a stranger
                radio.nak(packet_id + 1, 5)  # about a packet of somebody else's
                await until(lambda: link.radio.implicit_acks == 1)
                assert (link.radio.false_naks, link.room()) == (1, 1)
                assert bench.codes() == ["connected"]

    asyncio.run(run())


def test_the_radios_own_count_of_airtime_is_read_from_its_telemetry() -> None:
    async def run() -> None:
        async with RadioStub() as radio, Bench(port=radio.port).running() as link:
            telemetry = link_module.load().telemetry.Telemetry()
            telemetry.device_metrics.air_util_tx = 4.5
            telemetry.device_metrics.channel_utilization = 22.0
            telemetry.device_metrics.uptime_seconds = 600
            payload = telemetry.SerializeToString()
            radio.deliver(OTHER, {"portnum": 67, "payload": payload})  # another's: not ours
            radio.hear(b"x")
            await until(lambda: link.radio.last_heard_s is not None)
            assert link.radio.air_util_tx_pct is None
            radio.deliver(ME, {"portnum": 67, "payload": payload})
            await until(lambda: link.radio.measured_s is not None)
            facts = link.radio
            assert (facts.air_util_tx_pct, facts.channel_utilization_pct, facts.uptime_s) == (
                4.5,
                22,
                600,
            )
            telemetry.device_metrics.air_util_tx = float("nan")
            radio.deliver(ME, {"portnum": 67, "payload": telemetry.SerializeToString()})
            radio.hear(b"y", rx_snr=float("nan"))
            await until(lambda: link.radio.last_snr_db == 0)
            assert link.radio.air_util_tx_pct == 4.5

    asyncio.run(run())
