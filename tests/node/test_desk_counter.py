"""What else the desk keeps: values of the site, drafts, what VRD said; and what the first screen shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relay.core.message import Kind
from relay.core.payloads import message_of
from relay.errors import NaoberError, ValueRefused
from relay.node.desk import rows
from relay.node.desk.facts import Known
from relay.node.desk.stamps import stamp_of
from tests.node.desks import DEVICE, OTHER, DeskEnd


@pytest.fixture
def desk(tmp_path: Path) -> DeskEnd:
    return DeskEnd(tmp_path)


def enter(
    desk: DeskEnd, form: str, typed: dict[str, str], was: dict[str, str] | None = None, **more: Any
) -> Any:
    given = {"same": False, "device": DEVICE, "ago_min": 0, **more}
    return desk.counter.enter(form, typed, was or {}, **given)


# --- values of the site ---


def test_what_another_device_changed_meanwhile_is_told_and_the_last_word_counts(desk: DeskEnd) -> None:
    enter(desk, "a", {"visitors": "40", "water": "ok"})
    desk.run(60)
    enter(desk, "b", {"visitors": "50"}, {"visitors": "40", "water": "ok"}, device=OTHER)
    desk.run(120)
    outcome = enter(
        desk, "c", {"visitors": "42", "food": "low"}, {"visitors": "40", "water": "ok", "food": "?"}
    )
    assert outcome.elsewhere == {"visitors": Known(value=50, age_s=120, entered=True)}
    assert {name: each.value for name, each in desk.counter.entered().items()} == {
        "visitors": 42,
        "water": "ok",
        "food": "low",
    }


def test_ones_own_change_in_another_window_and_an_equal_one_are_no_news(desk: DeskEnd) -> None:
    enter(desk, "a", {"visitors": "40"})
    assert enter(desk, "b", {"visitors": "42"}, {"visitors": "?"}).elsewhere == {}
    assert enter(desk, "c", {"visitors": "42"}, {"visitors": "40"}, device=OTHER).elsewhere == {}


def test_what_was_written_on_paper_is_as_old_as_it_is(desk: DeskEnd) -> None:
    enter(desk, "a", {"visitors": "40"}, ago_min=90)
    enter(desk, "b", {"water": "low"})
    home = desk.home()
    assert (home.entered["visitors"].age_s, home.entered["water"].age_s) == (5400, 0)
    assert home.entered_age_s == 0
    enter(desk, "c", {}, same=True)
    assert desk.home().entered["visitors"].age_s == 0


def test_a_value_that_is_refused_changes_nothing_and_the_form_can_be_put_right(desk: DeskEnd) -> None:
    with pytest.raises(ValueRefused):
        enter(desk, "a", {"visitors": "veel", "water": "low"})
    assert desk.counter.entered() == {}
    assert not enter(desk, "a", {"visitors": "40"}).repeated
    enter(desk, "b", {"visitors": "?"})
    assert desk.counter.entered() == {}, "not known is absent, not zero"


# --- drafts ---


def keep(desk: DeskEnd, device: str, name: str, typed: dict[str, str]) -> None:
    now = stamp_of(*desk.counter.moment())
    desk.world.station().outbox.desk.keep_draft(device, name, typed, now)


def draft(desk: DeskEnd, device: str, name: str) -> dict[str, str]:
    return desk.world.station().outbox.desk.draft(device, name, stamp_of(*desk.counter.moment()))


def test_a_draft_is_kept_for_a_day_over_a_power_cut_and_for_its_device_only(desk: DeskEnd) -> None:
    keep(desk, DEVICE, "hulp", {"need": "water"})
    keep(desk, DEVICE, "hulp", {"need": "water", "text": "é"})
    keep(desk, OTHER, "melden", {"text": "x"})
    desk.reboot(off_s=600)
    assert draft(desk, DEVICE, "hulp") == {"need": "water", "text": "é"}
    assert desk.home().drafts == ("hulp",) and desk.home(device="10.42.0.9").drafts == ()
    desk.world.station().outbox.desk.drop_draft(OTHER, "melden")
    assert desk.home(device=OTHER).drafts == ()
    desk.world.now_s += rows.DRAFT_LIFE_S
    assert draft(desk, DEVICE, "hulp") == {} and desk.home().drafts == ()


def test_drafts_take_little_room(desk: DeskEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "DRAFTS_MAX", 4)
    for number in range(9):
        keep(desk, DEVICE, f"groot{number}", {"text": "x" * 9000})
        desk.run(1)
    assert desk.home().drafts == ("groot8", "groot7")
    keep(desk, DEVICE, "te groot", {"text": "x" * 30_000})
    assert draft(desk, DEVICE, "te groot") == {}
    for number in range(9):
        keep(desk, f"10.42.0.{number}", "hulp", {"text": "x"})
        desk.run(1)
    assert len(desk.world.station().outbox.desk.drafts()) == 4


# --- what VRD says ---


def order(number: int, text: str = "Ontruim", kind: str = "order", **more: Any) -> dict[str, Any]:
    return {"notice": kind, "about_epoch": 5, "about_number": number, "text": text, **more}


def test_notices_are_there_newest_first_until_somebody_looks(desk: DeskEnd) -> None:
    desk.hear(order(1, "een"), order(2, "Brandstof?", "question", answers="ja|nee"))
    home = desk.home()
    assert home.unread == 2 and home.newest_unread and home.newest_unread.number == 2
    question, first = desk.counter.notices()
    assert (question.kind, question.answers, question.urgency) == ("question", ("ja", "nee"), 2)
    assert question.time_s and question.age_s == 0 and first.text == "een"
    desk.counter.looked(2)
    assert desk.home().unread == 1 and desk.counter.notices()[0].seen
    with pytest.raises(NaoberError):
        desk.counter.looked(9)


def test_an_answer_goes_once_and_waits_as_any_message_does(desk: DeskEnd) -> None:
    desk.hear(order(7, "Brandstof?", "question", answers="ja|nee"))
    desk.world.set_link("beilen", False)
    with pytest.raises(ValueRefused):
        desk.counter.answer("a", 7, 3)
    assert desk.counter.answer("a", 7, 2).safe
    assert desk.counter.answer("a", 7, 1).repeated
    assert desk.counter.notices()[0].answer == 2 and desk.home().band.waiting == 1
    desk.world.set_link("beilen", True)
    desk.run(20)
    said = [message_of(each) for header, each in desk.world.fresh if header.kind == Kind.ANSWER]
    assert [each.values["answer"] for each in said if each] == [2]
    assert desk.home().band.waiting == 0 and desk.counter.sent(10) == ()


def test_visitors_are_shown_information_only_and_still_after_a_restart(desk: DeskEnd) -> None:
    desk.hear(order(1, "Er is soep", "information"), order(2, "Ontruim"))
    assert desk.counter.public() is None
    desk.counter.show_public(1)
    desk.restart()
    shown = desk.counter.public()
    assert shown and shown.text == "Er is soep"
    desk.counter.show_public(2)
    assert desk.counter.public() is None, "an order is not for their eyes"
    desk.counter.show_public(1)
    desk.counter.show_public(None)
    desk.restart()
    assert desk.counter.public() is None
    with pytest.raises(NaoberError):
        desk.counter.show_public(9)


def test_a_notice_that_vrd_replaced_asks_for_nothing_and_is_shown_to_nobody(desk: DeskEnd) -> None:
    desk.hear(order(12, "van voor de inbox", about_epoch=4), order(12, "Soep om 12 uur", "information"))
    desk.counter.show_public(12)
    desk.hear(order(14, "Geen soep", "information", replaces=13))
    desk.hear(order(13, "Soep om 13 uur", "information", replaces=12), order(15, "Ontruim", replaces=16))
    told = {each.text: (each.replaces, each.replaced_by) for each in desk.counter.notices()}
    assert told == {
        "Soep om 12 uur": (None, 13),
        "Soep om 13 uur": (12, 14),
        "Geen soep": (13, None),
        "Ontruim": (None, None),  # one that is not here, or newer, is not replaced
        "van voor de inbox": (None, None),  # its number was used anew since
    }
    shown, home = desk.counter.public(), desk.home()
    assert shown and shown.text == "Geen soep" and home.unread == 3
    desk.hear(order(17, "Ontruim de zaal", replaces=14))
    assert desk.counter.public() is None, "an order in its place is not for their eyes"


def test_the_end_of_an_exercise_does_not_read_as_a_beginning(desk: DeskEnd) -> None:
    desk.hear(
        order(1, "Waakzaam", "exercise", exercise_min=60), order(2, "Waakzaam", "exercise", exercise_min=0)
    )
    assert [each.kind for each in desk.counter.notices()] == ["exercise_over", "exercise"]


# --- the first screen ---


def test_the_first_screen_tells_the_time_the_exercise_and_whose_key_was_revoked(desk: DeskEnd) -> None:
    home = desk.home(exercise={"left_s": 600, "cuts": {}}, trouble="R01")
    assert home.exercise and home.exercise.left_s == 600
    assert home.time_s and home.exercise.until_s == home.time_s + 600
    assert home.radio_trouble == "R01" and not home.revoked and home.sent_total == 0
    for number in range(6):
        desk.post(f"f{number}", str(number))
        desk.run(1)
    home = desk.home()
    assert [each.values["text"] for each in home.sent] == ["5", "4", "3", "2"] and home.sent_total == 6
