"""How far VRD is with a report, as one table of transitions (experience.md section 3, "handling")."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from relay.core.message import Address
from relay.core.wire import NUMBER_MAX
from relay.errors import LedgerError, Text

RESULT_LENGTH_MAX = 120
NAME_LENGTH_MAX = 64


class State(StrEnum):
    """What an operator did last."""

    NEW = "new"
    SEEN = "seen"
    HANDLED = "handled"  # somebody has it
    FORWARDED = "forwarded"  # to a team
    RESOLVED = "resolved"
    REOPENED = "reopened"


LABELS = {
    State.NEW: Text("nieuw", "new"),
    State.SEEN: Text("gezien", "seen"),
    State.HANDLED: Text("in behandeling", "being handled"),
    State.FORWARDED: Text("doorgezet", "forwarded"),
    State.RESOLVED: Text("afgehandeld", "resolved"),
    State.REOPENED: Text("heropend", "reopened"),
}

_TAKEN_UP = frozenset((State.HANDLED, State.FORWARDED, State.RESOLVED))
TRANSITIONS: dict[State, frozenset[State]] = {
    State.NEW: _TAKEN_UP | {State.SEEN},
    State.SEEN: _TAKEN_UP,
    State.HANDLED: _TAKEN_UP,
    State.FORWARDED: _TAKEN_UP,
    State.RESOLVED: frozenset((State.REOPENED,)),
    State.REOPENED: _TAKEN_UP | {State.SEEN},
}


class ReportId(msgspec.Struct, frozen=True, order=True):
    """A report, whatever row it has."""

    address: Address
    epoch: int
    number: int

    def __str__(self) -> str:
        return f"{self.address.hex()}-{self.epoch}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> ReportId | None:
        """What `str` gave; None when it is none."""
        parts = text.split("-")
        if len(parts) != 3 or len(parts[0]) != 8 or not all(part.isascii() for part in parts):
            return None
        try:
            address, epoch, number = bytes.fromhex(parts[0]), int(parts[1]), int(parts[2])
        except ValueError:
            return None
        are_numbers = all(0 <= each <= NUMBER_MAX for each in (epoch, number))
        return cls(address, epoch, number) if are_numbers else None


class Handling(msgspec.Struct, frozen=True):
    """What is known of the handling of one report."""

    state: State = State.NEW
    version: int = 0
    by: str = ""
    at_s: int = 0
    assignee: str = ""
    team: str = ""
    result: str = ""

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be done."""
        return self.state is not State.RESOLVED

    @property
    def is_acknowledged(self) -> bool:
        """Whether somebody has taken it up since it was new or reopened."""
        return self.state not in (State.NEW, State.REOPENED)

    def move(
        self, state: State, by: str, at_s: int, *, assignee: str = "", team: str = "", result: str = ""
    ) -> Handling:
        """The next one; raises LedgerError for a step that the table does not list."""
        if state not in TRANSITIONS[self.state]:
            raise LedgerError(f"a report that is {self.state} can't become {state}")
        return Handling(
            state,
            self.version + 1,
            by,
            at_s,
            assignee or self.assignee,
            team or self.team,
            result if state is State.RESOLVED else "",
        )
