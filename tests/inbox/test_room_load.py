"""What keeps the room fast with a year of messages: calls apart, parts made once, a log in steps."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from relay.database import migrate
from relay.errors import LedgerError
from relay.inbox.operators import disk, journal
from relay.inbox.operators.handling import ReportId, State
from relay.inbox.operators.reports import Report, Shown
from relay.inbox.operators.store import Operators
from tests.inbox.room import OpenRoom

SHOWN = Shown(values={}, confidence="measured", composed_s=None, clock="none", late_s=None, link="mqtt")


def report(number: int, kind: str = "report", urgency: int = 3, *, exercise: bool = False) -> Report:
    return Report(
        id=ReportId(b"node", 1, number),
        message=number,
        site="P1",
        kind=kind,
        urgency=urgency,
        exercise=exercise,
        received_s=number,
        shown=SHOWN,
    )


def some_reports(chance: random.Random, count: int) -> list[Report]:
    kinds = ("report", "request", "offer")
    return [
        report(number, chance.choice(kinds), chance.randint(1, 4), exercise=chance.random() < 0.2)
        for number in range(1, count + 1)
    ]


def open_by_hand(operators: Operators, reports: list[Report], *, exercise: bool) -> list[int]:
    asking = [each for each in reports if each.urgency <= 2 or each.kind == "request"]
    left = [each for each in asking if operators.handling(each.id).is_open and each.exercise is exercise]
    return [each.id.number for each in sorted(left, key=lambda each: (each.urgency, each.received_s))]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_open_is_what_asks_and_is_not_resolved_whatever_was_done(tmp_path: Path, seed: int) -> None:
    chance, operators = random.Random(seed), Operators(tmp_path)
    reports = some_reports(chance, 40)
    operators.follow(reports, 40)
    for _ in range(100):
        step = chance.choice(list(State))
        try:
            operators.move(chance.choice(reports).id, step, "els", result="x")
        except LedgerError:
            continue
    operators.follow(
        reports, 40
    )  # looked at again, as after a backup was put back: what is resolved stays so
    for exercise in (False, True):
        found = [each.id.number for each in operators.open_reports(exercise=exercise)]
        assert found == open_by_hand(operators, reports, exercise=exercise)
    operators.close()


def test_a_file_of_the_version_before_knows_what_is_open_after_its_migration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(1)
    before = tmp_path / "before"
    before.mkdir()
    for script in sorted(disk.MIGRATIONS.glob("*.sql")):
        if "call" not in script.name:
            (before / script.name).write_text(script.read_text())
    only = sorted(before.glob("*.sql"))[:3]  # as they were when calls came
    for script in set(before.glob("*.sql")) - set(only):
        script.unlink()
    db = sqlite3.connect(tmp_path / disk.STORE_NAME, isolation_level=None)
    migrate(db, before)
    for each in some_reports(chance, 30):
        db.execute(
            "INSERT INTO report VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (b"node", 1, each.id.number, 1, "P1", each.kind, each.urgency, each.exercise, 1, b""),
        )
        if each.id.number % 3 == 0:
            db.execute(
                "INSERT INTO handling VALUES (?, 1, ?, 'resolved', 1, 'els', 1, '', '', 'x')",
                (b"node", each.id.number),
            )
    db.close()
    operators = Operators(tmp_path)
    asking = {each.id.number for each in some_reports(random.Random(1), 30) if asks(each)}
    found = {number for (number,) in operators.all("SELECT number FROM call")}
    assert found == {number for number in asking if number % 3}
    operators.close()


def asks(each: Report) -> bool:
    return each.urgency <= 2 or each.kind == "request"


def test_what_i_have_in_hand_is_found_however_long_ago_it_came(tmp_path: Path) -> None:
    operators = Operators(tmp_path)
    operators.follow([report(number) for number in range(1, 1000)], 1000)
    operators.move(ReportId(b"node", 1, 5), State.HANDLED, "els", assignee="els")
    operators.move(ReportId(b"node", 1, 6), State.HANDLED, "els", assignee="els")
    operators.move(ReportId(b"node", 1, 6), State.RESOLVED, "els", result="x")
    assert [each.id.number for each in operators.reports_of("els")] == [5]
    assert operators.reports_of("jan") == operators.reports_of("els", exercise=True) == []
    operators.close()


def test_a_long_log_is_looked_at_in_steps_and_a_row_that_was_changed_is_found_and_stays_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "CHECK_ROWS", 10)
    operators, checker = Operators(tmp_path), journal.Checker()
    for at in range(35):
        operators.log("els", "step", str(at))
    asked: list[int] = []

    def rows(after_id: int, limit: int) -> list[journal.Entry]:
        asked.append(limit)
        return operators.journal(after_id, limit)

    found = [checker.check(rows) for _ in range(4)]
    assert [each.upto for each in found] == [20, 30, 35, 35]
    assert [each.all for each in found] == [False, False, True, True]
    assert max(asked) == 10
    operators.log("els", "step", "new")
    assert checker.check(rows) == journal.Checked(None, 36, True)
    db = operators._db
    db.execute("DROP TRIGGER journal_stays")
    db.execute("UPDATE journal SET who = 'iemand' WHERE id = 17")
    seen = [checker.check(rows).broken for _ in range(8)]
    assert seen[-1] == 17  # within a round
    operators.close()


def test_fifty_browsers_are_given_a_part_that_was_made_once_each_with_a_token_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenRoom(tmp_path) as room:
        one = room.writers[0]
        room.vrd.desk.take(one.hex, one.report(1, "Rook", urgency=1))
        room.vrd.watch.look()
        els, jan, lees = (room.browser(name) for name in ("els", "jan", "lees"))
        made: list[str] = []
        usual = room.room._renderer.page

        def page(template: str, language: str, **values: Any) -> str:
            made.append(template)
            return usual(template, language, **values)

        monkeypatch.setattr(room.room._renderer, "page", page)
        parts = [each.get("/stuk/nood").text for each in (els, els, jan, lees, els)]
        assert len(made) == 2  # for operators, and for readers
        assert els.csrf in parts[0] and els.csrf not in parts[2]
        assert jan.csrf in parts[2] and jan.csrf != els.csrf
        assert room.room._blank not in "".join(parts)
        assert "<form" not in parts[3]
        els.post(f"/melding/{one.hex}-7-1/stap", step="seen", version="0")
        room.vrd.watch.look()
        assert "Rook" not in els.get("/stuk/nood").text
        room.trouble = "read_only"
        assert "data-readonly" in els.get("/stuk/band").text


def test_of_a_sites_history_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    with OpenRoom(tmp_path) as room:
        one, desk = room.writers[0], room.vrd.desk
        for number in range(1, 11):
            desk.take(one.hex, one.status(number))
            desk.wait(60)
        statuses = desk.reader.statuses(one.address, desk.unix_s - 200, 100)
        assert [each.number for each in statuses] == [10, 9, 8]
        assert [each.number for each in desk.reader.statuses(one.address, 0, 2)] == [10, 9]
        assert desk.reader.statuses(one.address, desk.unix_s + 1, 100) == []
