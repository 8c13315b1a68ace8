"""The radio's settings against those it must have: a line per difference, and silence where it matters."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from relay.links.meshtastic.settings import DEFAULT_KEY, channel_hash, expand_key, fingerprint
from relay.links.radio import NOT_TRANSMITTED
from tests.links.radio_bench import WANTED, Bench
from tests.links.radio_stub import KEY, RadioStub
from tests.support.clients import fails, until


def changed(part: str, **settings: Any) -> RadioStub:
    radio = RadioStub()
    radio.settings[part] |= settings
    return radio


def test_what_the_radio_is_set_to_is_read_in_the_handshake() -> None:
    async def run() -> None:
        async with RadioStub() as radio, Bench(port=radio.port).running() as link:
            facts = link.radio
            assert (facts.region, facts.preset, facts.role) == ("EU_868", "LONG_FAST", "CLIENT")
            assert (facts.rebroadcast, facts.hop_limit, facts.firmware) == ("ALL", 5, "2.7.15")
            assert facts.node_number == 0x0A0B0C0D
            assert (facts.channel_name, facts.channel_key) == ("naober", fingerprint(KEY))
            assert facts.channel_hash == channel_hash("naober", KEY)
            assert facts.transmits and not facts.ignores_duty_cycle
            assert (facts.beacons, facts.differences) == ((), ())

    asyncio.run(run())


@pytest.mark.parametrize(
    ("part", "settings", "code", "setting", "said"),
    [
        ("lora", {"region": "US"}, "R02", "region", "US"),
        ("lora", {"region": "UNSET"}, "R02", "region", "UNSET"),
        ("lora", {"region": 99}, "R02", "region", "99"),  # newer than we are
        ("lora", {"modem_preset": "SHORT_TURBO"}, "R02", "preset", "SHORT_TURBO"),
        ("lora", {"use_preset": False}, "R02", "preset", "custom"),
        ("lora", {"tx_enabled": False}, "R02", "transmits", "uit"),
        ("channel", {"psk": b"\1"}, "R03", "channel", "sleutel"),
        ("channel", {"psk": b""}, "R03", "channel", "sleutel"),
        ("channel", {"name": "LongFast"}, "R03", "channel", "LongFast"),
    ],
)
def test_nothing_is_transmitted_by_a_radio_that_is_set_wrong(
    part: str, settings: dict[str, Any], code: str, setting: str, said: str
) -> None:
    async def run() -> None:
        async with changed(part, **settings) as radio:
            bench = Bench(port=radio.port)
            async with bench.running() as link:
                assert link.room() == 0
                error = await fails(link.send(b"x", 1))  # however urgent
                assert error.code == "withheld" and error.code in NOT_TRANSMITTED
                assert bench.codes() == [code]
                assert said in link.facts.what.nl and "naober radio set" in link.facts.do.nl
                assert [each.setting for each in link.radio.differences] == [setting]
                radio.hear(b"x")  # hearing costs nothing
                await until(lambda: bench.payloads() == [b"x"])
            assert radio.packets == []
            assert set(radio.heard) <= {"want_config_id", "heartbeat", "disconnect"}

    asyncio.run(run())


def test_a_radio_that_is_set_right_after_all_is_used_from_its_next_start() -> None:
    async def run() -> None:
        async with changed("lora", region="US") as radio:
            bench = Bench(port=radio.port)
            async with bench.running() as link:
                radio.settings["lora"]["region"] = "EU_868"
                radio.throw_out()
                await until(lambda: link.room() == 1)
                await link.send(b"x")
            assert len(radio.packets) == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("part", "settings", "setting"),
    [
        ("device", {"role": "CLIENT_MUTE"}, "role"),
        ("device", {"role": "ROUTER", "rebroadcast_mode": "CORE_PORTNUMS_ONLY"}, "rebroadcast"),
        ("lora", {"hop_limit": 3}, "hop_limit"),
        ("lora", {"override_duty_cycle": True}, "duty_cycle"),
        ("device", {"node_info_broadcast_secs": 10800}, "beacons"),
        ("position", {"position_broadcast_secs": 900}, "beacons"),
        ("position", {"position_broadcast_secs": 0}, "beacons"),  # the firmware's default: 15 min
        ("telemetry", {"device_update_interval": 1800}, "beacons"),
    ],
)
def test_what_only_costs_relaying_or_airtime_is_said_and_the_radio_used(
    part: str, settings: dict[str, Any], setting: str
) -> None:
    async def run() -> None:
        async with changed(part, **settings) as radio:
            bench = Bench(port=radio.port)
            async with bench.running() as link:
                await link.send(b"x")
                assert [each.setting for each in link.radio.differences] == [setting]
                assert bench.codes() == ["R02"] and link.facts.connected
                assert link.facts.what.nl and link.facts.do.nl
            assert len(radio.packets) == 1

    asyncio.run(run())


def test_every_difference_has_its_line_and_the_gravest_is_first() -> None:
    async def run() -> None:
        radio = changed("lora", region="US", hop_limit=3)
        radio.settings["channel"]["psk"] = b"\1"
        radio.settings["position"]["position_broadcast_secs"] = 0
        async with radio, Bench(port=radio.port).running() as link:
            found = link.radio.differences
            assert [each.setting for each in found] == ["region", "channel", "hop_limit", "beacons"]
            assert [each.withholds for each in found] == [True, True, False, False]
            assert all("\n" not in each.what.nl + each.do.nl for each in found)
            assert link.facts.code == "R02" and "EU_868" in link.facts.what.nl

    asyncio.run(run())


def test_a_router_relays_too_and_is_no_difference() -> None:
    async def run() -> None:
        async with changed("device", role="ROUTER") as radio, Bench(port=radio.port).running() as link:
            assert link.radio.differences == ()

    asyncio.run(run())


def test_a_channel_that_is_not_there_is_none() -> None:
    async def run() -> None:
        async with RadioStub() as radio, Bench(port=radio.port, channel_index=3).running() as link:
            assert link.radio.channel_hash is None
            assert [each.code for each in link.radio.differences] == ["R03"]
            assert link.room() == 0

    asyncio.run(run())


def test_without_a_wanted_channel_any_will_do() -> None:
    async def run() -> None:
        wanted = msgspec.structs.replace(WANTED, channel_name="", channel_key="")
        async with (
            changed("channel", name="", psk=b"\1") as radio,
            Bench(port=radio.port, wanted=wanted).running() as link,
        ):
            assert link.radio.differences == ()
            assert (link.radio.channel_name, link.radio.channel_hash) == ("LongFast", 8)
            await link.send(b"x")

    asyncio.run(run())


def test_channel_hashes_are_the_firmwares() -> None:
    # Known from the field: LongFast with the default key is channel hash 8.
    assert channel_hash("LongFast", DEFAULT_KEY) == 8
    assert expand_key(b"\1") == DEFAULT_KEY
    assert expand_key(b"\2") == DEFAULT_KEY[:-1] + b"\2"
    assert expand_key(b"\0") == expand_key(b"") == b""
    assert expand_key(KEY) == KEY


def test_a_keys_fingerprint_does_not_show_the_key() -> None:
    assert fingerprint(KEY) != fingerprint(DEFAULT_KEY)
    assert len(fingerprint(KEY)) == 16
    assert KEY[:4].hex() not in fingerprint(KEY)
