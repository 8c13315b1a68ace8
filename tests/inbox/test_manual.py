"""What comes in by telephone and the like: read out, understood, kept, shown, and found again by radio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.core import payloads
from relay.core.fields import FIELDS, NUMBERED_FIELDS, paper_number
from relay.core.message import Kind, Urgency
from relay.core.paper_form import FORM_FIELDS, understand
from relay.inbox.board import SiteView
from relay.inbox.operators.handling import ReportId, State
from relay.inbox.operators.manual import Told
from relay.inbox.operators.store import Operators
from relay.inbox.pages.manual import told_at
from tests.inbox.room import Browser, OpenRoom

HOUR_S = 3600


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        yield room


def enter(browser: Browser, **fields: str) -> str:
    """Fill in the form and keep it; returns the report's identity."""
    browser.get("/handmatig")
    given = {"site": "P1", "told": "", "via": "telephone", "urgency": "3", **fields}
    answer = browser.post("/handmatig", **given)
    assert answer.status == 303, answer.text
    return answer.headers["location"].partition("bewaard=")[2]


def site(room: OpenRoom, key: str = "P1") -> SiteView:
    room.vrd.watch.look()
    board = room.vrd.watch.board
    assert board is not None
    found = board.site(key)
    assert found is not None
    return found


# --- reading ---


@pytest.mark.parametrize(
    ("said", "values", "rest"),
    [
        ("10=open 12=40 86=krap", {"opening": "open", "visitors": 40, "water": "low"}, ()),
        ("Openstelling: beperkt; Aantal bezoekers = 40", {"opening": "limited", "visitors": 40}, ()),
        ("verblijf over nacht=3, ehbo=op", {"overnight": 3, "first_aid": "out"}, ()),
        ("10=3 86=2", {"opening": "open", "water": "low"}, ()),
        ("9=-5C 6=80% 10=in opbouw", {"indoor_c": -5, "fuel_pct": 80, "opening": "preparing"}, ()),
        ("om 14:30 gebeld 12=40", {"visitors": 40}, ("om 14:30 gebeld",)),
        ("12=veel 12=41 99=open 86=rood", {"visitors": 41}, ("12=veel", "99=open", "86=rood")),
        ("12=40 12=41", {"visitors": 40}, ("12=41",)),
        ("12=40 mensen", {"visitors": 40}, ("mensen",)),
        ("3=80 dns=uit", {}, ("3=80", "dns=uit")),  # what only a node measures
        ("12=4.5 11=-1 12 = 1000000", {}, ("12=4.5", "11=-1", "12 = 1000000")),
        ("40=boom op de N34", {"text": "boom op de N34"}, ()),
        ("a=b=c ==; = 1", {}, ("a=b=c ==; = 1",)),
        ("", {}, ()),
    ],
)
def test_what_is_read_out_is_understood_or_given_back(
    said: str, values: dict[str, int | str], rest: tuple[str, ...]
) -> None:
    pasted = understand(said)
    assert pasted.values == values
    assert " ".join(pasted.rest).replace(" ", "") == "".join(rest).replace(" ", "")


def test_every_letter_of_what_was_pasted_is_in_a_value_or_in_the_rest() -> None:
    said = "goedemiddag 10=open (bijna vol) 12=veertig en x=y,, 86=krap; 40=tot ziens = einde \n 41=draak"
    pasted = understand(said)
    left = " ".join(pasted.rest) + str(pasted.values["text"])
    for word in ("goedemiddag", "(bijna", "vol)", "veertig", "x=y", "ziens", "einde", "41=draak"):
        assert word in left, word


def test_paper_numbers_name_one_field_each() -> None:
    numbers = [paper_number(field) for field in FIELDS]
    assert len(numbers) == len(set(numbers))
    assert not [field.name for field in NUMBERED_FIELDS if 80 <= field.number < 100]
    assert {field.name for field in FORM_FIELDS} >= {"opening", "visitors", "water", "text", "need", "power"}


def test_a_time_of_day_is_the_newest_that_it_can_be() -> None:
    now_s = 1_800_000_000
    assert told_at("", now_s) == now_s
    for typed in ("25:00", "9:7", "half drie", "12:60"):
        assert told_at(typed, now_s) is None
    for hour in range(24):
        told_s = told_at(f"{hour}:05", now_s)
        assert told_s is not None and now_s - 24 * HOUR_S <= told_s <= now_s
    assert told_at("1430", now_s) == told_at("14:30", now_s) == told_at("14.30", now_s)


# --- the form ---


