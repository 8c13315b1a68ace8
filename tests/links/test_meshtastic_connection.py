"""How connections to a radio begin and end, and how the link comes back from each end.

Each behaviour that was seen at the API of real firmware has its test here, named after it.
"""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from relay.links.meshtastic import link as link_module
from relay.links.meshtastic.stream import START, enframe
from tests.links.radio_bench import PATIENT, TIMING, Bench
from tests.links.radio_stub import ME, RadioStub
from tests.support.clients import until


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "RETRY_MIN_S", 0.05)
    monkeypatch.setattr(link_module, "RETRY_MAX_S", 0.2)


def test_nothing_is_sent_before_the_configuration_is_complete() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            radio.configure = lambda nonce: None  # type: ignore[method-assign]
            bench = Bench(port=radio.port)
            async with bench.running(connected=False) as link:
                await until(lambda: "want_config_id" in radio.heard)
                assert link.room() == 0 and not link.facts.connected

    asyncio.run(run())


def test_the_first_words_to_a_radio_may_be_lost() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            radio.lose_first = 2
            async with Bench(port=radio.port).running() as link:
                await link.send(b"arrives")
            assert radio.connections == 1
            assert [each.decoded.payload for each in radio.packets] == [b"arrives"]

    asyncio.run(run())


def test_the_radio_is_told_that_we_go_so_that_it_keeps_what_it_hears() -> None:
    """It loses the first frame into a connection that has gone without a word."""

    async def run() -> None:
        async with RadioStub() as radio:
            async with Bench(port=radio.port).running():
                pass
            await until(lambda: radio.heard[-1:] == ["disconnect"])

    asyncio.run(run())


def test_a_handshake_that_does_not_say_the_region_is_none() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            whole = radio.configure
            radio.configure = lambda nonce: radio.say(config_complete_id=nonce)  # type: ignore[method-assign]
            bench = Bench(port=radio.port)
            async with bench.running(connected=False) as link:
                await until(lambda: bool(bench.facts))
                assert bench.codes() == ["silent"] and link.room() == 0
                radio.configure = whole  # type: ignore[method-assign]
                await until(lambda: link.facts.connected)

    asyncio.run(run())


def test_a_handshake_that_broke_off_is_forgotten_when_it_is_asked_for_again() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            whole = radio.configure

            def half(nonce: int) -> None:
                radio.configure = whole  # type: ignore[method-assign]
                radio.settings["lora"]["region"] = "US"
                radio.say(my_info={"my_node_num": 1})
                radio.say(config={"lora": radio.settings["lora"]})
                radio.settings["lora"]["region"] = "EU_868"

            radio.configure = half  # type: ignore[method-assign]
            async with Bench(port=radio.port).running() as link:
                assert (link.radio.region, link.radio.node_number) == ("EU_868", ME)
                assert link.room() == 1
            assert radio.connections == 1

    asyncio.run(run())


def test_the_end_of_somebody_elses_handshake_is_not_ours() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            stale = link_module.load().mesh.FromRadio(config_complete_id=12345).SerializeToString()
            radio.before_handshake = enframe(stale) + START + b"\x00"  # and half a frame of before
            bench = Bench(port=radio.port)
            async with bench.running() as link:
                assert link.radio.region == "EU_868"
                assert bench.codes() == ["connected"]

    asyncio.run(run())


def test_debug_text_ahead_of_every_frame_disturbs_nothing() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            radio.garbage = b"DEBUG | 12:00:00 42 [Router] \x94 Rx someone\r\n\x94\xc3\xff\xff"
            bench = Bench(port=radio.port)
            async with bench.running() as link:
                await link.send(b"out")
                radio.hear(b"in")
                await until(lambda: bench.payloads() == [b"in"])

    asyncio.run(run())


def test_heartbeats_keep_a_quiet_connection() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port, timing=TIMING)
            async with bench.running():
                await until(lambda: radio.heard.count("heartbeat") >= 3)
            assert radio.connections == 1 and bench.codes() == ["connected"]

    asyncio.run(run())


def test_a_restart_in_silence_is_known_by_an_unanswered_heartbeat() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port, timing=TIMING)
            async with bench.running() as link:
                radio.deaf = True  # no end of the connection, no word
                await until(lambda: "silent" in bench.codes())
                await until(lambda: link.facts.connected)
                radio.hear(b"x")
                await until(lambda: bench.payloads() == [b"x"])
            assert bench.codes() == ["connected", "silent", "connected"]

    asyncio.run(run())


