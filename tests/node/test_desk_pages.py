"""The first screen and one message of the site's page: asked as a browser without scripts asks."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from relay.node.desk import words
from relay.node.desk.facts import Band, Exercise, Handling, Known, Received, Step
from tests.node.reading import message, text_of
from tests.support.desk import NOW_S, DeskStage

# --- the first screen


def test_the_first_screen_has_its_three_actions_and_what_was_sent(site: DeskStage) -> None:
    said = text_of(site.get("/").text)
    for words_there in ("Kazerne Beilen", "✔ VRD hoort ons · bevestigd 4 minuten geleden (via radio)",
                        "Bericht van VRD (1 nieuw)", "open · 42 bezoekers · drinkwater krap",
                        "Alles nog hetzelfde", "Hulp vragen", "Iets melden", "ontvangen 12:15 (via radio)",
                        "onderweg, 12 minuten", "gelezen, doorgezet", "Uitleg", "English"):  # fmt: skip
        assert words_there.replace("12:15", words.clock(NOW_S - 1000, NOW_S)) in said, words_there


def test_all_still_the_same_is_one_tap_and_a_second_tap_changes_nothing(site: DeskStage) -> None:
    form = re.search(r'action="/hetzelfde">.*?name="form" value="([^"]+)"', site.get("/").text)
    assert form
    for _ in range(2):
        assert site.post("/hetzelfde", form=form[1]).headers["location"] == "/?gedaan=hetzelfde"
    assert site.desk.said == [("same", {})]
    assert "alles nog hetzelfde. VRD krijgt dit vanzelf" in site.get("/?gedaan=hetzelfde").text


def test_nothing_can_be_confirmed_where_nothing_was_entered(site: DeskStage) -> None:
    site.desk.values = {"battery_pct": Known(value=62, age_s=1, entered=False)}
    page = site.get("/").text
    assert "Nog niets ingevuld" in page and "Alles nog hetzelfde" not in page


@pytest.mark.parametrize(
    ("band", "icon", "said"),
    [
        (Band(state="heard", heard_age_s=240, link="mqtt"), "✔",
         "VRD hoort ons · bevestigd 4 minuten geleden (via internet)"),
        (Band(state="under_way", heard_age_s=2400, link="radio", usual_min=(10, 40), waiting=1), "◔",
         "Bericht onderweg · bevestiging duurt meestal 10 tot 40 minuten (via radio)"),
        (Band(state="unconfirmed", heard_age_s=7800, waiting=7, oldest_age_s=10_800), "!",
         "Geen bevestiging van VRD sinds 2 uur 10 · alles blijft bewaard en gaat vanzelf"),
        (Band(state="no_storage", storage_code="read_only"), "✖",
         "Dit apparaat kan niets bewaren · gebruik het papieren formulier (S01)"),
    ],
)  # fmt: skip
def test_the_band_is_one_of_four_texts_with_an_icon(
    site: DeskStage, band: Band, icon: str, said: str
) -> None:
    site.desk.band = band
    for path in ("/", "/berichten", "/stand"):  # on top of every page
        assert f"{icon} {said}" in text_of(site.get(path).text)


def test_hours_without_a_confirmation_tell_how_much_waits_and_what_else_there_is(
    site: DeskStage,
) -> None:
    site.desk.band = Band(state="unconfirmed", heard_age_s=15_000, waiting=7, oldest_age_s=10_800)
    page = site.get("/").text
    said = text_of(page)
    assert "7 berichten wachten, oudste 3 uur. Je hoeft niets opnieuw te versturen." in said
    assert 'href="/koerier"' in page and "Vul elk uur het papieren formulier in." in said


def test_an_emergency_without_a_confirmation_says_what_to_do_now(tmp_path: Path) -> None:
    with DeskStage(tmp_path, nearest_post="Kazerne Assen, Rolderstraat 1") as site:
        site.desk.emergency = message(Step.UNDER_WAY, urgency=1, age_s=720)
        said = text_of(site.get("/").text)
    assert (
        "NOOD nog niet bevestigd (12 minuten) Bel 112 Gebruik de portofoon Stuur iemand naar Kazerne" in said
    )


def test_a_loose_radio_a_card_that_keeps_nothing_and_a_revoked_key_each_have_a_card(
    site: DeskStage,
) -> None:
    site.desk.radio_trouble, site.desk.revoked = "R01", True
    site.desk.band = Band(state="no_storage")
    said = text_of(site.get("/").text)
    assert "Radio los? Druk de stekker van de radio goed aan. Lees deze code voor aan VRD: R01" in said
    assert "Dit apparaat is afgesloten door VRD (E02)" in said
    assert "Gebruik het papieren formulier. Laat de geheugenkaart zitten en bel VRD." in said


def test_drafts_are_offered_to_whom_they_belong(site: DeskStage) -> None:
    site.desk.drafts = {
        ("127.0.0.1", "hulp"): {"need": "water"},
        ("10.42.0.7", "melden"): {"text": "x"},
    }
    page = site.get("/").text
    assert "Verder waar je was?" in page and page.count('class="tile draft"') == 1


def test_an_exercise_is_on_every_page_and_in_every_button_but_not_of_what_is_real(
    site: DeskStage,
) -> None:
    site.desk.exercise = Exercise(name="Donker Drenthe", left_s=9000, until_s=NOW_S + 9000)
    until = words.clock(NOW_S + 9000, NOW_S)
    site.desk.messages = [
        message(id="e1", exercise=True, hold_s=9), message(Step.UNDER_WAY, id="r1", exercise=False)
    ]  # fmt: skip
    for path in ("/", "/verstuurd", "/berichten", "/uitleg", "/publiek", "/verstuurd/e1"):
        assert f"OEFENING Donker Drenthe · tot {until}" in text_of(site.get(path).text), path
    assert "OEFENING Alles nog hetzelfde" in text_of(site.get("/").text)
    assert "OEFENING Ongedaan maken (9)" in text_of(site.get("/verstuurd/e1").text)
    real = text_of(site.get("/verstuurd/r1").text)
    assert "ECHT Water" in real and "OEFENING Intrekken" not in real


def test_vrds_time_is_told_in_vrds_time_zone_wherever_the_machine_believes_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for zone in ("Europe/London", "UTC", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert words.clock(NOW_S, NOW_S) == "13:32" and words.clock(NOW_S - 86_400, NOW_S) == "23-11 13:32"
    monkeypatch.undo()
    time.tzset()


# --- one message


def test_received_and_read_are_said_only_of_what_vrd_received_and_read(site: DeskStage) -> None:
    received = Received(age_s=10, time_s=NOW_S, link="radio")
    handling = Handling(state="forwarded", text="Bevolkingszorg", age_s=1, time_s=NOW_S)
    for step in Step:
        for extra in ({}, {"received": received, "handling": handling}):
            site.desk.messages = [message(step, sent_count=3, sent_link="mqtt", sent_age_s=4, **extra)]
            for path in ("/", "/verstuurd", "/verstuurd/x1"):
                said = text_of(site.get(path).text).lower()
                assert ("ontvangen" in said) == (step == Step.RECEIVED or (step > 3 and path[-1] == "1")), (
                    said
                )
                about_it = said.replace("bericht van vrd", "").replace("lezen", "", 0)
                assert ("gelezen" in about_it) == (step == Step.READ), said
                english = text_of(site.get(f"/en{path}").text).lower()
                assert ("received" in english) == ("ontvangen" in said)


def test_each_step_of_a_message_is_said_in_words(site: DeskStage) -> None:
    site.desk.messages = [
        message(Step.READ, sent_count=3, sent_age_s=60, sent_link="radio",
                received=Received(age_s=500, time_s=NOW_S - 500, link="radio"),
                handling=Handling(state="resolved", text="tankwagen komt", age_s=5, time_s=NOW_S - 5)),
    ]  # fmt: skip
    said = text_of(site.get("/verstuurd/x1").text)
    assert "● Bewaard op dit apparaat, zojuist" in said
    assert "●● Onderweg (3 keer verstuurd, laatst 1 minuut geleden via radio)" in said
    assert f"●●● VRD heeft dit ontvangen · bevestigd {words.clock(NOW_S - 500, NOW_S)} (via radio)" in said
    assert f"●●●● VRD heeft dit gelezen, {words.clock(NOW_S - 5, NOW_S)} Afgehandeld: tankwagen komt" in said


def test_undo_within_its_time_and_after_it(site: DeskStage) -> None:
    site.desk.messages = [message(hold_s=8)]
    page = site.get("/verstuurd/x1").text
    assert "Ongedaan maken (8)" in page and "Intrekken" not in page
    assert site.post("/verstuurd/x1/ongedaan").headers["location"] == "/verstuurd/x1"
    assert "Niet verstuurd: je hebt het ongedaan gemaakt." in site.get("/verstuurd/x1").text
    site.desk.messages = [message(Step.UNDER_WAY)]
    late = site.post("/verstuurd/x1/ongedaan").headers["location"]
    assert "Te laat om ongedaan te maken" in site.get(late).text and len(site.desk.said) == 1


def test_a_message_is_withdrawn_in_two_taps_with_a_reason_if_one_likes(site: DeskStage) -> None:
    site.desk.messages = [message(Step.RECEIVED)]
    assert 'href="/verstuurd/x1/intrekken"' in site.get("/verstuurd/x1").text
    form = re.search(r'name="form" value="([^"]+)"', site.get("/verstuurd/x1/intrekken").text)
    assert form
    refused = site.post("/verstuurd/x1/intrekken", form=form[1], reason="é" * 63)
    assert refused.status == 422 and "1 teken te lang" in refused.text and "é" * 63 in refused.text
    for _ in range(2):
        site.post("/verstuurd/x1/intrekken", form=form[1], reason="toch niet nodig")
    assert site.desk.said == [("withdraw", ("x1", "toch niet nodig"))]
    said = text_of(site.get("/verstuurd/x1").text)
    assert "Ingetrokken, zojuist. VRD weet dit nog niet" in said and "Ja, intrekken" not in said
    site.desk.change("x1", withdrawal_received=True)
    assert "VRD weet dat het is ingetrokken." in site.get("/verstuurd/x1").text
    assert 'class="struck"' in site.get("/verstuurd").text


def test_an_emergency_asks_for_ten_minutes_whether_it_was_a_mistake(site: DeskStage) -> None:
    site.desk.messages = [message(Step.UNDER_WAY, urgency=1, age_s=590)]
    said = text_of(site.get("/verstuurd/x1").text)
    assert "Was dit een vergissing? Ja, deze Nood intrekken" in said
    assert "Bel 112 als dat kan. Dit bericht vervangt 112 niet." in said
    site.desk.messages = [message(Step.UNDER_WAY, urgency=1, age_s=610)]
    assert "vergissing" not in site.get("/verstuurd/x1").text


def test_what_is_in_memory_only_says_so(site: DeskStage) -> None:
    site.desk.messages = [message(safe=False)]
    assert "Let op: dit staat alleen in het geheugen." in site.get("/verstuurd/x1").text
    for path in ("/", "/verstuurd", "/verstuurd/x1"):  # "bewaard" would be the opposite
        assert "in het geheugen" in text_of(site.get(path).text)
        assert "Bewaard op dit" not in site.get(path).text and ">bewaard" not in site.get(path).text


def test_where_vrds_time_is_not_known_its_confirmation_has_an_age(site: DeskStage) -> None:
    site.desk.messages = [message(Step.RECEIVED, received=Received(age_s=130, time_s=None, link="radio"))]
    assert "ontvangen (via radio), 2 minuten geleden" in text_of(site.get("/").text)
    assert "bevestigd 2 minuten geleden (via radio)" in text_of(site.get("/verstuurd/x1").text)


def test_without_a_script_one_tap_asks_for_news(site: DeskStage) -> None:
    for path in ("/", "/verstuurd", "/verstuurd/x1", "/berichten"):
        site.desk.messages = [message(Step.UNDER_WAY)]
        asked = re.search(r'<noscript><p[^>]*><a class="button second" href="([^"]+)">', site.get(path).text)
        assert asked and asked[1] == path