def test_a_call_is_kept_and_shows_in_inbox_timeline_site_page_and_board_with_its_own_age(
    room: OpenRoom,
) -> None:
    one = room.writers[0]
    payload = payloads.message_payload({"visitors": 12, "battery_pct": 80}, status=(0, 15.0, 0))
    room.vrd.desk.take(one.hex, one.sign(Kind.STATUS, 1, payload))
    room.vrd.desk.wait(HOUR_S)
    els = room.browser("els")
    report = enter(els, f_visitors="40", f_water="low", f_text="warme dekens gevraagd", via="portofoon")
    room.vrd.desk.wait(120)
    told = site(room)
    assert {
        name: (reading.value, int(reading.age_s), reading.via) for name, reading in told.facts.values.items()
    } == {
        "visitors": (40, 120, "portofoon"),
        "water": ("low", 120, "portofoon"),
        "battery_pct": (80, HOUR_S + 120, ""),
    }
    assert (told.spoken_age_s, told.heard_age_s) == (120, HOUR_S + 120)
    for path in ("/postvak", "/tijdlijn", "/punt/P1", f"/melding/{report}"):
        page = els.get(path).text
        assert "warme dekens gevraagd" in page and "met de hand, via portofoon/C2000" in page, path
    page = els.get("/punt/P1").text
    assert "punt gesproken" in page and "ingevoerd via portofoon/C2000" in page
    assert "☎" in els.get("/").text
    assert "onbevestigd" in els.get(f"/melding/{report}").text
    found = els.get("/export/berichten.csv").text
    assert ";manual;portofoon;" in found and "warme dekens" in found


def test_a_call_never_counts_as_hearing_the_node(room: OpenRoom) -> None:
    enter(room.browser("els"), f_opening="open", f_visitors="25")
    told = site(room)
    assert (told.state, told.heard_age_s, told.spoken_age_s, told.opening) == ("never", None, 0, "open")
    board = room.vrd.watch.board
    assert board is not None
    assert (board.count("open", "limited", "full"), board.visitors) == (0, 25)


def test_the_newest_word_counts_whichever_way_it_came(room: OpenRoom) -> None:
    els, one = room.browser("els"), room.writers[0]
    enter(els, f_visitors="40", f_staff="4")
    room.vrd.desk.wait(600)
    enter(els, f_visitors="55")
    assert site(room).facts.values["visitors"].value == 55
    room.vrd.desk.wait(600)
    payload = payloads.message_payload({"visitors": 60}, status=(0, 15.0, 0))
    room.vrd.desk.take(one.hex, one.sign(Kind.STATUS, 1, payload))
    values = site(room).facts.values
    assert (values["visitors"].value, values["visitors"].via) == (60, "")
    assert (values["staff"].value, values["staff"].age_s) == (4, 1200)
    room.vrd.desk.wait(25 * HOUR_S)
    assert "staff" not in site(room).facts.values


def test_a_value_that_was_told_hours_ago_is_not_shown_as_current(room: OpenRoom) -> None:
    els = room.browser("els")
    enter(els, f_water="low")
    room.vrd.desk.wait(5 * HOUR_S)
    assert site(room).fresh("water") is None
    els = room.browser("els")
    assert "onbekend (was krap)" in els.get("/punt/P1").text


def test_an_urgent_call_rings_and_is_handled_like_any_report(room: OpenRoom) -> None:
    els = room.browser("els")
    report = enter(els, urgency="1", f_text="brand in de keuken", f_incident="fire")
    changes = room.vrd.watch.look()
    assert [(change.rule, change.sound) for change in changes] == [("emergency", "emergency")]
    assert "brand in de keuken" in els.get("/").text
    els.post(f"/melding/{report}/stap", step="seen", version="0")
    room.vrd.watch.look()
    assert room.vrd.watch.board is not None and room.vrd.watch.board.unread == 0
    request = enter(els, f_need="water", f_amount="200", f_amount_unit="litres", f_needed_within_min="60")
    identity = ReportId.parse(request)
    assert identity is not None
    found = room.vrd.operators.report(identity)
    assert found is not None and found.is_request and found.shown.confidence == "unconfirmed"


def test_what_was_pasted_is_shown_before_it_is_kept_and_nothing_of_it_is_lost(room: OpenRoom) -> None:
    els = room.browser("els")
    els.get("/handmatig")
    said = "hier Beilen 10=open 12=40 86=krap 77=blauw"
    answer = els.post("/handmatig", paste="1", said=said, site="P2", via="dares", urgency="3", told="")
    assert answer.status == 200 and room.vrd.operators.reports() == []
    page = answer.text
    for word in (
        "Drinkwater: <b>krap</b>",
        "Aantal bezoekers: <b>40</b>",
        "<q>hier Beilen</q>",
        "<q>77=blauw</q>",
    ):
        assert word in page, word
    assert (
        'value="low" selected' in page and 'value="P2" selected' in page and 'value="dares" selected' in page
    )
    assert ">hier Beilen 77=blauw</textarea>" in page
    report = enter(els, site="P2", via="dares", said=said, f_opening="open", f_text="hier Beilen 77=blauw")
    assert "12=40 86=krap 77=blauw" in els.get(f"/melding/{report}").text


