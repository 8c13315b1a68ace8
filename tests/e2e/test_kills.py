"""SIGKILL at random moments under load: what was acknowledged arrives, and nothing is shown twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.reporter import Reporter, check
from tests.support.stack import Stack

KILLS = 25
PAUSE_S = (0.1, 0.9)  # between one kill and the next
DOWN_S = (0.0, 0.3)
SETTLE_S = 60.0
ACKNOWLEDGED_MIN = 100  # of each site, or there was no load


def kill_at_random(stack: Stack, chance: random.Random, kills: int) -> Counter[str]:
    """Kill broker, inbox or a node, and start it again; gives how often each fell."""
    parts = {"broker": stack.broker, "inbox": stack.inbox, **stack.nodes}
    fell: Counter[str] = Counter()
    for _ in range(kills):
        time.sleep(chance.uniform(*PAUSE_S))
        name = chance.choice(sorted(parts))
        parts[name].kill()
        fell[name] += 1
        time.sleep(chance.uniform(*DOWN_S))
        if name == "broker":
            stack.broker.start()
        else:
            parts[name].start(wait=False)  # the next may fall while this one still starts
    return fell


@pytest.mark.slow
@pytest.mark.parametrize(("persistence", "seed"), [(True, 2611), (False, 2612)], ids=["kept", "forgetful"])
def test_reports_survive_kills_of_everything_and_none_is_shown_twice(
    tmp_path: Path, persistence: bool, seed: int
) -> None:
    with Stack(tmp_path, "beilen", "assen", persistence=persistence, status__interval_s=5) as stack:
        stack.start()
        reporters = [Reporter(node) for node in stack.nodes.values()]
        for reporter in reporters:
            reporter.start()
        fell = kill_at_random(stack, random.Random(seed), KILLS)
        for reporter in reporters:
            reporter.finish()
        why = f"seed {seed}, {dict(fell)}"
        assert min(fell[name] for name in ("broker", "inbox", *stack.nodes)) >= 2, why
        assert min(len(reporter.acknowledged) for reporter in reporters) > ACKNOWLEDGED_MIN, why

        for process in (stack.inbox, *stack.nodes.values()):
            process.wait_ready()
        stack.settle(SETTLE_S)
        check(reporters, stack.inbox.reports(), why)
        for node in stack.nodes.values():
            stack.wait_newest(node)
            site = stack.inbox.site(node)
            assert site["missing_reports"] == [] and site["heard"] == "on_time"
            assert site["findings"] == [], why  # a crash is no clone and no rollback
