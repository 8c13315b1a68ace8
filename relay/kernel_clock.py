"""Whether this machine's clock is kept right: the kernel's own NTP state."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from functools import cache

STA_UNSYNC = 0x40  # linux/timex.h
TIME_ERROR = 5
TIMEX_BYTES = 256  # struct timex takes 208 on every 64-bit Linux
TIMEX_HEAD = "@Illlli"  # modes, offset, freq, maxerror, esterror, status, with the machine's own padding


@cache
def _adjtimex() -> Callable[[], tuple[int, bytes]]:
    """By what `ctypes` itself is made of: the package on top of it costs a node 0.2 of its 36 MB."""
    import _ctypes  # only a daemon asks this; a command should start without it

    class Byte(_ctypes._SimpleCData):  # type: ignore[type-arg]
        _type_ = "c"

    class Timex(_ctypes.Array):  # type: ignore[type-arg]
        _type_ = Byte
        _length_ = TIMEX_BYTES

    address = _ctypes.dlsym(_ctypes.dlopen(None, os.RTLD_NOW), "adjtimex")  # type: ignore[arg-type]

    def ask() -> tuple[int, bytes]:
        timex = Timex()  # zeros: modes = 0, set nothing
        state: int = _ctypes.call_cdeclfunction(address, (timex,))
        return state, bytes(timex)

    return ask


def adjtimex() -> tuple[int, int]:
    """(state, status) of the kernel's clock; the state is -1 when it may not be asked."""
    state, timex = _adjtimex()()
    return state, struct.unpack_from(TIMEX_HEAD, timex)[-1]


def clock_is_synchronised(ask: Callable[[], tuple[int, int]] = adjtimex) -> bool:
    """Whether a time service keeps the kernel's clock right; False when the kernel won't say.

    Asks adjtimex(2), which needs no rights as long as nothing is set. systemd-timesyncd, ntpd and chrony
    (with `rtcsync`, Debian's default) report there. After the last contact the kernel itself gives up
    when its own error estimate passes 16 s, some nine hours later.
    """
    state, status = ask()
    return 0 <= state != TIME_ERROR and not status & STA_UNSYNC
