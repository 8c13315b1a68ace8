"""VRD begins and ends an exercise: who may, at which sites, until when, and what every page says of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from relay.errors import ValueRefused
from relay.inbox.letters import of_notice
from relay.inbox.operators.exercises import MINUTES_MAX
from relay.inbox.operators.notices import NoticeDraft
from relay.inbox.operators.people import Account
from relay.inbox.pages.exercise import minutes_until
from relay.inbox.pages.room import Post
from tests.inbox.room import PASSWORD, Browser, OpenRoom

HOUR_S = 3600


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        for name in ("coor", "toos"):
            room.vrd.operators.save_account(Account(name, "coordinator"), PASSWORD, "test")
        yield room


@pytest.fixture
def told(room: OpenRoom) -> list[list[str]]:
    """The sites to which the post was asked to bring something."""
    asked: list[list[str]] = []
    room.room.post = Post(lambda sites: asked.append(sorted(sites)), lambda *_: None, lambda: 77)
    return asked


def clock(room: OpenRoom, after_s: int) -> str:
    """What a person types for that time."""
    return datetime.fromtimestamp(room.vrd.operators.now_s() + after_s).astimezone().strftime("%H:%M")


def begin(room: OpenRoom, browser: Browser, after_s: int = 2 * HOUR_S, **fields: str) -> int:
    form = {"name": "Stroomuitval", "scope": "all", "until": clock(room, after_s)} | fields
    return browser.post("/oefening", **form).status


def waiting(room: OpenRoom, site: str = "P1") -> list[tuple[int, object]]:
    """What that site is to be told: the number of each notice, and the minutes that it says now."""
    return [
        (each.id, of_notice(each).values["exercise_min"]) for each in room.vrd.operators.notices.waiting(site)
    ]


def test_a_coordinator_begins_one_and_every_page_says_so_with_name_end_and_who_knows(
    room: OpenRoom, told: list[list[str]]
) -> None:
    coor = room.browser("coor")
    assert begin(room, coor) == 303
    assert told == [["P1", "P2", "P3"]]
    until = clock(room, 2 * HOUR_S)
    for path in ("/", "/postvak", "/kaart", "/wand"):
        page = room.browser("lees" if path != "/wand" else "muur").get(path).text
        assert f"Stroomuitval, tot {until}</a> <span>0 van 3 punten weten het" in page, path
    room.vrd.operators.notices.note_had("P2", [1], [])
    page = coor.get("/oefening").text
    assert "<b>1 van 3</b>" in page and "Punt 1, Punt 3</p>" in page
    assert room.vrd.operators.notices.newest()[0].exercise, "what a site answers to it is of the exercise"


def test_it_is_for_the_sites_of_a_municipality_or_for_those_that_were_picked(
    room: OpenRoom, told: list[list[str]]
) -> None:
    coor = room.browser("coor")
    assert begin(room, coor, scope="municipality", municipality="Assen") == 303
    assert told == [["P1", "P3"]]
    assert begin(room, coor, **{"scope": "several", "punt-P2": "1", "punt-P9": "1"}) == 303
    assert told[1:] == [["P2"]]
    answer = coor.post("/oefening", name="x", scope="several", until="17:00")
    assert answer.status == 400 and "Kies minstens één punt" in answer.text


def test_only_a_coordinator_may_and_only_by_a_form_of_ours(room: OpenRoom, told: list[list[str]]) -> None:
    assert begin(room, room.browser("coor")) == 303
    for name in ("els", "lees", "muur"):
        browser = room.browser(name)
        assert begin(room, browser, scope="several", **{"punt-P1": "1"}) == 403
        assert browser.post("/oefening/einde", number="1").status == 403
        assert "<form" not in browser.get("/oefening").text.partition("<main")[2]
    coor = room.browser("coor")
    assert coor.post("/oefening/einde", {"Origin": "https://evil.example"}, number="1").status == 403
    assert coor.post("/oefening/einde", number="1", csrf="x").status == 403
    assert len(told) == 1 and room.vrd.operators.exercises.running()


@pytest.mark.parametrize("until", ["", "straks", "25:00", "17:60", "17"])
def test_an_end_that_is_no_time_is_refused_and_what_was_typed_stays(
    room: OpenRoom, told: list[list[str]], until: str
) -> None:
    answer = room.browser("coor").post("/oefening", name="Brand & <b>", scope="all", until=until)
    assert answer.status == 400 and "Dit is geen tijd" in answer.text
    assert 'value="Brand &amp; &lt;b&gt;"' in answer.text and told == []


def test_no_longer_than_half_a_day_and_never_without_a_name(room: OpenRoom, told: list[list[str]]) -> None:
    coor = room.browser("coor")
    assert begin(room, coor, MINUTES_MAX * 60 + 3 * 60) == 400
    assert begin(room, coor, name=" ") == 400
    assert begin(room, coor, scope="overal") == 400
    with pytest.raises(ValueRefused):
        NoticeDraft(kind="exercise", text="x", minutes=MINUTES_MAX + 1).check()
    assert told == [] == room.vrd.operators.exercises.running()


def test_a_site_is_told_the_minutes_that_are_left_and_nothing_when_it_is_over(room: OpenRoom) -> None:
    assert begin(room, room.browser("coor")) == 303
    first = waiting(room)
    assert first in ([(1, 119)], [(1, 120)])
    room.vrd.desk.wait(30 * 60)
    assert waiting(room) == [(1, int(str(first[0][1])) - 30)]
    room.vrd.desk.wait(90 * 60)
    assert waiting(room) == [] and room.vrd.operators.exercises.running() == []
    assert "drills" not in room.browser("lees").get("/").text


def test_ending_it_is_told_to_all_of_its_sites_and_its_beginning_to_nobody_any_more(
    room: OpenRoom, told: list[list[str]]
) -> None:
    coor, toos = room.browser("coor"), room.browser("toos")
    begin(room, coor, scope="municipality", municipality="Assen")
    room.vrd.operators.notices.note_had("P1", [1], [])
    toos.get("/oefening")
    assert coor.post("/oefening/einde", number="1").status == 303
    assert told[-1] == ["P1", "P3"]
    assert waiting(room, "P1") == waiting(room, "P3") == [(2, 0)]
    assert waiting(room, "P2") == [] == room.vrd.operators.exercises.running()
    second = toos.post("/oefening/einde", number="1")
    assert second.status == 400 and "Al beëindigd door coor" in second.text
    assert toos.post("/oefening/einde", number="2").status == 400, "an end can't be ended"
    for number in ("", "9" * 30):
        assert toos.post("/oefening/einde", number=number).status == 400
    assert len(told) == 2
    shown = coor.get("/berichten").text
    assert "Begin van een oefening · Assen" in shown and "Einde van de oefening · Assen" in shown
    room.vrd.desk.wait(MINUTES_MAX * 60)
    assert waiting(room, "P3") == [], "by now every node has ended it by itself"


def test_a_site_is_in_one_exercise_at_a_time_so_no_end_ends_another(
    room: OpenRoom, told: list[list[str]]
) -> None:
    coor = room.browser("coor")
    begin(room, coor, scope="several", **{"punt-P1": "1"})
    answer = coor.post("/oefening", name="Groot", scope="all", until=clock(room, HOUR_S))
    assert answer.status == 400 and "Hier loopt al een oefening: Stroomuitval" in answer.text
    assert begin(room, coor, name="Elders", scope="several", **{"punt-P2": "1"}) == 303
    assert coor.post("/oefening/einde", number="1").status == 303
    assert [each.name for each in room.vrd.operators.exercises.running()] == ["Elders"]
    assert begin(room, coor, name="Weer", scope="several", **{"punt-P1": "1"}) == 303


def test_ticks_that_would_not_count_begin_nothing(room: OpenRoom, told: list[list[str]]) -> None:
    """Who ticked two sites and left For at all sites would have put the whole region into an exercise."""
    coor = room.browser("coor")
    form = {"name": "Klein", "until": clock(room, HOUR_S), "punt-P1": "1"}
    answer = coor.post("/oefening", scope="all", **form)
    assert answer.status == 400 and "Je koos punten" in answer.text
    assert told == [] and room.vrd.operators.exercises.running() == []
    assert coor.post("/oefening", scope="several", **form).status == 303
    assert told == [["P1"]]


def test_the_lane_of_an_exercise_that_nobody_is_in_yet_does_not_speak_of_an_empty_inbox(
    room: OpenRoom,
) -> None:
    coor = room.browser("coor")
    coor.get("/baan/oefening")
    page = coor.get("/").text
    assert "Nog geen punt heeft iets in een oefening gemeld" in page and "Nog geen knooppunten" not in page


def test_a_time_that_has_passed_today_is_tomorrow() -> None:
    noon = int(datetime(2026, 11, 24, 12, 0).astimezone().timestamp())
    assert minutes_until("17:00", noon) == 300
    assert minutes_until("11:30", noon) == 23 * 60 + 30
    assert minutes_until("12.01", noon) == 1
