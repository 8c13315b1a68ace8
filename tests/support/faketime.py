"""Another wall clock for a process: CLOCK_REALTIME only, as after a power cut or a bad NTP server.

clock = tmp_path / "clock"
node.start(**faked(clock, -YEAR_S))   # a year ago
set_clock(clock, 10 * YEAR_S)         # steps while it runs
"""

from __future__ import annotations

from pathlib import Path

DAY_S = 86_400
YEAR_S = 365 * DAY_S
LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1",)


def faked(file: Path, off_s: int) -> dict[str, str]:
    """The environment in which a process believes a clock that is `off_s` off; see `set_clock`."""
    set_clock(file, off_s)
    return {
        "LD_PRELOAD": _library(),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # its fix makes every timed wait of Python's threads end at once when the wall clock is far ahead
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }


def set_clock(file: Path, off_s: int) -> None:
    """Step the clock of those who run on `file`."""
    new = file.with_suffix(".new")
    new.write_text(f"{off_s:+d}\n")
    new.replace(file)


def _library() -> str:
    found = [str(path) for pattern in LIBRARIES for path in Path("/").glob(pattern[1:])]
    assert found, "libfaketime is not installed: sudo apt-get install faketime"
    return found[0]


def kernel_says(synchronised: bool) -> tuple[str, ...]:
    """The command to start a process behind, so that it finds its clock kept right by NTP, or not."""
    state = 0 if synchronised else 5  # TIME_OK, TIME_ERROR
    answer = f"inject=adjtimex,clock_adjtime:retval={state}"
    trace = "trace=adjtimex,clock_adjtime"
    return ("strace", "-D", "-f", "--seccomp-bpf", "-e", trace, "-e", answer, "-o", "/dev/null")
