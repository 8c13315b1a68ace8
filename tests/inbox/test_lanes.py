"""Real and exercise never mix: boards, lists, reports, exports, sounds, and what breaks in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.core import payloads
from relay.core.message import Kind, Urgency
from relay.inbox.alarms.facts import Own
from relay.inbox.alarms.state import Change
from relay.inbox.board import Board
from relay.inbox.lanes import EXERCISE_S_MAX
from relay.inbox.notifiers.base import is_told
from relay.inbox.operators.handling import State
from relay.inbox.pages.live import Live
from tests.inbox.room import Browser, OpenRoom

DRILL = "Proefbrand in de kelder"
REAL = "Echte rook in de hal"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        yield room


def status(room: OpenRoom, site: int, number: int, *, exercise: bool = False, **values: int | str) -> None:
    one = room.writers[site]
    payload = payloads.message_payload(values or {"visitors": 40, "opening": "open"}, status=(0, 15.0, 0))
    room.vrd.desk.take(one.hex, one.sign(Kind.STATUS, number, payload, exercise=exercise))


def emergency(room: OpenRoom, text: str, *, site: int = 0, number: int = 1, exercise: bool = False) -> str:
    one = room.writers[site]
    room.vrd.desk.take(one.hex, one.report(number, text, urgency=Urgency.EMERGENCY, exercise=exercise))
    return f"{one.hex}-7-{number}"


def boards(room: OpenRoom) -> tuple[Board, Board]:
    real, practice = room.vrd.watch.real.board, room.vrd.watch.exercise.board
    assert real is not None and practice is not None
    return real, practice


def choose(browser: Browser, lane: str) -> Browser:
    assert browser.get(f"/baan/{lane}").status == 303
    return browser


def test_an_exercise_emergency_is_nowhere_in_the_real_lane(room: OpenRoom) -> None:
    emergency(room, DRILL, exercise=True)
    room.vrd.watch.look()
    real, practice = boards(room)
    assert (real.unread, real.attention, practice.unread, len(practice.attention)) == (0, (), 1, 1)
    els = room.browser("els")
    paths = ("/", "/postvak", "/tijdlijn", "/rapport", "/overdracht", "/wand", "/stand", "/punt/P1")
    exports = ("berichten.csv", "berichten.json", "punten.csv", "punten.json", "punten.geojson")
    for path in (*paths, "/postvak?toon=aandacht", *(f"/export/{name}" for name in exports)):
        assert DRILL not in els.get(path).text, path
    assert "urgent 0" in els.get("/rapport").text
    choose(els, "oefening")
    for path in ("/", "/postvak", "/tijdlijn", "/rapport", "/stand", "/punt/P1", "/export/berichten.csv"):
        assert DRILL in els.get(path).text, path


def test_every_page_of_the_exercise_lane_says_so_and_each_line_of_its_report(room: OpenRoom) -> None:
    status(room, 0, 1, exercise=True)
    report = emergency(room, DRILL, exercise=True)
    room.vrd.watch.look()
    els = choose(room.browser("els"), "oefening")
    for path in ("/", "/postvak", "/kaart", "/tijdlijn", "/rapport", "/overdracht", "/punt/P1", "/logboek"):
        assert 'class="hatched"><strong>OEFENING' in els.get(path).text, path
    assert "OEFENING" in els.get("/wand").text and "OEFENING" in els.get("/stand").text
    els.post("/rapport", outlook="rustig")
    frozen = els.get("/rapport?nr=1").text.partition("readonly>")[2].partition("</textarea>")[0]
    assert "urgent 1" in frozen
    assert all(line.startswith("OEFENING: ") for line in frozen.splitlines())
    found = els.get("/export/berichten.csv")
    assert found.text.splitlines()[1].startswith("oefening;")
    assert "OEFENING-berichten.csv" in found.headers["content-disposition"]
    choose(els, "echt")
    assert els.get("/rapport?nr=1").text.count("vastgesteld") == 0  # the real lane has numbers of its own
    assert "hatched" not in els.get("/").text
    assert "hatched" in els.get(f"/melding/{report}").text


def test_a_real_emergency_breaks_into_the_exercise_lane(room: OpenRoom) -> None:
    status(room, 0, 1, exercise=True)
    emergency(room, DRILL, exercise=True)
    report = emergency(room, REAL, site=1)
    room.vrd.watch.look()
    els = choose(room.browser("els"), "oefening")
    for path in ("/", "/postvak", "/stuk/nood-oefening"):
        page = els.get(path).text
        assert "GEEN OEFENING" in page and REAL in page, path
        assert page.index(REAL) < page.index(DRILL), path
    assert "GEEN OEFENING" in els.get("/wand?baan=oefening").text
    els.post(f"/melding/{report}/stap", step="seen", version="0")
    room.vrd.watch.look()
    assert "GEEN OEFENING" not in els.get("/").text
    assert "GEEN OEFENING" not in choose(els, "echt").get("/").text


def test_what_an_exercising_site_says_counts_in_the_exercise_only(room: OpenRoom) -> None:
    status(room, 0, 1, exercise=True, visitors=900, opening="open", power="battery", water="out")
    status(room, 1, 1)
    room.vrd.watch.look()
    real, practice = boards(room)
    assert {site.key: site.state for site in real.sites} == {"P1": "exercise", "P2": "open", "P3": "never"}
    assert (real.visitors, real.count("open"), practice.visitors, len(practice.sites)) == (40, 1, 900, 1)
    assert sum(row.power_out for row in real.municipalities) == 0
    assert not [line for line in real.attention if line.site == "P1"]
    status(room, 0, 2)  # the exercise is over
    room.vrd.watch.look()
    real, practice = boards(room)
    assert (real.visitors, practice.sites) == (80, ())


def test_the_silence_of_an_exercising_site_is_of_the_exercise_until_no_exercise_lasts_longer(
    room: OpenRoom,
) -> None:
    status(room, 0, 1, exercise=True)
    room.vrd.watch.look()
    for _ in range(8):
        room.vrd.desk.wait(1800)
        room.vrd.watch.look()
    real, practice = boards(room)
    assert [site.state for site in practice.sites] == ["silent"]
    assert not [line for line in real.attention if line.site == "P1"]
    room.vrd.desk.wait(EXERCISE_S_MAX)
    for _ in range(3):
        room.vrd.watch.look()
        room.vrd.desk.wait(120)
    real, practice = boards(room)
    assert practice.sites == ()
    site = real.site("P1")
    assert site is not None and site.state == "silent" and site.facts.values == {}


def test_a_restart_keeps_both_lanes_and_makes_no_sound(room: OpenRoom) -> None:
    status(room, 0, 1, exercise=True)
    emergency(room, DRILL, exercise=True)
    emergency(room, REAL, site=1)
    changes = room.vrd.watch.look()
    assert {(change.exercise, change.sound) for change in changes} == {
        (True, "emergency"),
        (False, "emergency"),
    }
    began = dict(room.vrd.watch._memory.exercising)
    room.vrd.restart()
    assert [change for change in room.vrd.watch.look() if change.sound] == []
    assert room.vrd.watch._memory.exercising == began


def test_sounds_of_an_exercise_are_one_quiet_tone_where_its_lane_is_shown_and_nobody_else_is_told(
    room: OpenRoom,
) -> None:
    emergency(room, DRILL, exercise=True)
    changes = room.vrd.watch.look()
    assert changes and not any(is_told(change, 3) for change in changes)
    emergency(room, REAL, site=1)
    more = room.vrd.watch.look()
    assert any(is_told(change, 3) for change in more)
    assert asyncio.run(_sounds(room, changes, practice=False)) == (b'"sounds":[]', b'"emergencies":1')
    assert asyncio.run(_sounds(room, changes, practice=True))[0] == b'"sounds":["practice"]'
    assert asyncio.run(_sounds(room, more, practice=True))[0] == b'"sounds":["emergency"]'


async def _sounds(room: OpenRoom, changes: list[Change], *, practice: bool) -> tuple[bytes, bytes]:
    live = Live()
    stream = live.stream(practice)
    await anext(stream)  # a browser that was there before
    real, drill = boards(room)
    await live.tell(real, changes, "", drill)
    async with asyncio.timeout(5):
        said = b""
        while b"sounds" not in said:
            said = await anext(stream)
    await live.stop()
    await stream.aclose()
    rest = said.partition(b'"sounds"')[2]
    return b'"sounds"' + rest.partition(b"]")[0] + b"]", b'"emergencies"' + said.partition(b'"emergencies"')[
        2
    ][:2]


def test_an_alarm_of_the_exercise_is_acknowledged_in_its_own_lane(room: OpenRoom) -> None:
    status(room, 0, 1, exercise=True, water="out")
    for _ in range(3):
        room.vrd.watch.look()
        room.vrd.desk.wait(90)
    _, practice = boards(room)
    assert [line.rule for line in practice.attention] == ["shortage"]
    els = choose(room.browser("els"), "oefening")
    assert 'name="baan" value="oefening"' in els.get("/").text
    subject = practice.attention[0].subject
    els.post("/alarm/bevestigen", rule="shortage", subject=subject)
    room.vrd.watch.look()
    assert boards(room)[1].attention[0].who == ""
    els.post("/alarm/bevestigen", rule="shortage", subject=subject, baan="oefening")
    room.vrd.watch.look()
    assert boards(room)[1].attention[0].who == "els"


def test_our_own_faults_are_told_once_and_keep_sites_of_both_lanes_from_being_blamed(room: OpenRoom) -> None:
    status(room, 0, 1, exercise=True)
    room.vrd.watch.look()
    room.vrd.own = Own(broker=False)
    told = []
    for _ in range(60):
        room.vrd.desk.wait(60)
        told += [change for change in room.vrd.watch.look() if change.rule.startswith("own_")]
    real, practice = boards(room)
    assert [line.rule for line in real.attention] == ["own_broker"] and practice.attention == ()
    assert practice.sites[0].state == "not_judged"
    assert not any(change.exercise for change in told)


def test_beside_each_other_each_lane_keeps_its_own_counts(room: OpenRoom) -> None:
    status(room, 0, 1, exercise=True, visitors=900)
    status(room, 1, 1)
    emergency(room, DRILL, exercise=True)
    emergency(room, REAL, site=1)
    room.vrd.watch.look()
    els = choose(room.browser("els"), "beide")
    page = els.get("/").text
    assert "<b>40</b> bezoekers" in page and "<b>900</b> bezoekers" in page and "940" not in page
    rows = els.get("/postvak").text
    assert DRILL in rows and REAL in rows and '<strong class="drill">OEFENING</strong>' in rows
    assert DRILL not in els.get("/export/berichten.csv").text
    assert DRILL not in els.get("/rapport").text.partition("<textarea")[2]


def test_a_shift_of_the_exercise_is_handed_over_without_what_is_real(room: OpenRoom) -> None:
    drill, real = emergency(room, DRILL, exercise=True), emergency(room, REAL, site=1)
    room.vrd.watch.look()
    els = room.browser("els")
    for report in (drill, real):
        els.post(f"/melding/{report}/stap", step="handled", version="0")
    choose(els, "oefening").post("/overdracht", taker="jan", password="vier woorden op een rij", text="")
    found = {
        str(report.id): room.vrd.operators.handling(report.id).assignee
        for flag in (True, False)
        for report in room.vrd.operators.reports(exercise=flag)
    }
    assert found == {drill: "jan", real: "els"}
    assert room.vrd.operators.documents.list("handover") == []
    assert room.vrd.operators.documents.list("handover exercise")[0].text.startswith("OEFENING: ")


def test_the_part_of_an_open_page_keeps_its_lane_whatever_another_tab_chose(room: OpenRoom) -> None:
    emergency(room, DRILL, exercise=True)
    room.vrd.watch.look()
    els = choose(room.browser("els"), "oefening")
    assert 'data-fragment="overzicht-oefening"' in els.get("/").text
    choose(els, "echt")
    assert DRILL in els.get("/stuk/overzicht-oefening").text
    choose(els, "oefening")
    assert DRILL not in els.get("/stuk/overzicht").text
    assert els.get("/stuk/overzicht-niks").status == 404
    assert choose(els, "niks").get("/").text.count("hatched") == 1  # an unknown lane changes nothing
    assert els.get("/baan/echt?terug=//evil.example").headers["location"] == "/"


def test_the_picture_to_print_needs_nothing_beside_itself_and_is_of_its_own_lane(room: OpenRoom) -> None:
    emergency(room, "<script>x</script> rook")
    emergency(room, DRILL, site=1, exercise=True)
    room.vrd.watch.look()
    page = room.browser("lees").get("/stand")
    assert "&lt;script&gt;" in page.text and "<script" not in page.text and DRILL not in page.text
    assert "src=" not in page.text and "href=" not in page.text and "Punt 3" in page.text
    assert "unsafe" not in page.headers["content-security-policy"]


def test_a_report_that_was_resolved_in_one_lane_says_nothing_of_the_other(room: OpenRoom) -> None:
    emergency(room, DRILL, exercise=True)
    emergency(room, REAL, site=1)
    room.vrd.watch.look()
    (drill,) = room.vrd.operators.open_reports(exercise=True)
    room.vrd.operators.move(drill.id, State.RESOLVED, "els", result="geoefend")
    room.vrd.watch.look()
    real, practice = boards(room)
    assert (len(real.attention), practice.attention) == (1, ())


def test_the_line_of_the_last_day_is_drawn_from_its_own_lane(room: OpenRoom) -> None:
    for number, visitors in ((1, 901), (2, 902)):
        status(room, 0, number, exercise=True, visitors=visitors)
        room.vrd.desk.wait(60)
    room.vrd.watch.look()
    els = room.browser("els")
    assert "901–902" not in els.get("/punt/P1").text
    assert "901–902" in choose(els, "oefening").get("/punt/P1").text
