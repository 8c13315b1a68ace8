"""What counts as too low, too late or too many: `alarms.toml`. Every line has a default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from relay import toml

Minutes = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=86_400)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Factor = Annotated[float, msgspec.Meta(ge=1.0, le=20.0)]
Degrees = Annotated[int, msgspec.Meta(ge=-40, le=60)]


class Section(msgspec.Struct, frozen=True):
    """A table of the file."""


class Calls(Section, frozen=True):
    """Reports and requests that someone must take up."""

    emergency_escalates_min: Minutes = 5
    urgent_escalates_min: Minutes = 15
    deadline_min: Minutes = 60  # a request whose "before" is this near, and that nobody forwarded


class Silence(Section, frozen=True):
    """By the interval that each node announces itself."""

    overdue_factor: Factor = 1.5
    silent_factor: Factor = 3.0
    floor_mqtt_min: Minutes = 20
    floor_radio_min: Minutes = 60
    cap_min: Minutes = 240
    never_heard_h: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 24
    recovered_min: Minutes = 10  # one message and this long, or two messages


class Power(Section, frozen=True):
    """Mains, batteries, fuel."""

    mains_lost_min: Minutes = 3
    mains_back_min: Minutes = 5
    runtime_low_min: Minutes = 120
    runtime_urgent_min: Minutes = 45
    runtime_margin_min: Minutes = 30
    fuel_low_h: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 6
    fuel_urgent_h: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 2
    fuel_margin_h: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 2


class Place(Section, frozen=True):
    """The site itself."""

    full_pct: Percent = 90
    full_clears_pct: Percent = 80
    cold_c: Degrees = 12
    hot_c: Degrees = 32
    temperature_margin_c: Annotated[int, msgspec.Meta(ge=0, le=20)] = 2
    temperature_min: Minutes = 30
    temperature_clears_min: Minutes = 15
    value_age_max_min: Minutes = 240  # an older value alarms nobody and clears nothing


class Device(Section, frozen=True):
    """The box: for technicians, never audible."""

    disk_free_pct: Percent = 10
    queue_h: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 6
    clears_min: Minutes = 30


class OwnSystem(Section, frozen=True):
    """VRD's own inbox, broker, gateways and clock."""

    gateway_silent_min: Minutes = 3
    disk_free_pct: Percent = 10
    lag_s: Seconds = 30
    clears_min: Minutes = 3


class Storm(Section, frozen=True):
    """What keeps the operators' room quiet."""

    gather_s: Seconds = 60  # an alarm that may become a group waits this long before it is told
    group_min: Minutes = 10
    group_sites: Annotated[int, msgspec.Meta(ge=2, le=1_000)] = 5
    group_pct: Percent = 20
    group_grows_pct: Percent = 25
    hover_times: Annotated[int, msgspec.Meta(ge=2, le=100)] = 3
    hover_min: Minutes = 60
    flood_alarms: Annotated[int, msgspec.Meta(ge=2, le=1_000)] = 10
    flood_min: Minutes = 10
    flood_chime_s: Seconds = 120


class Thresholds(msgspec.Struct, frozen=True):
    """The whole file."""

    calls: Calls = Calls()
    silence: Silence = Silence()
    power: Power = Power()
    place: Place = Place()
    device: Device = Device()
    own: OwnSystem = OwnSystem()
    storm: Storm = Storm()


def load(path: Path) -> Thresholds:
    """The file at `path`; all defaults when there is none. Raises ConfigError."""
    return toml.load(path, Thresholds) if path.exists() else Thresholds()
