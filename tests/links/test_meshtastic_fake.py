"""The radio link against the simulator's fake radios: real streams, and an air between them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay.core.airtime import Preset, airtime_ms
from relay.errors import LinkError
from relay.links.meshtastic import Wanted, packets
from relay.links.meshtastic import link as link_module
from relay.links.meshtastic.stream import enframe
from relay.sim.meshtastic import FakeRadios, Quirks
from tests.links.radio_bench import PATIENT, TIMING, Bench
from tests.links.test_meshtastic_serial import Line
from tests.support.clients import fails, until
from tests.support.radios import PRESET, Radios

SPEED = 50.0
WANTED = Wanted()


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "RETRY_MIN_S", 0.05)
    monkeypatch.setattr(link_module, "RETRY_MAX_S", 0.2)
    monkeypatch.setattr(link_module, "POLL_MIN_S", 0.01)


def fake(
    count: int = 1, speed: float = SPEED, preset: Preset = Preset.LONG_FAST, **quirks: Any
) -> FakeRadios:
    """Radios that are set as they must be."""
    radios = FakeRadios(count, speed=speed, preset=preset, quirks=Quirks(**quirks), resting=True)
    for radio in radios.radios:
        radio.settings.config.lora.hop_limit = WANTED.hop_limit
    return radios


def bench(port: int, preset: Preset = Preset.LONG_FAST, speed: float = SPEED, **options: Any) -> Bench:
    wanted = msgspec.structs.replace(WANTED, preset=preset.value)
    made = {"wanted": wanted, "airtime_ms": lambda size: airtime_ms(preset, size) / speed}
    return Bench(port=port, **{**made, **options})


def test_what_one_says_the_other_hears_through_the_air() -> None:
    async def run() -> None:
        async with fake(2, node_info=False) as radios:  # nothing else on the air
            one, other = (bench(port) for port in radios.ports)
            async with one.running() as link, other.running():
                assert link.radio.differences == ()
                for size in (1, 127, 128, 231):
                    await link.send(bytes([size]) * size, 1)
                await until(lambda: len(other.heard) == 4)
                assert other.payloads() == [bytes([size]) * size for size in (1, 127, 128, 231)]
                assert {frame.hops for frame in other.heard} == {0}
                assert all(frame.sender == link.radio.node_number for frame in other.heard)
                assert one.heard == []  # no echo of its own
                assert other.link.radio.neighbours == 1

    asyncio.run(run())


def test_a_radio_out_of_the_box_is_told_all_that_it_lacks() -> None:
    async def run() -> None:
        async with FakeRadios(1, region="UNSET", preset=Preset.MEDIUM_FAST) as radios:
            named = bench(radios.ports[0])
            named.link._options = msgspec.structs.replace(
                named.link._options, wanted=msgspec.structs.replace(WANTED, channel_name="naober")
            )
            async with named.running() as link:
                settings = [each.setting for each in link.radio.differences]
                assert settings == ["region", "preset", "channel", "hop_limit", "beacons"]
                assert link.facts.code == "R02" and link.room() == 0
                assert link.radio.channel_name == "MediumFast"

    asyncio.run(run())


def test_a_resting_radio_says_nothing_of_its_own_and_one_out_of_the_box_does() -> None:
    async def run() -> None:
        for resting in (True, False):
            async with FakeRadios(1, resting=resting) as radios:
                one = bench(radios.ports[0])
                async with one.running() as link:
                    assert (link.radio.beacons == ()) == resting

    asyncio.run(run())


def test_nothing_is_lost_by_a_link_that_stops_and_starts() -> None:
    """The radio loses the first frame to a client that has gone; to one that says goodbye it loses none."""

    async def run() -> None:
        async with fake(2) as radios:
            one, other = (bench(port) for port in radios.ports)
            async with one.running() as link:
                async with other.running():
                    await link.send(b"while it listens")
                    await until(lambda: len(other.heard) == 1)
                for number in range(3):
                    await link.send(b"while it is away %d" % number)
                async with other.running():
                    await until(lambda: len(other.heard) == 4)
            assert radios.streams[1].lost == 0

    asyncio.run(run())


def test_the_first_frame_after_a_client_vanished_is_the_radios_loss_and_the_next_ones_come() -> None:
    async def run() -> None:
        async with fake(2) as radios:
            reader, writer = await asyncio.open_connection("127.0.0.1", radios.ports[1])
            writer.write(enframe(packets.want_config()))
            await reader.readuntil(b"\x38\xac\x9e\x04")  # config_complete_id 69420
            writer.close()  # no goodbye
            one, other = (bench(port) for port in radios.ports)
            async with one.running() as link:
                for number in range(4):
                    await link.send(b"%d" % number)
                assert 1 <= radios.streams[1].lost <= 2
                async with other.running():
                    await until(lambda: other.payloads()[-2:] == [b"2", b"3"])

    asyncio.run(run())


def test_a_restart_in_silence_is_survived() -> None:
    async def run(dies: bool) -> None:
        async with fake(2, stream_dies=dies) as radios:
            one, other = bench(radios.ports[0], timing=TIMING), bench(radios.ports[1])
            async with one.running() as link, other.running() as sender:
                radios.radios[0].reboot()
                await until(lambda: "silent" in one.codes())
                await until(lambda: link.room() == 1)
                await sender.send(b"after it")
                await until(lambda: b"after it" in one.payloads())

    asyncio.run(run(dies=False))
    asyncio.run(run(dies=True))


def test_a_radio_that_is_killed_is_missed_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    radios = Radios(tmp_path, 2)

    async def run() -> None:
        preset = Preset(PRESET)
        one, other = (bench(port, preset, speed=1.0) for port in radios.ports)
        async with one.running() as link, other.running() as peer:
            await link.send(b"before")
            await until(lambda: other.payloads() == [b"before"])

            radios.kill()
            await until(lambda: not link.facts.connected and not peer.facts.connected)
            assert link.room() == 0
            assert (await fails(link.send(b"meanwhile"))).code == "not_connected"

            radios.start(wait=False)
            await until(lambda: link.room() == 1 and peer.facts.connected)
            await link.send(b"after")
            await until(lambda: other.payloads() == [b"before", b"after"])

    radios.start()
    try:
        asyncio.run(run())
    finally:
        radios.kill()


def test_two_links_on_one_radio_both_say_so() -> None:
    async def run() -> None:
        async with fake(1) as radios:
            one, other = bench(radios.ports[0]), bench(radios.ports[0])
            async with one.running(), other.running(connected=False):
                await until(lambda: "R04" in one.codes() or "R04" in other.codes())
                assert radios.streams[0].thrown_out >= 3

    asyncio.run(run())


def test_the_radio_stops_at_its_duty_cycle_and_the_link_with_it() -> None:
    async def run() -> None:
        slow, speed = Preset.LONG_SLOW, 400.0
        async with fake(1, speed=speed, preset=slow) as radios:
            sender = bench(radios.ports[0], slow, speed)
            async with sender.running() as link:
                sent, error = 0, None
                while error is None and sent < 60:
                    try:
                        await link.send(bytes(230))
                        sent += 1
                    except LinkError as refusal:
                        error = refusal
                assert error is not None and error.code == "duty_cycle"
                assert 20 <= sent <= 26  # of 14.3 s in 360 s
                await until(lambda: "send again" in link.radio.notification)
                assert link.facts.code == "duty_cycle" and link.room() == 0
                minutes = int(link.radio.notification.split()[-2])
                assert f"{minutes} min" in link.facts.what.nl
                assert (await fails(link.send(b"x"))).code == "duty_cycle"

    asyncio.run(run())


def test_its_own_count_of_airtime_arrives() -> None:
    async def run() -> None:
        async with fake(1, speed=200.0, node_info=False) as radios:
            sender = bench(radios.ports[0], speed=200.0)
            async with sender.running() as link:
                await link.send(bytes(200))
                await until(lambda: (link.radio.air_util_tx_pct or 0) > 0)
                assert link.radio.air_util_tx_pct == pytest.approx(100 * 1.911 / 3600, rel=0.01)
                assert link.radio.uptime_s

    asyncio.run(run())


def test_radios_with_another_key_are_noticed() -> None:
    async def run() -> None:
        async with fake(2) as radios:
            radios.radios[1].settings.channels[0].settings.psk = bytes(range(32))
            radios.radios[1].reboot()
            one, other = (bench(port) for port in radios.ports)
            await asyncio.sleep(0.2)
            async with one.running() as link, other.running() as sender:
                for _ in range(10):
                    await sender.send(b"in another language")
                await until(lambda: link.facts.code == "R03")
                assert link.facts.connected and link.room() == 1
                assert link.radio.unreadable >= 10 and one.heard == []

    asyncio.run(run())


def test_false_naks_are_counted_and_change_nothing() -> None:
    async def run() -> None:
        async with fake(2, speed=200.0, false_naks=1.0) as radios:
            other = bench(radios.ports[1], speed=200.0)
            async with other.running() as heard:
                to = heard.radio.node_number
                one = bench(radios.ports[0], speed=200.0, to=to)
                async with one.running() as link:
                    await link.send(b"it arrives")
                    await until(lambda: other.payloads() == [b"it arrives"])
                    await until(lambda: link.radio.false_naks == 1)
                    assert link.room() == 1 and one.codes() == ["connected"]

    asyncio.run(run())


def test_on_a_busy_channel_an_urgent_packet_overtakes_the_routine_one_in_the_radios_queue() -> None:
    async def run() -> None:
        async with fake(2) as radios:
            one, other = (bench(port) for port in radios.ports)
            chip = radios.radios[0].mesh.sender._chip
            busy = True
            chip.senses = lambda now_s: busy  # type: ignore[method-assign]
            async with one.running() as link, other.running():
                routine = asyncio.create_task(link.send(b"routine", 3))
                await until(lambda: link.room(1) == 1 and link.room(3) == 0)
                urgent = asyncio.create_task(link.send(b"urgent", 1))
                await until(lambda: len(radios.radios[0].mesh.sender.queue.packets) == 2)
                busy = False
                await asyncio.gather(routine, urgent)
                await until(lambda: len(other.heard) == 2)
                assert other.payloads() == [b"urgent", b"routine"]

    asyncio.run(run())


def test_debug_text_and_a_radio_without_a_clock_disturb_nothing() -> None:
    async def run() -> None:
        async with fake(2, debug_text=True, clock=False) as radios:
            one, other = (bench(port) for port in radios.ports)
            async with one.running() as link, other.running():
                await link.send(b"x")
                await until(lambda: len(other.heard) == 1)
                assert other.heard[0].rx_unix_s is None

    asyncio.run(run())


def test_a_fake_radio_on_a_serial_line(tmp_path: Path) -> None:
    async def run() -> None:
        async with fake(2) as radios, Line(tmp_path / "radio").to(radios.streams[0]) as line:
            one = bench(0, device=str(line.path), timing=PATIENT)
            other = bench(radios.ports[1])
            async with one.running() as link, other.running() as sender:
                await link.send(b"out")
                await sender.send(b"in")
                await until(lambda: one.payloads() == [b"in"] and other.payloads() == [b"out"])

    asyncio.run(run())
