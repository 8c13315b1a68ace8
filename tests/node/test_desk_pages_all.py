"""What VRD says on the site's page, and what holds for all of its pages."""

from __future__ import annotations

import re

import msgspec
import pytest

from relay.errors import StorageError, Text
from relay.node.desk.facts import Exercise, Handling, Step, VrdNotice
from relay.node.desk.render import STATIC
from tests.node.reading import message, text_of
from tests.support.desk import DeskStage

TEMPLATES = STATIC.parent / "templates"
WEIGHT_MAX = 60_000


# --- from VRD


def test_opening_a_notice_is_looking_at_it_but_not_when_the_page_renews_itself(site: DeskStage) -> None:
    site.ask("GET", "/berichten/13", headers={"X-Naober": "1"})
    site.get("/berichten")
    assert site.desk.said == []
    site.get("/berichten/13")
    assert site.desk.said == [("looked", 13)]
    assert "nieuw)" not in site.get("/").text


def test_something_new_from_vrd_is_told_on_every_page(site: DeskStage) -> None:
    for path in ("/", "/stand", "/verstuurd/m3", "/uitleg"):
        assert "Bericht van VRD (1 nieuw)" in text_of(site.get(path).text), path
    site.get("/berichten/13")
    assert "nieuw)" not in site.get("/uitleg").text


def test_a_question_is_answered_by_its_buttons_and_an_order_by_done_or_cannot(site: DeskStage) -> None:
    said = text_of(site.get("/berichten/13").text)
    assert "Geen Een Meer" in said and "Uitgevoerd" not in said
    assert site.post("/berichten/13/antwoord", form="f1", answer="2").status == 303
    assert site.post("/berichten/13/antwoord", form="f2", answer="7").status == 400
    order = re.findall(r'name="answer" value="\d">([^<]+)<', site.get("/berichten/11").text)
    assert order == ["Gelezen", "Lukt niet"]  # "Uitgevoerd" is what was answered already
    assert site.post("/berichten/11/antwoord", form="f3", answer="2").status == 303
    answers = [said for said in site.desk.said if said[0] == "answer"]
    assert answers == [("answer", (13, 2)), ("answer", (11, 2))]
    assert "Jullie antwoord: Een Toch iets anders antwoorden?" in text_of(site.get("/berichten/13").text)


def test_a_notice_that_was_replaced_is_struck_through_and_names_what_replaced_it(
    site: DeskStage,
) -> None:
    said = site.get("/berichten").text
    assert "vervangen door 12" in text_of(said) and 'class="text struck">De stroom is om 15' in said
    assert text_of(said).index("Bericht van VRD 13") < text_of(said).index("Eerder")
    older = site.get("/berichten/10").text
    assert "Dit geldt niet meer. Het is vervangen door bericht 12" in text_of(older)
    assert 'name="answer"' not in older and "Groot tonen" not in older


def test_information_goes_onto_the_large_screen_which_has_text_only(site: DeskStage) -> None:
    assert "Er is nu geen bericht." in site.get("/publiek").text
    assert site.post("/berichten/13/groot").status == 400  # a question is not for visitors
    assert site.post("/berichten/12/groot").headers["location"] == "/berichten/12"
    page = site.get("/publiek").text
    assert "De stroom is om 18 uur terug." in page
    assert not re.search("<(a|button|form|input)", page)
    assert '<noscript><meta http-equiv="refresh"' in page
    site.post("/berichten/12/klein")
    assert "Er is nu geen bericht." in site.get("/publiek").text


# --- all pages


PAGES = ("/", "/verstuurd", "/verstuurd/m3", "/verstuurd/m3/intrekken", "/berichten", "/berichten/13",
         "/publiek", "/uitleg", "/nergens")  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_in_english_without_a_dutch_word_left(site: DeskStage, path: str) -> None:
    site.desk.exercise = Exercise(name="Dark", left_s=60, until_s=None)
    page = site.get(f"/en{path}")
    assert 'lang="en"' in page.text
    dutch = "bewaard|ontvangen|gelezen|hulp vragen|melden|uitleg|zojuist|geleden|oefening|terug|noodsteunpunt"
    said = text_of(
        page.text.replace("De stroom is om 18 uur terug", "").replace("De stroom is om 15 uur terug", "")
    )
    said = said.replace("noodsteunpunt vannacht", "")
    assert not re.search(rf"\b({dutch})\b", said, re.IGNORECASE), said
    assert f'href="{path}"' in page.text or path == "/publiek"  # and one tap back
    for link in re.findall(r'(?:href|action)="(/[^"]*)"', page.text):
        assert link.startswith(("/en/", "/static/")) or link == path, link


