"""What is sent from the forms: offers, reports, emergencies, exercises, and what strangers send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from relay.node.desk import pin
from relay.node.desk.facts import Exercise, Known
from tests.node.test_desk_pages_doors import LanBrowser
from tests.node.volunteer import Page, Volunteer, as_new
from tests.support.desk import Desk, DeskStage

CHECK = "/hulp/controle?form=een&need=water&amount=&amount_unit=litres&text=&urgency=3"
DRILL = Exercise(name="Donker", left_s=3600, until_s=None)


@pytest.fixture(scope="module")
def open_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskStage]:
    with DeskStage(tmp_path_factory.mktemp("desk"), Desk()) as stage:
        yield stage


@pytest.fixture
def stage(open_desk: DeskStage) -> DeskStage:
    return as_new(open_desk)


@pytest.fixture
def anna(stage: DeskStage) -> Volunteer:
    return Volunteer(stage)


# --- offers, reports


def test_help_is_offered_on_the_second_half_without_an_urgency(stage: DeskStage, anna: Volunteer) -> None:
    anna.open("/hulp")
    anna.tap("Hulp aanbieden")
    anna.press("Mensen")
    anna.press("5 personen", text="met auto")
    assert anna.path == "/hulp/controle"
    anna.press("Versturen naar VRD")
    kind, said = stage.desk.said[-1]
    assert (kind, said["urgency"], said["text"]) == ("offer", 3, "met auto")


def test_something_else_must_be_said_in_words(stage: DeskStage, anna: Volunteer) -> None:
    anna.open("/melden")
    anna.press("Anders")
    assert "Schrijf kort op wat er is." in anna.press("Verder", text="  ").text
    anna.press("Verder", text="de bakker  komt\nsoep brengen")
    anna.press("◆ 2 Spoed")
    anna.press("Versturen naar VRD")
    kind, said = stage.desk.said[-1]
    assert (kind, said["incident"], said["text"]) == ("report", "other", "de bakker komt soep brengen")


# --- emergencies and exercises


def test_an_emergency_says_112_first(stage: DeskStage, anna: Volunteer) -> None:
    anna.to_check(urgency="▲ 1 Nood")
    assert "Bel 112 als dat kan. Dit bericht vervangt 112 niet." in anna.page.text
    anna.press("▲ Ja, verstuur NOOD")
    kind, said = stage.desk.said[-1]
    assert (kind, said["urgency"], said["real"], said["exercise"]) == ("request", 1, False, False)


def test_nothing_is_sent_without_one_of_its_buttons(stage: DeskStage, anna: Volunteer) -> None:
    anna.to_check(urgency="▲ 1 Nood")
    path, fields = anna.form("▲ Ja, verstuur NOOD")
    assert stage.post(path, **{**fields, "naar": ""}).status == 303
    assert stage.post(path, **{**fields, "naar": "hier"}).status == 303
    assert stage.desk.said == []


@pytest.mark.parametrize(
    ("urgency", "button", "real", "exercise"),
    [
        ("● 3 Normaal", "OEFENING Versturen naar VRD", False, True),
        ("● 3 Normaal", "Dit is ECHT: versturen naar VRD", True, False),
        ("▲ 1 Nood", "OEFENING Ja, verstuur NOOD – OEFENING", False, True),
        ("▲ 1 Nood", "▲ Ja, verstuur NOOD – dit is ECHT", True, False),
    ],
)
def test_during_an_exercise_every_button_says_so_and_the_last_asks_which(
    stage: DeskStage, anna: Volunteer, urgency: str, button: str, real: bool, exercise: bool
) -> None:
    stage.desk.exercise = DRILL
    anna.to_check(urgency=urgency)
    sending = [each.text for _, each in anna.page.buttons if "verstu" in each.text.lower()]
    assert len(sending) == 2 and all("OEFENING" in each or "ECHT" in each for each in sending)
    anna.press(button)
    _, said = stage.desk.said[-1]
    assert (said["real"], said["exercise"]) == (real, exercise)


def test_an_exercise_that_began_meanwhile_is_asked_about(stage: DeskStage, anna: Volunteer) -> None:
    anna.to_check(urgency="▲ 1 Nood")
    stage.desk.exercise = DRILL
    page = anna.press("▲ Ja, verstuur NOOD")
    assert "Zeg of dit oefening is of echt." in page.text and stage.desk.said == []
    anna.press("▲ Ja, verstuur NOOD – dit is ECHT")
    assert stage.desk.said[-1][1]["real"]


# --- strangers


def test_forms_that_no_page_of_ours_made_change_nothing(stage: DeskStage) -> None:
    for path in (
        "/hulp",
        "/hulp/hoeveel",
        "/hulp/controle",
        "/melden",
        "/stand/mensen",
        "/papier",
        "/concept",
    ):
        foreign = {"Origin": "http://evil.example"}
        assert stage.post(path, foreign, form="x", need="water").status == 403, path
        assert stage.post(path).status == 400, path
    assert stage.post("/stand/niets", form="x").status == 404
    assert stage.post("/concept", concept="anders", form="x").status == 400
    assert stage.post("/concept", concept="hulp", form="x", text="é" * 1500, said="é" * 1500).status == 413
    for given in (
        {"need": "gold"},
        {"need": "water", "amount_unit": "miles", "amount": "x" * 600, "text": ""},
    ):
        assert stage.post("/hulp/controle", form="x", naar="versturen", **given).status == 303
    for form in ("", "../x", "x" * 65, "x y"):
        assert stage.post("/hulp", form=form, need="water").status == 400, form
        assert stage.post("/concept", concept="hulp", form=form).status == 400, form
    assert stage.desk.said == [] and stage.desk.drafts == {}


def test_in_the_building_s_network_every_form_bears_its_token(stage: DeskStage) -> None:
    stage.desk.values["visitors"] = Known(value=25, age_s=60, entered=True)
    stage.desk.drafts["127.0.0.2", "hulp"] = {"form": "een", "need": "water"}
    visitor = LanBrowser(stage)
    visitor.type(pin.load_or_create(stage.pin_file))
    for path in (
        "/stand",
        "/stand/mensen",
        "/hulp",
        "/melden/tekst?form=een&incident=fire",
        "/papier",
        CHECK,
    ):
        page = Page(visitor.ask("GET", path).text)
        assert page.forms and all("csrf" in fields for fields in page.forms.values()), path
