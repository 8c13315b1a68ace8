"""Quota and retention: what goes first, what never goes, and that nobody waits for what is gone."""

from __future__ import annotations

import pytest

from relay.core.ledger import State
from relay.core.message import Kind, Urgency
from relay.core.payloads import decode
from relay.core.ranges import Ranges
from relay.node.room import DAY_S, ROOM_SHARE, Retention
from tests.node.parts import (
    REPORT,
    STATE,
    count,
    cut_power,
    database,
    missing_at_inbox,
    open_rows,
)
from tests.support.world import World

QUOTA_BYTES = 30_000


@pytest.fixture
def world(tmp_path) -> World:
    made = World(tmp_path, 5, ())
    made.retention = Retention(QUOTA_BYTES)
    made.add("beilen")
    made.run(10)
    return made


def present(world: World, numbering) -> list[int]:
    station = world.station()
    last = station.forwarder.log.ledger(numbering).last
    there = station._outbox.present(numbering, (1, last))
    return [number for number in range(1, last + 1) if number in there]


def fill_with_statuses(world: World, number: int) -> None:
    for value in range(number):
        world.status("beilen", visitors=value)


def say(world: World, numbers: range, urgency: Urgency = Urgency.ROUTINE) -> list[str]:
    texts = [f"{urgency.name} {number} " + "x" * 60 for number in numbers]
    for text in texts:
        world.say("beilen", text, urgency)
    return texts


# --- quota ---


def test_receipted_statuses_go_first(world):
    fill_with_statuses(world, 100)
    say(world, range(20))
    world.run(30)
    world.set_link("beilen", False)
    fill_with_statuses(world, 150)
    station = world.station()
    assert station.dropped > 0
    assert count(station, State.GIVEN_UP, STATE) == 0
    assert present(world, REPORT) == list(range(1, 21))
    assert present(world, STATE)[-150:] == list(range(101, 251))
    assert station.size_bytes <= QUOTA_BYTES


def test_old_statuses_go_before_receipted_reports_and_the_newest_never(world):
    said = say(world, range(100))
    world.run(30)
    world.set_link("beilen", False)
    fill_with_statuses(world, 300)
    station = world.station()
    assert count(station, State.RECEIPTED) == len(said) == len(present(world, REPORT))
    assert count(station, State.GIVEN_UP, STATE) > 0
    left = present(world, STATE)
    assert left == list(range(left[0], 301))  # the oldest went


def test_receipted_reports_go_before_reports_that_wait(world):
    say(world, range(100))
    world.run(30)
    world.set_link("beilen", False)
    said = say(world, range(100, 200))
    assert count(world.station(), State.GIVEN_UP) == 0
    assert len(open_rows(world.station())) == len(said)
    assert 0 < len(present(world, REPORT)) - len(said) < 100


def test_reports_that_are_given_up_are_named_and_the_inbox_waits_for_none(world):
    world.set_link("beilen", False)
    said = say(world, range(400))
    station = world.station()
    given_up = count(station, State.GIVEN_UP)
    assert station.dropped == given_up > 100
    assert station.size_bytes <= QUOTA_BYTES + 2 * 200  # the gap report and the report that came
    waiting = [decode(row.envelope) for row in open_rows(station)]
    newest = [each for each in waiting if each.header.kind == Kind.GAP][-1].values
    assert (newest["about_number"], newest["about_epoch"]) == (1, station.forwarder.state.epoch)
    world.set_link("beilen", True)
    world.run(60)
    # the newest stayed, in order; each once
    arrived = [text for text in world.texts() if text in said]
    assert sorted(arrived) == sorted(said[-len(arrived) :])
    assert len(arrived) > 100
    assert missing_at_inbox(world) == []
    assert not world.station().forwarder.log.ledger(REPORT).open()


def test_a_gap_report_that_is_given_up_is_named_with_what_it_named(world):
    world.set_link("beilen", False)
    say(world, range(50), Urgency.ROUTINE)
    for _ in range(5):  # urgent reports between leave holes in what is given up
        say(world, range(3), Urgency.EMERGENCY)
        say(world, range(400))
    first_gap = world.station().forwarder.log.ledger(REPORT).in_state(State.GIVEN_UP)
    assert len(first_gap.runs()) > 3
    world.set_link("beilen", True)
    world.run(120)
    assert missing_at_inbox(world) == []
    assert world.station().forwarder.log.ledger(REPORT).open().runs() == []


def test_a_gap_report_of_an_ended_epoch_is_said_again_when_it_is_given_up(world):
    world.set_link("beilen", False)
    say(world, range(400))
    station = world.station()
    ended = station.forwarder.state.epoch
    station.forwarder.begin_epoch(0, station.moment())
    before = named_of(world, ended)
    last_said = station.forwarder.log.ledger(REPORT).last
    say(world, range(800))
    given_up = station.forwarder.log.ledger(REPORT).in_state(State.GIVEN_UP)
    assert given_up.upto >= last_said  # the gap reports issued again are all gone by now
    assert named_of(world, ended) == before


