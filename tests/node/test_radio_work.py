"""The node's loops around its radio: a real station, and a radio that does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from relay.core import wire
from relay.core.airtime import Use
from relay.core.log import Identity
from relay.core.message import Clock, Draft, Header, Kind, Urgency
from relay.core.radio import RadioSettings
from relay.errors import LinkError, Text
from relay.links.base import Changed, LinkFacts
from relay.links.radio import Difference, HeardCall, HeardFrame, RadioFacts
from relay.node.clocks import Clocks
from relay.node.radio_facts import radio_values
from relay.node.radio_work import FRAMES_HEARD_MAX, RadioWork
from relay.node.shell import Shell
from relay.node.station import Station
from relay.trust.keys import EpochFile
from tests.support.clients import until
from tests.support.world import NETWORK, Signer

CONNECTED = LinkFacts(True, "connected", Text("Verbonden", "Connected"))
GONE = LinkFacts(
    False, "R01", Text("Geen radio", "No radio"), Text("Kijk naar de kabel", "Look at the cable")
)
REGION = Difference("R02", "region", Text("Regio is US", "Region is US"), Text("Zet", "Set it"), True)
BEACONS = Difference("R02", "beacons", Text("Zendt zelf", "Sends by itself"), Text("Zet", "Set it"), False)
URGENT_WAIT_S = 16.0
BROKER_GONE_S = 61.0
SOME_ROUNDS_S = 0.3  # in which a loop that could go wrong would


class TameRadio:
    """A RadioLink that a test plays."""

    def __init__(self) -> None:
        self.radio = RadioFacts(payload_bytes_max=231)
        self.sent: list[tuple[bytes, int]] = []
        self.refuses: LinkError | None = None
        self.refuses_urgent: LinkError | None = None
        self.connected = False
        self.holds = asyncio.Event()  # not set: what is not urgent stays in the radio's queue
        self.holds.set()
        self.under_way: list[int] = []
        self.heard: HeardCall
        self._changed: Changed

    async def run(self, heard: HeardCall, changed: Changed) -> None:
        self.heard, self._changed = heard, changed
        await asyncio.Event().wait()

    async def send(self, frame: bytes, urgency: int = 3) -> None:
        self.sent.append((frame, urgency))
        if error := self.refuses or (self.refuses_urgent if urgency <= 2 else None):
            raise error
        if urgency > 2:
            self.under_way.append(urgency)
            await self.holds.wait()
            self.under_way.clear()

    def room(self, urgency: int = 3) -> int:
        withheld = any(each.withholds for each in self.radio.differences)
        return int(self.connected and not withheld and (urgency <= 2 or not self.under_way))

    def say(self, facts: LinkFacts, **changes: object) -> None:
        self.radio = msgspec.structs.replace(self.radio, **changes)
        self.connected = facts.connected
        self._changed(facts)


class Bench:
    """A shell with its station under a clock of the test's, and the loops of one radio."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 1000.0
        self.statuses = 0
        self.link = TameRadio()
        self.shell = Shell()
        self.work = RadioWork(self.shell, self.link, self.submit_status)
        self._folder = folder
        self.signer = Signer.seeded("beilen")

    def open(self) -> Station:
        identity = Identity(self.signer.address, NETWORK, self.signer.private.sign, {})
        clocks = Clocks("boot", lambda: self.now_s, lambda: 1_790_000_000 + self.now_s, lambda: Clock.NTP)
        epochs = EpochFile(self._folder / "node.epoch")
        settings = RadioSettings(sites=3)
        return Station(self._folder, identity, epochs, clocks, random.Random(7), radio=settings)

    def submit_status(self) -> None:
        self.statuses += 1
        self.station.submit([Draft(kind=Kind.STATUS, values={"load_pct": self.statuses})])

    @property
    def station(self) -> Station:
        return self.shell.station

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Bench]:
        self.shell.station = await self.shell.call(self.open)
        await self.shell.call(lambda: self.station.link_changed("mqtt", False))
        self.work.start()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        try:
            yield self
        finally:
            await self.shell.stop()
            await self.shell.call(self.station.close)
            self.shell.shutdown()

    async def submit(self, text: str, urgency: Urgency) -> None:
        draft = Draft(kind=Kind.REPORT, values={"text": text}, urgency=urgency)
        await self.shell.call(lambda: self.station.submit([draft]))
        self.shell.news()

    async def later(self, seconds: float) -> None:
        """Time passes, and everyone looks again."""
        self.now_s += seconds
        self.shell.news()
        await asyncio.sleep(SOME_ROUNDS_S)

    async def spent_ms(self, use: Use) -> float:
        assert self.station.radio
        budget = self.station.radio.budget
        return await self.shell.call(lambda: budget.used_ms(self.now_s, use))


def on_bench(folder: Path, script: Callable[[Bench], object]) -> Bench:
    """Run a test's script against a bench."""

    async def run() -> Bench:
        bench = Bench(folder)
        async with asyncio.timeout(20), bench.running():
            await script(bench)  # type: ignore[misc]
        return bench

    return asyncio.run(run())


