"""VRD's order to exercise, as a node obeys it: once, until its end by whichever clock, and never again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay.core import wire
from relay.core.message import Clock, Entry, Moment, Urgency
from relay.core.receipts import InboxView
from relay.core.wire import EPOCH_2025_UNIX_S
from relay.node.exercise_orders import Order, newest
from relay.node.exercising import HOURS_MAX, Exercise
from relay.node.noticing import answer_verb, status_facts
from tests.support.world import World

HOUR_S = 3600.0
VIEW = InboxView()
SAID_S = 50_000_000


def at(after_s: float, clock_s: int = 0, boot: int = 1) -> Moment:
    """`clock_s`: what a good clock says, in s since 2025."""
    clock = Clock.NTP if clock_s else Clock.NONE
    return Moment(5000.0 + after_s, boot, float(clock_s + EPOCH_2025_UNIX_S), clock)


def order(number: int = 1, minutes: int = 120, heard_s: float = 5000.0, said_s: int = 0) -> Order:
    return Order(name=(7, number), title="Uitval", minutes=minutes, heard_s=heard_s, said_s=said_s)


# --- by itself ---


def test_it_runs_for_the_minutes_that_vrd_said_and_ends_by_itself(tmp_path: Path) -> None:
    exercise = Exercise(tmp_path)
    assert exercise.obey(order(), at(0), VIEW)
    assert exercise.facts(at(0), VIEW) == {"left_s": 7200, "cuts": {}, "name": "Uitval"}
    assert exercise.left_s(at(2 * HOUR_S - 1), VIEW) == 1
    assert exercise.left_s(at(2 * HOUR_S), VIEW) == 0
    exercise.forget_what_ended(at(2 * HOUR_S), VIEW)
    assert not exercise.obey(order(), at(2 * HOUR_S), VIEW)


@pytest.mark.parametrize(
    ("heard_ago_s", "said_ago_s", "left_s"),
    [
        (0, 0, 7200),
        (600, 600, 6600),
        (0, 3600, 3600),  # it was under way for an hour: on a stick, or kept back by somebody
        (0, 7200, 0),
        (0, 86_400, 0),
        (600, -86_400, 6600),  # VRD's clock runs ahead, or ours behind
    ],
)
def test_the_end_is_reckoned_from_when_it_was_said_where_both_have_a_clock(
    heard_ago_s: int, said_ago_s: int, left_s: int
) -> None:
    now = at(0, SAID_S)
    said = order(heard_s=now.elapsed_s - heard_ago_s, said_s=SAID_S - said_ago_s)
    assert said.left_s(now, VIEW) == left_s


def test_without_a_clock_it_is_reckoned_from_when_it_was_first_heard() -> None:
    assert order(said_s=SAID_S).left_s(at(600), VIEW) == 6600
    assert order().left_s(at(600, SAID_S), VIEW) == 6600
    assert order(heard_s=1e6).left_s(at(0), VIEW) == 0, "counted by another outbox"


def test_never_longer_than_half_a_day_whatever_is_said(tmp_path: Path) -> None:
    exercise = Exercise(tmp_path)
    exercise.obey(order(minutes=100_000), at(0), VIEW)
    assert exercise.left_s(at(0), VIEW) == HOURS_MAX * HOUR_S


def test_an_end_ends_it_with_every_cut(tmp_path: Path) -> None:
    exercise = Exercise(tmp_path)
    exercise.obey(order(1), at(0), VIEW)
    exercise.cut("mqtt", HOUR_S, at(0), VIEW)
    assert exercise.obey(order(2, minutes=0), at(1), VIEW)
    assert exercise.left_s(at(1), VIEW) == 0 and exercise.cuts(at(1), VIEW) == {}


@pytest.mark.parametrize("again", [1, 2], ids=["the beginning", "the end"])
def test_what_has_ended_is_not_begun_by_what_comes_late_or_is_played_again(
    tmp_path: Path, again: int
) -> None:
    exercise = Exercise(tmp_path)
    exercise.obey(order(1), at(0), VIEW)
    exercise.obey(order(2, minutes=0), at(60), VIEW)
    for restarted in (exercise, Exercise(tmp_path)):
        assert not restarted.obey(order(again, heard_s=5060.0), at(60), VIEW)
        assert restarted.left_s(at(60), VIEW) == 0


def test_what_a_person_here_ended_stays_ended_also_after_a_restart(tmp_path: Path) -> None:
    exercise = Exercise(tmp_path)
    exercise.obey(order(), at(0), VIEW)
    exercise.stop()
    for each in (exercise, Exercise(tmp_path)):
        assert not each.obey(order(), at(60), VIEW)
        assert each.left_s(at(60), VIEW) == 0
    assert exercise.obey(order(2), at(60), VIEW), "a new exercise is another word of VRD"


def test_one_that_comes_too_late_leaves_alone_what_runs_here(tmp_path: Path) -> None:
    exercise = Exercise(tmp_path)
    exercise.start(HOUR_S, at(0), VIEW)
    exercise.obey(order(said_s=SAID_S - 86_400), at(0, SAID_S), VIEW)
    assert exercise.left_s(at(0), VIEW) == HOUR_S
    exercise.obey(order(2, minutes=30), at(0), VIEW)
    assert exercise.left_s(at(0), VIEW) == HOUR_S / 2, "the newest word counts, also before a later end"


def test_it_outlives_a_power_cut_and_no_later_end(tmp_path: Path) -> None:
    Exercise(tmp_path).obey(order(said_s=SAID_S), at(0, SAID_S), VIEW)
    again = Exercise(tmp_path)
    assert again.left_s(at(600, SAID_S + 600, boot=2), VIEW) == 6600
    assert again.left_s(at(10, SAID_S + 5400, boot=2), VIEW) == 1800, "power was off for an hour and more"


def test_what_a_key_ordered_that_counts_no_more_is_void_and_bars_no_order_of_the_next(tmp_path: Path) -> None:
    thief, vrd = "0badc0de", "600dc0de"
    exercise = Exercise(tmp_path)
    exercise.obey(msgspec.structs.replace(order(2**32 - 1), by=thief), at(0), VIEW)
    exercise.forget_all_but({bytes.fromhex(thief), bytes.fromhex(vrd)})
    assert exercise.left_s(at(0), VIEW) > 0
    exercise.forget_all_but({bytes.fromhex(vrd)})
    assert Exercise(tmp_path).left_s(at(0), VIEW) == 0
    assert exercise.obey(msgspec.structs.replace(order(), by=vrd), at(1), VIEW)
    assert not exercise.obey(msgspec.structs.replace(order(), by=vrd), at(2), VIEW)


def test_what_was_begun_here_goes_on_when_an_inbox_key_is_revoked(tmp_path: Path) -> None:
    exercise = Exercise(tmp_path)
    exercise.obey(msgspec.structs.replace(order(2**32 - 1, minutes=0), by="0badc0de"), at(0), VIEW)
    exercise.start(HOUR_S, at(0), VIEW)
    exercise.forget_all_but({b"vrd1"})
    assert exercise.left_s(at(0), VIEW) == HOUR_S
    assert exercise.obey(msgspec.structs.replace(order(), by=b"vrd1".hex()), at(1), VIEW)


# --- among the notices ---


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, 4)
    world.run(5)
    return world


def hear(world: World, *said: dict[str, Any]) -> None:
    replies = world.intake._replies
    signed = [replies.notice((), values, Urgency.ROUTINE, exercise=True)[0] for values in said]
    world.station().receive("mqtt", wire.encode_batch([Entry(each) for each in signed]))


def word(number: int, minutes: int, kind: str = "exercise") -> dict[str, Any]:
    name = {"about_epoch": 5, "about_number": number}
    return {"notice": kind, "text": "Uitval", "exercise_min": minutes, **name}


def test_of_several_the_one_with_the_highest_name_counts_in_whatever_order_they_came(world: World) -> None:
    assert newest(world.station()) is None
    hear(world, word(3, 0), word(2, 90), word(9, 60, kind="order"))
    found = newest(world.station())
    assert found is not None and (found.name, found.minutes, found.title) == ((5, 3), 0, "Uitval")


def test_said_again_with_fewer_minutes_it_is_still_the_one_that_was_heard_first(world: World) -> None:
    hear(world, word(1, 90))
    first = newest(world.station())
    world.run(60)
    hear(world, word(1, 89))
    assert newest(world.station()) == first
    world.kill("beilen")
    world.start("beilen")
    assert newest(world.station()) == first, "a power cut between keeping and obeying loses nothing"


def test_a_site_reads_whether_it_begins_or_is_over_and_can_say_that_it_read_it(world: World) -> None:
    hear(world, word(1, 90), word(2, 0))
    assert [each["kind"] for each in status_facts(world.station())["newest"]] == ["exercise_over", "exercise"]
    told = answer_verb(world.station(), {"verb": "answer", "number": 1, "answer": 0})
    assert told["answered"]["nl"] == "Gelezen"
