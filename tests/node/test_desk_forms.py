"""The forms of the desk without a script: taps, steps, nothing lost, nothing twice, nothing unknown told."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from relay.errors import StorageError, Text
from relay.node.desk.facts import Known
from tests.node.volunteer import Volunteer, as_new
from tests.support.desk import DeskStage


@pytest.fixture(scope="module")
def open_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskStage]:
    with DeskStage(tmp_path_factory.mktemp("desk")) as stage:
        yield stage


@pytest.fixture
def stage(open_desk: DeskStage) -> DeskStage:
    """The desk as it was in the morning."""
    as_new(open_desk).desk.values = {
        "opening": Known(value="open", age_s=2520, entered=True),
        "visitors": Known(value=25, age_s=2520, entered=True),
        "water": Known(value="low", age_s=2520, entered=True),
        "battery_pct": Known(value=62, age_s=20, entered=False),
        "internet": Known(value="out", age_s=20, entered=False),
    }
    return open_desk


@pytest.fixture
def anna(stage: DeskStage) -> Volunteer:
    """At the first screen."""
    volunteer = Volunteer(stage)
    volunteer.open("/")
    return volunteer


# --- V1: few taps


def test_a_water_request_takes_five_taps(stage: DeskStage, anna: Volunteer) -> None:
    anna.tap("✚ Hulp vragen")
    anna.press("Water")
    anna.press("200 liter")
    anna.press("● 3 Normaal")
    anna.press("Versturen naar VRD")
    assert anna.taps <= 6
    assert anna.path.startswith("/verstuurd/")
    kind, said = stage.desk.said[-1]
    assert kind == "request" and said["urgency"] == 3
    assert {name: said[name] for name in ("need", "amount", "amount_unit")} == {
        "need": "water",
        "amount": "200",
        "amount_unit": "litres",
    }
    assert "text" not in said


def test_other_visitors_take_four_taps_and_only_they_are_told(stage: DeskStage, anna: Volunteer) -> None:
    anna.tap("▣ Hoe gaat het hier?")
    anna.tap("Mensen")
    assert anna.page.fields["visitors"] == "25"
    anna.type("visitors", "40")
    anna.press("Bewaren")
    assert anna.taps <= 4
    assert "✔ Mensen: Bewaard" in anna.page.text
    assert stage.desk.said == [("enter", {"visitors": "40"})]
    assert stage.desk.values["water"].age_s == 2520


def test_a_stepper_works_without_a_script_and_keeps_the_rest(stage: DeskStage, anna: Volunteer) -> None:
    anna.open("/stand/mensen")
    anna.press("Aantal bezoekers +10", inflow="rising", staff="3")
    assert (anna.page.fields["visitors"], anna.page.fields["staff"]) == ("35", "3")
    anna.press("Aantal bezoekers −1")
    anna.press("Verblijf over nacht −10")
    assert anna.page.fields["overnight"] == "0"
    anna.press("Bewaren")
    assert stage.desk.said == [
        ("enter", {"visitors": "34", "inflow": "rising", "overnight": "0", "staff": "3"})
    ]


def test_the_first_tap_of_all_still_the_same_is_the_last(stage: DeskStage, anna: Volunteer) -> None:
    anna.open("/stand")
    anna.press("Alles nog hetzelfde")
    assert anna.taps == 1 and stage.desk.said == [("same", {})]


# --- V9: not known is not zero


def test_what_nobody_knows_is_not_sent(stage: DeskStage, anna: Volunteer) -> None:
    anna.open("/stand/mensen")
    assert anna.page.fields["inflow"] == "?" and anna.page.fields["staff"] == ""
    anna.press("Bewaren")
    assert stage.desk.said == [] and "Je hebt niets gewijzigd" in anna.page.text


def test_i_don_t_know_takes_a_value_away(stage: DeskStage, anna: Volunteer) -> None:
    anna.open("/stand/mensen")
    anna.press("Weet ik niet (Aantal bezoekers)")
    assert anna.page.fields["visitors"] == ""
    anna.press("Bewaren")
    assert stage.desk.said == [("enter", {"visitors": "?"})] and "visitors" not in stage.desk.values
    anna.open("/stand/voorraad")
    anna.press("Bewaren", water="?")
    assert stage.desk.said[-1] == ("enter", {"water": "?"})


def test_what_the_node_measures_is_shown_with_its_age_and_not_asked(anna: Volunteer) -> None:
    page = anna.open("/stand/verbindingen")
    assert "internet" not in page.fields and "mobile" in page.fields
    assert "Internet: uit gemeten, zojuist" in page.text
    assert "Accu: 62 % gemeten, zojuist" in anna.open("/stand/stroom").text


# --- a slip of the finger, and another phone


@pytest.mark.parametrize(
    ("visitors", "question"),
    [
        ("250", "250 is meer dan de capaciteit (120). Klopt dit?"),
        ("76", "76 is veel meer dan de vorige keer (25). Klopt dit?"),
        ("75", ""),
    ],
)
def test_250_for_25_is_asked_about_once(
    stage: DeskStage, anna: Volunteer, visitors: str, question: str
) -> None:
    anna.open("/stand/mensen")
    anna.press("Bewaren", visitors=visitors)
    if question:
        assert question in anna.page.text and stage.desk.said == []
        assert anna.page.links["Aanpassen"] == "#v-visitors"
        anna.press("Ja, dit klopt")
    assert stage.desk.said == [("enter", {"visitors": visitors})]


def test_a_field_that_another_phone_changed_is_named_and_the_last_change_counts(
    stage: DeskStage, anna: Volunteer
) -> None:
    anna.open("/stand/mensen")
    stage.desk.values["visitors"] = Known(value=31, age_s=120, entered=True)
    stage.desk.values["staff"] = Known(value=7, age_s=60, entered=True)  # not touched here: not ours to tell
    page = anna.press("Bewaren", visitors="40")
    assert "Net gewijzigd op een ander toestel (2 minuten geleden): Aantal bezoekers" in page.text
    assert "Daar stond: 31" in page.text and "Bezetting" not in page.text.split("Hoe gaat het hier?")[0]
    assert stage.desk.values["visitors"].value == 40 and stage.desk.values["staff"].value == 7


def test_a_number_that_is_none_is_said_beside_the_field_and_all_typed_stays(
    stage: DeskStage, anna: Volunteer
) -> None:
    anna.open("/stand/mensen")
    page = anna.press("Bewaren", visitors="veel", staff="3")
    assert "Vul een getal in van 0 tot en met 100000." in page.text
    assert (page.fields["visitors"], page.fields["staff"]) == ("veel", "3")
    anna.press("Bewaren", visitors=" 30 ")
    assert stage.desk.said == [("enter", {"visitors": "30", "staff": "3"})]


# --- V7: nothing twice


def test_a_double_tap_and_a_replay_are_one_message(stage: DeskStage, anna: Volunteer) -> None:
    anna.to_check()
    path, fields = anna.form("Versturen naar VRD")
    places = [stage.post(path, **fields).headers["location"] for _ in range(3)]
    assert len(stage.desk.messages) == 1
    assert places[1] == places[2] == f"{places[0]}?n=al"
    assert "Dit is al verstuurd" in anna.open(places[1]).text


def test_who_goes_back_after_sending_finds_what_was_sent(stage: DeskStage, anna: Volunteer) -> None:
    anna.to_check()
    before = f"/hulp/hoeveel?form={anna.page.fields['form']}&need=water"
    anna.press("Versturen naar VRD")
    assert "Dit is al verstuurd" in anna.open(before).text
    assert "Dit is al verstuurd" in anna.open(before.replace("hoeveel", "controle")).text


def test_values_that_are_saved_twice_are_told_once_and_others_are_not_dropped(
    stage: DeskStage, anna: Volunteer
) -> None:
    anna.open("/stand/mensen")
    anna.press("Aantal bezoekers +10")
    before = f"{anna.path}?{urlencode(anna.page.fields)}"
    path, fields = anna.form("Bewaren")
    for _ in range(2):
        assert stage.post(path, **fields).headers["location"] == "/stand?bewaard=mensen"
    anna.open(before)  # the back button
    page = anna.press("Bewaren", visitors="37")
    assert "Dit formulier was al bewaard." in page.text and page.fields["visitors"] == "37"
    anna.press("Bewaren")
    assert stage.desk.said == [("enter", {"visitors": "35"}), ("enter", {"visitors": "37"})]


# --- nothing lost


def test_a_closed_window_is_gone_on_with(stage: DeskStage, anna: Volunteer) -> None:
    anna.open("/hulp")
    anna.press("Voeding")
    anna.press("Verder", amount="30", text="ook zonder vlees")
    anna.open("/")
    anna.tap("… Hulp vragen")  # "Verder waar je was?"
    assert anna.path == "/hulp/dringend"
    anna.press("● 3 Normaal")
    assert "ook zonder vlees" in anna.page.text and "30 personen" in anna.page.text
    anna.press("Versturen naar VRD")
    assert stage.desk.drafts == {}


def test_a_draft_can_be_thrown_away(stage: DeskStage, anna: Volunteer) -> None:
    anna.open("/melden")
    anna.press("Brand")
    page = anna.open("/melden")
    assert "Verder waar je was?" in page.text
    page = anna.press("Weggooien")
    assert stage.desk.drafts == {} and anna.path == "/melden" and "Verder waar je was?" not in page.text


def test_the_other_language_keeps_what_was_typed_and_not_yet_sent(anna: Volunteer) -> None:
    anna.open("/hulp")
    anna.press("Water")
    taps = anna.taps
    page = anna.press("English", amount="35", text="half typ")
    assert anna.taps == taps + 1 and anna.path == "/en/hulp/hoeveel"
    assert (page.fields["amount"], page.fields["text"]) == ("35", "half typ")
    assert "Next" in page.text and "Verder" not in page.text
    page = anna.press("Nederlands")
    assert anna.path == "/hulp/hoeveel" and page.fields["text"] == "half typ"


def test_what_the_script_kept_is_gone_on_with_where_it_was_typed(stage: DeskStage, anna: Volunteer) -> None:
    anna.open("/melden")
    anna.press("Onrust")
    _, fields = anna.form("Verder", text="half")
    assert stage.post("/concept", **fields, concept="melden", at="tekst").status == 204
    page = anna.open("/melden?verder=1")
    assert (anna.path, page.fields["text"]) == ("/melden/tekst", "half")
    anna.press("Verder")
    anna.press("● 3 Normaal")
    anna.press("Versturen naar VRD")
    assert stage.post("/concept", **fields, concept="melden", at="tekst").status == 204
    assert stage.desk.drafts == {}  # what was sent comes back as no draft


def test_another_need_asks_its_own_amount(anna: Volunteer) -> None:
    anna.to_check()
    anna.tap("Aanpassen (Hulp vragen)")
    page = anna.press("Mensen")
    assert anna.path == "/hulp/hoeveel"
    assert (page.fields["amount"], page.fields["amount_unit"]) == ("", "people")


def test_a_step_that_was_skipped_is_asked(anna: Volunteer) -> None:
    anna.open("/hulp/controle?form=een&need=water")
    assert anna.path == "/hulp/hoeveel"
    anna.open("/melden/dringend?form=een")
    assert anna.path == "/melden"
    assert anna.open("/hulp/iets").text and anna.answer and anna.answer.status == 404


def test_a_disk_that_is_full_is_told_and_everything_typed_is_still_there(
    stage: DeskStage, anna: Volunteer
) -> None:
    anna.to_check(text="bij de achterdeur")
    stage.desk.trouble = StorageError(
        Text("De kaart is vol", "The card is full"), Text("Bel VRD", "Call VRD")
    )
    page = anna.press("Versturen naar VRD")
    assert anna.answer and anna.answer.status == 503
    assert "De kaart is vol" in page.text and "bij de achterdeur" in page.text
    stage.desk.trouble = None
    anna.press("Versturen naar VRD")
    assert [each.values["text"] for each in stage.desk.messages] == ["bij de achterdeur"]
    anna.open("/stand/mensen")
    stage.desk.trouble = StorageError(Text("De kaart is vol", "The card is full"))
    page = anna.press("Bewaren", visitors="30")
    assert "De kaart is vol" in page.text and page.fields["visitors"] == "30"
