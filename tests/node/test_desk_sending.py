"""What is posted at the desk: kept, held for a moment, sent once; undone, withdrawn, posted again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.core.message import Clock, Kind, Urgency
from relay.core.payloads import message_of
from relay.core.wire import EPOCH_2025_UNIX_S
from relay.errors import NaoberError, ValueRefused
from relay.node.desk import rows
from relay.node.desk.facts import Step
from tests.node.desks import DeskEnd
from tests.support.world import START_UNIX_S


@pytest.fixture
def desk(tmp_path: Path) -> DeskEnd:
    return DeskEnd(tmp_path)


def test_a_request_is_held_for_ten_seconds_and_then_goes_once(desk: DeskEnd) -> None:
    outcome = desk.post("een", "graag  voor 16:00", amount="200", amount_unit="litres")
    assert outcome.sent and outcome.safe and not outcome.repeated
    assert outcome.sent.step is Step.KEPT and outcome.sent.hold_s == 10
    assert outcome.sent.values == {
        "need": "water",
        "amount": 200,
        "amount_unit": "litres",
        "text": "graag voor 16:00",
    }
    desk.run(9)
    assert desk.at_inbox() == {} and desk.one("een").hold_s == 1 and desk.home().band.waiting == 1
    desk.run(5)
    assert desk.at_inbox() == {"graag voor 16:00": 1}
    sent = desk.one("een")
    assert sent.step is Step.RECEIVED and sent.hold_s == 0 and sent.sent_count == 1
    assert sent.received and sent.received.link == "mqtt" and sent.received.age_s is not None
    assert sent.received.time_s is not None, "VRD's own time, in that receipt"
    assert abs(sent.received.time_s + sent.received.age_s - START_UNIX_S - desk.world.now_s) <= 1
    assert desk.home().band.waiting == 0


def test_undone_in_time_it_is_never_sent_and_later_it_stays_as_it_is(desk: DeskEnd) -> None:
    desk.post("een", "toch niet")
    desk.post("twee", "wel")
    desk.run(5)
    undone = desk.counter.undo("een")
    assert undone and undone.undone and undone.hold_s == 0
    desk.run(60)
    assert desk.at_inbox() == {"wel": 1}
    late = desk.counter.undo("twee")
    assert late and not late.undone and late.step is Step.RECEIVED
    assert desk.counter.undo("drie") is None
    desk.restart()
    desk.run(60)
    assert desk.one("een").undone and desk.at_inbox() == {"wel": 1}


def test_an_emergency_goes_at_once(desk: DeskEnd) -> None:
    outcome = desk.post("een", "brand", urgency=1, kind="report", incident="fire")
    assert outcome.sent and outcome.sent.hold_s == 0
    desk.world.run(3)
    assert desk.at_inbox() == {"brand": 1}


def test_the_same_form_posted_again_is_the_same_message(desk: DeskEnd) -> None:
    first = desk.post("een", "water")
    again = desk.post("een", "heel iets anders")
    assert again.repeated and again.sent and first.sent and again.sent.values == first.sent.values
    desk.run(30)
    assert desk.post("een", "water").repeated
    desk.restart()
    assert desk.post("een", "water").repeated
    desk.run(30)
    assert desk.at_inbox() == {"water": 1} and len(desk.counter.sent(10)) == 1


def test_a_form_that_was_undone_or_only_told_values_does_nothing_when_posted_again(desk: DeskEnd) -> None:
    desk.post("een", "water")
    desk.counter.undo("een")
    again = desk.post("een", "water")
    assert again.repeated and again.sent and again.sent.undone
    entered = desk.counter.enter("stand", {"visitors": "4"}, {}, same=False, device="a", ago_min=0)
    assert entered.sent is None and not entered.repeated
    assert desk.counter.enter("stand", {"visitors": "5"}, {}, same=False, device="a", ago_min=0).repeated
    assert desk.counter.entered()["visitors"].value == 4


@pytest.mark.parametrize("id", ["", "5-3", "x" * 65, "a b", "../x", "<b>"])
def test_an_id_that_no_page_gave_is_refused(desk: DeskEnd, id: str) -> None:
    with pytest.raises(ValueRefused):
        desk.post(id, "water")
    assert desk.counter.sent(10) == ()


def test_what_does_not_fit_is_refused_before_anything_is_kept(desk: DeskEnd) -> None:
    for wrong in ({"amount": "veel"}, {"need": "geld"}, {"zuurstof": "1"}):
        with pytest.raises(ValueRefused):
            desk.post("een", **wrong)
    with pytest.raises(ValueRefused):
        desk.post("een", "a" * 5000)
    assert desk.counter.one("een") is None
    assert desk.post("een", "nu goed").sent, "the same form, put right"


def test_a_long_text_is_one_message_for_people_however_many_parts_it_has(desk: DeskEnd) -> None:
    text = " ".join(f"woord{number}" for number in range(60))
    desk.post("een", text, hold=False)
    assert desk.one("een").values["text"] == text
    desk.world.set_link("beilen", False)
    desk.post("twee", text, hold=False)
    assert desk.one("twee").step is Step.KEPT
    desk.world.set_link("beilen", True)
    desk.run(20)
    assert desk.one("een").step is desk.one("twee").step is Step.RECEIVED
    assert desk.kinds_at_inbox().count("REQUEST") > 4 and len(desk.counter.sent(10)) == 2


def test_it_bears_the_time_at_which_it_was_said_not_at_which_it_went(desk: DeskEnd) -> None:
    said_s = int(START_UNIX_S + desk.world.now_s)
    desk.post("een", "nu")
    desk.post("twee", "op papier", ago_min=90)
    desk.run(30)
    times = {
        str(message.values["text"]): header.time + EPOCH_2025_UNIX_S
        for header, envelope in desk.world.fresh
        if header.kind == Kind.REQUEST and (message := message_of(envelope))
    }
    assert times["nu"] == said_s and times["op papier"] == said_s - 90 * 60
    assert desk.one("twee").age_s == 30, "here its age counts from when it was kept"
    with pytest.raises(ValueRefused):
        desk.post("drie", "van vorige week", ago_min=7 * 24 * 60)


def test_without_a_clock_the_age_tells_when_it_was_written(desk: DeskEnd) -> None:
    desk.world.nodes["beilen"].clock = Clock.NONE
    desk.world.kill_inbox()
    desk.restart()
    desk.run(3 * 3600)
    desk.post("een", "op papier", ago_min=60, hold=False)
    log = desk.world.station().forwarder.log
    row = list(log.rows(0, 1, 99))[-1]  # type: ignore[arg-type]
    assert log.age_s(row, desk.world.station().moment()) == 3600


def test_a_held_form_that_cannot_be_sent_holds_up_no_other(
    desk: DeskEnd, caplog: pytest.LogCaptureFixture
) -> None:
    desk.post("een", "gaat niet")
    desk.run(1)
    desk.post("twee", "gaat wel")
    form = desk.world.station().outbox.desk.form("een")
    assert form
    what = msgspec.structs.replace(form.what, values={"zuurstof": 1})  # as a later version may have kept it
    desk.world.station().outbox.desk.keep(msgspec.structs.replace(form, what=what))
    desk.restart()
    desk.run(30)
    assert desk.at_inbox() == {"gaat wel": 1}
    assert "zuurstof" in caplog.text


# --- taking back ---


def test_a_withdrawal_reaches_the_inbox_and_strikes_the_message_here(desk: DeskEnd) -> None:
    desk.post("een", "water", hold=False)
    desk.run(5)
    outcome = desk.counter.withdraw("weg", "een", "vergissing")
    assert outcome.sent and outcome.sent.id == "een" and outcome.sent.withdrawn
    assert outcome.sent.withdrawn_age_s == 0 and not outcome.sent.withdrawal_received
    desk.run(5)
    assert desk.one("een").withdrawal_received and desk.one("een").step is Step.RECEIVED
    (said,) = [message_of(each) for header, each in desk.world.fresh if header.kind == Kind.WITHDRAWAL]
    epoch = desk.world.station().forwarder.state.epoch
    assert said and said.values == {"about_epoch": epoch, "about_number": 1, "reason": "vergissing"}
    assert [each.id for each in desk.counter.sent(10)] == ["een"], "it is no message of its own"
    assert desk.counter.withdraw("weg", "een", "nog eens").repeated
    desk.counter.withdraw("nog", "een", "nog eens")
    desk.run(5)
    assert desk.kinds_at_inbox().count("WITHDRAWAL") == 1


def test_a_reason_must_fit_the_one_packet_of_its_withdrawal(desk: DeskEnd) -> None:
    desk.post("een", "water", hold=False)
    for reason in ("x" * 149, "x" * 500, "é" * 70):
        with pytest.raises(ValueRefused):
            desk.counter.withdraw("weg", "een", reason)
    assert not desk.one("een").withdrawn
    desk.counter.withdraw("weg", "een", "é" * 62)
    desk.run(5)
    assert desk.one("een").withdrawal_received


def test_the_withdrawal_of_an_emergency_is_as_urgent(desk: DeskEnd) -> None:
    desk.post("een", "brand", urgency=1, kind="report")
    desk.post("twee", "water", urgency=2, hold=False)
    desk.counter.withdraw("weg1", "een", "")
    desk.counter.withdraw("weg2", "twee", "")
    desk.run(5)
    urgencies = [header.urgency for header, _ in desk.world.fresh if header.kind == Kind.WITHDRAWAL]
    assert urgencies == [Urgency.EMERGENCY, Urgency.ROUTINE]


def test_what_is_held_is_not_withdrawn_but_undone(desk: DeskEnd) -> None:
    desk.post("een", "water")
    outcome = desk.counter.withdraw("weg", "een", "")
    assert outcome.sent and outcome.sent.undone
    desk.run(30)
    assert desk.kinds_at_inbox() == []
    with pytest.raises(NaoberError, match="no more"):
        desk.counter.withdraw("weg3", "nergens", "")


def test_all_parts_of_a_long_text_are_taken_back(desk: DeskEnd) -> None:
    desk.post("een", " ".join(["woord"] * 60), hold=False)
    desk.counter.withdraw("weg", "een", "")
    desk.run(10)
    kinds = desk.kinds_at_inbox()
    assert kinds.count("WITHDRAWAL") == kinds.count("REQUEST") > 1
    assert desk.one("een").withdrawal_received


# --- limits ---


def test_only_so_many_forms_are_remembered_and_what_is_held_always_is(
    desk: DeskEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "FORMS_MAX", 5)
    desk.post("held", "eerst")
    for number in range(9):
        desk.post(f"f{number}", str(number), hold=False)
        desk.world.run(0.5)
    kept = desk.world.station().outbox.desk.newest(99)
    assert {form.id for form in kept} == {"held", *(f"f{number}" for number in range(4, 9))}
    desk.run(30)
    assert desk.at_inbox()["eerst"] == 1