def named_of(world: World, epoch: int) -> Ranges:
    """The numbers of an epoch that gap reports name which still wait."""
    said = [decode(row.envelope).values for row in open_rows(world.station())]
    return Ranges((v["about_number"], v["about_last"]) for v in said if v.get("about_epoch") == epoch)


def test_the_least_urgent_report_goes_first(world):
    world.set_link("beilen", False)
    urgent = say(world, range(10), Urgency.EMERGENCY)
    say(world, range(50), Urgency.INFORMATION)
    routine = say(world, range(200))
    levels = [decode(row.envelope).values.get("text") for row in open_rows(world.station())]
    assert set(urgent) <= set(levels)
    assert set(routine) & set(levels)
    assert not any(str(level).startswith("INFORMATION") for level in levels)
    say(world, range(200, 900))
    levels = [decode(row.envelope).values.get("text") for row in open_rows(world.station())]
    assert set(urgent) <= set(levels)


def test_however_small_the_quota_the_newest_of_both_numberings_stays(tmp_path):
    world = World(tmp_path, 5, ())
    world.retention = Retention(ROOM_SHARE)
    world.add("beilen")
    world.set_link("beilen", False)
    say(world, range(3))
    fill_with_statuses(world, 3)
    say(world, range(3, 6))
    log = world.station().forwarder.log
    assert present(world, STATE) == [log.ledger(STATE).last]
    assert log.ledger(REPORT).last in present(world, REPORT)
    world.set_link("beilen", True)
    world.run(60)
    assert missing_at_inbox(world) == []
    assert world.store.current(world.nodes["beilen"].signer.address).state == 3


def test_a_gap_report_issued_again_says_nothing_of_the_new_epoch(world):
    """Else the inbox would take the new epoch's first numbers as given up, and receipt what it never had."""
    world.set_link("beilen", False)
    say(world, range(400))
    station = world.station()
    kept = [text for row in open_rows(station) if (text := decode(row.envelope).values.get("text"))]
    station.forwarder.begin_epoch(0, station.moment())
    assert any(decode(row.envelope).values.get("about_number") == 1 for row in open_rows(station))
    # of the new epoch the inbox gets the end before the beginning
    world.weather.delay_s = (0.0, 20.0)
    world.set_link("beilen", True)
    world.run(120)
    assert sorted(world.texts()) == sorted(str(text) for text in kept)


def test_rows_that_a_crash_took_before_they_were_named_are_named_at_the_next_start(world, tmp_path):
    world.set_link("beilen", False)
    say(world, range(20))
    fill_with_statuses(world, 20)
    path = cut_power(world, tmp_path / "card")
    with database(path) as db:
        db.execute("DELETE FROM message WHERE number BETWEEN 4 AND 6")
    station = world.start("beilen")
    assert station.forwarder.log.ledger(REPORT).in_state(State.GIVEN_UP).runs() == [(4, 6)]
    world.set_link("beilen", True)
    world.run(60)
    assert len(world.texts()) == 17
    assert missing_at_inbox(world) == []
    assert not station.forwarder.log.ledger(STATE).open()


# --- retention ---


def test_receipted_messages_are_kept_for_days_of_running_not_of_the_clock(world):
    say(world, range(5))
    fill_with_statuses(world, 5)
    world.run(60)
    world.set_link("beilen", False)
    world.nodes["beilen"].unix_off_s += 400 * DAY_S  # the clock leaps; the node did not run
    world.run(DAY_S)
    fill_with_statuses(world, 1)  # running time is known as of the last message
    world.reboot("beilen", off_s=40 * DAY_S)
    world.run(DAY_S)
    assert present(world, REPORT) == [1, 2, 3, 4, 5]
    assert present(world, STATE) == [1, 2, 3, 4, 5, 6]
    world.run(5.5 * DAY_S)
    # seven days of running: statuses go, but for what the inbox does not have
    assert present(world, STATE) == [6]
    assert present(world, REPORT) == [1, 2, 3, 4, 5]
    world.run(23 * DAY_S)
    assert present(world, REPORT) == [5]


def test_what_waits_is_kept_however_old(world):
    world.set_link("beilen", False)
    said = say(world, range(5))
    world.run(100 * DAY_S)
    world.set_link("beilen", True)
    world.run(60)
    assert sorted(world.texts()) == sorted(said)


def test_receipted_rows_that_retention_took_are_not_owed_after_a_crash(world, tmp_path):
    say(world, range(5))
    fill_with_statuses(world, 5)
    world.run(60)
    world.set_link("beilen", False)
    world.run(40 * DAY_S)
    assert present(world, STATE) == [5]
    cut_power(world, tmp_path / "card")
    station = world.start("beilen")
    assert count(station, State.GIVEN_UP) == count(station, State.GIVEN_UP, STATE) == 0
    assert open_rows(station) == []
