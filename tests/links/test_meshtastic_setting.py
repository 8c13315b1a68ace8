"""Setting a radio, against the simulator's: one transaction, a restart; only what was read back counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay.errors import Text
from relay.links.meshtastic import Wanted, fingerprint
from relay.links.meshtastic.admin import Goal, edits
from relay.links.meshtastic.packets import Setting
from relay.links.meshtastic.proto import load_admin
from relay.links.meshtastic.setting import Outcome, Patience, apply, read
from relay.links.meshtastic.where import Where
from relay.sim import meshtastic_proto as pb
from relay.sim.meshtastic import FakeRadios, Quirks
from tests.links.radio_bench import PATIENT, TIMING, Bench
from tests.links.test_meshtastic_serial import Line
from tests.support.clients import fails, until

SPEED = 50.0
KEY = bytes(range(32))
WANTED = Wanted(channel_name="naober", channel_key=fingerprint(KEY))
GOAL = Goal(wanted=WANTED, key=KEY)
QUICK = Patience(
    timing=PATIENT,
    probe=msgspec.structs.replace(TIMING, handshake_s=0.5),
    restart_s=0.15,
    begins_s=1.0,
    again_s=0.05,
    back_s=3.0,
)


KEYLESS = Goal(wanted=WANTED)
HANDSHAKE = [Setting("config", pb.config.Config(lora=pb.config.Config.LoRaConfig(hop_limit=3)))]


def fake(count: int = 1, region: str = "US", **quirks: Any) -> FakeRadios:
    return FakeRadios(count, region=region, speed=SPEED, quirks=Quirks(**{"node_info": False, **quirks}))


def where(radios: FakeRadios, index: int = 0) -> Where:
    return Where("", "127.0.0.1", radios.ports[index])


def settings(radios: FakeRadios) -> Any:
    return radios.radios[0].settings


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await test()

    asyncio.run(bounded())


async def set_to(radios: FakeRadios, goal: Goal = GOAL, told: list[Text] | None = None) -> Outcome:
    return await apply(where(radios), goal, (told if told is not None else []).append, QUICK)


def test_a_radio_out_of_its_box_is_set_in_one_restart() -> None:
    async def test() -> None:
        async with fake(region="UNSET") as radios:
            settings(radios).config.lora.ignore_incoming.append(7)
            told: list[Text] = []
            outcome = await set_to(radios, told=told)
            assert outcome.facts.differences == () and outcome.restarts == 1 == radios.radios[0].restarts
            assert [each.setting for each in outcome.changes] == [
                "region",
                "hop_limit",
                "channel",
                "key",
                "beacons",
            ]
            assert (outcome.changes[0].was, outcome.changes[0].now) == ("UNSET", "EU_868")
            assert not any(KEY.hex() in each.was + each.now for each in outcome.changes)
            assert len(told) == 1 and 0 < outcome.took_s < 5
            lora = settings(radios).config.lora
            assert (lora.hop_limit, lora.tx_enabled, list(lora.ignore_incoming)) == (5, True, [])
            channel = settings(radios).channels[0]
            assert (channel.role, channel.settings.name, channel.settings.psk) == (1, "naober", KEY)
            # present and 0: without it the firmware shares exact positions on the channel
            assert channel.settings.HasField("module_settings")

    run(test)


def test_a_radio_that_is_right_is_left_alone() -> None:
    async def test() -> None:
        async with fake() as radios:
            await set_to(radios)
            told: list[Text] = []
            outcome = await set_to(radios, told=told)
            assert outcome.changes == () and outcome.restarts == 0 and told == []
            assert radios.radios[0].restarts == 1

    run(test)


def test_everything_that_is_not_ours_to_set_stays() -> None:
    async def test() -> None:
        async with fake() as radios:
            config, modules = settings(radios).config, settings(radios).modules
            config.lora.tx_power, config.lora.sx126x_rx_boosted_gain = 14, True
            config.device.button_gpio, config.position.gps_en_gpio = 12, 33
            modules.telemetry.environment_screen_enabled = True
            settings(radios).channels[1].role = pb.channel.Channel.Role.SECONDARY
            settings(radios).channels[1].settings.name = "brandweer"
            await set_to(radios)
            assert (config.lora.tx_power, config.lora.sx126x_rx_boosted_gain) == (14, True)
            assert (config.device.button_gpio, config.position.gps_en_gpio) == (12, 33)
            assert modules.telemetry.environment_screen_enabled
            assert settings(radios).channels[1].settings.name == "brandweer"

    run(test)


def test_whatever_was_set_wrong_is_right_afterwards() -> None:
    async def test() -> None:
        async with fake() as radios:
            config, modules = settings(radios).config, settings(radios).modules
            config.lora.use_preset, config.lora.override_duty_cycle = False, True
            config.lora.override_frequency, config.lora.channel_num = 869.8, 3
            config.lora.tx_enabled = False
            config.device.role = pb.config.Config.DeviceConfig.Role.CLIENT_MUTE
            config.device.rebroadcast_mode = pb.config.Config.DeviceConfig.RebroadcastMode.NONE
            config.position.position_broadcast_smart_enabled = True
            modules.telemetry.environment_measurement_enabled = True
            modules.neighbor_info.enabled = modules.neighbor_info.transmit_over_lora = True
            modules.range_test.enabled, modules.range_test.sender = True, 60
            before = await read(where(radios), WANTED, QUICK)
            assert {each.setting for each in before.differences} == {
                "region",
                "preset",
                "transmits",
                "frequency",
                "channel",
                "role",
                "rebroadcast",
                "hop_limit",
                "duty_cycle",
                "beacons",
            }
            outcome = await set_to(radios)
            assert outcome.facts.differences == () and outcome.restarts == 1
            assert (config.lora.override_frequency, config.lora.channel_num) == (0, 0)

    run(test)


def test_a_router_stays_one_and_relays_private_ports() -> None:
    async def test() -> None:
        async with fake() as radios:
            roles = pb.config.Config.DeviceConfig
            settings(radios).config.device.role = roles.Role.ROUTER
            settings(radios).config.device.rebroadcast_mode = roles.RebroadcastMode.CORE_PORTNUMS_ONLY
            outcome = await set_to(radios)
            assert (outcome.facts.role, outcome.facts.rebroadcast) == ("ROUTER", "ALL")

    run(test)


def test_without_a_key_the_channel_stays_and_what_differs_is_still_told() -> None:
    async def test() -> None:
        async with fake() as radios:
            outcome = await set_to(radios, Goal(wanted=WANTED))
            assert settings(radios).channels[0].settings.psk == b"\1"
            assert outcome.facts.region == "EU_868"
            assert [each.setting for each in outcome.facts.differences] == ["channel"]

    run(test)


def test_nothing_is_sent_in_the_wrong_region_until_the_radio_is_set() -> None:
    async def test() -> None:
        async with fake(2) as radios:
            sender = radios.radios[0].mesh
            bench = Bench(port=radios.ports[0], wanted=WANTED, timing=PATIENT)
            async with bench.running() as link:
                for urgency in (1, 2, 3):
                    assert (await fails(link.send(b"help", urgency))).code == "withheld"
                assert bench.codes() == ["R02"]
            assert sender.tx_percent == 0
            await set_to(radios)
            bench = Bench(port=radios.ports[0], wanted=WANTED, timing=PATIENT)
            async with bench.running() as link:
                await link.send(b"help", 1)
                await until(lambda: sender.tx_percent > 0)

    run(test)


def test_a_radio_that_restarts_in_between_is_set_all_the_same() -> None:
    async def test() -> None:
        async with fake() as radios:
            radio = radios.radios[0]
            handle = radio._admin.handle  # type: ignore[attr-defined]

            def pull_at_the_third(payload: bytes) -> Any:
                seen.append(payload)
                if len(seen) == 3:
                    radio.reboot()
                return handle(payload)

            seen: list[bytes] = []
            radio._admin.handle = pull_at_the_third  # type: ignore[attr-defined,method-assign]
            outcome = await set_to(radios)
            assert outcome.facts.differences == () and radio.restarts >= 2
            assert settings(radios).channels[0].settings.psk == KEY

    run(test)


def test_a_radio_that_forgets_what_it_was_told_is_named_with_what_it_forgot() -> None:
    async def test() -> None:
        async with fake() as radios:
            radios.radios[0].settings.load = lambda saved: None  # type: ignore[method-assign]
            change = radios.radios[0]._admin._change  # type: ignore[attr-defined]

            def all_but_lora(kind: str, value: Any) -> Any:
                lora = kind == "set_config" and value.WhichOneof("payload_variant") == "lora"
                return None if lora else change(kind, value)

            radios.radios[0]._admin._change = all_but_lora  # type: ignore[attr-defined]
            error = await fails(set_to(radios))
            assert error.code == "R07" and "region" in error.what.nl and "hop_limit" in error.what.nl
            assert radios.radios[0].restarts == 3

    run(test)


@pytest.mark.parametrize(("quirk", "code"), [("managed", "R05"), ("locked", "R05"), ("old", "R06")])
def test_a_radio_that_cannot_be_set_is_told_in_one_line_and_not_touched(quirk: str, code: str) -> None:
    async def test() -> None:
        async with fake(locked=quirk == "locked") as radios:
            settings(radios).config.security.is_managed = quirk == "managed"
            settings(radios).firmware = "2.3.15.deb7c27" if quirk == "old" else settings(radios).firmware
            before = settings(radios).saved()
            error = await fails(set_to(radios))
            assert error.code == code
            assert settings(radios).saved() == before and radios.radios[0].restarts == 0

    run(test)


def test_a_locked_radio_is_no_link_either() -> None:
    async def test() -> None:
        async with fake(locked=True) as radios:
            bench = Bench(port=radios.ports[0], timing=PATIENT)
            async with bench.running(connected=False):
                await until(lambda: "R05" in bench.codes())

    run(test)


def test_no_radio_is_told_before_anything_else() -> None:
    async def test() -> None:
        assert (await fails(apply(Where("/dev/nothing-here"), GOAL, None, QUICK))).code == "R01"

    run(test)


def test_a_radio_on_a_serial_line_is_set(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake() as radios, Line(tmp_path / "radio").to(radios.streams[0]) as line:
            outcome = await apply(Where(str(line.path)), GOAL, None, QUICK)
            assert outcome.facts.differences == () and settings(radios).channels[0].settings.psk == KEY

    run(test)


def test_a_board_whose_plug_comes_and_goes_with_its_restart_is_set(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake() as radios, Line(tmp_path / "radio").to(radios.streams[0]) as line:
            task = asyncio.create_task(apply(Where(str(line.path)), GOAL, None, QUICK))
            await until(lambda: settings(radios).channels[0].settings.psk == KEY)
            await asyncio.sleep(0.05)
            line.unplug()
            await until(lambda: radios.radios[0].restarts == 1)
            await asyncio.sleep(0.2)
            line.plug()
            assert (await task).facts.differences == ()

    run(test)


def test_a_plug_that_is_pulled_out_is_told_when_it_stays_away(tmp_path: Path) -> None:
    async def test() -> None:
        patience = msgspec.structs.replace(QUICK, back_s=0.5)
        async with fake() as radios, Line(tmp_path / "radio").to(radios.streams[0]) as line:
            task = asyncio.create_task(apply(Where(str(line.path)), GOAL, None, patience))
            await until(lambda: settings(radios).config.lora.hop_limit == 5)
            line.unplug()
            assert (await fails(task)).code == "R01"

    run(test)


def test_two_programs_on_one_radio_are_told() -> None:
    async def test() -> None:
        async with fake() as radios:
            rival = asyncio.create_task(_throw_out_for_ever(radios))
            error = await fails(set_to(radios))
            rival.cancel()
            await asyncio.wait([rival])
            assert error.code == "R04"

    run(test)


async def _throw_out_for_ever(radios: FakeRadios) -> None:
    while True:
        _, writer = await asyncio.open_connection("127.0.0.1", radios.ports[0])
        try:
            await asyncio.sleep(0.001)
        finally:
            writer.close()


def test_a_key_that_is_not_in_the_goal_is_never_written() -> None:
    admin = load_admin().AdminMessage
    kinds = [admin.FromString(body).WhichOneof("payload_variant") for body in edits(HANDSHAKE, KEYLESS)]
    assert kinds == ["set_config"]
    kinds = [admin.FromString(body).WhichOneof("payload_variant") for body in edits(HANDSHAKE, GOAL)]
    assert kinds == ["set_config", "set_channel"]