def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(room: OpenRoom) -> None:
    els = room.browser("els")
    els.get("/handmatig")
    given = {"via": "telephone", "urgency": "3", "told": "kwart over", "site": "", "f_visitors": "veel"}
    answer = els.post("/handmatig", **given, f_text="<b>let op</b>")
    assert answer.status == 422
    for word in ("Kies een punt", "zoals 14:30", "Geef een getal", 'value="kwart over"', 'value="veel"'):
        assert word in answer.text, word
    assert "&lt;b&gt;let op" in answer.text and "<b>let op" not in answer.text
    assert els.post("/handmatig", site="P1", via="telephone", urgency="3", told="").status == 422
    for wrong in ({"via": "rook"}, {"urgency": "9"}, {"confidence": "measured"}):
        assert (
            els.post("/handmatig", **({"site": "P1", "via": "other", "urgency": "3"} | wrong)).status == 400
        )
    assert els.post("/handmatig", site="P9", via="other", urgency="3", f_staff="1").status == 422
    assert room.vrd.operators.reports() == []


def test_only_an_operator_enters_and_only_by_a_form_of_their_own(room: OpenRoom) -> None:
    lees = room.browser("lees")
    assert lees.get("/handmatig").status == 403
    given = {"site": "P1", "via": "telephone", "urgency": "3", "f_staff": "1"}
    assert lees.post("/handmatig", **given).status == 403
    els = room.browser("els")
    assert els.post("/handmatig", {"Origin": "https://evil.example"}, **given).status == 403
    assert els.post("/handmatig", **given, csrf="x").status == 403
    room.vrd.desk.wait(16 * 60)
    assert els.post("/handmatig", **given).status == 403
    assert room.vrd.operators.reports() == []


def test_a_call_of_an_exercise_stays_in_its_lane(room: OpenRoom) -> None:
    els = room.browser("els")
    enter(els, f_visitors="99", f_text="dit is een oefening", exercise="1")
    told = site(room)
    assert told.facts.values == {} and told.spoken_age_s is None
    practice = room.vrd.watch.exercise.board
    assert practice is not None and practice.visitors == 99
    assert "dit is een oefening" not in els.get("/postvak").text
    els.get("/baan/oefening")
    assert "checked" in els.get("/handmatig").text.partition('name="exercise"')[2][:30]
    assert "dit is een oefening" in els.get("/postvak").text


def test_who_entered_it_is_in_the_log(room: OpenRoom) -> None:
    report = enter(room.browser("els"), f_staff="2")
    entry = next(each for each in room.vrd.operators.newest_of_journal(5) if each.what == "entered by hand")
    assert (entry.who, entry.detail) == ("els", f"{report} P1 telephone")


# --- the same by radio ---


def by_radio(room: OpenRoom, text: str, number: int = 1, site: int = 0) -> str:
    one = room.writers[site]
    room.vrd.desk.take(one.hex, one.report(number, text))
    room.vrd.watch.look()
    return f"{one.hex}-7-{number}"


def test_the_same_report_by_radio_is_asked_about_and_merged_with_its_handling(room: OpenRoom) -> None:
    els = room.browser("els")
    manual = enter(els, f_text="Boom over de weg bij de kerk")
    els.post(f"/melding/{manual}/stap", step="handled", version="0")
    radio = by_radio(room, "boom ligt over weg")
    by_radio(room, "vergadering om vier uur", 2)
    by_radio(room, "boom over de weg", 1, site=1)
    for path, other in ((f"/melding/{radio}", manual), (f"/melding/{manual}", radio)):
        page = els.get(path).text
        assert "Zelfde melding?" in page and page.count('name="other"') == 1, path
        assert f'name="other" value="{other}"' in page
    assert els.get("/postvak").text.count("Zelfde melding?") == 2
    answer = els.post(f"/melding/{manual}/samenvoegen", other=radio)
    assert answer.headers["location"] == f"/melding/{radio}"
    room.vrd.watch.look()
    shown = {str(report.id) for report in room.vrd.operators.reports()}
    assert radio in shown and manual not in shown
    page = els.get(f"/melding/{radio}").text
    assert f"/melding/{manual}" in page and "in behandeling" in page and "Zelfde melding?" not in page
    assert f"/melding/{radio}" in els.get(f"/melding/{manual}").text  # both are kept
    assert site(room).spoken_age_s is not None
    els.post(f"/melding/{manual}/losmaken")
    assert manual in {str(report.id) for report in room.vrd.operators.reports()}


