"""A report that its site takes back: struck through, asking for nothing more, and still there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.core import payloads
from relay.core.message import Kind, Urgency
from tests.inbox.desk import Writer
from tests.inbox.room import OpenRoom


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        yield room


def withdrawal(writer: Writer, number: int, about: int, reason: str = "", **header: Any) -> bytes:
    values: dict[str, Any] = {"about_epoch": writer.epoch, "about_number": about}
    payload = payloads.message_payload(values | ({"reason": reason} if reason else {}))
    return writer.sign(Kind.WITHDRAWAL, number, payload, **header)


def take(room: OpenRoom, *envelopes: bytes, by: int = 0) -> None:
    room.vrd.desk.take(room.writers[by].hex, *envelopes)
    room.vrd.watch.look()


def test_it_is_struck_through_with_its_reason_and_its_withdrawal_leads_to_it(room: OpenRoom) -> None:
    one = room.writers[0]
    take(room, one.report(1, "Rook in hal"), withdrawal(one, 2, 1, "vergissing"))
    els = room.browser("els")
    listed = els.get("/postvak?toon=alles").text
    assert "“Rook in hal”</s> <strong>ingetrokken</strong>" in listed
    page = els.get(f"/melding/{one.hex}-7-1").text
    assert "Ingetrokken door het punt," in page and "“vergissing”" in page
    assert f'Dit trekt in: <a href="/melding/{one.hex}-7-1">' in els.get(f"/melding/{one.hex}-7-2").text


@pytest.mark.parametrize("first", ["report", "withdrawal"])
def test_an_emergency_taken_back_asks_once_more_and_then_for_nothing(room: OpenRoom, first: str) -> None:
    one = room.writers[0]
    both = [
        one.report(1, "Rook in hal", urgency=Urgency.EMERGENCY),
        withdrawal(one, 2, 1, urgency=Urgency.EMERGENCY),
    ]
    for envelope in both if first == "report" else reversed(both):
        take(room, envelope)
    els = room.browser("els")
    calls = [str(each.id) for each in room.vrd.operators.open_reports()]
    assert calls == [f"{one.hex}-7-2"], "what is to be acknowledged is that it was a mistake"
    els.get("/")
    assert els.post(f"/melding/{one.hex}-7-2/stap", step="seen", version="0", back="overview").status == 303
    room.vrd.watch.look()
    assert 'class="emergency"' not in els.get("/").text
    # a step with what was taken back does not wake it
    els.post(f"/melding/{one.hex}-7-1/stap", step="seen", version="0")
    assert f"{one.hex}-7-1" not in [str(each.id) for each in room.vrd.operators.open_reports()]


def test_nobody_takes_back_what_another_key_said_or_what_was_said_in_another_lane(room: OpenRoom) -> None:
    one, other = room.writers[:2]
    take(room, one.report(1, "Brand", urgency=Urgency.EMERGENCY))
    take(room, withdrawal(other, 1, 1), by=1)
    take(room, withdrawal(one, 2, 1, exercise=True))
    assert room.vrd.operators.report(room.vrd.operators.reports()[-1].id) is not None
    (report,) = [each for each in room.vrd.operators.reports() if each.shown.values.get("text") == "Brand"]
    assert report.withdrawn_s is None
    assert report.id in [each.id for each in room.vrd.operators.open_reports()]


def test_nothing_is_taken_back_before_it_was_said(room: OpenRoom) -> None:
    one = room.writers[0]
    take(room, *(withdrawal(one, number, number + 1) for number in (1, 5)), withdrawal(one, 7, 7))
    take(room, one.report(2, "Brand", urgency=Urgency.EMERGENCY), one.report(6, "Boom om"))
    said = {each.shown.values.get("text"): each.withdrawn_s for each in room.vrd.operators.reports()}
    assert (said["Brand"], said["Boom om"]) == (None, None)
    assert len(room.vrd.operators.open_reports()) == 1


def test_no_emergency_ends_by_a_withdrawal_that_asks_for_less(room: OpenRoom) -> None:
    one = room.writers[0]
    brand = one.report(1, "Brand", urgency=Urgency.EMERGENCY)
    take(room, brand, withdrawal(one, 2, 1, urgency=Urgency.INFORMATION))
    take(room, withdrawal(one, 3, 1, urgency=Urgency.URGENT))
    assert f"{one.hex}-7-1" in [str(each.id) for each in room.vrd.operators.open_reports()]
    take(room, withdrawal(one, 4, 1, urgency=Urgency.EMERGENCY))
    assert [str(each.id) for each in room.vrd.operators.open_reports() if each.urgency == 1] == [
        f"{one.hex}-7-4"
    ]


@pytest.mark.parametrize("apart", [False, True], ids=["in one go", "one by one"])
def test_nor_by_one_that_comes_before_it(room: OpenRoom, apart: bool) -> None:
    one = room.writers[0]
    came = [
        withdrawal(one, 2, 1, urgency=Urgency.INFORMATION),
        withdrawal(one, 3, 1, urgency=Urgency.URGENT),
        one.report(1, "Brand", urgency=Urgency.EMERGENCY),
    ]
    for each in [[envelope] for envelope in came] if apart else [came]:
        take(room, *each)
    assert f"{one.hex}-7-1" in [str(each.id) for each in room.vrd.operators.open_reports()]
    take(room, withdrawal(one, 4, 1, urgency=Urgency.EMERGENCY))
    assert f"{one.hex}-7-1" not in [str(each.id) for each in room.vrd.operators.open_reports()]


def test_exports_say_when_it_was_taken_back(room: OpenRoom) -> None:
    one = room.writers[0]
    take(room, one.report(1, "Boom om"), withdrawal(one, 2, 1), one.report(3, "Weg dicht"))
    lines = room.browser("els").get("/export/berichten.csv").text.splitlines()
    at = lines[0].lstrip("\ufeff").split(";").index("ingetrokken")
    found = {each.split(";")[at + 1]: each.split(";")[at] for each in lines[1:]}
    assert found["Boom om"].endswith("Z") and found["Weg dicht"] == ""
