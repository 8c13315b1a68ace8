"""A backlog of 50,000 messages: node's disk, TLS, Mosquitto, inbox, receipts, completed in the outbox.

Against the rate at which this machine verifies Ed25519 signatures on two threads and does nothing else,
measured before and after each of five runs; the run with the median ratio counts. One in ten is a report,
the rest statuses, as after some weeks in the dark.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.stack import Stack, stack, until
from relay.core.message import Confidence, Draft, Kind
from relay.node.compose import identity_of, open_station

MESSAGES = 50_000
RUNS = 5
SUBMIT_AT_ONCE = 500
VERIFY_COUNT = 12_000


def verify_rate() -> float:
    """Signatures per second, two threads."""
    key = Ed25519PrivateKey.generate()
    public, message = key.public_key(), b"\x20" * 50
    signature = key.sign(message)

    def work(_: int) -> None:
        for _ in range(VERIFY_COUNT // 2):
            public.verify(signature, message)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
        started = time.perf_counter()
        list(pool.map(work, range(2)))
        return VERIFY_COUNT / (time.perf_counter() - started)


def fill_outbox(made: Stack, name: str, count: int) -> None:
    """Put a backlog on the node's disk, as its own daemon would have."""
    settings = made.node_config(name)
    station = open_station(settings, identity_of(settings))
    values = {"power": "battery", "battery_pct": 61, "indoor_c": 17, "visitors": 42, "water": "low"}
    status = Draft(kind=Kind.STATUS, values=values, confidence=Confidence.MEASURED, next_due_min=1)
    report = Draft(kind=Kind.REPORT, values={"incident": "other", "text": "Alles rustig hier"})
    batch = ([status] * 9 + [report]) * (SUBMIT_AT_ONCE // 10)
    for _ in range(count // SUBMIT_AT_ONCE):
        station.submit(batch)
    station.close()


def waiting(status: dict | None) -> int | None:
    """How many messages of a node are not receipted; None while it doesn't run."""
    if status is None:
        return None
    return sum(
        status["queue"][kind][state] for kind in ("reports", "statuses") for state in ("waiting", "sent")
    )


def drain() -> tuple[float, float]:
    """The median run: messages per second through everything, and signatures verified per second."""
    return sorted((one_run() for _ in range(RUNS)), key=lambda run: run[0] / run[1])[RUNS // 2]


def one_run(count: int = MESSAGES) -> tuple[float, float]:
    """The two rates of one run."""
    before = verify_rate()
    with tempfile.TemporaryDirectory() as folder, stack(Path(folder)) as made:
        made.add_node("beilen", status__interval_s=3600)
        fill_outbox(made, "beilen", count)
        made.start("broker")
        made.start("inbox")
        made.start("beilen")
        until(lambda: (waiting(made.node_status("beilen")) or count) < count, 60)
        started = time.perf_counter()
        left = waiting(made.node_status("beilen")) or 0
        until(lambda: waiting(made.node_status("beilen")) == 0, 300, every_s=0.1)
        rate = left / (time.perf_counter() - started)
    return rate, (before + verify_rate()) / 2


if __name__ == "__main__":
    through, verify = drain()
    print(f"{through:.0f} messages/s, {verify:.0f} signatures/s, ratio {through / verify:.2f}")
