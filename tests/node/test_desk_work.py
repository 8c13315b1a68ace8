"""The desk in a running node: its loop sends what was held, an exercise marks it, sensors count."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from relay.config import NodeConfig, PageSection
from relay.config.node import NodeSection
from relay.core.fields import Value
from relay.core.log import Identity
from relay.core.message import Clock, Numbering, Urgency
from relay.core.payloads import message_of
from relay.errors import NaoberError, ValueRefused
from relay.node.clocks import machine_clocks
from relay.node.courier_work import CourierWork
from relay.node.desk import forms
from relay.node.desk.work import DeskWork
from relay.node.entered import Entered
from relay.node.exercise_work import ExerciseWork
from relay.node.shell import Shell
from relay.node.station import Station
from relay.sensors.base import SensorBoard
from relay.trust.keys import EpochFile
from tests.support.world import NETWORK, Signer

DEADLINE_S = 20.0


class Thermometer:
    """A sensor that measures what a person may tell, too."""

    name, interval_s, timeout_s, max_age_s = "thermometer", 60.0, 5.0, 120.0

    def read(self) -> dict[str, Value]:
        return {"indoor_c": 18}


class Running(NamedTuple):
    """A desk at work."""

    desk: DeskWork
    shell: Shell
    exercise: ExerciseWork
    news: asyncio.Event

    async def sent(self) -> list[tuple[str, bool]]:
        """Text and whether it is of an exercise, of all messages in the log."""
        log = self.shell.station.forwarder.log
        rows = await self.shell.call(lambda: list(log.rows(Numbering.REPORT, 1, 99)))
        said = [message_of(row.envelope) for row in rows]
        return [(str(each.values["text"]), each.header.exercise) for each in said if each]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Running]:
    signer, shell = Signer.seeded("desk"), Shell()
    identity = Identity(signer.address, NETWORK, signer.private.sign, {})
    clocks = machine_clocks(lambda: Clock.NTP)
    epochs = EpochFile(folder / "node.epoch")
    shell.station = await shell.call(lambda: Station(folder, identity, epochs, clocks, random.Random(1)))
    exercise, board = ExerciseWork(shell, folder), SensorBoard([Thermometer()])
    config = NodeConfig(node=NodeSection(site="Beilen"), page=PageSection(host="127.0.0.1"))
    courier = cast(CourierWork, None)
    desk = DeskWork(shell, config, signer.address, exercise, board, Entered(folder), courier, None)
    news = shell.listener()
    await desk.start()
    shell.start("sensors", lambda: board.run(lambda: None))
    await board.all_answered(DEADLINE_S)
    try:
        yield Running(desk, shell, exercise, news)
    finally:
        await shell.stop()
        await shell.call(shell.station.close)
        shell.shutdown()


def run(folder: Path, work: Callable[[Running], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with running(folder) as each:
            await work(each)

    asyncio.run(whole())


async def until(true: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not await true():
        assert time.monotonic() < end_s
        await asyncio.sleep(0.02)


def test_what_is_held_goes_by_itself_and_wakes_the_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "HOLD_S", 0.3)

    async def work(node: Running) -> None:
        await node.desk.submit("een", "request", {"need": "water", "text": "a"}, Urgency.ROUTINE)
        assert await node.sent() == []
        node.news.clear()

        async def went() -> bool:
            sent = await node.desk.one("een")
            return sent is not None and not sent.hold_s

        await until(went)
        assert await node.sent() == [("a", False)] and node.news.is_set()

    run(tmp_path, work)


def test_what_was_held_when_the_node_stopped_goes_after_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def first(node: Running) -> None:
        await node.desk.submit("een", "request", {"need": "water", "text": "a"}, Urgency.ROUTINE)
        assert await node.sent() == []

    async def second(node: Running) -> None:
        async def went() -> bool:
            return await node.sent() == [("a", False)]

        await until(went)

    run(tmp_path, first)
    monkeypatch.setattr(forms, "HOLD_S", 0.0)  # as if it had been away for longer than that
    run(tmp_path, second)


def test_during_an_exercise_an_emergency_must_say_what_it_is_and_a_real_one_heals_the_links(
    tmp_path: Path,
) -> None:
    async def work(node: Running) -> None:
        desk = node.desk
        await node.exercise.answer({"do": "start", "seconds": 600})
        await node.exercise.answer({"do": "cut", "link": "mqtt", "seconds": 300})
        home = await desk.home("10.42.0.7")
        assert home.exercise and 590 < home.exercise.left_s <= 600
        with pytest.raises(NaoberError, match="real"):
            await desk.submit("een", "report", {"text": "brand"}, Urgency.EMERGENCY)
        assert await desk.one("een") is None
        await desk.submit("een", "report", {"text": "geoefend"}, Urgency.EMERGENCY, exercise=True)
        await desk.submit("twee", "report", {"text": "ook"}, Urgency.ROUTINE, hold=False)
        assert node.exercise.facts() and node.exercise.facts()["cuts"]  # type: ignore[index]
        await desk.submit("drie", "report", {"text": "echt"}, Urgency.EMERGENCY, real=True)
        assert node.exercise.facts()["cuts"] == {}  # type: ignore[index]
        assert await node.sent() == [("geoefend", True), ("ook", True), ("echt", False)]
        again = await desk.submit("drie", "report", {"text": "brand"}, Urgency.EMERGENCY)
        assert again.repeated, "a second tap is asked nothing"

    run(tmp_path, work)


def test_what_a_sensor_measures_counts_above_what_was_entered(tmp_path: Path) -> None:
    async def work(node: Running) -> None:
        node.shell.status_changed.clear()
        outcome = await node.desk.enter("een", {"indoor_c": "25", "visitors": "40"}, device="10.42.0.7")
        assert outcome.safe and outcome.sent is None
        assert node.shell.status_changed.is_set(), "it goes along now"
        known = await node.desk.known()
        assert (known["indoor_c"].value, known["indoor_c"].entered) == (18, False)
        assert (known["visitors"].value, known["visitors"].entered) == (40, True)
        home = await node.desk.home("10.42.0.7")
        assert home.site == "Beilen" and home.entered["visitors"].value == 40
        with pytest.raises(ValueRefused):
            await node.desk.enter("twee", {"battery_pct": "3"})

    run(tmp_path, work)


def test_drafts_ids_and_the_rest_go_through(tmp_path: Path) -> None:
    async def work(node: Running) -> None:
        desk = node.desk
        ids = {desk.new_form() for _ in range(50)}
        assert len(ids) == 50 and all(forms.ID_FORM.fullmatch(each) and len(each) == 22 for each in ids)
        await desk.keep_draft("10.42.0.7", "hulp", {"need": "water"})
        assert await desk.draft("10.42.0.7", "hulp") == {"need": "water"}
        await desk.drop_draft("10.42.0.7", "hulp")
        assert await desk.draft("10.42.0.7", "hulp") == {}
        await desk.submit("een", "offer", {"text": "soep"}, 99)
        sent = await desk.undo("een")
        assert sent and sent.undone and sent.urgency == Urgency.INFORMATION
        assert [each.id for each in await desk.sent()] == ["een"]
        assert (await desk.withdraw("weg", "een")).sent == await desk.one("een")
        assert await desk.notices() == () and await desk.public() is None
        await desk.show_public(None)
        for verb in (desk.looked(3), desk.answer("drie", 3, 0), desk.withdraw("vier", "nergens")):
            with pytest.raises(NaoberError):
                await verb

    run(tmp_path, work)
