"""Whether this machine's clock is kept right: the kernel's own NTP state."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes

STA_UNSYNC = 0x40  # linux/timex.h
TIME_ERROR = 5
TIMEX_BYTES = 256  # struct timex takes 208 on every 64-bit Linux
TIMEX_HEAD = "@Illlli"  # modes, offset, freq, maxerror, esterror, status, with the machine's own padding


@cache
def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None)


def adjtimex() -> tuple[int, int]:
    """(state, status) of the kernel's clock; the state is -1 when it may not be asked."""
    import ctypes  # only a daemon asks this; a command should start without it

    timex = ctypes.create_string_buffer(TIMEX_BYTES)  # zeros: modes = 0, set nothing
    state: int = _libc().adjtimex(timex)
    return state, struct.unpack_from(TIMEX_HEAD, timex)[-1]


def clock_is_synchronised(ask: Callable[[], tuple[int, int]] = adjtimex) -> bool:
    """Whether a time service keeps the kernel's clock right; False when the kernel won't say.

    Asks adjtimex(2), which needs no rights as long as nothing is set. systemd-timesyncd, ntpd and chrony
    (with `rtcsync`, Debian's default) report there. After the last contact the kernel itself gives up
    when its own error estimate passes 16 s, some nine hours later.
    """
    state, status = ask()
    return 0 <= state != TIME_ERROR and not status & STA_UNSYNC
