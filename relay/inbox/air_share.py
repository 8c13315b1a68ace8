"""What the inbox may take of the channel for its own words: a share of the plan, counted over an hour."""

from __future__ import annotations

from collections import deque

from relay.core.airtime import Preset, airtime_ms
from relay.core.radio_plan import PLAN, TRANSMISSIONS

PART = 0.2  # of the plan; beyond it, urgent only
HOUR_S = 3600.0


class Share:
    """Of one inbox. Sizes are bytes of a frame; each is counted with its relays."""

    def __init__(self, preset: Preset) -> None:
        self._preset = preset
        self._spent: deque[tuple[float, float]] = deque()  # when, and seconds of the channel

    def spend(self, size_bytes: int, now_s: float) -> None:
        """A frame is transmitted, whether there is room or not."""
        self._spent.append((now_s, self._cost_s(size_bytes)))

    def has_room(self, size_bytes: int, now_s: float) -> bool:
        """Whether what is not urgent may go now."""
        while self._spent and self._spent[0][0] <= now_s - HOUR_S:
            self._spent.popleft()
        spent_s = sum(cost_s for _, cost_s in self._spent)
        return spent_s + self._cost_s(size_bytes) <= PART * PLAN * HOUR_S

    def _cost_s(self, size_bytes: int) -> float:
        return TRANSMISSIONS * airtime_ms(self._preset, size_bytes) / 1000
