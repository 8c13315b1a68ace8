"""What a visitor with a laptop tries: floods of messages, forms that no page of ours makes, odd addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from relay.config import PageSection
from relay.errors import NaoberError, ValueRefused
from relay.node.desk import pin, rows
from relay.node.desk.access import (
    CALL_EVERY_S,
    DRAWINGS_AT_ONCE,
    LOOKS_AT_ONCE,
    SAY_AT_ONCE,
    SAY_EVERY_S,
    SITE_AT_ONCE,
    SITE_EVERY_S,
    Access,
)
from relay.node.desk.page_words import TOO_MANY
from tests.node.desks import DEVICE, OTHER, DeskEnd
from tests.node.test_desk_following import new_epoch
from tests.node.test_desk_pages_doors import LanBrowser
from tests.support.desk import DeskStage

WIFI = {"type": "http", "server": ("10.42.0.1", 80), "headers": []}
EMERGENCY = {"incident": "fire", "text": "", "urgency": "1", "naar": "versturen"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[DeskStage]:
    with DeskStage(tmp_path) as stage:
        yield stage


def access_at(folder: Path, now: list[float]) -> Access:
    return Access(PageSection(host="10.42.0.1"), folder / "pin", lambda: now[0])


# --- floods


def test_of_a_thousand_emergencies_of_one_phone_a_dozen_go_and_the_others_phone_goes_on(
    tmp_path: Path,
) -> None:
    now = [0.0]
    access = access_at(tmp_path, now)
    assert sum(access.may_say(WIFI, "10.42.0.66") for _ in range(1000)) == SAY_AT_ONCE
    assert access.may_say(WIFI, "10.42.0.7")
    now[0] += SAY_EVERY_S
    assert [access.may_say(WIFI, "10.42.0.66") for _ in range(2)] == [True, False]


def test_who_floods_from_every_address_of_the_wifi_is_bounded_and_keeps_nobody_from_calling(
    tmp_path: Path,
) -> None:
    now = [0.0]
    access = access_at(tmp_path, now)
    addresses = [f"10.42.0.{last}" for last in range(10, 250)]
    hour_s, went = 3600, 0
    for _ in range(hour_s // 30):
        went += sum(access.may_say(WIFI, each) for each in addresses)
        now[0] += 30
    bound = SITE_AT_ONCE + hour_s / SITE_EVERY_S + len(addresses) * (1 + hour_s / CALL_EVERY_S)
    assert went <= bound
    assert access.may_say(WIFI, "10.42.0.7")  # somebody who said nothing yet
    screen = {**WIFI, "server": ("127.0.0.1", 80)}
    assert all(access.may_say(screen, "127.0.0.1") for _ in range(100))
    assert not all(access.may_say(WIFI, "127.0.0.1") for _ in range(100))


def test_one_message_too_many_is_told_and_a_form_that_was_sent_is_not_counted_again(stage: DeskStage) -> None:
    browser = LanBrowser(stage)
    browser.type(pin.load_or_create(stage.pin_file))

    def token(page: str) -> str:
        found = re.search(r'name="csrf" value="(\w+)"', page)
        assert found
        return found[1]

    csrf = token(browser.ask("GET", "/melden").text)
    answers = [
        browser.ask(
            "POST", "/melden/controle", urlencode({**EMERGENCY, "form": f"f{at}", "csrf": csrf}).encode()
        )
        for at in range(SAY_AT_ONCE + 1)
    ]
    assert {each.status for each in answers[:-1]} == {303} and len(stage.desk.said) == SAY_AT_ONCE
    assert answers[-1].status == 422 and TOO_MANY.nl in answers[-1].text
    again = {**EMERGENCY, "form": stage.desk.messages[0].id, "csrf": csrf}
    answer = browser.ask("POST", "/melden/controle", urlencode(again).encode())
    assert (answer.status, answer.headers["location"].rpartition("?")[2]) == (303, "n=al")
    for path, given in (
        ("/verstuurd/m3/intrekken", {"form": "w1"}),
        ("/berichten/13/antwoord", {"form": "a1", "answer": "1"}),
        ("/papier/controle", {**EMERGENCY, "form": "p1", "form_stand": "p2", "minutes": "5"}),
    ):
        answer = browser.ask("POST", path, urlencode({**given, "csrf": csrf}).encode())
        assert answer.status in (409, 422) and TOO_MANY.nl in answer.text, path
    assert len(stage.desk.said) == SAY_AT_ONCE


def test_who_asks_for_pages_without_end_waits_and_the_screen_of_the_box_never_does(stage: DeskStage) -> None:
    browser = LanBrowser(stage)
    browser.type(pin.load_or_create(stage.pin_file))
    stage.access._looks.clear()
    answers = [browser.ask("GET", "/levend").status for _ in range(LOOKS_AT_ONCE + 40)]
    assert answers[:LOOKS_AT_ONCE] == [200] * LOOKS_AT_ONCE and 429 in answers
    assert browser.ask("GET", "/pin").headers["retry-after"]
    assert stage.get("/").status == 200


def test_codes_are_drawn_for_one_phone_as_often_as_a_courier_needs_them(stage: DeskStage) -> None:
    browser = LanBrowser(stage)
    browser.type(pin.load_or_create(stage.pin_file))
    answers = [browser.ask("GET", "/koerier").status for _ in range(DRAWINGS_AT_ONCE + 8)]
    assert answers[:DRAWINGS_AT_ONCE] == [200] * DRAWINGS_AT_ONCE and answers[-1] == 429
    assert stage.get("/koerier").status == 200


# --- forms that no page of ours makes


@pytest.mark.parametrize("by", ["+-5", "--5", "-+", "²", "٣", "+", "1e1", "1000"])
def test_a_stepper_by_something_odd_changes_nothing(stage: DeskStage, by: str) -> None:
    forms: tuple[tuple[str, dict[str, str]], ...] = (
        ("/hulp/hoeveel", {"need": "water", "amount": "7", "stap": f"amount:{by}"}),
        ("/stand/mensen", {"visitors": "7", "was_visitors": "7", "stap": f"visitors:{by}"}),
        ("/papier", {"form_stand": "y", "minutes": "7", "stap": f"minutes:{by}"}),
    )
    for path, given in forms:
        answer = stage.post(path, form="x", **given)
        assert answer.status == 303 and "=7" in answer.headers["location"], path


def test_an_offer_bears_no_urgency_whatever_its_form_says(stage: DeskStage) -> None:
    offer = {"kind": "offer", "need": "water", "amount": "", "amount_unit": "", "text": ""}
    for at, urgency in enumerate(("1", "x", "99", "")):
        answer = stage.post("/hulp/controle", form=f"f{at}", urgency=urgency, naar="versturen", **offer)
        assert answer.status == 303, urgency
    assert [said["urgency"] for _, said in stage.desk.said] == [3, 3, 3, 3]


def test_who_says_all_the_same_a_thousand_times_makes_the_node_forget_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "FORMS_MAX", 10)
    monkeypatch.setattr(rows, "ENTERED_MAX", 5)
    desk = DeskEnd(tmp_path)
    desk.post("een", "graag water", hold=False)
    for at in range(30):
        desk.counter.enter(f"zelfde{at}", {}, {}, same=True, device="10.42.0.66", ago_min=0)
    count = desk.world.station().on_desk(lambda kept: len(kept._forms("1", ())))
    assert count <= 1 + 5
    desk.restart()
    assert desk.post("een", "graag water").repeated
    assert [each.id for each in desk.counter.sent(10)] == ["een"]


# --- what others said


def test_nobody_keeps_what_another_phone_sent_from_vrd(tmp_path: Path) -> None:
    desk = DeskEnd(tmp_path)
    request = {"kind": "request", "values": {"need": "water", "text": "graag"}, "urgency": 3}
    for id in ("een", "twee", "drie"):
        desk.counter.submit(id, request, hold=True, ago_min=0, device=DEVICE)
    for silence in (
        lambda: desk.counter.undo("een", OTHER),
        lambda: desk.counter.withdraw("weg", "een", "", OTHER),
    ):
        with pytest.raises(NaoberError, match="Only who sent this"):
            silence()
    assert desk.one("een").hold_s and not desk.one("een").undone
    assert desk.counter.undo("twee", DEVICE) and desk.one("twee").undone
    assert desk.counter.undo("drie", "127.0.0.1") and desk.one("drie").undone  # the box's own screen
    desk.run(30)
    assert desk.at_inbox() == {"graag": 1}
    desk.counter.withdraw("weg2", "een", "", OTHER)  # of which VRD hears
    desk.run(30)
    assert "WITHDRAWAL" in desk.kinds_at_inbox() and desk.counter._forms._by == {}


# --- names of messages


def test_a_message_with_an_endless_number_is_none(tmp_path: Path) -> None:
    desk = DeskEnd(tmp_path)
    for name in ("9" * 5000 + "-1", "1-" + "9" * 5000, "٣-٣", "-", "1-"):
        assert desk.counter.one(name) is None


def test_no_form_takes_the_name_under_which_a_withdrawal_is_sent_again(tmp_path: Path) -> None:
    desk, names = DeskEnd(tmp_path), ("w" * 50 + "1", "w" * 50 + "2")
    desk.world.set_link("beilen", False)
    for at, name in enumerate(names):
        desk.post(f"een{at}", f"woord {at}", hold=False)
        desk.counter.withdraw(name, f"een{at}", "")
    new_epoch(desk)
    desk.home()  # each withdrawal is sent again, under a name of its own
    desk.world.set_link("beilen", True)
    desk.run(60)
    assert desk.kinds_at_inbox().count("WITHDRAWAL") == 4
    with pytest.raises(ValueRefused):
        desk.post(f"een.{desk.world.station().forwarder.state.epoch}", "woord")
