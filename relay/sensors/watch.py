"""Which change of the measured values is worth a status now, and which can wait for the next one."""

from __future__ import annotations

from collections.abc import Mapping

from relay.core.fields import Value

ANY_CHANGE = ("power", "internet", "generator")
LEAVES_NO = ("throttled", "undervoltage")
BATTERY_THRESHOLDS_PCT = (50, 20, 10)
BATTERY_HYSTERESIS_PCT = 5


def matters(before: Mapping[str, Value], after: Mapping[str, Value]) -> tuple[str, ...]:
    """Names of the fields whose change from `before` to `after` is news, the battery apart.

    A value that becomes known for the first time is no news, and neither is one that becomes unknown:
    a sensor that fails is not a power cut. Throttling and undervoltage are news when they leave `no`;
    a bad supply then swings between `now` and `earlier`, which only the next status tells.
    """
    moved = [name for name in ANY_CHANGE if name in before and name in after and before[name] != after[name]]
    moved += [name for name in LEAVES_NO if before.get(name) == "no" and after.get(name, "no") != "no"]
    return tuple(moved)


def battery_band(percent: int, band: int | None = None) -> int:
    """How many thresholds the battery has fallen to, given the `band` that it was in.

    It falls into a band at the threshold itself and leaves it 5 points above, so that a value that
    wavers around a threshold is told once.
    """
    fallen = sum(percent <= threshold for threshold in BATTERY_THRESHOLDS_PCT)
    if band is None:
        return fallen
    risen = sum(percent < threshold + BATTERY_HYSTERESIS_PCT for threshold in BATTERY_THRESHOLDS_PCT)
    return min(max(band, fallen), risen)


class Watch:
    """Remembers the last known value of each field, so that a gap in the measuring hides no change."""

    def __init__(self) -> None:
        self._known: dict[str, Value] = {}
        self._band: int | None = None

    def news(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Names of the fields that are news since the last call; `values` holds what is fresh now."""
        moved = matters(self._known, values)
        percent = values.get("battery_pct")
        if isinstance(percent, int):
            band = battery_band(percent, self._band)
            if self._band is not None and band != self._band:
                moved += ("battery_pct",)
            self._band = band
        self._known.update(values)
        return moved
