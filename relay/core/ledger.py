"""Where each message of one numbering stands, for as many messages as there are.

Theory of operation. A node's log grows by one at its end; what happens to a message afterwards happens
to runs of them: a batch is sent, a receipt covers all up to a number, an inbox that was restored has
forgotten a stretch. So the ledger keeps, for each state, the runs of numbers in that state, and an
event moves runs along TRANSITIONS. 50,000 waiting messages are one run.

    waiting ──send──> sent ──receipt──> receipted
       │               │                   │
       │<──────────────┴──────forget───────┘   an inbox that no longer holds it must be told again
       ├──give_up──> given_up                  the outbox was full; a gap report names it
       └──reissue──> reissued                  the epoch was raised; the message has a new number

A pair that is not in the table is our own mistake (LedgerError), except for numbers that the log has not
reached: those are refused by the forwarder before they come here.
"""

from __future__ import annotations

from enum import IntEnum

from relay.core.ranges import Ranges, Run
from relay.errors import LedgerError


class State(IntEnum):
    """Where a message stands. Only RECEIPTED ends a node's duty to it."""

    WAITING = 0
    SENT = 1
    RECEIPTED = 2
    GIVEN_UP = 3
    REISSUED = 4


class Event(IntEnum):
    """What can happen to a message."""

    SEND = 0  # given to a link
    RECEIPT = 1  # the inbox vouches for it
    FORGET = 2  # the inbox says what it holds, and this is not among it
    GIVE_UP = 3  # dropped from a full outbox
    REISSUE = 4  # written anew under a new epoch


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.WAITING, Event.SEND): State.SENT,
    (State.WAITING, Event.RECEIPT): State.RECEIPTED,  # another carried it
    (State.WAITING, Event.FORGET): State.WAITING,
    (State.WAITING, Event.GIVE_UP): State.GIVEN_UP,
    (State.WAITING, Event.REISSUE): State.REISSUED,
    (State.SENT, Event.SEND): State.SENT,
    (State.SENT, Event.RECEIPT): State.RECEIPTED,
    (State.SENT, Event.FORGET): State.WAITING,
    (State.SENT, Event.GIVE_UP): State.GIVEN_UP,
    (State.SENT, Event.REISSUE): State.REISSUED,
    (State.RECEIPTED, Event.SEND): State.RECEIPTED,  # a receipt overtook the send
    (State.RECEIPTED, Event.RECEIPT): State.RECEIPTED,
    (State.RECEIPTED, Event.FORGET): State.WAITING,
    (State.RECEIPTED, Event.GIVE_UP): State.RECEIPTED,  # dropped after its duty ended
    (State.GIVEN_UP, Event.RECEIPT): State.GIVEN_UP,  # it had arrived; there is nothing left to do
    (State.GIVEN_UP, Event.FORGET): State.GIVEN_UP,
    (State.GIVEN_UP, Event.GIVE_UP): State.GIVEN_UP,
    (State.REISSUED, Event.RECEIPT): State.REISSUED,
    (State.REISSUED, Event.FORGET): State.REISSUED,
}


class Ledger:
    """The states of messages 1..last of one numbering of one epoch."""

    def __init__(self, last: int = 0) -> None:
        self.last = last
        self._runs: dict[State, Ranges] = {state: Ranges() for state in State}
        if last:
            self._runs[State.WAITING].add(1, last)

    def append(self) -> int:
        """The number of a new message, which waits."""
        self.last += 1
        self._runs[State.WAITING].add(self.last)
        return self.last

    def apply(self, event: Event, first: int, last: int | None = None) -> bool:
        """Move `first`..`last` along; True when any of them changed state. Raises LedgerError."""
        last = first if last is None else last
        if first < 1 or last > self.last:
            raise LedgerError(f"{event.name} of {first}..{last}: the log ends at {self.last}")
        moves: list[tuple[State, State, Run]] = []
        for state, ranges in self._runs.items():
            for run in ranges.runs(first, last):
                try:
                    target = TRANSITIONS[state, event]
                except KeyError:
                    raise LedgerError(f"{event.name} of {run[0]}..{run[1]}, {state.name}") from None
                if target is not state:
                    moves.append((state, target, run))
        for state, target, run in moves:
            self._runs[state].remove(*run)
            self._runs[target].add(*run)
        return bool(moves)

    def state_of(self, number: int) -> State:
        """Where `number` stands; raises LedgerError beyond the end of the log."""
        for state, ranges in self._runs.items():
            if number in ranges:
                return state
        raise LedgerError(f"{number}: the log ends at {self.last}")

    def in_state(self, *states: State) -> Ranges:
        """The numbers in any of `states`; a copy."""
        return Ranges(run for state in states for run in self._runs[state])

    def open(self) -> Ranges:
        """What the inbox has not vouched for yet: waiting and sent; a copy."""
        return self.in_state(State.WAITING, State.SENT)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is open."""
        return not self._runs[State.WAITING] and not self._runs[State.SENT]

    def count(self, *states: State) -> int:
        """How many are in any of `states`."""
        return sum(len(self._runs[state]) for state in states)

    def snapshot(self) -> dict[int, list[int]]:
        """A form for the disk: state to flat runs."""
        return {int(state): ranges.flat() for state, ranges in self._runs.items() if ranges}

    @classmethod
    def restore(cls, snapshot: dict[int, list[int]], last: int) -> Ledger:
        """What `snapshot` gave; numbers above it, up to `last`, were committed after it and wait."""
        ledger = cls()
        known = Ranges()
        for state, flat in snapshot.items():
            for run in Ranges.from_flat(flat).runs(1, last):
                for hole in known.missing(*run):
                    ledger._runs[State(state)].add(*hole)
                known.add(*run)
        for run in known.missing(1, last):
            ledger._runs[State.WAITING].add(*run)
        ledger.last = last
        return ledger
