"""One simulated outage of three days, with faults by chance: everything in it follows from its seed."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import NamedTuple

from relay.core.airtime import Preset
from relay.sim import faults
from relay.sim.check import violations
from relay.sim.scenario import HOUR_S, Scenario, Window
from relay.sim.world import World

HOURS = 72.0


class Outcome(NamedTuple):
    """What came of one seed."""

    faults: list[str]
    violations: list[str]
    reports: int


def scenario(seed: int) -> Scenario:
    """Few sites, one gateway or two, and an outage of one to two and a half days."""
    chance = Random(f"soak {seed}")  # noqa: S311
    begins_s = chance.uniform(1.0, 10.0) * HOUR_S
    return Scenario(
        sites=chance.randint(2, 4),
        gateways=chance.choice([1, 1, 1, 2]),
        hours=HOURS,
        preset=chance.choice([Preset.LONG_FAST, Preset.MEDIUM_FAST]),
        seed=seed,
        outage=Window(begins_s, begins_s + chance.uniform(24.0, 60.0) * HOUR_S),
        urgent_per_day=4.0,
        routine_per_day=8.0,
        status_interval_s=900.0,
    )


def run(seed: int, folder: Path) -> Outcome:
    """Let it happen in `folder`, and judge it."""
    world = World(scenario(seed), folder)
    chosen = faults.some(world)
    record = world.run()
    return Outcome(chosen, violations(record), len(record.said))
