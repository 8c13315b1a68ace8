"""The service of this machine, as systemd keeps it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from relay.errors import NaoberError, Text

TIMEOUT_S = 90
BOOTED = Path("/run/systemd/system")  # sd_booted(3)
UNITS = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
FOLDER = Path("/etc/naober")  # what the units read


def start(unit: str, folder: Path, *, anew: bool) -> bool:
    """Enables and starts the service; False where there is none, or another folder is meant.

    `anew`: one that runs is started again, since what it read has changed.
    Raises NaoberError when systemd refuses.
    """
    there = any((place / f"{unit}.service").exists() for place in UNITS)
    if folder != FOLDER or os.geteuid() != 0 or not BOOTED.exists() or not there:
        return False
    for step in ("enable", "restart" if anew else "start"):
        done = subprocess.run(
            ["systemctl", step, unit], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [""])[-1]
            raise NaoberError(
                Text(f"{unit} start niet: {last}", f"{unit} does not start: {last}"),
                f"journalctl -u {unit} -n 20",
            )
    return True