def kind_of(frame: bytes) -> int:
    return wire.parse_header(wire.decode_radio_frame(frame).envelope).kind


def lines(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if part in record.getMessage()]


def test_an_urgent_report_goes_out_when_mqtt_had_its_seconds_and_the_radio_is_there(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        await bench.submit("brand", Urgency.EMERGENCY)
        await bench.later(URGENT_WAIT_S)
        assert bench.link.sent == []  # there is no radio yet
        bench.link.say(CONNECTED)
        await until(lambda: bool(bench.link.sent))
        [(frame, urgency)] = bench.link.sent
        assert (kind_of(frame), urgency) == (Kind.REPORT, Urgency.EMERGENCY)

    on_bench(tmp_path, script)


@pytest.mark.parametrize(("code", "costs"), [("not_connected", False), ("queue_full", True)])
def test_only_what_surely_was_not_transmitted_gives_its_airtime_back(
    tmp_path: Path, code: str, costs: bool
) -> None:
    async def script(bench: Bench) -> None:
        bench.link.refuses = LinkError(Text("nee", "no"), code=code)
        bench.link.say(CONNECTED)
        await bench.submit("brand", Urgency.EMERGENCY)
        await bench.later(URGENT_WAIT_S)
        await until(lambda: bool(bench.link.sent))
        await asyncio.sleep(SOME_ROUNDS_S)
        assert (await bench.spent_ms(Use.SPEECH) > 0) is costs
        if not costs:  # and it is tried again a little later
            bench.link.refuses = None
            await bench.later(11)
            await until(lambda: len(bench.link.sent) == 2)
            assert await bench.spent_ms(Use.SPEECH) > 0

    on_bench(tmp_path, script)


def test_nothing_is_handed_to_a_radio_in_a_wrong_region_and_each_difference_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "naober.node")

    async def script(bench: Bench) -> None:
        wrong = LinkFacts(True, "R02", REGION.what, REGION.do)
        bench.link.say(wrong, differences=(REGION, BEACONS))
        await bench.submit("brand", Urgency.EMERGENCY)
        await bench.later(URGENT_WAIT_S)
        assert bench.link.sent == []
        assert bench.station.radio
        assert not bench.station.radio.report.ready
        bench.link.say(GONE)
        bench.link.say(wrong, differences=(REGION, BEACONS))  # the same radio again
        assert len(lines(caplog, "Region is US")) == 1
        assert len(lines(caplog, "Sends by itself")) == 1
        assert len(lines(caplog, "Look at the cable")) == 1
        bench.link.say(CONNECTED, differences=(BEACONS,))
        await until(lambda: bool(bench.link.sent))

    on_bench(tmp_path, script)


