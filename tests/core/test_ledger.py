"""Where messages stand: one table, and runs that behave as a plain dictionary would."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from relay.core.ledger import TRANSITIONS, Event, Ledger, State
from relay.errors import LedgerError

TO = {
    State.WAITING: [],
    State.SENT: [Event.SEND],
    State.RECEIPTED: [Event.RECEIPT],
    State.GIVEN_UP: [Event.GIVE_UP],
    State.REISSUED: [Event.REISSUE],
}
# a number of an ended duty is not sent again, and what has a new number or was dropped stays as it is
REFUSED = {
    (State.GIVEN_UP, Event.SEND),
    (State.GIVEN_UP, Event.REISSUE),
    (State.REISSUED, Event.SEND),
    (State.REISSUED, Event.GIVE_UP),
    (State.REISSUED, Event.REISSUE),
    (State.RECEIPTED, Event.REISSUE),
}


def ledger_in(state: State) -> Ledger:
    ledger = Ledger(1)
    for event in TO[state]:
        ledger.apply(event, 1)
    assert ledger.state_of(1) is state
    return ledger


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)), ids=lambda each: each.name.lower())
def test_every_pair_is_in_the_table_or_a_mistake_of_ours(state, event):
    ledger = ledger_in(state)
    assert ((state, event) in REFUSED) is ((state, event) not in TRANSITIONS)
    if (state, event) in REFUSED:
        with pytest.raises(LedgerError):
            ledger.apply(event, 1)
        assert ledger.state_of(1) is state
    else:
        target = TRANSITIONS[state, event]
        assert ledger.apply(event, 1) is (target is not state)
        assert ledger.state_of(1) is target


def test_only_a_receipt_or_a_loss_that_is_told_ends_a_duty():
    ends = {target for (state, _), target in TRANSITIONS.items() if target is not state}
    assert ends == {State.SENT, State.RECEIPTED, State.WAITING, State.GIVEN_UP, State.REISSUED}
    assert ledger_in(State.SENT).open().runs() == ledger_in(State.WAITING).open().runs() == [(1, 1)]
    for state in (State.RECEIPTED, State.GIVEN_UP, State.REISSUED):
        assert not ledger_in(state).open()


@pytest.mark.parametrize(("first", "last"), [(0, 1), (-1, 1), (1, 4), (4, 4), (2**32, 2**32)])
@pytest.mark.parametrize("event", Event)
def test_numbers_that_the_log_has_not_reached_are_refused(event, first, last):
    ledger = Ledger(3)
    with pytest.raises(LedgerError):
        ledger.apply(event, first, last)
    assert ledger.snapshot() == Ledger(3).snapshot()
    if first > 3:
        with pytest.raises(LedgerError):
            ledger.state_of(first)


def test_what_an_inbox_forgot_waits_again_and_what_ended_otherwise_does_not():
    for state in State:
        ledger = ledger_in(state)
        ledger.apply(Event.FORGET, 1)
        still = {State.GIVEN_UP, State.REISSUED} & {state}
        assert ledger.state_of(1) is (state if still else State.WAITING)


def test_an_event_that_part_of_a_run_does_not_allow_changes_nothing():
    ledger = Ledger(3)
    ledger.apply(Event.GIVE_UP, 3)
    before = ledger.snapshot()
    with pytest.raises(LedgerError):
        ledger.apply(Event.SEND, 1, 3)
    assert ledger.snapshot() == before


def test_a_million_waiting_messages_are_one_run():
    ledger = Ledger(1_000_000)
    ledger.apply(Event.SEND, 1, 500_000)
    assert ledger.snapshot() == {State.WAITING: [500_001, 1_000_000], State.SENT: [1, 500_000]}


class LedgerAgainstADictionary(RuleBasedStateMachine):
    """The runs and one dictionary entry per message must never differ."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.plain: dict[int, State] = {}

    @rule(count=st.integers(1, 6))
    def messages_are_written(self, count):
        for _ in range(count):
            number = self.ledger.append()
            assert number == len(self.plain) + 1
            self.plain[number] = State.WAITING

    @rule(event=st.sampled_from(Event), first=st.integers(0, 40), length=st.integers(0, 12))
    def something_happens_to_a_run(self, event, first, length):
        numbers = range(first, first + length + 1)
        legal = all((self.plain.get(each), event) in TRANSITIONS for each in numbers)
        if not legal:
            with pytest.raises(LedgerError):
                self.ledger.apply(event, first, first + length)
            return
        after = {each: TRANSITIONS[self.plain[each], event] for each in numbers}
        changed = any(self.plain[each] is not state for each, state in after.items())
        assert self.ledger.apply(event, first, first + length) is changed
        self.plain.update(after)

    @rule(later=st.integers(0, 3))
    def the_power_fails(self, later):
        """The snapshot is from before the last messages were committed."""
        snapshot = self.ledger.snapshot()
        self.ledger = Ledger.restore(snapshot, len(self.plain) + later)
        for number in range(len(self.plain) + 1, len(self.plain) + later + 1):
            self.plain[number] = State.WAITING

    @invariant()
    def they_say_the_same(self):
        assert self.ledger.last == len(self.plain)
        for number, state in self.plain.items():
            assert self.ledger.state_of(number) is state
        for state in State:
            numbers = [number for number, each in self.plain.items() if each is state]
            assert self.ledger.count(state) == len(numbers)
            assert numbers_in(self.ledger.in_state(state)) == numbers
        still = [n for n, state in self.plain.items() if state in (State.WAITING, State.SENT)]
        assert numbers_in(self.ledger.open()) == still


def numbers_in(ranges) -> list[int]:
    return [number for first, last in ranges for number in range(first, last + 1)]


TestLedgerAgainstADictionary = LedgerAgainstADictionary.TestCase
TestLedgerAgainstADictionary.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(
    st.dictionaries(
        st.sampled_from([int(state) for state in State]),
        st.lists(st.tuples(st.integers(-2, 30), st.integers(0, 9)), max_size=4),
    ),
    st.integers(0, 25),
)
def test_whatever_a_snapshot_says_each_message_stands_in_one_place(snapshot, last):
    """An old snapshot, or one of a log that was cut: nothing is lost from the count or counted twice."""
    flat = {
        state: [n for first, more in runs for n in (first, first + more)] for state, runs in snapshot.items()
    }
    ledger = Ledger.restore(flat, last)
    assert sum(ledger.count(state) for state in State) == last
    for number in range(1, last + 1):
        ledger.state_of(number)
