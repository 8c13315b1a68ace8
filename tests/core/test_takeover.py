"""The radio takes over for the right reason and gives back without flapping (rule 10)."""

from __future__ import annotations

from relay.core.events import GaveBack, TookOver
from relay.core.session import Session
from relay.core.takeover import TakeOver

NONCE = b"12345678"


class Case:
    """A session and what follows it, second by second."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.session = Session("mqtt")
        self.duty = TakeOver()
        self.said: list[tuple[float, object]] = []
        self.look()

    def look(self) -> None:
        change = self.duty.follow(self.session, self.now_s)
        if change:
            self.said.append((self.now_s - 100.0, change))

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_s += 1
            self.look()

    def answer(self) -> None:
        self.session.hello_sent(NONCE, self.now_s)
        self.session.answer(NONCE, self.now_s)
        self.look()

    def connect(self) -> None:
        self.session.connect(self.now_s)
        self.look()

    def disconnect(self) -> None:
        self.session.disconnect()
        self.look()


def test_a_broker_that_is_gone_for_a_minute() -> None:
    case = Case()
    case.wait(59)
    assert not case.said
    assert case.duty.wake_s() == 160.0
    case.wait(10)
    assert case.said == [(60.0, TookOver("broker"))]


def test_a_broker_that_is_gone_for_less() -> None:
    case = Case()
    case.connect()
    case.answer()
    case.disconnect()
    case.wait(59)
    case.connect()
    case.answer()
    case.wait(600)
    assert not case.said


def test_an_inbox_that_is_silent_behind_a_broker_has_a_quarter_of_an_hour() -> None:
    case = Case()
    case.connect()
    case.answer()
    case.session.ask(case.now_s)  # it restarts
    case.wait(899)
    assert not case.said
    case.wait(2)
    assert [change for _, change in case.said] == [TookOver("inbox")]


def test_an_inbox_that_restarts_within_that_time_sends_nobody_to_the_radio() -> None:
    case = Case()
    case.connect()
    case.answer()
    case.session.ask(case.now_s)
    case.wait(800)
    case.answer()
    case.wait(800)
    assert not case.said


def test_a_connection_that_never_holds_is_a_broker_that_is_gone() -> None:
    case = Case()
    for _ in range(6):
        case.wait(10)
        case.connect()
        case.wait(5)
        case.disconnect()
    assert [change for _, change in case.said] == [TookOver("broker")]


def test_it_gives_back_after_three_answered_hellos_and_is_idle_meanwhile() -> None:
    case = Case()
    case.wait(70)
    case.said.clear()
    assert case.duty.active
    case.connect()
    for _ in range(2):
        case.answer()
        assert case.duty.taken_over and not case.duty.active
    case.answer()
    assert [change for _, change in case.said] == [GaveBack()]
    assert not case.duty.taken_over


def test_mqtt_that_falters_before_the_third_answer_leaves_the_radio_in_charge() -> None:
    case = Case()
    case.wait(70)
    case.said.clear()
    case.connect()
    case.answer()
    case.answer()
    case.disconnect()
    assert case.duty.active
    case.connect()
    case.answer()
    assert not case.said, "answers are counted anew for each connection"


def test_it_says_so_once() -> None:
    case = Case()
    case.wait(5000)
    assert len(case.said) == 1
