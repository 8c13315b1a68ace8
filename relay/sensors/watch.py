"""Which change of the measured values is worth a status now, and which can wait for the next one.

The same news (a field and what it became) is told at once a single time in an hour; after that it goes with
the next regular status. So what hovers between two values costs at most two statuses an hour, and a battery
that falls through all its thresholds within the hour is told each time.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from relay.core.fields import Value

ANY_CHANGE = {  # and what is as it should be
    "power": ("mains",),
    "internet": ("works",),
    "generator": ("standby", "absent"),
    "door": ("closed",),
}
LEAVES_NO = ("throttled", "undervoltage")
AGAIN_AFTER_S = 3600.0


class Bands(msgspec.Struct, frozen=True):
    """Thresholds of a number. It falls into a band at the threshold itself and leaves it only above."""

    thresholds: tuple[int, ...]
    left_at: tuple[int, ...]  # from here on it is out of that band again

    def band(self, value: int, before: int | None = None) -> int:
        """How many thresholds `value` has fallen to, given the band that it was in."""
        fallen = sum(value <= threshold for threshold in self.thresholds)
        if before is None:
            return fallen
        risen = sum(value < left for left in self.left_at)
        return min(max(before, fallen), risen)


BANDS = {
    "battery_pct": Bands((50, 20, 10), (55, 25, 15)),
    "runtime_min": Bands((120, 45, 10), (150, 60, 15)),
}


def matters(before: Mapping[str, Value], after: Mapping[str, Value]) -> tuple[str, ...]:
    """Names of the fields whose change from `before` to `after` is news, those with thresholds apart.

    What becomes known for the first time is news when it is not as it should be: the first status does not
    wait for a UPS whose service starts after ours. What becomes unknown is none: a sensor that fails is not a
    power cut. Throttling and undervoltage are news when they leave `no`; a bad supply then swings between
    `now` and `earlier`, which only the next status tells.
    """
    moved = []
    for name, good in ANY_CHANGE.items():
        value = after.get(name)
        if value is not None and (value != before[name] if name in before else value not in good):
            moved.append(name)
    moved += [name for name in LEAVES_NO if before.get(name) == "no" and after.get(name, "no") != "no"]
    return tuple(moved)


class Watch:
    """Remembers the last known value of each field, so that a gap in the measuring hides no change."""

    def __init__(self) -> None:
        self._known: dict[str, Value] = {}
        self._bands: dict[str, int] = {}
        self._told_s: dict[tuple[str, Value], float] = {}

    def news(self, values: Mapping[str, Value], now_s: float) -> tuple[str, ...]:
        """Names of the fields that are news since the last call; `values` holds what is fresh now.

        `now_s` is of a clock that cannot be set.
        """
        moved: dict[str, Value] = {name: values[name] for name in matters(self._known, values)}
        for name, bands in BANDS.items():
            value, before = values.get(name), self._bands.get(name)
            if isinstance(value, int):
                self._bands[name] = band = bands.band(value, before)
                if before is not None and band != before:
                    moved[name] = band
        if values.get("power") == "mains":  # then no runtime is told, and the next outage begins anew
            self._bands.pop("runtime_min", None)
        self._known.update(values)
        return tuple(name for name, became in moved.items() if self._first_in_a_while(name, became, now_s))

    def _first_in_a_while(self, name: str, became: Value, now_s: float) -> bool:
        told_s = self._told_s.get((name, became))
        if told_s is not None and now_s - told_s < AGAIN_AFTER_S:
            return False
        self._told_s[name, became] = now_s  # as many as there are bands and choices
        return True
