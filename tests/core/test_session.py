"""One link's conversation with the inbox: proof, what is in flight, and what an answer decides."""

from __future__ import annotations

import itertools

import pytest

from relay.core.message import Numbering
from relay.core.ranges import Ranges
from relay.core.session import (
    HELLO_IDLE_S,
    HELLO_RETRY_MAX_S,
    HELLO_RETRY_S,
    RECEIPT_TIMEOUT_S,
    REFUSED_PAUSE_S,
    Flight,
    Session,
)


def nonce(number: int) -> bytes:
    return number.to_bytes(8, "big")


def connected(now_s: float = 0.0) -> Session:
    session = Session("mqtt")
    session.connect(now_s)
    return session


def proven(now_s: float = 0.0) -> Session:
    session = connected(now_s)
    session.hello_sent(nonce(1), now_s)
    session.answer(nonce(1), now_s)
    session.decide()
    return session


def send(session: Session, *numbers: int, now_s: float = 0.0) -> None:
    session.sent(Flight(Ranges([(number, number) for number in numbers]), Ranges(), 100, now_s))


def receipt(session: Session, *numbers: int, now_s: float = 0.0) -> None:
    held = {
        Numbering.REPORT: Ranges([(number, number) for number in numbers]),
        Numbering.STATE: Ranges(),
    }
    session.settle(held, frozenset(), now_s)


def offered(session: Session) -> list[tuple[int, int]]:
    return session.offered[Numbering.REPORT].runs()


# --- proof ---


def test_a_connected_link_is_not_proven_and_asks_at_once():
    session = connected(5.0)
    assert not session.proven
    assert session.hello_due(5.0)


def test_a_link_that_is_down_asks_nothing_and_wakes_nobody():
    session = connected()
    session.disconnect()
    assert not session.hello_due(1e9)
    assert session.next_wake_s() is None


def test_only_the_nonce_of_the_last_hello_proves_and_only_once():
    session = connected()
    session.hello_sent(nonce(1), 0.0)
    session.hello_sent(nonce(2), 5.0)
    for wrong in (b"", nonce(1), nonce(3)):
        assert session.answer(wrong, 6.0) is None
        assert not session.proven
    assert session.answer(nonce(2), 6.0) == 1.0
    assert session.proven
    # the same answer again, by whoever recorded it
    assert session.answer(nonce(2), 7.0) is None


def test_before_a_hello_no_answer_counts():
    session = connected()
    assert session.answer(b"", 0.0) is None
    assert session.answer(bytes(8), 0.0) is None
    assert not session.proven


def test_an_unanswered_hello_is_repeated_later_and_later():
    session = connected()
    sent_s = []
    for second in range(400):
        if session.hello_due(second):
            sent_s.append(second)
            session.hello_sent(nonce(second + 1), second)
    pauses = [after - before for before, after in itertools.pairwise(sent_s)]
    assert pauses[:5] == [5, 10, 20, 40, 60]
    assert set(pauses[5:]) == {HELLO_RETRY_MAX_S}


def test_two_unanswered_hellos_unprove_a_link_and_forget_what_was_on_its_way():
    session = proven()
    send(session, 1)
    session.hello_sent(nonce(2), 60.0)
    session.hello_sent(nonce(3), 65.0)
    assert session.proven  # one may be late
    session.hello_sent(nonce(4), 75.0)
    assert not session.proven
    assert not offered(session)
    assert session.in_flight_bytes() == 0


def test_an_answered_hello_is_followed_by_one_a_minute_later():
    session = proven(10.0)
    assert not session.hello_due(10.0 + HELLO_IDLE_S - 1)
    assert session.hello_due(10.0 + HELLO_IDLE_S)
    # and the count of failures begins anew
    session.hello_sent(nonce(2), 70.0)
    assert session.next_wake_s() == 70.0 + HELLO_RETRY_S


