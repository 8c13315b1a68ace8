"""Paper: the form that is printed, and what was written on one, entered later with its age."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from relay.core.fields import BY_NAME, paper_number
from relay.core.paper_form import FORM_FIELDS, understand
from relay.node.desk.facts import Exercise, Known
from tests.node.volunteer import Volunteer, as_new
from tests.support.desk import Desk, DeskStage


@pytest.fixture(scope="module")
def open_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskStage]:
    with DeskStage(tmp_path_factory.mktemp("desk"), Desk()) as stage:
        yield stage


@pytest.fixture
def stage(open_desk: DeskStage) -> DeskStage:
    return as_new(open_desk)


@pytest.fixture
def anna(stage: DeskStage) -> Volunteer:
    volunteer = Volunteer(stage)
    volunteer.open("/papier")
    return volunteer


def test_the_form_asks_what_vrd_s_own_form_asks_by_the_same_numbers(anna: Volunteer) -> None:
    text = anna.open("/formulier").text
    for field in FORM_FIELDS:
        if field.name != "needed_within_min":  # told by the urgency here
            assert re.search(rf"(^| ){paper_number(field)} ({re.escape(field.nl)}|In het kort)", text), (
                field.name
            )
    assert "1 gesloten 2 in opbouw 3 open" in text
    assert "Functie (geen naam)" in text and "Tijd" in text and "Kazerne Beilen" in text
    assert "veld 10: open. Veld 12: veertig" in text
    assert "Report form" in anna.open("/en/formulier").text


def test_what_the_sample_says_is_understood() -> None:
    assert understand("10=open; 12=40 86=krap").values == {"opening": "open", "visitors": 40, "water": "low"}


def test_a_form_of_two_hours_ago_is_sent_with_its_age(stage: DeskStage, anna: Volunteer) -> None:
    form = {"hours": "1", "minutes": "50", "opening": "open", "visitors": " 40", "water": "low"}
    page = anna.press("Verder", **form)
    assert "Geschreven 1 uur 50" in page.text and "12 Aantal bezoekers 40" in page.text
    page = anna.press("Bewaren")
    assert "✔" in page.text and "Bewaard" in page.text
    assert stage.desk.said == [
        ("enter", {"opening": "open", "visitors": "40", "water": "low", "ago_min": 110})
    ]


def test_a_request_on_paper_goes_with_its_age_and_the_rest_of_the_paper_along(
    stage: DeskStage, anna: Volunteer
) -> None:
    anna.press(
        "Verder", minutes="30", visitors="40", need="water", amount="200", amount_unit="litres", text="snel"
    )
    assert "42 Wat Water" in anna.page.text
    path, fields = anna.form("Versturen naar VRD")
    anna.press("Versturen naar VRD")
    assert anna.path.startswith("/verstuurd/")
    (kind, said), entered = stage.desk.said
    assert kind == "request" and (said["ago_min"], said["urgency"], said["text"]) == (30, 3, "snel")
    assert entered == ("enter", {"visitors": "40", "ago_min": 30})
    again = stage.post(path, **fields)
    assert again.headers["location"].endswith("?n=al") and len(stage.desk.said) == 2
    assert stage.desk.drafts == {}


def test_what_was_read_out_is_taken_over_and_the_rest_is_named(stage: DeskStage, anna: Volunteer) -> None:
    page = anna.press("Overnemen", said="1=net 10=open 12=40 77=blauw bezoekers 9", staff="3")
    assert (page.fields["opening"], page.fields["visitors"], page.fields["staff"]) == ("open", "40", "3")
    assert "Niet begrepen. Kijk dit na: 77=blauw" in page.text.replace(" ,", ",") and "1=mains" in page.text
    assert stage.desk.said == []
    anna.press("Verder", minutes="5")
    anna.press("Bewaren")
    assert stage.desk.said[-1][1]["visitors"] == "40"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"visitors": "40"}, "Hoe lang geleden is het geschreven?"),
        ({"visitors": "40", "hours": "49"}, "Vul hoogstens 48 uur in."),
        ({"minutes": "5"}, "Vul ten minste één ding in."),
        ({"minutes": "5", "visitors": "veel"}, "Vul een getal in"),
        ({"minutes": "5", "text": "x" * 121}, "1 teken te lang"),
        ({"minutes": "5", "need": "goud"}, "Kies er een."),
    ],
)
def test_what_is_missing_is_asked_and_all_typed_stays(
    stage: DeskStage, anna: Volunteer, form: dict[str, str], said: str
) -> None:
    page = anna.press("Verder", **form)
    assert anna.path == "/papier" and said in page.text.split("Let op")[1]
    assert all(page.fields[name] == value for name, value in form.items() if name != "need")
    assert stage.desk.said == []


def test_what_is_known_since_then_is_not_undone_by_old_paper(stage: DeskStage, anna: Volunteer) -> None:
    stage.desk.values = {
        "visitors": Known(value=60, age_s=300, entered=True),
        "water": Known(value="ok", age_s=7200, entered=True),
    }
    page = anna.press("Verder", hours="1", visitors="20", water="out")
    assert "Aantal bezoekers: Hier is al iets bekend dat nieuwer is. Dat blijft staan (60" in page.text
    anna.press("Bewaren")
    assert stage.desk.said == [("enter", {"water": "out", "ago_min": 60})]
    assert stage.desk.values["visitors"].value == 60


def test_who_goes_back_to_a_paper_that_was_sent_and_changes_it_loses_nothing(
    stage: DeskStage, anna: Volunteer
) -> None:
    anna.press("Verder", minutes="30", visitors="40", incident="fire")
    before = anna.page.links["Terug"]
    anna.press("Versturen naar VRD")
    anna.open(before)
    anna.press("Verder", visitors="47")
    page = anna.press("Versturen naar VRD")
    assert "Dit formulier was al bewaard." in page.text and page.fields["visitors"] == "47"
    anna.press("Verder")
    anna.press("Versturen naar VRD")
    assert "Dit is al verstuurd" in anna.page.text  # the report; the number is new
    assert [said for kind, said in stage.desk.said if kind == "enter"] == [
        {"visitors": "40", "ago_min": 30},
        {"visitors": "47", "ago_min": 30},
    ]
    assert len(stage.desk.messages) == 1


def test_too_many_visitors_on_paper_are_asked_about(anna: Volunteer) -> None:
    assert (
        "250 is meer dan de capaciteit (120). Klopt dit?"
        in anna.press("Verder", hours="1", visitors="250").text
    )


def test_an_emergency_on_paper_says_112_and_an_exercise_asks_which(stage: DeskStage, anna: Volunteer) -> None:
    stage.desk.exercise = Exercise(name="Donker", left_s=3600, until_s=None)
    page = anna.press("Verder", minutes="3", incident="fire", urgency="1")
    assert "Bel 112 als dat kan." in page.text
    anna.press("OEFENING Ja, verstuur NOOD")
    kind, said = stage.desk.said[0]
    assert (kind, said["urgency"], said["exercise"], said["ago_min"]) == ("report", 1, True, 3)


def test_a_paper_is_gone_on_with_and_read_in_english(anna: Volunteer) -> None:
    anna.press("Verder", visitors="40", said="86=krap")
    page = anna.open("/papier?verder=1")
    assert (page.fields["visitors"], page.fields["said"]) == ("40", "86=krap")
    page = anna.press("English", staff="3")
    assert anna.path == "/en/papier" and (page.fields["visitors"], page.fields["staff"]) == ("40", "3")
    assert "Enter from paper" in page.text


def test_no_field_of_the_paper_is_lost_on_its_way(stage: DeskStage, anna: Volunteer) -> None:
    """Every field that a person may tell, each with its highest value."""
    form = {
        name: BY_NAME[name].choices[-1] if BY_NAME[name].choices else str(BY_NAME[name].high)
        for name in anna.page.fields
        if name in BY_NAME and name != "text"
    }
    anna.press("Verder", hours="47", minutes="59", text="x" * 120, **form)
    anna.press("Versturen naar VRD")
    (_, said), (_, entered) = stage.desk.said
    told = {**said, **entered}
    assert {name: told[name] for name in form} == form and said["text"] == "x" * 120
