"""What the operators' file lets go of with time, and what it never lets go of."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.inbox import room_work
from relay.inbox.operators import retention
from relay.inbox.operators.handling import ReportId, State
from relay.inbox.operators.notices import LIFE_S, NoticeDraft
from relay.inbox.operators.people import SESSION_S, WALL_SESSION_S, Account
from relay.inbox.operators.retention import DAY_S, forget_old
from relay.inbox.operators.store import Operators
from tests.inbox.desk import Writer
from tests.inbox.running import Bench
from tests.inbox.test_listing import report
from tests.inbox.test_notifiers import change
from tests.inbox.test_room_disk import room_of
from tests.support.clients import until

PASSWORD = "vier woorden op een rij"
DAYS = 30


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def operators(tmp_path: Path, clock: Clock) -> Iterator[Operators]:
    with contextlib.closing(Operators(tmp_path, clock)) as made:
        yield made


def count(operators: Operators, table: str) -> int:
    return int(operators.all(f"SELECT count(*) FROM {table}")[0][0])


def keep(operators: Operators, *subjects: str) -> None:
    operators.alarms.keep(b"", [change(subject=each) for each in subjects])


def test_what_alarms_changed_goes_after_its_days_and_notifiers_go_on_where_they_were(
    operators: Operators, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 3)
    operators.alarms.claim("mail")
    keep(operators, *(f"old {number}" for number in range(10)))
    clock.now_s += DAYS * DAY_S + 1
    keep(operators, "new")
    assert forget_old(operators, DAYS) == 10
    assert [each.subject for _, each in operators.alarms.newest()] == ["new"]
    assert [each.subject for each in operators.alarms.claim("mail")] == ["new"]
    clock.now_s += DAYS * DAY_S + 1
    forget_old(operators, DAYS)
    assert count(operators, "change") == 1
    keep(operators, "after")  # its number is not one that was claimed before
    assert [each.subject for each in operators.alarms.claim("mail")] == ["after"]


def test_however_many_alarms_a_flood_changes_so_many_stay(
    operators: Operators, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHANGES_MAX", 5)
    keep(operators, *(str(number) for number in range(12)))
    assert forget_old(operators, DAYS) == 7
    assert [each.subject for _, each in operators.alarms.newest()] == ["11", "10", "9", "8", "7"]


def test_a_session_goes_when_it_is_over_and_a_wall_stays_as_long_as_its_account(
    operators: Operators, clock: Clock
) -> None:
    for name, role in (("els", "operator"), ("muur", "wall")):
        operators.save_account(Account(name, role), PASSWORD, "test")
    early, wall = operators.log_in("els")[0], operators.log_in("muur")[0]
    clock.now_s += SESSION_S
    late = operators.log_in("els")[0]
    assert forget_old(operators, DAYS) == 0 and operators.session(early)
    clock.now_s += 1
    assert forget_old(operators, DAYS) == 1
    assert operators.session(late) and operators.session(wall) and not operators.session(early)
    clock.now_s += WALL_SESSION_S
    assert forget_old(operators, DAYS) == 2
    assert count(operators, "session") == 0


def test_who_had_a_notice_goes_and_the_notice_the_report_and_the_log_stay(
    operators: Operators, clock: Clock
) -> None:
    one = report(1, "water op")
    operators.follow([one], 1)
    made = operators.notices.make(NoticeDraft(kind="order", text="blijf open", scope="all"), ["P1"], "els", 9)
    handled = operators.move(one.id, State.RESOLVED, "els", result="gebracht")
    operators.notices.note_had("P1", [made.id], [(one.id, handled.version)])
    operators.add_note("P1", "els", "gebeld")
    journal = count(operators, "journal")
    assert forget_old(operators, 1) == 0  # a site may be told of it for a week, whatever was set
    clock.now_s += LIFE_S + 1
    assert forget_old(operators, 1) == 2
    assert operators.notices.deliveries(made.id) == []
    assert operators.notices.untold(one.id.address) == []  # and is not told it anew
    assert operators.handling(ReportId.parse(str(one.id)) or one.id).result == "gebracht"
    kept = {name: count(operators, name) for name in ("report", "handling", "note", "notice", "journal")}
    assert kept == {"report": 1, "handling": 1, "note": 1, "notice": 1, "journal": journal}


@pytest.mark.parametrize("is_right", [True, False])
def test_a_running_inbox_tidies_up_only_by_a_clock_that_is_right(
    bench: Bench, node: Writer, monkeypatch: pytest.MonkeyPatch, is_right: bool
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(room_work, "clock_is_synchronised", lambda: is_right)
    monkeypatch.setattr(room_work, "forget_old", lambda disk, days: asked.append(days))

    async def story() -> None:
        async with bench.running() as inbox, room_of(inbox) as room:
            await until(lambda: room.watch.board is not None)
            assert asked == ([365] if is_right else [])

    asyncio.run(story())
