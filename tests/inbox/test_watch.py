"""The watch over real stores: what becomes of messages on the board, and what a restart forgets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from relay.core import payloads
from relay.core.fields import ENTERED_TOO
from relay.core.message import Kind, Urgency
from relay.inbox.alarms.facts import Own
from relay.inbox.alarms.thresholds import Thresholds
from relay.inbox.facts import standing_of
from relay.inbox.operators.handling import State
from relay.inbox.operators.store import Operators
from relay.inbox.watch import Health, Watch
from relay.trust.roster import Node
from tests.inbox.desk import Desk, Writer


class Roll:
    """A roster of these nodes, for whoever only reads it."""

    def __init__(self, *writers: Writer) -> None:
        self.nodes = tuple(
            Node(
                public_key=writer.public_key.public_bytes_raw(),
                site=f"Punt {number}",
                site_id=f"P{number}",
                municipality="Assen" if number % 2 else "Emmen",
            )
            for number, writer in enumerate(writers, 1)
        )

    def entry(self, address: bytes) -> Node | None:
        return next((node for node in self.nodes if node.address == address), None)


class Vrd:
    """An inbox on disk with operators who watch it."""

    def __init__(self, folder: Path, *writers: Writer) -> None:
        self.desk = Desk(folder, *writers)
        self.roll = Roll(*writers)
        self.own = Own()
        self.open()

    def open(self) -> None:
        self.operators = Operators(
            self.desk.folder, lambda: self.desk.unix_s, lambda address: standing_of(self.roll.entry(address))
        )
        self.watch = Watch(
            self.desk.reader,
            self.operators,
            lambda: self.roll,  # type: ignore[arg-type, return-value]
            lambda: Health(listening_s=1e6, own=self.own),
            Thresholds(),
            lambda: self.desk.now,
        )

    def close(self) -> None:
        self.operators.close()
        self.desk.close()

    def restart(self) -> None:
        self.close()
        self.desk.open()
        self.open()


@pytest.fixture
def vrd(tmp_path: Path) -> Iterator[Vrd]:
    vrd = Vrd(tmp_path, *(Writer(f"node {at}") for at in range(3)))
    yield vrd
    vrd.close()


def writers(vrd: Vrd) -> list[Writer]:
    return [writer for writer in vrd.desk.roster.values() if isinstance(writer, Writer)]


def test_an_emergency_is_on_the_board_after_one_look_and_sounds_once(vrd: Vrd) -> None:
    one = writers(vrd)[0]
    vrd.watch.look()
    vrd.desk.take(one.hex, one.status(1), one.report(1, "Rook in hal", urgency=Urgency.EMERGENCY))
    assert [(change.kind, change.rule, change.sound) for change in vrd.watch.look()] == [
        ("raised", "emergency", "emergency")
    ]
    assert vrd.watch.look() == []
    board = vrd.watch.board
    assert board is not None
    first = board.attention[0]
    assert (first.level, first.name, first.report and first.report.shown.values["text"]) == (
        1,
        "Punt 1",
        "Rook in hal",
    )
    assert board.unread == 1


def test_a_report_that_somebody_took_up_is_not_unread_and_one_that_is_resolved_is_gone(vrd: Vrd) -> None:
    one = writers(vrd)[0]
    vrd.desk.take(one.hex, one.report(1, "water op", kind=Kind.REQUEST))
    vrd.watch.look()
    (report,) = vrd.operators.open_reports()
    vrd.operators.move(report.id, State.SEEN, "operator A", version=0)
    vrd.watch.look()
    assert vrd.watch.board and vrd.watch.board.unread == 0 and len(vrd.watch.board.attention) == 1
    vrd.operators.move(report.id, State.RESOLVED, "operator A", result="gebracht")
    vrd.watch.look()
    assert vrd.watch.board.attention == ()


def test_a_restart_forgets_nothing_and_makes_no_sound(vrd: Vrd) -> None:
    one = writers(vrd)[0]
    vrd.desk.take(one.hex, one.report(1, "brand", urgency=Urgency.EMERGENCY), one.report(2, "gewoon"))
    vrd.watch.look()
    (report,) = vrd.operators.open_reports()
    vrd.operators.move(report.id, State.SEEN, "operator A")
    vrd.watch.look()
    vrd.restart()
    vrd.desk.wait(30)
    assert [change for change in vrd.watch.look() if change.sound] == []
    assert len(vrd.operators.reports()) == 2
    assert vrd.operators.handling(report.id).by == "operator A"


def test_a_store_that_was_restored_from_an_older_backup_is_looked_at_again_and_nothing_is_there_twice(
    vrd: Vrd,
) -> None:
    one, two, _ = writers(vrd)
    vrd.desk.take(one.hex, one.report(1), one.report(2), one.report(3))
    vrd.watch.look()
    vrd.close()
    for name in ("inbox.db", "inbox.db-wal", "inbox.db-shm"):
        (vrd.desk.folder / name).unlink(missing_ok=True)
    vrd.desk.open()
    vrd.open()
    vrd.desk.take(two.hex, two.report(1))
    vrd.watch.look()
    vrd.desk.take(one.hex, one.report(1), one.report(2), one.report(3))
    vrd.watch.look()
    assert sorted(str(report.id) for report in vrd.operators.reports()) == sorted(
        [f"{one.hex}-7-{number}" for number in (1, 2, 3)] + [f"{two.hex}-7-1"]
    )


def test_silence_hides_that_a_site_was_open_and_its_visitors_are_not_counted(vrd: Vrd) -> None:
    one, two, _ = writers(vrd)
    values = {"opening": "open", "visitors": 40}
    payload = payloads.message_payload(values, status=(0, 5.0, 0))
    vrd.desk.take(one.hex, one.sign(Kind.STATUS, 1, payload))
    vrd.desk.take(two.hex, two.sign(Kind.STATUS, 1, payload))
    vrd.watch.look()
    board = vrd.watch.board
    assert board is not None
    assert (board.count("open"), board.count("never"), board.visitors) == (2, 1, 80)
    for minute in range(30):
        vrd.desk.wait(60)
        if minute % 5 == 0:
            vrd.desk.take(two.hex, two.sign(Kind.STATUS, 2 + minute, payload))
        vrd.watch.look()
    board = vrd.watch.board
    assert board is not None
    assert {site.key: site.state for site in board.sites} == {"P1": "silent", "P2": "open", "P3": "never"}
    assert board.visitors == 40
    assert [(line.rule, line.level) for line in board.attention] == [("silent", 2)]


def test_while_the_broker_is_gone_a_late_site_is_not_to_be_judged(vrd: Vrd) -> None:
    one = writers(vrd)[0]
    vrd.desk.take(one.hex, one.status(1, due_min=1.0))
    vrd.watch.look()
    vrd.own = Own(broker=False)
    for _ in range(40):
        vrd.desk.wait(60)
        vrd.watch.look()
    board = vrd.watch.board
    assert board is not None
    assert next(site.state for site in board.sites if site.key == "P1") == "not_judged"
    assert [line.rule for line in board.attention] == ["own_broker"]


def test_what_a_person_entered_has_its_own_age(vrd: Vrd) -> None:
    one = writers(vrd)[0]
    values = {
        "water": "low", "battery_pct": 80, "fuel_pct": 30, "indoor_c": 18, "entered_min": 42,
        "entered_too": 1 << ENTERED_TOO.index("fuel_pct"),
    }  # fmt: skip
    vrd.desk.take(one.hex, one.sign(Kind.STATUS, 1, payloads.message_payload(values, status=(0, 5.0, 0))))
    vrd.desk.wait(60)
    vrd.watch.look()
    assert vrd.watch.board is not None
    site = vrd.watch.board.site("P1")
    assert site is not None
    assert site.facts.values["water"].age_s == 43 * 60
    assert site.facts.values["battery_pct"].age_s == 60
    assert (site.facts.values["fuel_pct"].age_s, site.facts.values["fuel_pct"].entered) == (43 * 60, True)
    assert (site.facts.values["indoor_c"].age_s, site.facts.values["indoor_c"].entered) == (60, False)
    assert "entered_too" not in site.facts.values


def test_a_site_whose_only_node_was_revoked_stays_on_the_board_without_a_node_and_without_alarms(
    vrd: Vrd,
) -> None:
    one = writers(vrd)[0]
    vrd.desk.take(one.hex, one.status(1))
    vrd.watch.look()
    vrd.roll.nodes = (msgspec.structs.replace(vrd.roll.nodes[0], revoked=True), *vrd.roll.nodes[1:])
    for _ in range(30):
        vrd.desk.wait(3600)
        vrd.watch.look()
    assert vrd.watch.board is not None
    site = vrd.watch.board.site("P1")
    assert site is not None and (site.state, site.alarms) == ("no_node", ())
