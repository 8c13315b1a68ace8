"""What the alarm rules look at. Ages and durations are in seconds of a clock that does not step."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from relay.core.fields import Value


class Reading(msgspec.Struct, frozen=True):
    """One value of a site's newest status."""

    value: Value
    age_s: float  # since it was measured or entered
    via: str = ""  # how VRD was told, when not by the node
    entered: bool = False  # by a person at the site; else its node measured it


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One site that is in service, as the store knows it."""

    key: str  # of VRD's register: outlives a replaced node
    name: str
    in_service_s: float  # since its node was admitted
    heard_age_s: float | None  # None: never heard
    heard_count: int = 0  # messages ever, to tell one sign of life from two
    interval_s: float = 900.0  # until the next status, as the node itself announced
    by_radio: bool = False
    judged: bool = True  # False: this inbox has not listened for long enough to say that it is silent
    values: Mapping[str, Reading] = {}
    capacity: int = 0  # visitors that fit; 0: not known
    security: tuple[str, ...] = ()  # findings such as clone

    def number(self, name: str, age_s_max: float) -> int | None:
        """The value of `name` when it is a number and fresh enough, else None."""
        reading = self.values.get(name)
        fresh = reading is not None and reading.age_s <= age_s_max
        return reading.value if fresh and reading and isinstance(reading.value, int) else None

    def word(self, name: str, age_s_max: float) -> str | None:
        """The value of `name` when it is a word and fresh enough, else None."""
        reading = self.values.get(name)
        fresh = reading is not None and reading.age_s <= age_s_max
        return reading.value if fresh and reading and isinstance(reading.value, str) else None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A report or request that is not resolved."""

    id: str  # its identity
    site: str  # its key
    name: str  # of the site
    urgency: int
    is_request: bool
    acknowledged: bool
    forwarded: bool = False
    needed_within_s: float | None = None  # from now on; negative: too late


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """VRD's own system. What can't be measured here is left at its good value."""

    storing: bool = True
    broker: bool = True
    clock: bool = True
    clock_jumped: bool = False
    disk_free_pct: float = 100.0
    lag_s: float = 0.0  # the oldest frame that waits for intake
    gateways: Mapping[str, float | None] = {}  # by name: seconds since it was heard; None: never
    paper: str = ""  # why the picture of the hour did not get on paper
    strangers: tuple[str, ...] = ()  # addresses that speak and that nobody admitted


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one moment, of one lane: real, or exercise."""

    now_s: float  # of a clock that never goes back, kept over restarts
    sites: tuple[Site, ...] = ()
    calls: tuple[Call, ...] = ()
    own: Own = Own()
