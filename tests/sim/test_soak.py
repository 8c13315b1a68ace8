"""A hundred simulated outages of 72 hours with faults by chance: nothing lost, nothing twice, all lawful."""

from __future__ import annotations

import pytest

from tests.sim.soak import one, regressions

SEEDS = sorted({*range(100), *regressions()})


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_an_outage_of_three_days(seed: int) -> None:
    _, outcome = one(seed)
    assert outcome.violations == [], f"seed {seed}: {outcome.faults}; keep it in tests/sim/regressions.txt"
    assert outcome.reports > 20