def test_what_is_too_long_for_this_radio_is_not_handed_to_it(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link.say(CONNECTED, payload_bytes_max=165)
        await bench.submit("x" * 120, Urgency.EMERGENCY)
        await bench.submit("kort", Urgency.EMERGENCY)
        await bench.later(URGENT_WAIT_S)
        await until(lambda: len(bench.link.sent) > 0)
        await asyncio.sleep(SOME_ROUNDS_S)
        assert {len(frame) <= 165 for frame, _ in bench.link.sent} == {True}

    on_bench(tmp_path, script)


def test_a_radio_that_used_up_its_hour_is_not_asked(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link.say(LinkFacts(True, "duty_cycle", Text("op", "used up")))
        await bench.submit("brand", Urgency.EMERGENCY)
        await bench.later(URGENT_WAIT_S)
        assert bench.link.sent == []
        assert await bench.spent_ms(Use.SPEECH) == 0
        bench.link.say(CONNECTED)
        await until(lambda: bool(bench.link.sent))

    on_bench(tmp_path, script)


def test_what_the_radio_sent_by_itself_is_counted_once_for_each_measurement(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        loop = asyncio.get_running_loop()
        measured = {"air_util_tx_pct": 1.0, "channel_utilization_pct": 12.0, "uptime_s": 600}
        bench.link.say(CONNECTED, **measured, measured_s=loop.time())
        await bench.later(0)
        assert await bench.spent_ms(Use.FIRMWARE) == pytest.approx(36_000)
        assert bench.station.radio
        assert bench.station.radio.report.channel_pct == 12.0
        # read again fifty minutes later, the same words would be taken for airtime of the last ten
        await bench.later(3000)
        bench.link.say(GONE)
        bench.link.say(CONNECTED)
        await bench.later(0)
        assert await bench.spent_ms(Use.FIRMWARE) == pytest.approx(36_000)

    on_bench(tmp_path, script)


def test_a_status_is_made_when_the_radio_is_about_to_send_it(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        await bench.shell.call(bench.submit_status)
        bench.link.say(CONNECTED)
        await bench.later(1)
        assert bench.link.sent == []
        await bench.later(BROKER_GONE_S)
        assert bench.station.radio
        assert bench.station.radio.taken_over
        await bench.later(bench.station.radio.window_s)
        await until(lambda: bool(bench.link.sent))
        assert kind_of(bench.link.sent[0][0]) == Kind.STATUS
        envelope = wire.decode_radio_frame(bench.link.sent[0][0]).envelope
        assert bench.statuses == 2
        assert wire.parse_header(envelope).number == 2, "the fresh one"

    on_bench(tmp_path, script)


def test_an_urgent_report_does_not_wait_for_the_routine_packet_in_the_radio_s_queue(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link.holds.clear()
        bench.link.say(CONNECTED)
        await bench.later(BROKER_GONE_S)
        assert bench.station.radio
        await bench.later(bench.station.radio.window_s)
        await until(lambda: len(bench.link.sent) == 1)
        await bench.submit("niet urgent", Urgency.ROUTINE)
        await bench.submit("brand", Urgency.EMERGENCY)
        await bench.later(3.0)
        await until(lambda: len(bench.link.sent) == 2)
        assert [urgency for _, urgency in bench.link.sent] == [Urgency.INFORMATION, Urgency.EMERGENCY]
        spent_ms = await bench.spent_ms(Use.SPEECH)
        bench.link.holds.set()  # the routine one goes, and then the next
        await until(lambda: len(bench.link.sent) == 3)
        assert await bench.spent_ms(Use.SPEECH) > spent_ms > 0

    on_bench(tmp_path, script)


def test_what_is_not_taken_beside_another_gives_back_its_own_airtime_only(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link.holds.clear()
        bench.link.refuses_urgent = LinkError("no", code="busy")
        bench.link.say(CONNECTED)
        await bench.later(BROKER_GONE_S)
        assert bench.station.radio
        await bench.later(bench.station.radio.window_s)
        await until(lambda: len(bench.link.sent) == 1)
        status_ms = await bench.spent_ms(Use.STATUS)
        await bench.submit("brand", Urgency.EMERGENCY)
        await bench.later(3.0)
        await until(lambda: len(bench.link.sent) == 2)
        await asyncio.sleep(SOME_ROUNDS_S)
        assert await bench.spent_ms(Use.SPEECH) == 0
        assert await bench.spent_ms(Use.STATUS) == status_ms > 0
        bench.link.refuses_urgent = None
        await bench.later(11.0)  # REFUSED_PAUSE_S
        await until(lambda: len(bench.link.sent) == 3)

    on_bench(tmp_path, script)


def test_taking_over_is_logged_with_its_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def script(bench: Bench) -> None:
        bench.link.say(CONNECTED)
        await bench.later(BROKER_GONE_S)

    on_bench(tmp_path, script)
    assert lines(caplog, "takes over, the broker cannot be reached")


def test_what_is_heard_reaches_the_station_and_a_flood_is_bounded(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        other = Signer.seeded("assen")
        header = Header(
            kind=Kind.REPORT,
            address=other.address,
            urgency=Urgency.URGENT,
            clock=Clock.NTP,
            confidence=0,
            exercise=False,
            sealed=False,
            epoch=1,
            number=1,
            time=60_000_000,
            payload_at=0,
        )
        envelope = wire.sign(header, b"\x80", NETWORK, other.private.sign)
        frame = HeardFrame(wire.encode_radio_frame(envelope, 2.0), 0x4E410002, -7.0, 1, 2, None)
        for _ in range(2 * FRAMES_HEARD_MAX):  # all in one moment: nobody takes any out meanwhile
            bench.link.heard(frame)
        await until(lambda: len(bench.station.forwarder.heard) == 1)
        assert bench.station.radio
        [neighbour] = bench.station.radio.neighbours(bench.now_s)
        assert (neighbour.address, neighbour.hops) == (other.address, 1)

    bench = on_bench(tmp_path, script)
    assert bench.work.overrun == FRAMES_HEARD_MAX
    told = bench.work.told("here", 0.0)
    assert told and told["frames_dropped"] == FRAMES_HEARD_MAX


# --- what a status says of the radio


def test_a_status_says_of_the_radio_what_is_known_and_nothing_else() -> None:
    assert radio_values(GONE, RadioFacts(neighbours=3), 100.0) == {}
    assert radio_values(CONNECTED, RadioFacts(), 100.0) == {"radio_neighbours": 0}
    known = RadioFacts(
        neighbours=3,
        last_heard_s=90.0,
        last_snr_db=-7.4,
        last_hops=2,
        channel_utilization_pct=12.6,
        measured_s=50.0,
    )
    assert radio_values(CONNECTED, known, 100.0) == {
        "radio_neighbours": 3,
        "radio_snr_db": -7,
        "radio_hops": 2,
        "radio_channel_pct": 13,
    }
    # hours later nobody knows how the air is now
    assert radio_values(CONNECTED, known, 90.0 + 7200) == {"radio_neighbours": 3}


def test_whatever_the_radio_claims_fits_the_fields() -> None:
    wild = RadioFacts(
        neighbours=10**6,
        last_heard_s=0.0,
        last_snr_db=-120.0,
        last_hops=200,
        channel_utilization_pct=180.0,
        measured_s=0.0,
    )
    draft = Draft(kind=Kind.STATUS, values=radio_values(CONNECTED, wild, 1.0))
    assert draft.values == {
        "radio_neighbours": 1000,
        "radio_snr_db": -40,
        "radio_hops": 7,
        "radio_channel_pct": 100,
    }