def test_a_restart_in_silence_is_known_at_once_by_who_wants_to_send() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(
                port=radio.port, timing=msgspec.structs.replace(PATIENT, answer_s=0.2, status_s=0.2)
            )
            async with bench.running() as link:
                radio.deaf = True
                with pytest.raises(Exception, match="does not answer"):
                    await link.send(b"x")
                await until(lambda: radio.connections == 2 and link.room() == 1)

    asyncio.run(run())


def test_a_radio_that_says_that_it_restarted_is_asked_anew() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port)
            async with bench.running() as link:
                radio.say(rebooted=True)
                await until(lambda: radio.connections == 2 and link.facts.connected)
            assert bench.codes() == ["connected", "restarted", "connected"]

    asyncio.run(run())


def test_a_lost_connection_comes_back_by_itself() -> None:
    async def run() -> None:
        radio = RadioStub()
        await radio.start()
        bench = Bench(port=radio.port)
        async with bench.running() as link:
            await radio.stop()
            await until(lambda: link.facts.code == "refused")
            assert link.room() == 0
            await radio.start()
            await until(lambda: link.facts.connected)
            radio.hear(b"x")
            await until(lambda: bench.payloads() == [b"x"])
        assert bench.codes() == ["connected", "lost", "refused", "connected"]
        await radio.stop()

    asyncio.run(run())


def test_a_black_hole_is_given_up_and_healed_from() -> None:
    async def run() -> None:
        radio = RadioStub()
        radio.configure = lambda nonce: None  # type: ignore[method-assign]
        async with radio:
            timing = msgspec.structs.replace(TIMING, handshake_s=0.5)
            bench = Bench(port=radio.port, timing=timing)
            async with bench.running(connected=False) as link:
                await until(lambda: link.facts.code == "silent")
                del radio.configure
                await until(lambda: link.facts.connected)

    asyncio.run(run())


def test_two_programs_on_one_radio_are_said_in_one_clear_line() -> None:
    async def run() -> None:
        async with RadioStub() as radio:
            bench = Bench(port=radio.port, settle_s=0.5)
            async with bench.running() as link:
                rival = asyncio.create_task(keep_throwing_out(radio, 12))
                await until(lambda: link.facts.code == "R04")
                seen = radio.connections
                await until(lambda: radio.connections >= seen + 3)
                # Once, however often they throw each other out.
                assert bench.codes().count("R04") == 1
                assert link.facts.code == "R04" and link.room() == 0
                assert "programma" in link.facts.what.nl and link.facts.do.nl
                await rival
                # The other one has gone: all is well again, a little later.
                await until(lambda: link.facts.code == "connected")
                assert link.room() == 1

    async def keep_throwing_out(radio: RadioStub, times: int) -> None:
        for _ in range(times):
            was = radio.connections
            radio.throw_out()
            await until(lambda was=was: radio.connections > was and "want_config_id" in radio.heard[-1:])

    asyncio.run(run())


def test_waiting_doubles_to_its_limit_and_starts_again_after_a_connection_that_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Enough(Exception):
        pass

    waits: list[float] = []
    held = iter([0.0] * 8 + [link_module.HELD_S, 0.0])
    now = 0.0

    async def sleep(delay_s: float) -> None:
        waits.append(delay_s)
        if len(waits) == 10:
            raise Enough

    async def run() -> None:
        nonlocal now
        bench = Bench(port=1)

        async def hold() -> None:
            nonlocal now
            now += next(held)
            raise link_module.errors.lost("radio")

        monkeypatch.setattr(link_module, "RETRY_MIN_S", 0.5)
        monkeypatch.setattr(link_module, "RETRY_MAX_S", 30.0)
        monkeypatch.setattr(bench.link, "_hold", hold)
        monkeypatch.setattr(bench.link, "_chance", lambda: 0.5)
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
        monkeypatch.setattr(asyncio, "sleep", sleep)
        with pytest.raises(Enough):
            await bench.link.run(bench.heard.append, bench.facts.append)

    asyncio.run(run())
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 0.5, 1]
