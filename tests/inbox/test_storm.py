"""Storms through the real stores: signed messages, intake, disk, watch; what operators are told, and hear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from relay.core import payloads
from relay.core.message import Entry, Heard, Kind, Urgency
from relay.inbox.alarms.state import SYSTEM, URGENT, Change
from relay.inbox.operators.handling import State
from tests.inbox.desk import Writer
from tests.inbox.test_watch import Vrd

SITES, INTERVAL_S, RADIO_INTERVAL_S = 50, 300, 900
LOOK_S = 30
MINUTES = 60
VALUES = {"opening": "open", "battery_pct": 80, "power": "mains"}


class Province:
    """Fifty sites that speak every five minutes, each at its own moment, and a gateway every minute."""

    def __init__(self, folder: Path) -> None:
        self.writers = [Writer(f"node {at}") for at in range(SITES)]
        self.gateway = Writer("gateway")
        self.vrd = Vrd(folder, *self.writers, self.gateway)
        *sites, gateway = self.vrd.roll.nodes
        named = msgspec.structs.replace(gateway, role="gateway", site="Gateway Assen", site_id="")
        self.vrd.roll.nodes = (*sites, named)
        self.numbers = dict.fromkeys([*self.writers, self.gateway], 0)
        self.cut: set[Writer] = set()
        self.radio: set[Writer] = set()
        self.values: dict[Writer, dict[str, int | str]] = {}
        self.looks = 0

    def run(self, seconds: int) -> list[Change]:
        """What operators are told within that time."""
        told: list[Change] = []
        for _ in range(seconds // LOOK_S):
            self.vrd.desk.wait(LOOK_S)
            self.looks += 1
            frames = [self.frame(writer) for at, writer in enumerate(self.writers) if self.is_due(at, writer)]
            if self.gateway not in self.cut and self.looks % 2:
                frames.append(self.frame(self.gateway))
            if frames:
                self.vrd.desk.take_together(*frames)
            told += self.vrd.watch.look()
        return told

    def is_due(self, at: int, writer: Writer) -> bool:
        every = (RADIO_INTERVAL_S if writer in self.radio else INTERVAL_S) // LOOK_S
        return writer not in self.cut and (self.looks + at) % every == 0

    def frame(self, writer: Writer) -> tuple[str, list[Entry]]:
        self.numbers[writer] += 1
        by_radio = writer in self.radio
        due_min = (RADIO_INTERVAL_S if by_radio else INTERVAL_S) / MINUTES
        payload = payloads.message_payload(VALUES | self.values.get(writer, {}), status=(0, due_min, 0))
        status = writer.sign(Kind.STATUS, self.numbers[writer], payload)
        heard = Heard("radio", snr_db=3, hops=1) if by_radio else None
        return (self.gateway if by_radio else writer).hex, [Entry(status, 0, heard)]

    def states(self) -> dict[str, int]:
        """How many sites the overview shows in each state."""
        board = self.vrd.watch.board
        assert board is not None
        return {state: board.count(state) for state in {site.state for site in board.sites}}


@pytest.fixture
def province(tmp_path: Path) -> Iterator[Province]:
    province = Province(tmp_path)
    province.run(10 * MINUTES)
    yield province
    province.vrd.close()


def sounds(told: Sequence[Change]) -> list[tuple[str, str, str]]:
    return [(change.kind, change.rule, change.sound) for change in told if change.sound]


def test_forty_cut_sites_are_one_alarm_and_the_nine_that_stay_away_are_named(province: Province) -> None:
    gone = province.writers[:40]
    province.cut = set(gone)
    told = province.run(35 * MINUTES)
    assert {(change.rule, change.subject) for change in told} == {("silent", told[0].subject)}
    within = [change for change in told if change.at_s < told[0].at_s + 10 * MINUTES]
    assert sounds(within) == [("grouped", "silent", URGENT)]
    assert max(change.count for change in told) == 40
    assert [change.kind for change in told if change.kind not in ("grown", "repeated")] == ["grouped"]
    assert province.states() == {"open": 10, "silent": 40}
    board = province.vrd.watch.board
    assert board is not None
    (line,) = [line for line in board.attention if line.rule == "silent"]
    province.vrd.watch.acknowledge("silent", line.subject, "operator A")

    province.cut, province.radio = set(gone[:9]), set(gone[9:])
    told = province.run(70 * MINUTES)
    (remain,) = [change for change in told if change.kind == "remain"]
    assert sorted(remain.names) == sorted(f"Punt {at}" for at in range(1, 10))
    assert sounds(told) == [("remain", "silent", remain.sound)]
    assert province.states() == {"open": 41, "silent": 9}


def test_a_dead_gateway_is_one_alarm_of_our_own_and_no_site_is_silent(province: Province) -> None:
    province.radio = set(province.writers)
    province.run(40 * MINUTES)
    province.cut = {*province.writers, province.gateway}
    told = province.run(100 * MINUTES)
    assert sounds(told) == [("raised", "own_gateway", SYSTEM)]
    assert set(province.states()) <= {"open", "not_judged"}
    assert province.states()["not_judged"] == SITES


def test_a_battery_that_hovers_at_its_threshold_for_an_hour_is_two_alarms_at_most(
    province: Province,
) -> None:
    one = province.writers[0]
    told = []
    for turn in range(12):
        province.values[one] = {"runtime_min": 118 + 4 * (turn % 2), "power": "battery"}
        told += province.run(INTERVAL_S)
    raised = [change for change in told if change.rule == "runtime" and change.kind in ("raised", "worse")]
    assert 1 <= len(raised) <= 2
    assert len(sounds(told)) <= 2


def test_a_restart_with_six_acknowledged_alarms_makes_no_sound_and_keeps_all_six(province: Province) -> None:
    desk, watch = province.vrd.desk, province.vrd.watch
    for writer in province.writers[:3]:
        urgency = Urgency.EMERGENCY if writer is province.writers[0] else Urgency.URGENT
        desk.take(writer.hex, writer.report(1, "brand", urgency=urgency))
    for writer in province.writers[3:6]:
        province.values[writer] = {"opening": "full"}
    raised = [sound for sound in sounds(province.run(10 * MINUTES)) if sound[0] == "raised"]
    assert len(raised) == 6
    for report in province.vrd.operators.open_reports():
        province.vrd.operators.move(report.id, State.SEEN, "operator A")
    for at in (4, 5, 6):
        assert watch.acknowledge("full", f"P{at}", "operator A") is None
    board = province.vrd.watch.board
    assert board is not None and len(board.attention) == 6

    province.vrd.restart()
    assert sounds(province.run(20 * MINUTES)) == []
    board = province.vrd.watch.board
    assert board is not None
    assert len(board.attention) == 6 and all(line.who for line in board.attention)
