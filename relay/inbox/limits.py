"""How much one source may bring: buckets that fill with time and empty with use. Safe across threads."""

from __future__ import annotations

import threading
from collections.abc import Hashable

KEYS_MAX = 5_000


class Buckets:
    """A bucket for each source: `burst` at once, then `refill_per_s`; it can be `debt_max` below zero."""

    def __init__(self, burst: float, refill_per_s: float, debt_max: float = 0.0) -> None:
        self._burst, self._refill_per_s, self._debt_max = burst, refill_per_s, debt_max
        self._left: dict[Hashable, tuple[float, float]] = {}  # what is left, and as of when
        self._lock = threading.Lock()
        self._latest_s = 0.0

    def has(self, key: Hashable, now_s: float) -> bool:
        """Whether anything is left for `key`; its bucket fills up to `now_s`."""
        with self._lock:
            return self._fill(key, now_s) >= 1

    def take(self, key: Hashable, now_s: float) -> bool:
        """Spend one if there is one."""
        with self._lock:
            left = self._fill(key, now_s)
            if left >= 1:
                self._put(key, left - 1, now_s)
            return left >= 1

    def spend(self, key: Hashable) -> bool:
        """Spend one in any case, as of the last `has`; whether anything is left."""
        with self._lock:
            left, at_s = self._left.get(key, (self._burst, self._latest_s))
            left = max(-self._debt_max, left - 1)
            self._put(key, left, at_s)
            return left >= 1

    def _fill(self, key: Hashable, now_s: float) -> float:
        self._latest_s = now_s
        kept = self._left.get(key)
        if kept is None:
            return self._burst
        left = kept[0] + max(0.0, now_s - kept[1]) * self._refill_per_s
        if left >= self._burst:
            del self._left[key]  # as good as new: only who spends takes room
            return self._burst
        self._left[key] = (left, now_s)
        return left

    def _put(self, key: Hashable, left: float, at_s: float) -> None:
        if len(self._left) >= KEYS_MAX and key not in self._left:
            del self._left[next(iter(self._left))]  # whoever has been known for longest starts anew
        self._left[key] = (left, at_s)
