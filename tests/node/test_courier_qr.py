"""What waits at a node as codes: what comes first, what fits, and that showing it changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from relay.core import wire
from relay.core.courier_code import BATCH_BYTES, find
from relay.core.ledger import State
from relay.core.message import Clock, Entry, Kind, Urgency
from relay.node.courier_desk import Desk
from relay.node.courier_qr import CODES_MAX, CourierCode, courier_codes
from tests.node.parts import count
from tests.node.test_courier import desk_of, written
from tests.support.world import START_UNIX_S, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Beilen has no link; Assen has."""
    world = World(tmp_path, names=("beilen", "assen"))
    world.set_link("beilen", up=False)
    world.run(5)
    return world


def read(codes: tuple[CourierCode, ...]) -> list[Entry]:
    """What an inbox makes of them."""
    found, broken = find(" ".join(each.text for each in codes))
    assert len(found) == len(codes) and not broken
    return [entry for code in found for entry in wire.decode_batch(code.frame)]


def said(desk: Desk) -> list[tuple[int, int]]:
    headers = [wire.parse_header(each.envelope) for each in read(courier_codes(desk))]
    return [(each.kind, each.number) for each in headers]


def test_the_urgent_come_first_then_the_newest_status_then_the_rest_and_no_history(world: World) -> None:
    for number in range(3):
        world.status("beilen", load_pct=number)
    world.say("beilen", "gewoon")
    world.say("beilen", "nood", Urgency.EMERGENCY)
    assert said(desk_of(world, "beilen")) == [(Kind.REPORT, 2), (Kind.STATUS, 3), (Kind.REPORT, 1)]


def test_a_code_holds_about_ten_messages_and_what_does_not_fit_is_said(world: World) -> None:
    for number in range(25):
        world.say("beilen", f"melding {number}")
    desk = desk_of(world, "beilen")
    codes = courier_codes(desk)
    assert len(codes) == 3 and sum(each.messages for each in codes) == 25
    assert 8 <= codes[0].messages <= 12 and not any(each.more for each in codes)
    assert max(len(code.frame) for code in find(" ".join(each.text for each in codes))[0]) <= BATCH_BYTES
    for number in range(25, 300):
        world.say("beilen", f"melding {number}")
    codes = courier_codes(desk)
    assert len(codes) == CODES_MAX and [each.more for each in codes] == [False] * (CODES_MAX - 1) + [True]
    assert [number for _, number in said(desk)] == list(range(1, sum(each.messages for each in codes) + 1))


def test_a_message_stays_until_its_receipt_and_then_is_in_no_code(world: World) -> None:
    world.say("beilen", "water is op")
    desk = desk_of(world, "beilen")
    first = read(courier_codes(desk))
    assert [entry.envelope for entry in read(courier_codes(desk))] == [entry.envelope for entry in first]
    assert count(world.station("beilen"), State.WAITING) == 1
    assert [entry.envelope for entry in read(courier_codes(desk))] == [
        entry.envelope for batch in written(desk) for entry in wire.decode_batch(batch)
    ]  # the stick has it all the same
    world.set_link("beilen", up=True)
    world.run(30)
    assert count(world.station("beilen"), State.RECEIPTED) == 1
    assert courier_codes(desk) == ()


def test_ages_are_as_of_the_making_and_its_time_is_in_it_when_the_clock_is_good(world: World) -> None:
    world.say("beilen", "een")
    world.run(600)
    desk = desk_of(world, "beilen")
    [code], _ = find(courier_codes(desk)[0].text)
    assert code.written_s == int(START_UNIX_S + world.now_s) - wire.EPOCH_2025_UNIX_S
    assert wire.decode_batch(code.frame)[0].age_s == pytest.approx(600, abs=2)
    world.nodes["beilen"].clock = Clock.NONE
    world.station("beilen").forwarder.state.inbox.ahead_s = None
    [code], _ = find(courier_codes(desk)[0].text)
    assert code.written_s is None


def test_what_a_neighbour_gave_along_is_in_the_codes_too(world: World) -> None:
    world.say("beilen", "van een buur")
    beilen, assen = desk_of(world, "beilen"), desk_of(world, "assen")
    for batch in written(beilen):
        assen.read(batch, None)
    [entry] = read(courier_codes(assen))
    assert wire.parse_header(entry.envelope).address == world.nodes["beilen"].signer.address
    assert entry.heard is None  # whoever reads it writes down how it came


def test_an_inbox_that_never_answered_is_shown_the_grant_in_the_last_code(world: World) -> None:
    for number in range(15):
        world.say("beilen", f"melding {number}")
    desk, station = desk_of(world, "beilen"), world.station("beilen")
    assert not station.forwarder.papers.grant
    grant = bytes((1 << 5 | Kind.GRANT,)) + bytes(900)
    station.forwarder.papers = replace(station.forwarder.papers, grant=grant)
    station.forwarder.state.inbox.epoch = 0
    codes = courier_codes(desk)
    assert read(codes)[-1].envelope == grant and sum(each.messages for each in codes) == 15
    station.forwarder.state.inbox.epoch = 5
    assert grant not in [each.envelope for each in read(courier_codes(desk))]
