"""The operators' store: who is first, who may come in, and a log that shows what was done to it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.errors import LedgerError, StorageError, ValueRefused
from relay.inbox.alarms.state import Change
from relay.inbox.operators import people
from relay.inbox.operators.handling import TRANSITIONS, Handling, ReportId, State
from relay.inbox.operators.journal import Entry, first_broken
from relay.inbox.operators.people import Account, Throttle
from relay.inbox.operators.store import Operators, TakenFirst

REPORT = ReportId(b"\x01\x02\x03\x04", 7, 1)
PASSWORD = "vier woorden op een rij"


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def operators(tmp_path: Path, clock: Clock) -> Iterator[Operators]:
    operators = Operators(tmp_path, clock)
    yield operators
    operators.close()


def test_of_two_operators_the_second_is_told_who_was_first(operators: Operators) -> None:
    operators.move(REPORT, State.SEEN, "operator A", version=0)
    with pytest.raises(TakenFirst) as caught:
        operators.move(REPORT, State.SEEN, "operator B", version=0)
    assert caught.value.now.by == "operator A"
    assert operators.handling(REPORT).by == "operator A"


def test_of_twenty_at_once_exactly_one_is_first(operators: Operators) -> None:
    first: list[str] = []

    def take(name: str) -> None:
        try:
            operators.move(REPORT, State.SEEN, name, version=0)
        except TakenFirst:
            return
        first.append(name)

    threads = [threading.Thread(target=take, args=(f"operator {at}",)) for at in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first == [operators.handling(REPORT).by]


def test_only_the_listed_steps_exist() -> None:
    for state in State:
        for then in State:
            now = Handling(state=state)
            if then in TRANSITIONS[state]:
                assert now.move(then, "x", 1).state is then
            else:
                with pytest.raises(LedgerError):
                    now.move(then, "x", 1)


def test_a_report_is_known_by_its_identity_in_words() -> None:
    assert ReportId.parse(str(REPORT)) == REPORT
    for wrong in (
        "",
        "01020304-7",
        "0102030-7-1",
        "zz020304-7-1",
        "01020304-7-x",
        "01020304--7-1",
        "é" * 8 + "-1-1",
    ):
        assert ReportId.parse(wrong) is None


def test_a_session_is_a_cookie_that_the_disk_does_not_know(operators: Operators, tmp_path: Path) -> None:
    operators.save_account(Account("els", "operator"), PASSWORD, "test")
    token, session = operators.log_in("els")
    assert operators.session(token) == session
    assert operators.session(token + "x") is None
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.encode() not in stored
    assert PASSWORD.encode() not in stored
    operators.log_out(token)
    assert operators.session(token) is None


def test_a_session_ends_after_a_shift_and_with_its_account(operators: Operators, clock: Clock) -> None:
    operators.save_account(Account("els", "operator"), PASSWORD, "test")
    token, _ = operators.log_in("els")
    clock.now_s += people.SESSION_S + 1
    assert operators.session(token) is None
    token, _ = operators.log_in("els")
    operators.close_account("els", "test")
    assert operators.session(token) is None
    assert operators.password_of("els") is None


def test_a_screen_without_a_hand_on_it_locks(operators: Operators, clock: Clock) -> None:
    operators.save_account(Account("els", "operator"), PASSWORD, "test")
    token, session = operators.log_in("els")
    clock.now_s += people.LOCK_S - 10
    operators.touch(token, session)
    clock.now_s += 20
    touched = operators.session(token)
    assert touched is not None and not touched.is_locked(operators.now_s())
    clock.now_s += people.LOCK_S
    assert touched.is_locked(operators.now_s())


def test_passwords_are_kept_as_argon2id_and_short_ones_are_refused(operators: Operators) -> None:
    operators.save_account(Account("els", "operator"), PASSWORD, "test")
    hashed = operators.password_of("els")
    assert hashed is not None and hashed.startswith("$argon2id$")
    assert people.is_right(PASSWORD, hashed)
    assert not people.is_right(PASSWORD + "x", hashed)
    assert not people.is_right(PASSWORD, None)
    with pytest.raises(ValueRefused):
        operators.save_account(Account("els", "operator"), "kort", "test")


def test_failures_make_a_login_slower_and_never_lock_it_out() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(people.FREE_FAILURES):
        assert throttle.wait_s("els", "10.0.0.1") == 0
        throttle.failed("els", "10.0.0.1")
    waits = []
    for _ in range(10):
        waits.append(throttle.wait_s("els"))
        throttle.failed("els", "10.0.0.1")
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1.0, people.WAIT_S_MAX)
    assert throttle.wait_s("an", "10.0.0.1") == people.WAIT_S_MAX
    clock.now_s += people.FAILURES_FORGOTTEN_S + 1
    assert throttle.wait_s("els", "10.0.0.1") == 0


def test_a_change_is_claimed_once_by_each_notifier(operators: Operators) -> None:
    def change(at: int) -> Change:
        return Change(at_s=at, kind="raised", rule="full", subject="P1", name="Punt 1", level=2)

    assert operators.alarms.claim("bell") == []
    operators.alarms.keep(b"state", [change(1), change(2)])
    assert [each.at_s for each in operators.alarms.claim("bell")] == [1, 2]
    assert operators.alarms.claim("bell") == []
    operators.alarms.keep(b"state", [change(3)])
    assert [each.at_s for each in operators.alarms.claim("bell")] == [3]
    assert operators.alarms.state() == b"state"


def test_the_log_cannot_be_changed_and_shows_when_somebody_did(operators: Operators, tmp_path: Path) -> None:
    for number in range(5):
        operators.log("els", "note", str(number))
    entries = operators.journal()
    assert first_broken(entries) is None
    with pytest.raises(StorageError):
        operators.all("UPDATE journal SET who = 'an' WHERE id = 2")
    with pytest.raises(StorageError):
        operators.all("DELETE FROM journal WHERE id = 2")
    db = sqlite3.connect(tmp_path / "operators.db")
    db.execute("DROP TRIGGER journal_stays")
    db.execute("UPDATE journal SET detail = 'x' WHERE id = 3")
    db.commit()
    db.close()
    assert first_broken(operators.journal()) == 3
    assert first_broken([entry for entry in entries if entry.id != 2]) == 2
    assert first_broken([Entry(1, 0, "a", "b", "c", bytes(32))]) == 1
