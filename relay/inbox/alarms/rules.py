"""The rules that judge one site each (experience.md section 3, "alarm rule").

A judge answers with the level at which the site alarms now: 1 Nood to 4 technicians only, CALM for no
alarm, HOLD when what is known does not tell: an alarm then stays as it is, and none is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from relay.errors import Text
from relay.inbox.alarms.facts import Site
from relay.inbox.alarms.thresholds import Thresholds

CALM, HOLD = 0, -1
MINUTE_S = 60.0
HOUR_S = 3600.0
OPEN = ("open", "limited", "preparing")
SCARCE = ("water", "food", "sanitation", "first_aid")


class Before(Protocol):
    """What a judge may know of the alarm it judges again."""

    @property
    def level(self) -> int:
        """CALM, or the level that was told."""

    @property
    def heard_count(self) -> int:
        """How many messages of the site had been heard when it was raised."""


Judge = Callable[[Site, Before, Thresholds], int]
Delay = Callable[[Thresholds], float]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the rule table."""

    name: str
    label: Text
    judge: Judge
    rise_s: Delay = lambda _: 0.0  # how long it must last before it is an alarm
    fall_s: Delay = lambda _: 0.0  # how long it must be over before the alarm ends
    grouped: bool = True


def banded(value: float, before: int, bands: Sequence[tuple[float, int]], margin: float) -> int:
    """The level of a `value` that is bad when low. `bands`: (below, level), the most severe first.

    A level that was told is left only when the value is `margin` above its band.
    """
    for below, level in bands:
        kept = before != CALM and before <= level
        if value < below + (margin if kept else 0.0):
            return level
    return CALM


def allowed_s(site: Site, factor: float, limits: Thresholds) -> float:
    """How long a site may be quiet: `factor` times its own interval, within floor and cap."""
    silence = limits.silence
    floor_min = silence.floor_radio_min if site.by_radio else silence.floor_mqtt_min
    return min(max(factor * site.interval_s, floor_min * MINUTE_S), silence.cap_min * MINUTE_S)


def _age_max_s(limits: Thresholds) -> float:
    return limits.place.value_age_max_min * MINUTE_S


def is_open(site: Site) -> bool:
    """Whether the public is there, as far as was ever told: such a site must not be missed."""
    reading = site.values.get("opening")
    return reading is not None and reading.value in OPEN


def overdue(site: Site, before: Before, limits: Thresholds) -> int:
    """Later than announced. Shown, not told: level 4."""
    if site.heard_age_s is None:
        return CALM
    if site.heard_age_s <= limits.silence.overdue_factor * site.interval_s:
        return CALM
    return 4 if site.judged else HOLD


def silent(site: Site, before: Before, limits: Thresholds) -> int:
    """Nothing for three of its own intervals; over after two messages, or one and ten quiet minutes."""
    if site.heard_age_s is None or _has_expired(site, limits):
        return CALM
    if before.level == CALM:
        late = site.heard_age_s > allowed_s(site, limits.silence.silent_factor, limits)
        return (2 if is_open(site) else 3) if late and site.judged else HOLD if late else CALM
    if site.heard_count - before.heard_count >= 2:
        return CALM
    recovered = site.heard_count > before.heard_count
    if recovered and site.heard_age_s >= limits.silence.recovered_min * MINUTE_S:
        return CALM if site.heard_age_s <= allowed_s(site, limits.silence.silent_factor, limits) else HOLD
    return HOLD


def expected_silent(site: Site, before: Before, limits: Thresholds) -> int:
    """Its battery has run out by its own account: no surprise, no alarm of silence."""
    return 3 if _has_expired(site, limits) else CALM


def _has_expired(site: Site, limits: Thresholds) -> bool:
    """Whether the last runtime that was told is over, and the site is late."""
    reading = site.values.get("runtime_min")
    if reading is None or site.heard_age_s is None or not isinstance(reading.value, int):
        return False
    on_mains = site.values.get("power")
    late = site.heard_age_s > limits.silence.overdue_factor * site.interval_s
    return late and not (on_mains and on_mains.value == "mains") and reading.age_s > reading.value * MINUTE_S


def never_heard(site: Site, before: Before, limits: Thresholds) -> int:
    """In service for a day, and not one message."""
    if site.heard_age_s is not None:
        return CALM
    return 3 if site.in_service_s > limits.silence.never_heard_h * HOUR_S else CALM


def mains(site: Site, before: Before, limits: Thresholds) -> int:
    """Mains lost. Never more than routine: everybody has it at the same moment."""
    power = site.word("power", _age_max_s(limits))
    return HOLD if power is None else CALM if power == "mains" else 3


