"""What a simulation came to, in figures: for the table, the plot and the benchmark.

Percentiles are over all that was said, and what did not arrive counts as never (infinity, `None` in JSON):
a mean of the lucky ones would praise a plan that leaves villages out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from relay.sim.record import Record, Said

if TYPE_CHECKING:
    from relay.sim.scenario import Scenario
    from relay.sim.world import World

URGENT_MAX = 2  # the least urgent that is urgent
GRACE_S = 1800.0  # what was said in the last half hour is not judged: it may be under way
POINTS_MAX = 400  # of one curve
LINK_MARGIN_DB = 3.0


class Spread(msgspec.Struct, frozen=True):
    """Half of all stay below `p50`, and so on."""

    p50: float
    p95: float
    most: float


class Delivery(msgspec.Struct, frozen=True):
    """Reports of one class of urgency."""

    said: int
    arrived: int
    receipted: int
    by_radio: int
    latency_s: Spread  # of all; never is infinity
    radio_s: Spread  # of those that came by radio

    @property
    def arrived_pct(self) -> float:
        """100 when nothing was said."""
        return 100 * self.arrived / self.said if self.said else 100.0


class SiteResult(msgspec.Struct, frozen=True):
    """One site, for the worst of them."""

    name: str
    said: int
    arrived: int
    latency_p95_s: float
    age_p95_s: float  # of its state at the inbox


class Spot(msgspec.Struct, frozen=True):
    """One radio on the map, and what it sent."""

    name: str
    x_km: float
    y_km: float
    is_gateway: bool
    airtime_pct: float  # mean over the whole time, relays included
    worst_hour_pct: float


class Figures(msgspec.Struct, frozen=True):
    """Of one simulation."""

    urgent: Delivery
    routine: Delivery
    status_age_s: Spread
    statuses_by_radio: int
    sites: tuple[SiteResult, ...]  # the worst first
    spots: tuple[Spot, ...]
    links: tuple[tuple[str, str], ...]  # that carry a packet nearly always
    channel_mean_pct: float  # over all radios
    channel_worst_pct: float  # mean of the radio that finds it fullest
    channel_minute_pct: float  # the fullest minute anywhere
    seconds: float  # of computing
    urgent_s: tuple[float, ...]  # for the curves: latencies and ages, the shortest first, thinned out
    routine_s: tuple[float, ...]
    ages_s: tuple[float, ...]
    over_time: tuple[tuple[float, float, float], ...]  # hour, channel use in percent: mean, fullest minute


def spread(values: Iterable[float]) -> Spread:
    """Percentiles by rank; 0 of nothing."""
    ordered = sorted(values)
    if not ordered:
        return Spread(0.0, 0.0, 0.0)
    last = len(ordered) - 1
    return Spread(ordered[round(last * 0.5)], ordered[round(last * 0.95)], ordered[last])


def figures(world: World) -> Figures:
    """Of a world that has run."""
    record, scenario = world.record, world.scenario
    spots = _spots(world)
    means = [record.channel[spot.name].mean for spot in spots]
    judged = [said for said in record.said.values() if said.at_s < scenario.hours * 3600 - GRACE_S]
    return Figures(
        _delivery([said for said in judged if said.urgency <= URGENT_MAX]),
        _delivery([said for said in judged if said.urgency > URGENT_MAX]),
        spread(age_s for _, _, age_s in record.ages_s),
        record.counts["status_radio"],
        tuple(_sites(record, judged, [spot.name for spot in spots if not spot.is_gateway])),
        tuple(spots),
        tuple(_links(world)),
        sum(means) / len(means) if means else 0.0,
        max(means, default=0.0),
        max((record.channel[spot.name].most for spot in spots), default=0.0),
        record.seconds,
        curve(latency_s(said) for said in judged if said.urgency <= URGENT_MAX),
        curve(latency_s(said) for said in judged if said.urgency > URGENT_MAX),
        curve(age_s for _, _, age_s in record.ages_s),
        tuple((part / 6, use.mean, use.most) for part, use in sorted(record.channel_over_time.items())),
    )


def curve(values: Iterable[float]) -> tuple[float, ...]:
    """In order, and no more of them than a picture can show."""
    ordered = sorted(values)
    if len(ordered) <= POINTS_MAX:
        return tuple(ordered)
    return tuple(ordered[index * (len(ordered) - 1) // (POINTS_MAX - 1)] for index in range(POINTS_MAX))


def as_builtins(scenario: Scenario, found: Figures) -> Any:
    """For JSON, in which there is no infinity; with what was simulated as `scenario`."""
    return _finite({**msgspec.to_builtins(found), "scenario": msgspec.to_builtins(scenario)})


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def latency_s(said: Said) -> float:
    """From the moment a report was safe at its node until the inbox had it; infinity for never."""
    return inf if said.arrived_s is None else said.arrived_s - said.at_s


def _delivery(reports: Sequence[Said]) -> Delivery:
    radio = [said for said in reports if said.link == "radio"]
    return Delivery(
        len(reports),
        sum(said.arrived_s is not None for said in reports),
        sum(said.receipted_s is not None for said in reports),
        len(radio),
        spread(map(latency_s, reports)),
        spread(map(latency_s, radio)),
    )


def _sites(record: Record, judged: Sequence[Said], names: Sequence[str]) -> list[SiteResult]:
    said, ages = defaultdict(list), defaultdict(list)
    for report in judged:
        said[report.site].append(report)
    for _, site, age_s in record.ages_s:
        ages[site].append(age_s)
    found = [
        SiteResult(
            name,
            len(said[name]),
            sum(report.arrived_s is not None for report in said[name]),
            spread(map(latency_s, said[name])).p95,
            spread(ages[name]).p95,
        )
        for name in names
    ]
    return sorted(found, key=lambda site: (-site.age_p95_s, -site.latency_p95_s, site.name))


def _spots(world: World) -> list[Spot]:
    hours_s = world.scenario.hours * 3600
    return [
        Spot(
            node.name,
            node.place.x_km,
            node.place.y_km,
            node.is_gateway,
            100 * node.mesh.chip.sent_s / hours_s,
            node.mesh.chip.lawful.worst_percent,
        )
        for node in world.nodes.values()
    ]


def _links(world: World) -> Iterable[tuple[str, str]]:
    nodes = list(world.nodes.values())
    for index, one in enumerate(nodes):
        for other in nodes[index + 1 :]:
            if world.channel.link_db(one.mesh.chip, other.mesh.chip) > LINK_MARGIN_DB:
                yield one.name, other.name
