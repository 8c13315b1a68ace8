"""The clocks of this machine, as the station reads them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from relay.core.message import Clock

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clocks(msgspec.Struct, frozen=True):
    """`boottime_s` never goes back and counts from the machine's start; `unix_s` may be anything."""

    boot_id: str
    boottime_s: Callable[[], float]
    unix_s: Callable[[], float]
    quality: Callable[[], Clock]


class Satellites(Protocol):
    """The time of a GPS receiver."""

    def unix_s(self) -> float | None:
        """Now; None when it is not known."""

    def good(self) -> bool:
        """Whether that is the time. It is known before this and longer, so either may be asked first."""


def machine_clocks(synchronised: Callable[[], bool], satellites: Satellites | None = None) -> Clocks:
    """The real ones. CLOCK_BOOTTIME goes on while the machine is suspended, CLOCK_MONOTONIC does not.

    The machine's own clock counts while NTP keeps it right, then that of `satellites`. None is ever set.
    """

    def unix_s() -> float:
        heard_s = None if satellites is None or synchronised() else satellites.unix_s()
        return time.time() if heard_s is None else heard_s

    def quality() -> Clock:
        if synchronised():
            return Clock.NTP
        return Clock.GPS if satellites is not None and satellites.good() else Clock.NONE

    try:
        boot_id = BOOT_ID.read_text().strip()
    except OSError:
        boot_id = ""
    return Clocks(boot_id, lambda: time.clock_gettime(time.CLOCK_BOOTTIME), unix_s, quality)
