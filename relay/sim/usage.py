"""How much of its time a radio sends, and how busy it finds the channel: the firmware's two counters, and
the law's one.

The firmware forgets its counters when it restarts; the law does not. `TxHour` is used for both: one that a
restart replaces, and one that lasts.
"""

from __future__ import annotations

from collections import deque

HOUR_S = 3600.0
DUTY_PERCENT = 10.0
PERIOD_S = 10.0
PERIODS = 6


class TxHour:
    """Transmissions of the last hour, exactly."""

    __slots__ = ("_sent", "_total_s", "worst_percent")

    def __init__(self) -> None:
        self.worst_percent = 0.0  # the most that any rolling hour has held so far
        self._sent: deque[tuple[float, float]] = deque()  # (end, seconds)
        self._total_s = 0.0

    def add(self, end_s: float, airtime_s: float) -> None:
        """A transmission, by the moment of its end; to be told in order."""
        self._sent.append((end_s, airtime_s))
        self._total_s += airtime_s
        self.worst_percent = max(self.worst_percent, self.percent(end_s))

    def percent(self, now_s: float) -> float:
        """Of the hour up to `now_s`, how much was sent. One that ended within it counts whole."""
        sent = self._sent
        while sent and sent[0][0] <= now_s - HOUR_S:
            self._total_s -= sent.popleft()[1]
        if not sent:
            self._total_s = 0.0  # what rounding left
        return self._total_s / HOUR_S * 100

    def allows(self, now_s: float, airtime_s: float) -> bool:
        """Whether sending `airtime_s` from now keeps every rolling hour within the duty cycle."""
        used_s = self._total_s + airtime_s
        for sent_s, past_s in self._sent:  # nothing is forgotten here: the answer may be no
            if sent_s > now_s + airtime_s - HOUR_S:
                break
            used_s -= past_s
        return used_s / HOUR_S * 100 <= DUTY_PERCENT

    def silent_minutes(self, now_s: float) -> int:
        """How long until something may be sent again."""
        excess_s = self._total_s - HOUR_S * DUTY_PERCENT / 100
        for end_s, airtime_s in self._sent:
            excess_s -= airtime_s
            if excess_s < 0:
                return int((end_s + HOUR_S - now_s) // 60) + 1
        return 0


class BusyMinute:
    """What was sent or heard in the last minute, in six periods of ten seconds as the firmware counts."""

    __slots__ = ("_periods_s", "_present")

    def __init__(self) -> None:
        self._periods_s = [0.0] * PERIODS
        self._present = 0

    def add(self, now_s: float, airtime_s: float) -> None:
        """A frame that ended now."""
        period = int(now_s / PERIOD_S)
        if period != self._present:
            self._forget(period)
        self._periods_s[period % PERIODS] += airtime_s

    def percent(self, now_s: float) -> float:
        """Channel use as this radio finds it."""
        period = int(now_s / PERIOD_S)
        if period != self._present:
            self._forget(period)
        return min(100.0, sum(self._periods_s) / (PERIODS * PERIOD_S) * 100)

    def _forget(self, period: int) -> None:
        for past in range(max(self._present + 1, period - PERIODS + 1), period + 1):
            self._periods_s[past % PERIODS] = 0.0
        self._present = period
