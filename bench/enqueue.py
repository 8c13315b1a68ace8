"""How fast a message is safe: composed, signed and committed one by one.

Against appending the same number of bytes to a file and fdatasync on the same disk, in turn with it.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.stack import Stack
from relay.core.message import Confidence, Draft, Kind
from relay.node.compose import identity_of, open_station

ROUNDS, PER_ROUND = 15, 200
ENVELOPE_BYTES = 100


def per_second(work: Callable[[], object]) -> float:
    """How often a second."""
    started = time.perf_counter()
    for _ in range(PER_ROUND):
        work()
    return PER_ROUND / (time.perf_counter() - started)


def enqueue() -> tuple[float, float, float]:
    """Medians: messages and synced appends a second, and the ratio of the two, round by round."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        made = Stack(Path(folder))
        made.add_node("beilen")
        settings = made.node_config("beilen")
        station = open_station(settings, identity_of(settings))
        values = {"power": "battery", "battery_pct": 61, "indoor_c": 17, "visitors": 42, "water": "low"}
        draft = Draft(kind=Kind.STATUS, values=values, confidence=Confidence.MEASURED, next_due_min=1)
        file = os.open(Path(folder) / "peer", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def append() -> None:
            os.write(file, b"\0" * ENVELOPE_BYTES)
            os.fdatasync(file)

        rounds = []
        for _ in range(ROUNDS + 1):
            ours, peer = per_second(lambda: station.submit([draft])), per_second(append)
            rounds.append((ours, peer, ours / peer))
        os.close(file)
        station.close()
    ours, peer, ratio = (statistics.median(column) for column in zip(*rounds[1:], strict=True))
    return ours, peer, ratio