def test_what_must_be_told_is_told_after_frames_that_crossed():
    session = proven(0.0)
    session.hello_sent(nonce(2), 60.0)
    session.hello_soon(61.0)  # heard after that hello was written
    session.answer(nonce(2), 60.5)
    assert session.next_wake_s() == 61.0
    session.heard(60.6, 0.0)  # a receipt puts off what is routine only
    assert session.next_wake_s() == 61.0
    session.hello_sent(nonce(3), 61.0)
    session.answer(nonce(3), 61.5)
    assert session.next_wake_s() == 61.5 + HELLO_IDLE_S


def test_a_receipt_heard_puts_the_next_hello_off_but_proves_nothing():
    session = proven()
    session.heard(50.0, 0.0)
    assert not session.hello_due(109.0)
    assert session.hello_due(110.0)
    other = connected()
    other.heard(0.0, 0.0)
    assert not other.proven
    assert other.hello_due(0.0)


def test_a_receipt_heard_while_a_hello_waits_does_not_put_its_repetition_off():
    session = proven()
    session.hello_sent(nonce(2), 60.0)
    session.heard(64.0, 0.0)
    assert session.hello_due(65.0)


def test_a_refusal_unproves_the_link_for_a_while():
    session = proven()
    send(session, 1)
    session.refused(1.0)
    assert not session.proven
    assert not offered(session)
    assert not session.hello_due(REFUSED_PAUSE_S)
    assert session.hello_due(1.0 + REFUSED_PAUSE_S)


def test_a_link_that_comes_back_begins_from_the_start():
    session = proven()
    send(session, 1)
    session.hello_sent(nonce(2), 60.0)
    session.disconnect()
    session.connect(70.0)
    assert session.answer(nonce(2), 70.0) is None
    assert not session.proven
    assert not offered(session)
    assert session.unanswered == 0


# --- in flight ---


def test_what_is_sent_is_offered_until_a_receipt_or_a_decision():
    session = proven()
    send(session, 1, 2)
    send(session, 3)
    assert offered(session) == [(1, 3)]
    assert session.in_flight_bytes() == 200
    receipt(session, 1, 2)
    assert session.in_flight_bytes() == 100
    receipt(session, 1, 2, 3)
    assert session.in_flight_bytes() == 0


def test_half_a_frame_receipted_is_still_in_flight():
    session = proven()
    send(session, 1, 2)
    receipt(session, 2)
    assert session.in_flight_bytes() == 100


def test_receipts_that_stay_out_are_asked_for():
    session = proven()
    send(session, 1, now_s=1.0)
    session.timeout(RECEIPT_TIMEOUT_S)
    assert not session.hello_due(RECEIPT_TIMEOUT_S)
    assert session.next_wake_s() == 1.0 + RECEIPT_TIMEOUT_S
    session.timeout(1.0 + RECEIPT_TIMEOUT_S)
    assert session.hello_due(1.0 + RECEIPT_TIMEOUT_S)
    # but while the question is on its way it is not asked again
    session.hello_sent(nonce(2), 21.0)
    session.timeout(22.0)
    assert not session.hello_due(22.0)


def test_the_answer_frees_what_was_sent_before_its_question_and_nothing_else():
    session = proven()
    send(session, 1)
    send(session, 2)
    session.hello_sent(nonce(2), 21.0)
    send(session, 3, now_s=21.0)
    session.answer(nonce(2), 22.0)
    session.decide()
    assert offered(session) == [(3, 3)]


@pytest.mark.parametrize("arrived", [(1,), (2,), (1, 2), (1, 3), (2, 3), (1, 2, 3)])
def test_what_arrived_before_the_answer_is_not_counted_again_by_it(arrived):
    session = proven()
    for number in (1, 2):
        send(session, number)
    session.hello_sent(nonce(2), 21.0)
    for number in (3, 4):
        send(session, number, now_s=21.0)
    receipt(session, *arrived)
    session.answer(nonce(2), 22.0)
    session.decide()
    # 3 and 4 went after the question: its answer says nothing of them
    assert {3, 4} - set(arrived) <= {number for a, b in offered(session) for number in range(a, b + 1)}
    assert session.in_flight_bytes() == 100 * len({3, 4} - set(arrived))
    # and what went before it and did not arrive may go again
    for number in {1, 2} - set(arrived):
        assert number not in session.offered[Numbering.REPORT]
