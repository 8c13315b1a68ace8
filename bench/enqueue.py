"""How fast a message is safe, committed one by one: a signed one, and one that has yet to be composed.

Against appending as many bytes to a file and fdatasync on the same disk, in turn with them.
"""

from __future__ import annotations

import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.stack import Stack
from relay.core.ledger import Ledger
from relay.core.log import LogState
from relay.core.message import Confidence, Draft, Kind, Numbering
from relay.core.receipts import InboxView
from relay.node.compose import identity_of, open_station
from relay.node.outbox import SqliteOutbox

ROUNDS, PER_ROUND = 15, 200
ENVELOPE_BYTES = 100


def per_second(work: Callable[[], object]) -> float:
    """How often a second."""
    started = time.perf_counter()
    for _ in range(PER_ROUND):
        work()
    return PER_ROUND / (time.perf_counter() - started)


class Rates(NamedTuple):
    """A second: signed messages enqueued, messages submitted (composed, signed, enqueued), synced appends."""

    enqueued: float
    submitted: float
    appended: float


def enqueue() -> tuple[Rates, float, float]:
    """Medians of the rates, and of the ratios of the first two to the third, round by round."""
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

        signed = station.submit([draft])[0]
        outbox = SqliteOutbox(Path(folder) / "peer.db", lambda epoch: None)
        outbox.begin_epoch(None, LogState(1, {each: Ledger() for each in Numbering}, InboxView()), [])
        numbers = itertools.count(1)

        def enqueue_one() -> None:
            outbox.append([msgspec.structs.replace(signed, number=next(numbers))])

        rounds = []
        for _ in range(ROUNDS + 1):
            found = Rates(*map(per_second, (enqueue_one, lambda: station.submit([draft]), append)))
            rounds.append((*found, found.enqueued / found.appended, found.submitted / found.appended))
        os.close(file)
        outbox.close()
        station.close()
    *rates, enqueue_ratio, submit_ratio = (statistics.median(each) for each in zip(*rounds[1:], strict=True))
    return Rates(*rates), enqueue_ratio, submit_ratio
