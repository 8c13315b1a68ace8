"""The clocks of this machine, as the station reads them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from relay.core.message import Clock

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clocks(msgspec.Struct, frozen=True):
    """`boottime_s` never goes back and counts from the machine's start; `unix_s` may be anything."""

    boot_id: str
    boottime_s: Callable[[], float]
    unix_s: Callable[[], float]
    quality: Callable[[], Clock]


def machine_clocks(quality: Callable[[], Clock]) -> Clocks:
    """The real ones. CLOCK_BOOTTIME goes on while the machine is suspended, CLOCK_MONOTONIC does not."""
    try:
        boot_id = BOOT_ID.read_text().strip()
    except OSError:
        boot_id = ""
    return Clocks(boot_id, lambda: time.clock_gettime(time.CLOCK_BOOTTIME), time.time, quality)
