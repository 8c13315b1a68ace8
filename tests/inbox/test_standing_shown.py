"""What operators see of a key whose word was taken back after its reports had been accepted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from relay.core.message import Urgency
from relay.inbox.operators.handling import State
from relay.inbox.pages.live import looks_of
from tests.inbox.room import OpenRoom

FALLEN = {"revoked": {"revoked": True}, "blocked": {"blocked": "gestolen"}}
SHOWN = {"revoked": "ingetrokken sleutel", "blocked": "geblokkeerd"}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        one = room.writers[0]
        room.vrd.desk.take(one.hex, one.report(1, "Rook in hal", urgency=Urgency.EMERGENCY))
        room.vrd.watch.look()
        yield room


def fall(room: OpenRoom, **changes: object) -> None:
    """The roster says so of the first node from now on; the watch looks once more."""
    first, *others = room.vrd.roll.nodes
    room.vrd.roll.nodes = (msgspec.structs.replace(first, **changes), *others)
    room.vrd.watch.look()


@pytest.mark.parametrize("how", FALLEN)
def test_a_report_that_was_accepted_before_is_no_more_shown_as_valid_on_any_page(
    room: OpenRoom, how: str
) -> None:
    browser = room.browser("els")
    [report] = room.vrd.operators.reports()
    pages = ("/postvak", f"/melding/{report.id}", "/tijdlijn")
    for page in pages:
        assert SHOWN[how] not in browser.get(page).text
    assert ";geldig;" in browser.get("/export/berichten.csv").text
    fall(room, **FALLEN[how])
    for page in pages:
        assert SHOWN[how] in browser.get(page).text, page
    assert ";geldig;" not in browser.get("/export/berichten.csv").text
    assert f";{SHOWN[how].split()[0]}" in browser.get("/export/berichten.csv").text


@pytest.mark.parametrize("how", FALLEN)
def test_nobody_is_asked_to_act_on_it_any_more_and_no_alert_of_it_leaves_the_house(
    room: OpenRoom, how: str
) -> None:
    browser = room.browser("els")
    [report] = room.vrd.operators.reports()
    alert = f"/melding/{report.id}/cap"
    assert browser.get(alert).status == 200
    assert room.vrd.watch.board and room.vrd.watch.board.unread == 1
    fall(room, **FALLEN[how])
    assert room.vrd.watch.board.unread == 0
    assert not [line for line in room.vrd.watch.board.attention if line.rule == "call"]
    assert browser.get(alert).status == 404
    assert SHOWN[how] in browser.get("/postvak?toon=aandacht").text  # it is not hidden either


def test_a_block_that_is_taken_back_gives_all_of_it_back(room: OpenRoom) -> None:
    fall(room, blocked="test")
    fall(room, blocked="")
    assert room.vrd.watch.board and room.vrd.watch.board.unread == 1
    assert SHOWN["blocked"] not in room.browser("els").get("/postvak").text


def test_what_a_box_said_before_another_took_its_place_stays_the_word_of_its_site(room: OpenRoom) -> None:
    fall(room, replaced_s=1)
    assert room.vrd.watch.board and room.vrd.watch.board.unread == 1
    assert ";geldig;" in room.browser("els").get("/export/berichten.csv").text


def test_a_key_that_the_roster_does_not_name_is_said_to_be_unknown_and_its_emergency_stays(
    room: OpenRoom,
) -> None:
    """After an older backup was put back, say: its node shows its grant again soon."""
    room.vrd.roll.nodes = room.vrd.roll.nodes[1:]
    room.vrd.watch.look()
    assert room.vrd.watch.board and room.vrd.watch.board.unread == 1
    assert "onbekende sleutel" in room.browser("els").get("/postvak").text


def test_pages_that_are_open_are_painted_anew_when_a_key_falls_though_its_site_looks_the_same(
    room: OpenRoom,
) -> None:
    first, second, third = room.vrd.roll.nodes
    two = msgspec.structs.replace(first, site_id=second.site_id, site=second.site)
    room.vrd.roll.nodes = (two, second, third)
    room.vrd.desk.wait(5)  # the other node of that site was heard last
    room.vrd.desk.take(room.writers[1].hex, room.writers[1].status(1))
    [report] = room.vrd.operators.reports()
    room.vrd.operators.move(report.id, State.SEEN, "els")
    room.vrd.operators.move(report.id, State.RESOLVED, "els", result="loos alarm")
    for _ in range(2):
        room.vrd.watch.look()
    assert room.vrd.watch.board
    before = looks_of(room.vrd.watch.board)
    room.vrd.watch.look()
    assert looks_of(room.vrd.watch.board) == before
    fall(room, blocked="gestolen")
    assert looks_of(room.vrd.watch.board) != before
