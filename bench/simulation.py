"""Fifty sites without MQTT for three days, simulated with the shipped parts; and what a status costs."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import msgspec

from bench.sizes import TWELVE, status
from relay.core.airtime import Preset, airtime_ms
from relay.core.wire import AGE_BYTES
from relay.sim.report import Figures, figures
from relay.sim.scenario import Scenario
from relay.sim.world import World

MEMORY = Path("/dev/shm")
DARK = Scenario(sites=50, gateways=10, hours=72.0, preset=Preset.MEDIUM_FAST, seed=7)
QUIET = Scenario(sites=12, gateways=5, hours=24.0, preset=Preset.LONG_FAST, seed=7)


class Simulated(msgspec.Struct):
    """What the simulations came to."""

    dark: Figures
    cpu_s: float  # of one core, for `dark`
    status_ms: float  # airtime of a 12-field status on LONG_FAST
    delivered_ms: (
        float  # airtime of a status that arrived, tries that did not and its part of receipts included
    )


def simulation() -> Simulated:
    """Two runs."""
    began_s = time.process_time()
    dark, _ = run(DARK)
    cpu_s = time.process_time() - began_s
    _, delivered_ms = run(QUIET)
    return Simulated(dark, cpu_s, airtime_ms(Preset.LONG_FAST, status(TWELVE) + AGE_BYTES), delivered_ms)


def run(scenario: Scenario) -> tuple[Figures, float]:
    """Figures, and the airtime at senders for each status that arrived by radio."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        world = World(scenario, Path(folder))
        record = world.run()
        gateways = {node.name for node in world.gateways}
        receipts_ms = sum(sent.airtime_ms for sent in record.sent if sent.site in gateways)
        statuses_ms = sum(sent.airtime_ms for sent in record.sent if sent.use == "status")
        reports = sum(said.link == "radio" for said in record.said.values())
        statuses = max(1, record.counts["status_radio"])
        return figures(world), statuses_ms / statuses + receipts_ms / (statuses + reports)
