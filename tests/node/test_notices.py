"""Notices on a node's disk: they outlive a power cut and a failing disk, within limits; and answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relay.core import payloads, wire
from relay.core.message import Address, Entry, Kind, Urgency
from relay.errors import NaoberError, ValueRefused
from relay.node import notice_rows
from relay.node.noticing import answer_verb, handling_of, status_facts
from relay.node.station import OUTBOX_NAME, RETRY_DISK_S, Station
from tests.node.failing import add, code, say
from tests.node.parts import database
from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, 4)
    world.run(5)
    return world


def hear(world: World, *said: dict[str, Any], to: tuple[Address, ...] = (), exercise: bool = False) -> None:
    """VRD says these, in one frame."""
    replies = world.intake._replies
    signed = [replies.notice(to, values, Urgency.URGENT, exercise=exercise)[0] for values in said]
    world.station().receive("mqtt", wire.encode_batch([Entry(each) for each in signed]))


def order(number: int, text: str = "Ontruim", kind: str = "order", **more: Any) -> dict[str, Any]:
    return {"notice": kind, "about_epoch": 5, "about_number": number, "text": text, **more}


def handled(station: Station, handling: str, number: int, **more: Any) -> dict[str, Any]:
    epoch = station.forwarder.state.epoch
    return {"notice": "handled", "handling": handling, "about_epoch": epoch, "about_number": number, **more}


def answer(station: Station, number: int, given: int = 0) -> dict[str, Any]:
    return answer_verb(station, {"verb": "answer", "number": number, "answer": given})


def texts(station: Station) -> list[str]:
    return [each["text"] for each in answer_verb(station, {"verb": "notices"})["notices"]]


def test_a_notice_outlives_a_power_cut_and_so_does_that_it_was_looked_at(world: World) -> None:
    hear(world, order(1, "a"), order(2, "b"))
    answer_verb(world.station(), {"verb": "notices", "looked": True})
    hear(world, order(3, "c"))
    world.kill("beilen")
    world.start("beilen")
    facts = status_facts(world.station())
    assert (facts["unread"], facts["newest"][0]["text"]) == (1, "c")
    assert texts(world.station()) == ["c", "b", "a"]


def test_one_that_is_said_again_stays_looked_at(world: World) -> None:
    hear(world, order(1))
    answer_verb(world.station(), {"verb": "notices", "looked": True})
    hear(world, order(1))
    assert status_facts(world.station())["unread"] == 0


def test_read_is_said_of_a_report_only_after_a_notice_of_its_own(world: World) -> None:
    station = world.station()
    world.say("beilen", "een")
    world.say("beilen", "twee")
    world.run(5)
    epoch = station.forwarder.state.epoch
    assert handling_of(station, epoch, [1, 2]) == [None, None]
    hear(world, handled(station, "seen", 2))
    assert handling_of(station, epoch, [1, 2]) == [None, "seen"]
    hear(world, handled(station, "resolved", 1, about_last=2, text="opgelost"))
    assert handling_of(station, epoch, [1, 2]) == ["resolved", "resolved"]
    told = status_facts(station)["handled"]
    assert [(each["about"], each["handling"], each["text"]) for each in told] == [
        ("twee", "resolved", "opgelost"),
        ("een", "resolved", "opgelost"),
    ]


def test_a_notice_to_another_site_is_not_kept(world: World) -> None:
    hear(world, order(1), to=(b"abcd",))
    assert texts(world.station()) == []


def test_an_answer_is_a_report_that_names_the_notice(world: World) -> None:
    station = world.station()
    hear(world, order(12, "Brandstof?", "question", answers="ja|nee|weet niet"), exercise=True)
    with pytest.raises(ValueRefused, match="3 = weet niet"):
        answer(station, 12, 4)
    with pytest.raises(NaoberError, match="13"):
        answer(station, 13)
    said = answer(station, 12, 2)
    assert said["safe"] and said["answered"] == {"nl": "nee", "en": "nee"}
    row = next(station.forwarder.log.rows(0, said["numbers"][0], said["numbers"][0]))  # type: ignore[arg-type]
    sent = payloads.decode(row.envelope)
    assert sent.header.kind == Kind.ANSWER and sent.header.exercise
    assert sent.header.urgency == Urgency.ROUTINE, "urgent as the question is"
    assert sent.values == {"about_epoch": 5, "about_number": 12, "answer": 2}
    assert answer_verb(station, {"verb": "notices"})["notices"][0]["answer"] == {"nl": "nee", "en": "nee"}


@pytest.mark.parametrize(("kind", "most"), [("order", 2), ("information", 0), ("time", 0)])
def test_what_can_be_answered_depends_on_what_was_asked(world: World, kind: str, most: int) -> None:
    hear(world, order(1, "x", kind))
    for given in range(most + 1):
        assert answer(world.station(), 1, given)["safe"]
    with pytest.raises(ValueRefused):
        answer(world.station(), 1, most + 1)


def test_the_oldest_go_first_when_there_are_too_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_rows, "NOTICES_MAX", 3)
    monkeypatch.setattr(notice_rows, "HANDLED_MAX", 2)
    station = world.station()
    hear(world, *(order(number, str(number)) for number in range(1, 6)))
    hear(world, *(handled(station, "seen", number) for number in range(1, 5)))
    assert texts(station) == ["5", "4", "3"]
    assert list(station.notices.handling(station.forwarder.state.epoch, range(1, 9))) == [3, 4]


def test_notices_heard_while_the_disk_fails_are_on_it_when_it_is_back(world: World, disk: Any) -> None:
    add(world, disk.folder)
    hear(world, order(1, "op schijf"))
    disk.fill()
    say(world, "vol", range(60))
    assert code(world) == "full"
    hear(world, order(2, "in geheugen"))
    answer(world.station(), 2, 1)
    disk.free()
    world.run(RETRY_DISK_S + 60)
    assert code(world) == "ok"
    assert texts(world.station()) == ["in geheugen", "op schijf"]
    assert world.station().notices.notices()[0].answer == 1
    world.kill("beilen")


def test_an_outbox_of_the_version_before_gets_the_table_and_can_be_turned_back(world: World) -> None:
    world.kill("beilen")
    path = world.nodes["beilen"].folder / OUTBOX_NAME
    with database(path) as db:
        for table in ("notice", "form", "receipted", "draft"):
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version=1")
    hear_after = world.start("beilen")
    hear(world, order(1, "na de upgrade"))
    assert texts(hear_after) == ["na de upgrade"]
    world.kill("beilen")
    with database(path) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1003, "version 1 may go on with it"


@pytest.mark.parametrize("real", [True, False])
def test_what_is_real_is_never_replaced_by_an_exercise_nor_the_other_way(world: World, real: bool) -> None:
    hear(world, order(1), exercise=not real)
    hear(world, order(2, "Blijf binnen", replaces=1), exercise=real)
    hear(world, order(3, "Kom naar buiten", replaces=2), exercise=real)
    told = answer_verb(world.station(), {"verb": "notices"})["notices"]
    assert {each["number"]: each["replaced_by"] for each in told} == {1: None, 2: 3, 3: None}
