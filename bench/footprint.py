"""What a node without radio and an inbox take, as installed: memory, start, idle CPU, bytes to the card.

The node runs in an environment of its own with nothing but a node's packages, as on a Pi.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import msgspec

from bench.stack import Stack, stack, until
from relay.node.compose import identity_of
from relay.trust import keys

REPOSITORY = Path(__file__).parents[1]
STATUS_INTERVAL_S = 5  # so that the daily figures rest on many statuses; scaled to one a minute
SETTLE_S, WATCH_S = 10, 40
MINUTES_A_DAY = 1440


class Footprint(msgspec.Struct):
    """One run's figures."""

    node_rss_mb: float
    inbox_rss_mb: float
    node_start_s: float
    node_idle_cpu_pct: float
    node_disk_mb_day: float


def node_environment(folder: Path, extra: str = "") -> Path:
    """A fresh environment with Naober's own dependencies, and an extra's; returns its `naober`."""
    venv.create(folder, with_pip=False, clear=True)
    package = f"{REPOSITORY}[{extra}]" if extra else str(REPOSITORY)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "-q", package],
        check=True,
    )
    return folder / "bin" / "naober"


def rss_mb(pid: int) -> float:
    """Resident memory in MB of 2^20 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no VmRSS")


def cpu_s(pid: int) -> float:
    """User and system time so far, children left out."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def written_bytes(pid: int) -> int:
    """What the process has made the kernel write to the disk."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise ValueError("no write_bytes")


def first_publish_s(made: Stack, name: str) -> float:
    """From the start of the process to its first publish in the broker's log."""
    log, address = made.folder / "broker.log", keys.address_text(identity_of(made.node_config(name)).address)
    said = f"Received PUBLISH from {address}-"
    before = log.read_text().count(said)
    started = time.perf_counter()
    made.start(name)
    until(lambda: log.read_text().count(said) > before, 30, every_s=0.002)
    return time.perf_counter() - started


def footprint() -> Footprint:
    """Run an inbox and one node for a good minute."""
    with tempfile.TemporaryDirectory(dir=REPOSITORY) as folder:
        program = node_environment(Path(folder) / "venv")
        with stack(Path(folder) / "stack", program) as made:
            made.add_node("beilen", status__interval_s=STATUS_INTERVAL_S)
            conf = made.inbox / "broker" / "naober.conf"
            conf.write_text(conf.read_text() + "\nlog_type debug\n")
            made.start("broker")
            inbox = made.start("inbox")
            starts = []
            for _ in range(5):
                starts.append(first_publish_s(made, "beilen"))
                made.stop("beilen")
            node = made.start("beilen")
            time.sleep(SETTLE_S)
            written, used, began = written_bytes(node.pid), cpu_s(node.pid), time.perf_counter()
            time.sleep(WATCH_S)
            seconds = time.perf_counter() - began
            statuses = seconds / STATUS_INTERVAL_S
            return Footprint(
                node_rss_mb=rss_mb(node.pid),
                inbox_rss_mb=rss_mb(inbox.pid),
                node_start_s=sorted(starts)[2],
                node_idle_cpu_pct=100 * (cpu_s(node.pid) - used) / seconds,
                node_disk_mb_day=(written_bytes(node.pid) - written) / statuses * MINUTES_A_DAY / 1e6,
            )