def test_an_emergency_that_was_called_in_and_seen_does_not_ring_again_once_merged(room: OpenRoom) -> None:
    els = room.browser("els")
    manual = enter(els, urgency="1", f_text="rook in de hal")
    room.vrd.watch.look()
    els.post(f"/melding/{manual}/stap", step="seen", version="0")
    one = room.writers[0]
    room.vrd.desk.take(one.hex, one.report(1, "Rook in hal", urgency=Urgency.EMERGENCY))
    # it rings until a person says that it is the same
    assert [change.subject for change in room.vrd.watch.look() if change.sound] == [f"{one.hex}-7-1"]
    els.post(f"/melding/{one.hex}-7-1/samenvoegen", other=manual)
    room.vrd.watch.look()
    board = room.vrd.watch.board
    assert board is not None
    assert (board.unread, [str(line.subject) for line in board.attention]) == (0, [f"{one.hex}-7-1"])


def test_what_can_not_be_the_same_is_not_merged(room: OpenRoom) -> None:
    els = room.browser("els")
    manual, drill = enter(els, f_text="boom"), enter(els, f_text="boom", exercise="1")
    elsewhere, radio = enter(els, f_text="boom", site="P2"), by_radio(room, "boom")
    second = by_radio(room, "boom", 2)
    for one, other in (
        (manual, drill),
        (manual, elsewhere),
        (radio, second),  # two reports of a node are two
        (manual, manual),
        (manual, "00000000-0-99"),
    ):
        assert els.post(f"/melding/{one}/samenvoegen", other=other).status == 400, (one, other)
    assert els.post(f"/melding/{manual}/samenvoegen", other="x").status == 400
    lees = room.browser("lees")
    lees.get("/")
    assert lees.post(f"/melding/{manual}/samenvoegen", other=radio).status == 403
    assert els.post(f"/melding/{manual}/samenvoegen", other=radio).status == 303
    assert els.post(f"/melding/{manual}/samenvoegen", other=second).status == 400


def test_two_notes_of_one_call_become_one_and_follow_it_into_the_report_of_the_node(room: OpenRoom) -> None:
    els, jan = room.browser("els"), room.browser("jan")
    first, second = enter(els, f_text="boom over de weg"), enter(jan, f_text="boom over weg")
    assert els.post(f"/melding/{first}/samenvoegen", other=second).headers["location"] == f"/melding/{first}"
    radio = by_radio(room, "boom over de weg")
    els.post(f"/melding/{radio}/samenvoegen", other=first)
    assert [str(report.id) for report in room.vrd.operators.reports()] == [radio]
    assert len(room.vrd.operators.manual.merged(room.vrd.operators.reports()[0].id)) == 2


def test_a_merged_report_that_was_resolved_asks_for_nothing(room: OpenRoom) -> None:
    els = room.browser("els")
    manual = enter(els, f_need="water", f_amount="200")
    identity = ReportId.parse(manual)
    assert identity is not None
    room.vrd.operators.move(identity, State.RESOLVED, "els", result="gebracht")
    one = room.writers[0]
    payload = payloads.message_payload({"need": "water", "amount": 200})
    room.vrd.desk.take(one.hex, one.sign(Kind.REQUEST, 1, payload))
    room.vrd.watch.look()
    assert "Zelfde melding?" in els.get(f"/melding/{one.hex}-7-1").text
    els.post(f"/melding/{manual}/samenvoegen", other=f"{one.hex}-7-1")
    assert room.vrd.operators.open_reports() == []


# --- on paper ---


def test_the_blank_form_has_each_number_once_and_the_words_of_every_choice(room: OpenRoom) -> None:
    page = room.browser("lees").get("/formulier").text
    for field in FORM_FIELDS:
        assert page.count(f"<b>{paper_number(field)}</b>") == 1, field.name
    assert "1 gesloten · 2 in opbouw · 3 open" in page and "1 goed · 2 krap · 3 op" in page
    assert 'href="/static/paper.css"' in page and room.browser().get("/static/paper.css").status == 200


def test_what_a_person_wrote_down_has_no_key_that_could_lose_its_word(tmp_path: Path) -> None:
    operators = Operators(tmp_path, standing=lambda _address: "unknown")
    told = Told(site="P1", told_s=operators.now_s(), via="dares", values={"text": "boom"})
    report = operators.report(operators.manual.add(told, "els"))
    operators.close()
    assert report is not None and report.shown.standing == ""
