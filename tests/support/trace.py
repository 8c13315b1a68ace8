"""System calls of a process as strace saw them: what was written where, and in which order.

process.start(*traced(file))            # from its start, or
with attached(process.pid, "-e", "inject=write:signal=SIGKILL:when=1"): ...
calls(file)                             # in the order in which they began
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.process import until

WRITES = "trace=pwrite64,fdatasync,sendto,recvfrom"
STRING_MAX = 400_000  # characters: a batch must not be cut short
END_TIMEOUT_S = 10.0
_LINE = re.compile(r"^(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed>)(.*)$")
_TARGET = re.compile(r"^(\d+)<([^>]*)>")
_BYTE = re.compile(r"\\x([0-9a-f]{2})")


class Call(NamedTuple):
    """One call. `began` and `ended` are places in the trace, to be compared."""

    name: str
    target: str  # path or socket
    data: bytes
    began: int
    ended: int


def traced(file: Path, what: str = WRITES) -> tuple[str, ...]:
    """The command that a process is started behind; its pid stays its own."""
    return ("strace", "-D", "-f", "-y", "-xx", "-s", str(STRING_MAX), "-e", what, "-o", str(file))


@contextmanager
def attached(pid: int, *options: str) -> Iterator[None]:
    """Strace at all threads of a running process, until the end of the block."""
    command = ["strace", "-f", *options, "-o", "/dev/null", "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
        assert tracer.stderr is not None
        try:
            line = tracer.stderr.readline()
            assert b"attached" in line, line
            yield
        finally:
            tracer.terminate()
            tracer.stderr.read()
            tracer.wait(END_TIMEOUT_S)


def calls(file: Path) -> list[Call]:
    """All calls that have ended, in the order in which they began."""
    begun: dict[tuple[str, str], tuple[str, int]] = {}
    found = []
    for place, line in enumerate(file.read_text().splitlines()):
        match = _LINE.match(line)
        if match is None:
            continue
        pid, name, resumed, rest = match.groups()
        if rest.endswith("<unfinished ...>"):
            begun[pid, name] = rest, place
            continue
        first, began = begun.pop((pid, resumed), ("", place)) if resumed else ("", place)
        text = first + rest
        target = _TARGET.match(text)
        said = text[target.end() :] if target else text
        where = _bytes(target[2]).decode() if target else ""
        found.append(Call(name or resumed, where, _bytes(said), began, place))
    return sorted(found, key=lambda call: call.began)


def _bytes(text: str) -> bytes:
    return bytes.fromhex("".join(_BYTE.findall(text)))


def first(found: list[Call], name: str, target: str, data: bytes = b"", after: int = -1) -> Call:
    """The first such call that began after a place; AssertionError when there is none."""
    for call in found:
        if call.name == name and target in call.target and data in call.data and call.began > after:
            return call
    raise AssertionError(f"no {name} on {target} with {data[:40]!r} after {after}")


def wait_for(file: Path, name: str, target: str, data: bytes) -> None:
    """Until strace has written such a call down."""

    def is_there() -> bool:
        return any(call.name == name and target in call.target and data in call.data for call in calls(file))

    until(is_there, why=f"{name} in the trace")
