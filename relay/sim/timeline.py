"""Virtual time: what is to happen, in order. Whoever drives it decides how fast time passes.

The simulator jumps from event to event; the fake radio lets a (possibly faster) clock push it along. Events
of the same moment happen in the order in which they were planned, so that one seed gives one history.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Timeline:
    """A queue of events; times are seconds since its beginning and never go back."""

    __slots__ = ("_events", "_planned", "happened", "now_s")

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s
        self.happened = 0  # events so far
        self._events: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._planned = 0

    def at(self, when_s: float, what: Callable[..., object], *arguments: object) -> None:
        """Plan a call. A moment that has passed already means: now, behind what is planned for now."""
        self._planned += 1
        heappush(self._events, (max(when_s, self.now_s), self._planned, what, arguments))

    def after(self, delay_s: float, what: Callable[..., object], *arguments: object) -> None:
        """Plan a call `delay_s` from now."""
        self._planned += 1
        heappush(self._events, (self.now_s + delay_s, self._planned, what, arguments))

    def next_s(self) -> float | None:
        """When the next event is, or None when nothing is planned."""
        return self._events[0][0] if self._events else None

    def run_until(self, end_s: float) -> None:
        """Let everything happen up to and including `end_s`; it is `end_s` then."""
        events = self._events
        while events and events[0][0] <= end_s:
            self.now_s, _, what, arguments = heappop(events)
            self.happened += 1
            what(*arguments)
        self.now_s = max(self.now_s, end_s)
