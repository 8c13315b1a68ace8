"""The rule for the mains, as a table; and what is remembered of an outage."""

from __future__ import annotations

import asyncio
import time

import pytest

from relay.core.fields import Value
from relay.sensors.base import SensorBoard
from relay.sensors.mains import Claim, Mains, Rank, Verdict, Word

from .trees import until

CONTACT, OTHER = ("contact", Rank.SITE), ("victron", Rank.SITE)
UPS, OWN = ("ups", Rank.UPS), ("own", Rank.OWN)


def claims(said: dict[tuple[str, Rank], str]) -> list[Claim]:
    return [Claim(name, rank, power) for (name, rank), power in said.items()]


@pytest.mark.parametrize(
    ("said", "power", "by", "against"),
    [
        ({}, None, "", ""),
        ({OWN: "mains"}, "mains", "own", ""),
        ({OWN: "battery"}, "battery", "own", ""),
        # a charger behind a UPS never sees an outage
        ({UPS: "battery", OWN: "mains"}, "battery", "ups", ""),
        # a loose plug of the Pi is no outage
        ({UPS: "mains", OWN: "battery"}, "mains", "ups", "own"),
        # a UPS whose own plug was pulled is no outage either, and the other way round
        ({CONTACT: "mains", UPS: "battery"}, "mains", "contact", "ups"),
        ({CONTACT: "battery", UPS: "mains"}, "battery", "contact", "ups"),
        ({CONTACT: "battery", UPS: "battery", OWN: "mains"}, "battery", "contact", ""),
        # of equals one loss is enough: one phase of three is out
        ({CONTACT: "mains", OTHER: "battery"}, "battery", "victron", "contact"),
        ({CONTACT: "battery", OTHER: "mains", UPS: "mains"}, "battery", "contact", "victron ups"),
        ({CONTACT: "mains", OTHER: "mains"}, "mains", "contact victron", ""),
        # an inverter that is fed by the generator says so itself
        ({OTHER: "generator", UPS: "mains"}, "generator", "victron", ""),
        ({OTHER: "generator", UPS: "battery"}, "generator", "victron", ""),
        ({CONTACT: "battery", OTHER: "generator"}, "generator", "contact victron", ""),
    ],
)
def test_who_is_nearest_to_the_meter_decides_and_of_equals_one_loss_is_enough(
    said: dict[tuple[str, Rank], str], power: str | None, by: str, against: str
) -> None:
    expected = Verdict(power, tuple(by.split()), tuple(against.split()))
    assert Mains().judge(claims(said), None) == expected
    backwards = Mains().judge(list(reversed(claims(said))), None)
    assert (backwards.power, set(backwards.against)) == (power, set(against.split()))


@pytest.mark.parametrize(
    ("before", "said", "generator", "power"),
    [
        ("battery", {UPS: "mains"}, "running", "generator"),  # it feeds the UPS: the outage goes on
        ("battery", {UPS: "battery"}, "running", "generator"),  # it runs, and the UPS still waits
        ("battery", {UPS: "mains"}, "standby", "mains"),
        ("battery", {OWN: "mains"}, "running", "generator"),
        (None, {UPS: "mains"}, "running", "generator"),  # a start in the midst of an outage
        ("mains", {UPS: "mains"}, "running", "mains"),  # the monthly test of the generator
        ("battery", {CONTACT: "mains", UPS: "mains"}, "running", "mains"),  # back, while it cools down
        ("mains", {CONTACT: "battery"}, "running", "generator"),
        ("mains", {CONTACT: "battery"}, "fault", "battery"),
        ("mains", {CONTACT: "battery"}, None, "battery"),
    ],
)
def test_a_generator_that_runs_is_no_mains(
    before: str | None, said: dict[tuple[str, Rank], str], generator: str | None, power: str
) -> None:
    mains = Mains()
    mains.remember("mains" if before else None, 0)
    mains.remember(before, 10)
    assert mains.judge(claims(said), generator).power == power


def test_the_minutes_of_an_outage_count_from_when_it_was_seen_to_begin() -> None:
    mains = Mains()
    mains.remember("mains", 5000)
    mains.remember("battery", 5060)
    assert mains.values("battery", 5119) == {"power": "battery", "mains_lost_min": 0}
    # not known for a while: absent, and the count goes on
    mains.remember(None, 5120)
    assert mains.values(None, 5120) == {}
    mains.remember("generator", 5240)
    assert mains.values("generator", 5240) == {"power": "generator", "mains_lost_min": 3}
    # back, and gone again: from zero
    mains.remember("mains", 5300)
    assert mains.values("mains", 5300) == {"power": "mains"}
    mains.remember("battery", 5400)
    assert mains.values("battery", 5400)["mains_lost_min"] == 0


def test_an_outage_that_began_before_the_node_has_no_known_length() -> None:
    mains = Mains()
    mains.remember("battery", 100)
    assert mains.values("battery", 9000) == {"power": "battery"}


def test_a_word_changes_when_two_readings_in_a_row_say_so() -> None:
    word = Word()
    word.take("mains")
    assert (word.power, word.doubtful) == ("mains", False), "nothing was known: the first counts"
    word.take("battery")
    assert (word.power, word.doubtful) == ("mains", True), "a dip of the grid"
    word.take("mains")
    word.take("battery")
    assert (word.power, word.doubtful) == ("mains", True)
    word.take("battery")
    assert (word.power, word.doubtful) == ("battery", False)
    word.take(None)
    assert word.power is None, "who fails has no word"


def test_three_real_sources_that_disagree_are_one_value_on_the_board_soon() -> None:
    class Source:
        interval_s, timeout_s, max_age_s = 0.2, 1.0, 100.0

        def __init__(self, name: str, rank: Rank, power: str) -> None:
            self.name, self.mains_rank, self.power = name, rank, power
            self.told = power

        def read(self) -> dict[str, Value]:
            # who has just told of a change would be read once in half a minute, were it not for the doubt
            self.interval_s = 0.2 if self.power == self.told else 30.0
            self.told = self.power
            return {"power": self.power, "battery_pct": 80}

    contact, ups = Source("contact", Rank.SITE, "mains"), Source("ups", Rank.UPS, "mains")
    board = SensorBoard([ups, contact])
    news: list[Value] = []

    async def scene() -> None:
        task = asyncio.create_task(board.run(lambda: news.append(board.values(time.monotonic())["power"])))
        await board.all_answered(5)
        ups.power = "battery"
        await until(lambda: board.mains(time.monotonic()).against == ("ups",), "the UPS contradicts")
        assert board.values(time.monotonic())["power"] == "mains" and not news
        contact.power = "battery"
        await until(lambda: bool(news), "the loss is told at once")
        assert news == ["battery"]
        assert board.values(time.monotonic())["mains_lost_min"] == 0
        contact.power = ups.power = "mains"
        await until(lambda: len(news) == 2, "so is the end")
        assert "mains_lost_min" not in board.values(time.monotonic())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scene())
