"""The log of who did what: append-only, each row bound to the one before it by a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import msgspec

HASH_BYTES = 32
BEGIN = bytes(HASH_BYTES)
CHECK_ROWS = 10_000  # looked at for one page: about 50 ms


class Entry(msgspec.Struct, frozen=True):
    """One row."""

    id: int
    at_s: int
    who: str
    what: str
    detail: str
    hash: bytes


def link(before: bytes, number: int, at_s: int, who: str, what: str, detail: str) -> bytes:
    """The hash of a row that follows one with the hash `before`."""
    said = msgspec.msgpack.encode((number, at_s, who, what, detail))
    return hashlib.sha256(before + said).digest()


def first_broken(entries: Iterable[Entry], before: bytes = BEGIN, after_id: int = 0) -> int | None:
    """The number of the first row that was changed, or that follows one that was taken out; None: whole."""
    for entry in entries:
        right = link(before, entry.id, entry.at_s, entry.who, entry.what, entry.detail)
        if entry.id != after_id + 1 or entry.hash != right:
            return after_id + 1
        before, after_id = entry.hash, entry.id
    return None


class Checked(msgspec.Struct, frozen=True):
    """What is known of the log as a whole."""

    broken: int | None  # the first row that is not right
    upto: int  # rows that are right, or were when they were last looked at
    all: bool  # whether that is every row


class Checker:
    """Looks at a log of any length in steps: at what is new, and again and again at all that was before."""

    def __init__(self) -> None:
        self._new = (0, BEGIN)  # the last row that was found right, and its hash
        self._again = (0, BEGIN)  # the same of the round that goes on
        self._broken: int | None = None

    def check(self, journal: Callable[[int, int], list[Entry]]) -> Checked:
        """One step; `journal` gives rows after an id, so many at most. A row once found wrong stays so."""
        entries = journal(self._again[0], CHECK_ROWS)
        self._again = self._right(entries, self._again)
        if self._again[0] > self._new[0]:
            self._new = self._again
        fresh = journal(self._new[0], CHECK_ROWS)
        self._new = self._right(fresh, self._new)
        if len(entries) < CHECK_ROWS:
            self._again = (0, BEGIN)
        return Checked(self._broken, self._new[0], len(fresh) < CHECK_ROWS)

    def _right(self, entries: list[Entry], mark: tuple[int, bytes]) -> tuple[int, bytes]:
        broken = first_broken(entries, mark[1], mark[0])
        if broken is not None:
            self._broken = min(broken, self._broken or broken)
        return (entries[-1].id, entries[-1].hash) if entries else mark
