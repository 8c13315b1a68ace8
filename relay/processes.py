"""Which program holds a device or a port, read from /proc: whoever says "in use" should say by whom.

Of other users' programs only root sees what they hold.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
LISTENING = "0A"  # a state in /proc/net/tcp


class Program(NamedTuple):
    """A running process."""

    name: str
    pid: int

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def of_ours(module: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Command and environment that run a module of Naober by itself: also where only the program that was
    started knows where Naober lies, as in the .deb."""
    flags = ["-P", *(["-S"] if sys.flags.no_site else [])]
    path = os.pathsep.join(each for each in sys.path if each)
    return [sys.executable, *flags, "-m", module, *arguments], {**os.environ, "PYTHONPATH": path}


def holders(path: str, proc: Path = PROC) -> Iterator[Program]:
    """The other programs that have the file or device at `path` open. Nothing is opened to find out."""
    return _with_open(os.path.realpath(path), proc)


def listeners(port: int, proc: Path = PROC) -> Iterator[Program]:
    """The programs that listen on TCP `port` of this machine."""
    for inode in _listening_inodes(port, proc):
        yield from _with_open(f"socket:[{inode}]", proc)


def how_to_stop(program: Program, proc: Path = PROC) -> str:
    """The command that ends it for good: by its service, if it is one, which would start it again."""
    try:
        group = (proc / str(program.pid) / "cgroup").read_text().strip().rpartition("/")[2]
    except OSError:
        group = ""
    unit = group.removesuffix(".service")
    return f"sudo systemctl disable --now {unit}" if unit != group else f"sudo kill {program.pid}"


def _with_open(target: str, proc: Path) -> Iterator[Program]:
    for process in proc.iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        with suppress(OSError):
            if any(_target(each) == target and _is_ours(each) for each in (process / "fd").iterdir()):
                yield Program((process / "comm").read_text().strip(), int(process.name))


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _is_ours(link: Path) -> bool:
    """Whether what is open is what its name means here: in a container /dev/pts/0 is another terminal."""
    try:
        there, here = link.stat(), link.readlink().stat()
    except OSError:
        return True  # no file, or one that is gone: the name is all there is
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _listening_inodes(port: int, proc: Path) -> Iterator[str]:
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / name).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                    yield words[9]
