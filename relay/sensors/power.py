"""Power supplies in /sys/class/power_supply: is there mains, how full is the battery, how long will it last.

The rule for `power`, in this order:
1. `mains` when any mains-like supply (type Mains, USB or Wireless) is online;
2. else `battery` when a battery (type Battery or UPS) is present and discharging;
3. else absent. A charger that is offline beside a battery that isn't discharging proves nothing: an unused
   USB-C port looks like that.
Supplies of scope Device (mice, keyboards, headsets) say nothing about the site and are left out.

`battery_pct` of several batteries is weighted by what each holds when full: two batteries that drain one
after the other are at half when the first is empty. When not all of them tell, it is the lowest, so that
nothing is promised that isn't there. `runtime_min`, for the same reason, is the shortest of the batteries
that discharge, and is only given while on battery.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from relay.core.fields import Value
from relay.sensors.files import entries, number, text
from relay.sensors.mains import Rank

SUPPLIES_MAX = 32
TIME_TO_EMPTY_S_MAX = 65_535 * 60  # smart batteries write 65535 min for "not known"


class Supply(msgspec.Struct, frozen=True):
    """One entry of power_supply, as far as it told. Energy is in µWh or µAh, flow in µW or µA."""

    mains_like: bool
    online: bool
    discharging: bool
    capacity_pct: int | None = None
    unit: str = ""  # energy or charge: which of the two the next three are in
    held: int | None = None
    held_full: int | None = None
    flow: int | None = None
    time_to_empty_s: int | None = None


class PowerSensor:
    """power, battery_pct and runtime_min by the rule at the head of this module."""

    name = "power"
    interval_s = 2.0
    timeout_s = 4.0
    max_age_s = 20.0
    mains_rank = Rank.OWN

    def __init__(self, *, root: Path = Path("/")) -> None:
        self._folder = root / "sys/class/power_supply"

    def read(self) -> dict[str, Value]:
        """What is known; nothing on a machine without supplies that report."""
        supplies = [supply for entry in entries(self._folder)[:SUPPLIES_MAX] if (supply := look_at(entry))]
        batteries = [supply for supply in supplies if not supply.mains_like]
        power = power_of(supplies)
        found: dict[str, Value | None] = {
            "power": power,
            "battery_pct": battery_pct(batteries),
            "runtime_min": runtime_min(batteries) if power == "battery" else None,
        }
        return {name: value for name, value in found.items() if value is not None}


def look_at(entry: Path) -> Supply | None:
    """The supply in `entry`; None when it isn't one that feeds this machine, or has just gone."""
    kind = text(entry / "type") or ""
    if text(entry / "scope") == "Device":
        return None
    if kind.startswith(("Mains", "USB", "Wireless")):  # older kernels: USB_PD, USB_DCP, ...
        return Supply(True, online=(number(entry / "online") or 0) > 0, discharging=False)
    if kind not in ("Battery", "UPS") or number(entry / "present") == 0:
        return None
    unit, flow = ("energy", "power") if number(entry / "energy_now") is not None else ("charge", "current")
    return Supply(
        False,
        online=False,
        discharging=text(entry / "status") == "Discharging",
        capacity_pct=_within(number(entry / "capacity"), 0, 100),
        unit=unit,
        held=_within(number(entry / f"{unit}_now"), 0),
        held_full=_within(number(entry / f"{unit}_full"), 1),
        flow=abs(number(entry / f"{flow}_now") or 0) or None,  # some drivers write outflow as negative
        time_to_empty_s=_time_to_empty_s(entry),
    )


def power_of(supplies: list[Supply]) -> str | None:
    """What feeds this machine: mains, battery, or None when there is nothing to judge by."""
    if any(supply.online for supply in supplies):
        return "mains"
    return "battery" if any(supply.discharging for supply in supplies) else None


def battery_pct(batteries: list[Supply]) -> int | None:
    """% left in all batteries together; the lowest when not all say what they hold."""
    held = [one.held for one in batteries if one.held is not None]
    full = [one.held_full for one in batteries if one.held_full is not None]
    same_unit = len({one.unit for one in batteries}) == 1
    if len(batteries) > 1 and same_unit and len(held) == len(full) == len(batteries):
        return min(100 * sum(held) // sum(full), 100)
    known = [percent for one in batteries if (percent := _own_pct(one)) is not None]
    return min(known, default=None)


def runtime_min(batteries: list[Supply]) -> int | None:
    """Whole minutes that the discharging batteries last, by their own estimate or by what flows out."""
    known = [seconds for one in batteries if one.discharging and (seconds := _runtime_s(one)) is not None]
    return min(known) // 60 if known else None


def _own_pct(battery: Supply) -> int | None:
    if battery.capacity_pct is not None:
        return battery.capacity_pct
    if battery.held is None or battery.held_full is None:
        return None
    return min(100 * battery.held // battery.held_full, 100)


def _runtime_s(battery: Supply) -> int | None:
    if battery.time_to_empty_s is not None:
        return battery.time_to_empty_s
    if battery.held is None or battery.flow is None:
        return None
    return battery.held * 3600 // battery.flow


def _time_to_empty_s(entry: Path) -> int | None:
    for name in ("time_to_empty_now", "time_to_empty_avg"):
        seconds = _within(number(entry / name), 1, TIME_TO_EMPTY_S_MAX - 1)  # 0 stands for "not known"
        if seconds is not None:
            return seconds
    return None


def _within(value: int | None, low: int, high: int | None = None) -> int | None:
    if value is None or value < low or (high is not None and value > high):
        return None
    return value
