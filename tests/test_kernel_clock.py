from __future__ import annotations

import ctypes
import struct
import subprocess
import sys

import pytest

from relay.kernel_clock import adjtimex, clock_is_synchronised


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        (0, 0x2001, True),  # TIME_OK, STA_PLL | STA_NANO
        (1, 0x2001, True),  # a leap second is announced
        (5, 0x0040, False),  # TIME_ERROR, STA_UNSYNC: a Pi that has just started
        (5, 0x2001, False),
        (0, 0x0041, False),
        (-1, 0, False),  # refused, as in a narrow sandbox
    ],
)
def test_the_clock_is_right_only_when_the_kernel_says_so(state: int, status: int, expected: bool) -> None:
    assert clock_is_synchronised(lambda: (state, status)) is expected


def test_the_real_kernel_s_answer_is_read_from_the_right_place() -> None:
    # status stands at byte 40 of struct __kernel_timex, on every 64-bit Linux
    raw = ctypes.create_string_buffer(256)
    state = ctypes.CDLL(None).adjtimex(raw)
    status: int = struct.unpack_from("i", raw, 40)[0]
    assert adjtimex() == (state, status)
    assert 0 <= status <= 0xFFFF
    assert clock_is_synchronised() is (state != 5 and not status & 0x40)


def test_asking_the_clock_imports_nothing_but_what_ctypes_is_made_of() -> None:
    program = (
        "import sys; from relay.kernel_clock import clock_is_synchronised; before = set(sys.modules);"
        "clock_is_synchronised(); print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"_ctypes", "_struct"}
