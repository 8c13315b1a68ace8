"""Word to systemd: ready, alive, what is going on. Silent where there is no systemd (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(*lines: str) -> None:
    """Send `READY=1`, `WATCHDOG=1`, `STATUS=...`, `STOPPING=1`."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto("\n".join(lines).encode(), address)


def watchdog_interval_s() -> float | None:
    """How often to say WATCHDOG=1: half of what the unit allows; None without a watchdog."""
    try:
        allowed_s = int(os.environ["WATCHDOG_USEC"]) / 1_000_000
    except (KeyError, ValueError):
        return None
    return allowed_s / 2 if os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()) else None