def test_the_language_link_keeps_the_path_and_leads_nowhere_else(site: DeskStage) -> None:
    assert 'href="/en/verstuurd/m3?n=al"' in site.get("/verstuurd/m3?n=al").text
    for path in ("/en//evil.example/x", "//evil.example/x", "/en/%2F%2Fevil.example"):
        page = site.get(path)
        assert page.status == 404 and not re.search(r'href="(https?:)?//', page.text), path


def test_the_first_screen_with_all_that_it_loads_is_light(site: DeskStage) -> None:
    page = site.get("/")
    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert len(loaded) >= 3
    weight = len(page.text.encode()) + sum(len(site.get(each).text.encode()) for each in loaded)
    assert weight <= WEIGHT_MAX, weight


def test_every_form_can_bring_its_token() -> None:
    for template in TEMPLATES.glob("*.html"):
        html = template.read_text()
        forms = re.findall(r'<form\b[^>]*method="post".*?</form>', html, re.DOTALL)
        for form in forms:
            assert "csrf_field" in form or template.name == "pin.html", f"{template.name}: {form[:100]}"


def test_what_is_stored_is_never_a_script(site: DeskStage) -> None:
    evil = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>"""
    site.desk.messages = [message(values={"incident": "other", "text": evil}, id="x1")]
    site.desk.heard = [
        VrdNotice(number=1, kind="question", text=evil, urgency=1, exercise=False, answers=(evil, "b"),
                  age_s=1, time_s=None, seen=False, answer=None)
    ]  # fmt: skip
    site.desk.exercise = Exercise(name=evil, left_s=60, until_s=None)
    site.desk.shown = 1
    for path in ("/", "/verstuurd", "/verstuurd/x1", "/verstuurd/x1/intrekken", "/berichten", "/berichten/1",
                 "/publiek", f"/{evil.replace(' ', '%20')}"):  # fmt: skip
        page = site.get(path).text
        assert "<script>alert" not in page and "<img src=x" not in page, path
    site.desk.messages = [message(Step.RECEIVED)]
    answer = site.post("/verstuurd/x1/intrekken", form="f", reason=evil * 3)
    assert answer.status == 422 and "&lt;script&gt;" in answer.text and "<script>alert" not in answer.text


def test_a_disk_that_fails_is_told_and_what_was_typed_stays(site: DeskStage) -> None:
    site.desk.messages = [message(Step.RECEIVED)]
    site.desk.trouble = StorageError(
        Text("De kaart is vol.", "The card is full."), Text("Bel VRD.", "Call VRD.")
    )
    answer = site.post("/verstuurd/x1/intrekken", form="f", reason="was al opgelost")
    assert answer.status == 409 and "De kaart is vol." in answer.text and "was al opgelost" in answer.text
    assert "De kaart is vol." in site.post("/hetzelfde", form="g").text


def test_what_does_not_exist_is_a_page_too(site: DeskStage) -> None:
    for path in ("/verstuurd/nix", "/berichten/99", "/berichten/abc", "/berichten/99999999999999", "/x"):
        answer = site.get(path)
        assert answer.status == 404 and "Deze pagina is er niet (meer)." in answer.text


def test_the_key_of_the_live_state_changes_with_what_is_shown_but_not_with_ages(
    site: DeskStage,
) -> None:
    def key() -> str:
        return site.get("/levend").text

    before = key()
    site.desk.band = msgspec.structs.replace(site.desk.band, heard_age_s=999)
    site.desk.messages = [msgspec.structs.replace(each, age_s=1) for each in site.desk.messages]
    assert key() == before
    site.desk.change("m4", step=Step.RECEIVED)
    changed = key()
    assert changed != before
    site.desk.change("m4", handling=Handling(state="seen", text="", age_s=1, time_s=None))
    assert key() != changed