def runtime(site: Site, before: Before, limits: Thresholds) -> int:
    """The battery will not last."""
    if site.word("power", _age_max_s(limits)) == "mains":
        return CALM
    left_min, power = site.number("runtime_min", _age_max_s(limits)), limits.power
    if left_min is None:
        return HOLD
    bands = ((power.runtime_urgent_min, 2), (power.runtime_low_min, 3))
    return banded(left_min, before.level, bands, power.runtime_margin_min)


def fuel(site: Site, before: Before, limits: Thresholds) -> int:
    """The generator will stop."""
    left_h, power = site.number("fuel_h", _age_max_s(limits)), limits.power
    if left_h is None:
        return HOLD
    bands = ((power.fuel_urgent_h, 2), (power.fuel_low_h, 3))
    return banded(left_h, before.level, bands, power.fuel_margin_h)


def shortage(site: Site, before: Before, limits: Thresholds) -> int:
    """Water, food, sanitation or first aid is out (2) or low (3)."""
    words = [word for name in SCARCE if (word := site.word(name, _age_max_s(limits))) is not None]
    if "out" in words:
        return 2
    if "low" in words:
        return 3
    return CALM if words else HOLD


def full(site: Site, before: Before, limits: Thresholds) -> int:
    """No room, or nearly none."""
    if site.word("opening", _age_max_s(limits)) == "full":
        return 2
    visitors = site.number("visitors", _age_max_s(limits))
    if visitors is None or not site.capacity:
        return CALM if site.word("opening", _age_max_s(limits)) else HOLD
    share_pct = 100.0 * visitors / site.capacity
    bound = limits.place.full_pct if before.level == CALM else limits.place.full_clears_pct
    return 3 if share_pct >= bound else CALM


def temperature(site: Site, before: Before, limits: Thresholds) -> int:
    """Too cold or too hot where there are people."""
    degrees, place = site.number("indoor_c", _age_max_s(limits)), limits.place
    if degrees is None:
        return HOLD
    if not site.number("visitors", _age_max_s(limits)):
        return CALM
    margin = 0 if before.level == CALM else place.temperature_margin_c
    return 3 if degrees < place.cold_c + margin or degrees > place.hot_c - margin else CALM


def device(site: Site, before: Before, limits: Thresholds) -> int:
    """Something for a technician: undervoltage, a full card, an old queue, messages in memory only."""
    age_s = _age_max_s(limits)
    disk = site.number("disk_free_pct", age_s)
    queue_min = site.number("queue_age_min", age_s)
    bad = (
        site.word("undervoltage", age_s) == "now"
        or site.word("storage", age_s) == "memory_only"
        or (disk is not None and disk < limits.device.disk_free_pct)
        or (queue_min is not None and queue_min > limits.device.queue_h * 60)
    )
    known = any(name in site.values for name in ("undervoltage", "storage", "disk_free_pct", "queue_age_min"))
    return 4 if bad else CALM if known else HOLD


def security(site: Site, before: Before, limits: Thresholds) -> int:
    """A second card with its key, a revoked key that speaks: lasts until an administrator ends it."""
    return 2 if site.security else CALM


def _minutes(pick: Callable[[Thresholds], float]) -> Delay:
    return lambda limits: pick(limits) * MINUTE_S


RULES: tuple[Rule, ...] = (
    Rule(name="overdue", label=Text("te laat", "overdue"), judge=overdue, grouped=False),
    Rule(name="silent", label=Text("stil", "silent"), judge=silent),
    Rule(
        name="expected_silent",
        label=Text("stil, accu waarschijnlijk leeg", "silent, battery probably empty"),
        judge=expected_silent,
    ),
    Rule(name="never_heard", label=Text("nooit gehoord", "never heard"), judge=never_heard),
    Rule(
        name="mains",
        label=Text("netspanning weg", "mains lost"),
        judge=mains,
        rise_s=_minutes(lambda limits: limits.power.mains_lost_min),
        fall_s=_minutes(lambda limits: limits.power.mains_back_min),
    ),
    Rule(name="runtime", label=Text("accu bijna leeg", "battery nearly empty"), judge=runtime),
    Rule(name="fuel", label=Text("brandstof bijna op", "fuel nearly out"), judge=fuel),
    Rule(name="shortage", label=Text("tekort", "shortage"), judge=shortage),
    Rule(name="full", label=Text("vol", "full"), judge=full),
    Rule(
        name="temperature",
        label=Text("te koud of te warm binnen", "too cold or too hot inside"),
        judge=temperature,
        rise_s=_minutes(lambda limits: limits.place.temperature_min),
        fall_s=_minutes(lambda limits: limits.place.temperature_clears_min),
    ),
    Rule(
        name="device",
        label=Text("apparaat vraagt onderhoud", "device needs a technician"),
        judge=device,
        fall_s=_minutes(lambda limits: limits.device.clears_min),
    ),
    Rule(name="security", label=Text("veiligheid", "security"), judge=security, grouped=False),
)
