"""What a stick brings is stored, and is no sign of life; what goes back vouches for all of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay.core import payloads, wire
from relay.core.courier import as_carried
from relay.core.ledger import State
from relay.core.message import Clock, Entry, History, Kind, Numbering, Receipt
from relay.inbox import courier
from relay.inbox.replies import Replies
from relay.inbox.shown import ShownPapers
from relay.trust.judging import judge
from relay.trust.roster import Roster
from tests.node.parts import count
from tests.support.papers import AUTHORITIES, papers_of
from tests.support.world import NETWORK, START_UNIX_S, Signer, World

REPORT, STATE = Numbering.REPORT, Numbering.STATE


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A site that nothing is ever heard of but by stick."""
    world = World(tmp_path)
    world.set_link("beilen", up=False)
    return world


def log_of(world: World) -> list[Entry]:
    """All that the site has written, with its age."""
    log, moment = world.station().forwarder.log, world.station().moment()
    return [
        Entry(row.envelope, log.age_s(row, moment))
        for numbering in Numbering
        for run in log.ledger(numbering).open()
        for row in log.rows(numbering, *run)
    ]


def bring(world: World, entries: list[Entry], waited: int | None) -> None:
    world.feed("stick-00000000", wire.encode_batch(as_carried(entries, waited)))


def heard_s(world: World) -> tuple[int, str]:
    assert world.store
    query = "SELECT heard_s, link FROM node WHERE address = ?"
    found = world.store._db.execute(query, (world.nodes["beilen"].signer.address,)).fetchone()
    return found[0], found[1]


def word(world: World, *epochs: int) -> bytes:
    assert world.store
    signer = world.inbox_signer
    replies = Replies(world.store, signer.address, NETWORK, signer.private.sign, 2**31)
    replies.begin(world._arrival(), Clock.NTP)
    return replies.to_stick(world.nodes["beilen"].signer.address, list(epochs))


def test_a_site_is_heard_when_it_spoke_and_not_when_its_stick_was_read(world: World) -> None:
    world.status("beilen", load_pct=1)
    entries, said_s = log_of(world), START_UNIX_S + world.now_s
    world.run(3 * 86_400)
    bring(world, entries, 3 * 86_400)
    assert heard_s(world) == (int(said_s), "courier")


def test_of_unknown_age_the_time_of_a_good_clock_counts(world: World) -> None:
    world.status("beilen", load_pct=1)
    entries, said_s = log_of(world), START_UNIX_S + world.now_s
    world.run(3 * 86_400)
    bring(world, entries, None)
    assert heard_s(world) == (int(said_s), "courier")


def test_of_unknown_age_and_without_a_clock_it_is_no_sign_of_life(world: World) -> None:
    world.nodes["beilen"].clock = Clock.NONE
    world.station().forwarder.state.inbox.ahead_s = None  # nor has it ever heard the inbox's
    world.status("beilen", load_pct=1)
    bring(world, log_of(world), None)
    assert heard_s(world)[0] == wire.EPOCH_2025_UNIX_S


def test_what_goes_back_completes_reports_and_the_whole_history_of_statuses(world: World) -> None:
    for number in range(40):
        world.say("beilen", f"melding {number}")
        world.status("beilen", load_pct=number)
    bring(world, log_of(world), None)
    frame = word(world, world.station().forwarder.state.epoch)
    said = [payloads.decode(each.envelope) for each in wire.decode_batch(frame)]
    assert isinstance(said[0], Receipt) and any(isinstance(each, History) for each in said)
    world.station().receive("courier", frame)
    assert count(world.station(), State.RECEIPTED, REPORT) == 40
    assert count(world.station(), State.RECEIPTED, STATE) == 40


def test_reports_with_holes_between_them_are_vouched_for_one_by_one(world: World) -> None:
    for number in range(60):
        world.say("beilen", f"melding {number}")
    bring(world, log_of(world)[::3], None)
    world.station().receive("courier", word(world, world.station().forwarder.state.epoch))
    assert count(world.station(), State.RECEIPTED, REPORT) == 20


def test_nothing_goes_back_of_whom_nothing_is_held(world: World) -> None:
    assert word(world, 1, 2, 3) == b""


def test_a_known_report_in_other_bytes_is_kept_as_what_it_is(world: World) -> None:
    world.say("beilen", "een")
    [entry] = log_of(world)
    bring(world, [entry], None)
    header = wire.parse_header(entry.envelope)
    payload = payloads.message_payload({"text": "twee"})
    other = wire.sign(header, payload, NETWORK, world.nodes["beilen"].signer.private.sign)
    bring(world, [Entry(other, 0)], None)
    assert header.kind == Kind.REPORT and world.texts() == ["een", "twee"]
    found = world.store._db.execute("SELECT code FROM finding").fetchall() if world.store else []
    assert ("clone",) in found


@pytest.mark.parametrize("forged", [True, False])
def test_who_shows_a_forged_grant_holds_nobody_up_and_a_real_one_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, forged: bool
) -> None:
    monkeypatch.setattr(courier, "ROSTER_WAIT_S", 0.01)
    stranger = Signer.seeded("stranger")
    (grant,) = papers_of((stranger.public_key.public_bytes_raw(), "Norg", False), network_id=NETWORK)
    if forged:
        grant = grant[:-1] + bytes([grant[-1] ^ 1])
    roster = Roster(judge([], AUTHORITIES, NETWORK), NETWORK)
    assert world.intake
    world.intake._papers = ShownPapers(lambda: roster, lambda: None)
    looked: list[bytes] = []

    def look_up(address: bytes) -> None:
        looked.append(address)

    desk = courier.Courier(*[None] * 7)  # type: ignore[arg-type]
    desk._intake, desk._look_up = world.intake, look_up
    said = Entry(world.nodes["beilen"].signer.address.rjust(90, b"1"))
    rest = asyncio.run(desk._without_papers("stick-1", [Entry(grant), said]))
    assert rest == [said]
    assert len(looked) == (0 if forged else courier.ROSTER_WAITS)
