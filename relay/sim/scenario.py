"""What is simulated: who, where, with which radios, how much is said, and what fails when."""

from __future__ import annotations

import re

import msgspec

from relay.core.airtime import Preset
from relay.errors import ConfigError, Text
from relay.sim import drenthe
from relay.sim.places import Place

HOUR_S = 3600.0


class Window(msgspec.Struct, frozen=True):
    """From when to when, in seconds of the simulation."""

    from_s: float
    to_s: float

    def holds(self, now_s: float) -> bool:
        """Whether it is on."""
        return self.from_s <= now_s < self.to_s


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One simulation; the same scenario and seed give the same history."""

    sites: int = 50
    gateways: int = 5
    hours: float = 72.0
    preset: Preset = Preset.MEDIUM_FAST
    seed: int = 1
    outage: Window | None = None  # no MQTT for all but gateways; None: from the beginning to the end
    gateway_height_m: float = drenthe.TOWER_M
    places: tuple[tuple[str, Place, bool], ...] = ()  # name, place, is a gateway; empty: Drenthe's map
    urgent_per_day: float = 2.0  # reports of urgency 1 and 2, of each site
    routine_per_day: float = 6.0
    status_interval_s: float = 300.0  # on MQTT
    status_dark_s: float = 900.0  # for the history, without MQTT
    hop_limit: int = 5
    settled_sites: int | None = None  # what each node believes of the number of sites; None: the truth

    @property
    def dark(self) -> Window:
        """When MQTT is gone."""
        return self.outage or Window(0.0, self.hours * HOUR_S)

    def map(self) -> list[tuple[str, Place, bool]]:
        """Everybody: name, place, and whether it is a gateway."""
        if self.places:
            return list(self.places)
        towers = drenthe.gateways(self.gateways, self.gateway_height_m)
        return [
            *((name, place, True) for name, place in towers),
            *((name, place, False) for name, place in drenthe.sites(self.sites, self.seed)),
        ]


def parse_outage(text: str) -> Window:
    """`6h..54h`, `30m..2h`; raises ConfigError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([hm])\.\.(\d+(?:\.\d+)?)([hm])", text.strip())
    unit = {"h": HOUR_S, "m": 60.0}
    if found:
        window = Window(float(found[1]) * unit[found[2]], float(found[3]) * unit[found[4]])
        if window.from_s < window.to_s:
            return window
    raise ConfigError(
        Text(f"Dit is geen uitval: {text}", f"This is no outage: {text}"),
        Text("Schrijf bijvoorbeeld 6h..54h", "Write for example 6h..54h"),
    )
