"""Sets of whole numbers that mostly stand in long runs: what is held, offered, or given up.

A log of a million messages that all arrived is one run; memory grows with the holes, not with the log.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Run = tuple[int, int]  # first and last, both included


class Ranges:
    """A mutable set of whole numbers, kept as ascending runs that neither touch nor overlap."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in runs:
            self.add(first, last)

    def add(self, first: int, last: int | None = None) -> None:
        """Put `first`..`last` in; a single number when `last` is left out."""
        last = first if last is None else last
        if last < first:
            return
        lasts, firsts = self._lasts, self._firsts
        if lasts and first == lasts[-1] + 1:  # the common case: a log grows at its end
            lasts[-1] = last
            return
        start = bisect_left(lasts, first - 1)
        stop = bisect_right(firsts, last + 1)
        if start < stop:
            first, last = min(first, firsts[start]), max(last, lasts[stop - 1])
        firsts[start:stop] = [first]
        lasts[start:stop] = [last]

    def remove(self, first: int, last: int | None = None) -> None:
        """Take `first`..`last` out."""
        last = first if last is None else last
        if last < first:
            return
        start = bisect_left(self._lasts, first)
        stop = bisect_right(self._firsts, last)
        kept: list[Run] = []
        if start < stop:
            if self._firsts[start] < first:
                kept.append((self._firsts[start], first - 1))
            if self._lasts[stop - 1] > last:
                kept.append((last + 1, self._lasts[stop - 1]))
            self._firsts[start:stop] = [run[0] for run in kept]
            self._lasts[start:stop] = [run[1] for run in kept]

    def clear(self) -> None:
        """Take everything out."""
        self._firsts.clear()
        self._lasts.clear()

    def runs(self, low: int = 0, high: int | None = None) -> list[Run]:
        """The runs within `low`..`high`, cut to it."""
        if high is not None and high < low:
            return []
        firsts, lasts = self._firsts, self._lasts
        if not firsts:
            return []
        start = bisect_left(lasts, low)
        stop = len(firsts) if high is None else bisect_right(firsts, high)
        found = list(zip(firsts[start:stop], lasts[start:stop], strict=True))
        if found and found[0][0] < low:
            found[0] = (low, found[0][1])
        if found and high is not None and found[-1][1] > high:
            found[-1] = (found[-1][0], high)
        return found

    def missing(self, low: int, high: int) -> list[Run]:
        """The runs within `low`..`high` that are not in the set."""
        holes: list[Run] = []
        for first, last in self.runs(low, high):
            if first > low:
                holes.append((low, first - 1))
            low = last + 1
        if low <= high:
            holes.append((low, high))
        return holes

    def covers(self, other: Ranges) -> bool:
        """Whether every number of `other` is in this set."""
        return all(not self.missing(first, last) for first, last in other)

    @property
    def last(self) -> int:
        """The highest number; 0 when empty."""
        return self._lasts[-1] if self._lasts else 0

    @property
    def upto(self) -> int:
        """The highest number below which, from 1 on, none is missing; 0 when 1 is."""
        return self._lasts[0] if self._firsts and self._firsts[0] <= 1 else 0

    def flat(self) -> list[int]:
        """First, last, first, last, ...: a form for the disk."""
        return [number for run in self for number in run]

    @classmethod
    def from_flat(cls, numbers: Iterable[int]) -> Ranges:
        """What `flat` gave."""
        pairs = iter(numbers)
        return cls(zip(pairs, pairs, strict=True))

    def __contains__(self, number: int) -> bool:
        place = bisect_left(self._lasts, number)
        return place < len(self._firsts) and self._firsts[place] <= number

    def __iter__(self) -> Iterator[Run]:
        return iter(list(zip(self._firsts, self._lasts, strict=True)))  # may change while it is gone through

    def __len__(self) -> int:
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and self.runs() == other.runs()

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return "Ranges(" + ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in self) + ")"
