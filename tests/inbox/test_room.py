"""The operators' pages as a browser asks for them, and as an attacker does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.core import payloads
from relay.core.message import Kind, Urgency
from relay.inbox.operators.handling import State
from relay.web.forms import FORM_BYTES_MAX
from tests.inbox.room import OpenRoom

EVIL = "<script>alert(1)</script>"
PAGES = ("/", "/postvak", "/logboek", "/punt/P1", "/postvak?toon=aandacht", "/stuk/overzicht", "/wand")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        yield room


def emergency(room: OpenRoom, number: int = 1, text: str = "Rook in hal") -> str:
    one = room.writers[0]
    room.vrd.desk.take(one.hex, one.report(number, text, urgency=Urgency.EMERGENCY))
    room.vrd.watch.look()
    return f"{one.hex}-7-{number}"


def test_nothing_is_shown_without_a_login(room: OpenRoom) -> None:
    emergency(room)
    for path in (*PAGES, "/beheer"):
        answer = room.browser().get(path)
        assert (answer.status, answer.headers["location"][:9]) == (303, "/inloggen"), path
        assert "Rook" not in answer.text
    assert room.browser().get("/gebeurtenissen").status == 403


def test_an_operator_sees_the_emergency_first_and_acknowledges_it_with_one_form(room: OpenRoom) -> None:
    report = emergency(room)
    els = room.browser("els")
    page = els.get("/").text
    assert page.index("Rook in hal") < page.index("Gemeenten")
    assert els.post(f"/melding/{report}/stap", step="seen", version="0", back="overview").status == 303
    room.vrd.watch.look()
    assert 'class="emergency"' not in els.get("/").text
    assert "gezien" in els.get(f"/melding/{report}").text


def test_the_second_operator_is_told_who_was_first(room: OpenRoom) -> None:
    report = emergency(room)
    els, jan = room.browser("els"), room.browser("jan")
    els.post(f"/melding/{report}/stap", step="seen", version="0")
    answer = jan.post(f"/melding/{report}/stap", step="seen", version="0")
    assert "Al gedaan door els" in jan.get(answer.headers["location"]).text


def test_every_text_of_a_site_is_shown_as_text(room: OpenRoom) -> None:
    report = emergency(room, text=EVIL)
    els = room.browser("els")
    els.post("/notitie/P1", text=EVIL)
    els.post(f"/melding/{report}/notitie", text=EVIL)
    els.post(f"/melding/{report}/stap", step="forwarded", version="0", team=EVIL)
    room.vrd.watch.look()
    for path in (*PAGES, f"/melding/{report}"):
        text = els.get(path).text
        assert EVIL not in text, path
    assert "&lt;script&gt;" in els.get(f"/melding/{report}").text
    assert EVIL not in els.get(f"/postvak?zoek={EVIL}").text


def test_a_form_from_elsewhere_does_nothing(room: OpenRoom) -> None:
    report = emergency(room)
    els = room.browser("els")
    step = f"/melding/{report}/stap"
    fields = {"step": "seen", "version": "0"}
    assert els.post(step, {"Origin": "https://evil.example"}, **fields).status == 403
    assert els.post(step, {"Origin": "null"}, **fields).status == 403
    assert els.post(step, {"Sec-Fetch-Site": "cross-site"}, **fields).status == 403
    assert els.post(step, **fields, csrf="x").status == 403
    jan = room.browser("jan")
    assert els.post(step, **fields, csrf=jan.csrf).status == 403
    assert els.get(step).status in (404, 405)
    assert room.vrd.operators.handlings(room.vrd.operators.reports()) == {}
    assert els.post(step, **fields).status == 303


@pytest.mark.parametrize("name", ["lees", "muur"])
def test_who_may_only_look_changes_nothing(room: OpenRoom, name: str) -> None:
    report = emergency(room)
    browser = room.browser(name)
    assert browser.post(f"/melding/{report}/stap", step="seen", version="0").status == 403
    assert browser.post("/notitie/P1", text="x").status == 403
    assert browser.get("/beheer").status == 403
    assert browser.post("/beheer/gebruiker", name="x", role="administrator", password="y" * 20).status == 403
    assert room.vrd.operators.handlings(room.vrd.operators.reports()) == {}


def test_a_wall_sees_the_wall_and_no_more(room: OpenRoom) -> None:
    muur = room.browser("muur")
    assert muur.get("/wand").status == 200
    assert muur.get("/postvak").status == 403


def test_a_wall_outlasts_the_shifts_of_those_who_look_at_it(room: OpenRoom) -> None:
    els, muur = room.browser("els"), room.browser("muur")
    room.vrd.desk.wait(13 * 3600)
    assert els.get("/").status == 303
    assert muur.get("/wand").status == 200
    room.browser("beheer").post("/beheer/sluiten", name="muur")
    assert muur.get("/wand").status == 303


def test_a_page_that_somebody_opens_puts_off_the_lock_and_one_that_renews_itself_does_not(
    room: OpenRoom,
) -> None:
    els, jan = room.browser("els"), room.browser("jan")
    for _ in range(2):
        room.vrd.desk.wait(10 * 60)
        els.get("/postvak")
        for path in ("/?vanzelf=1", "/stuk/overzicht", "/stuk/band"):
            jan.get(path)
    assert "vergrendeld" not in els.get("/").text
    assert "vergrendeld" in jan.get("/").text
    # what a locked screen may still ask for says how many, and nothing of what
    emergency(room)
    assert jan.get("/stuk/overzicht").status == 403
    assert "1 Nood" in jan.get("/stuk/nood").text and "Rook" not in jan.get("/stuk/nood").text


def test_an_administrator_adds_and_closes_accounts_and_never_their_own(room: OpenRoom) -> None:
    boss = room.browser("beheer")
    assert boss.post("/beheer/gebruiker", name="nieuw", role="operator", password="kort").status == 303
    assert room.vrd.operators.password_of("nieuw") is None
    boss.post("/beheer/gebruiker", name="nieuw", role="operator", password="lang genoeg woord")
    assert room.browser().log_in("nieuw", "lang genoeg woord").status == 303
    assert boss.post("/beheer/gebruiker", name="x", role="god", password="lang genoeg woord").status == 400
    boss.post("/beheer/sluiten", name="nieuw")
    assert room.browser().log_in("nieuw", "lang genoeg woord").status == 401
    assert boss.post("/beheer/sluiten", name="beheer").status == 400


def test_a_login_gives_a_new_session_never_the_one_that_was_brought(room: OpenRoom) -> None:
    browser = room.browser()
    browser.cookies["naober"] = "chosen-by-somebody-else"
    answer = browser.log_in("els")
    assert answer.status == 303
    cookie = answer.headers["set-cookie"]
    assert browser.cookies["naober"] != "chosen-by-somebody-else"
    assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
    old = browser.cookies["naober"]
    browser.log_in("els")
    assert room.vrd.operators.session(old) is None


def test_logging_out_ends_the_session_on_the_server(room: OpenRoom) -> None:
    els = room.browser("els")
    token = els.cookies["naober"]
    assert els.post("/uitloggen").status == 303
    els.cookies["naober"] = token
    assert els.get("/").status == 303


def test_a_wrong_password_says_the_same_as_a_wrong_name(room: OpenRoom) -> None:
    one = room.browser().log_in("els", "wrong wrong wrong")
    other = room.browser().log_in("niemand", "wrong wrong wrong")
    assert one.status == other.status == 401
    assert one.text.replace("els", "") == other.text.replace("niemand", "")
    assert [entry.what for entry in room.vrd.operators.newest_of_journal(2)] == ["login refused"] * 2


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "evil"])
def test_a_login_leads_nowhere_else(room: OpenRoom, back: str) -> None:
    browser = room.browser()
    answer = browser.post(f"/inloggen?terug={back}", name="els", password="vier woorden op een rij")
    assert answer.headers["location"] == "/"
    assert browser.get(f"/taal/en?terug={back}").headers["location"] == "/"


def test_a_form_that_is_too_large_or_none_is_refused(room: OpenRoom) -> None:
    els = room.browser("els")
    assert els.post("/notitie/P1", text="x" * (FORM_BYTES_MAX + 1)).status == 413
    assert els.post("/notitie/P1", {"Content-Type": "application/json"}, text="x").status == 415
    assert els.ask(
        "POST", "/notitie/P1", b"\xff\xfe=%zz", {"Content-Type": "application/x-www-form-urlencoded"}
    ).status in (400, 403)
    assert room.vrd.operators.notes("P1") == []


@pytest.mark.parametrize(
    "path",
    [
        "/punt/../../etc/passwd",
        "/punt/niemand",
        "/melding/x",
        "/melding/00000000-1-1",
        "/melding/zz-1-1",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/stuk/band.html",
        "/stuk/..%2fband",
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(room: OpenRoom, path: str) -> None:
    answer = room.browser("els").get(path)
    assert answer.status == 404, path
    assert "Traceback" not in answer.text


def test_every_answer_forbids_what_a_page_does_not_need(room: OpenRoom) -> None:
    els = room.browser("els")
    for path in ("/", "/inloggen", "/static/live.js", "/melding/x"):
        headers = els.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    assert els.get("/").headers["cache-control"] == "no-store"


def test_a_locked_screen_shows_no_text_and_takes_no_action(room: OpenRoom) -> None:
    report = emergency(room)
    els = room.browser("els")
    room.vrd.desk.wait(16 * 60)
    page = els.get("/")
    assert "vergrendeld" in page.text
    assert "Rook in hal" not in page.text
    assert els.post(f"/melding/{report}/stap", step="seen", version="0").status == 403
    assert els.post("/uitloggen").status == 303


def test_a_disk_that_refuses_is_said_on_every_page(room: OpenRoom) -> None:
    els = room.browser("els")
    assert "ALLEEN LEZEN" not in els.get("/").text
    room.trouble = "read_only"
    for path in ("/", "/postvak", "/wand"):
        assert "ALLEEN LEZEN" in els.get(path).text, path


def test_the_board_of_an_empty_inbox_is_not_green(tmp_path: Path) -> None:
    with OpenRoom(tmp_path, sites=0) as room:
        assert "Nog geen knooppunten" in room.browser("els").get("/").text


def test_english_is_one_click_away_and_leads_back(room: OpenRoom) -> None:
    els = room.browser("els")
    answer = els.get("/taal/en?terug=/postvak")
    assert answer.headers["location"] == "/postvak"
    page = els.get("/postvak").text
    assert 'lang="en"' in page and "No reports." in page


def test_filters_find_what_is_mine_what_is_open_and_what_was_said(room: OpenRoom) -> None:
    one, two, _ = room.writers
    room.vrd.desk.take(one.hex, one.report(1, "water nodig", kind=Kind.REQUEST), one.report(2, "boom"))
    room.vrd.desk.take(two.hex, two.report(1, "tak op de weg"))
    room.vrd.watch.look()
    reports = {report.shown.values["text"]: report for report in room.vrd.operators.reports()}
    room.vrd.operators.move(reports["boom"].id, State.HANDLED, "els", assignee="els")
    room.vrd.operators.move(reports["tak op de weg"].id, State.RESOLVED, "jan", result="weg")
    els = room.browser("els")

    def shown(query: str) -> set[str]:
        page = els.get(f"/postvak?{query}").text
        return {text for text in reports if text in page}

    assert shown("toon=alles") == set(reports)
    assert shown("toon=aandacht") == {"water nodig"}
    assert shown("toon=mij") == {"boom"}
    assert shown("toon=open") == {"water nodig", "boom"}
    assert shown("toon=alles&zoek=WEG") == {"tak op de weg"}


def test_a_log_that_was_tampered_with_is_said_to_be(room: OpenRoom) -> None:
    els = room.browser("els")
    assert "compleet" in els.get("/logboek").text
    db = room.vrd.operators._db
    db.execute("DROP TRIGGER journal_stays")
    db.execute("UPDATE journal SET who = 'iemand' WHERE id = 2")
    assert "veranderd bij regel 2" in els.get("/logboek").text


def test_a_situation_report_has_the_numbers_of_the_overview_and_is_frozen_with_its_own(
    room: OpenRoom,
) -> None:
    emergency(room)
    els = room.browser("els")
    board = room.vrd.watch.board
    assert board is not None
    page = els.get("/rapport").text
    assert f"open {board.count('open')}/3" in page
    assert "urgent 1" in page and "Rook in hal Punt 1" in page
    answer = els.post("/rapport", outlook="=rustig\nregel")
    assert answer.headers["location"] == "/rapport?nr=1"
    assert "6 Verwachting: =rustig regel" in els.get("/rapport?nr=1").text
    report = room.vrd.operators.open_reports()[0]
    room.vrd.operators.move(report.id, State.RESOLVED, "els", result="uit")
    room.vrd.watch.look()
    assert "urgent 1" in els.get("/rapport?nr=1").text
    assert "VRD nr 2" in els.get("/rapport").text and "urgent 0" in els.get("/rapport").text
    assert els.get("/rapport?nr=99").status == 200


def test_a_shift_is_handed_over_by_two_people_and_what_one_had_is_the_others(room: OpenRoom) -> None:
    report = emergency(room)
    els = room.browser("els")
    els.post(f"/melding/{report}/stap", step="handled", version="0")
    for taker, password in (("jan", "verkeerd wachtwoord"), ("els", "vier woorden op een rij"), ("x", "y")):
        answer = els.post("/overdracht", taker=taker, password=password, text="")
        assert "fout" in answer.headers["location"]
    answer = els.post("/overdracht", taker="jan", password="vier woorden op een rij", text="let op Beilen")
    assert answer.headers["location"] == "/overdracht?over=jan"
    assert (
        room.vrd.operators.open_reports()
        and room.vrd.operators.handling(room.vrd.operators.open_reports()[0].id).assignee == "jan"
    )
    assert "let op Beilen" in els.get("/overdracht").text


def test_what_is_handed_over_has_the_shortages_the_rules_that_are_mute_and_our_own_system(
    room: OpenRoom,
) -> None:
    node = room.writers[0]
    payload = payloads.message_payload({"water": "low", "opening": "open"}, status=(0, 15.0, 0))
    room.vrd.desk.take(node.hex, node.sign(Kind.STATUS, 1, payload))
    now_s = room.vrd.operators.now_s()
    room.vrd.operators.alarms.mute("silent", "els", "storing bij KPN", now_s + 3600)
    for _ in range(2):  # an alarm is told when it is seen that it hit one site, not many
        room.vrd.watch.look()
        room.vrd.desk.wait(60)
    room.vrd.watch.look()
    els = room.browser("els")
    for path in ("/", "/punt/P1", "/overdracht", "/wand"):
        assert "tekort: drinkwater krap" in els.get(path).text, path
    els.post("/overdracht", taker="jan", password="vier woorden op een rij", text="")
    page = els.get("/overdracht").text
    assert page.count("Punt 1 drinkwater krap") == 2, "on the page, and in what is frozen"
    assert page.count("(els: storing bij KPN)") >= 2
    frozen = page.partition("<pre>")[2]
    assert "Eigen systeem: ✔ opslag, ✔ broker, ✔ klok" in frozen
    els.get("/taal/en")
    assert "Punt 1 drinking water low" in els.get("/overdracht").text


def test_exports_are_safe_for_spreadsheets_and_say_of_every_row_what_it_is(room: OpenRoom) -> None:
    emergency(room, text="=HYPERLINK(1)")
    els = room.browser("els")
    found = els.get("/export/berichten.csv")
    assert found.text.startswith("\ufeff") and "'=HYPERLINK(1)" in found.text and ";=HYPER" not in found.text
    assert "attachment" in found.headers["content-disposition"]
    for name in ("berichten.json", "punten.csv", "punten.json", "punten.geojson", "logboek.csv"):
        assert els.get(f"/export/{name}").status == 200, name
    assert els.get("/export/..%2fetc").status == 404
    alert = els.get(f"/melding/{room.vrd.operators.open_reports()[0].id}/cap").text
    assert "<urgency>Immediate</urgency>" in alert and "<status>Actual</status>" in alert


def test_what_a_machine_says_of_itself_is_folded_away_below_what_it_says_of_its_site(room: OpenRoom) -> None:
    one, values = room.writers[0], {"water": "low", "battery_pct": 62, "version": "1.2.0", "cpu_c": 48}
    room.vrd.desk.take(one.hex, one.sign(Kind.STATUS, 1, payloads.message_payload(values, status=(0, 15, 0))))
    room.vrd.watch.look()
    page = room.browser("els").get("/punt/P1").text
    in_sight, _, folded = page.partition("<details>")
    assert "krap" in in_sight and "62 %" in in_sight and "1.2.0" not in in_sight
    assert "1.2.0" in folded and "48 °C" in folded


def test_the_map_the_timeline_and_the_handover_are_there_for_who_only_reads(room: OpenRoom) -> None:
    emergency(room)
    lees = room.browser("lees")
    for path in ("/kaart", "/tijdlijn", "/rapport", "/overdracht"):
        answer = lees.get(path)
        assert answer.status == 200 and "Punt 1" in answer.text, path
    assert "<svg" in lees.get("/kaart").text
    assert lees.post("/rapport", outlook="x").status == 403
