"""One owner of a node's outbox: the daemon, or a command while no daemon runs.

The lock is taken on the state folder itself (flock), not on a file in it: it holds on a card that is full
or read-only too, and the kernel lets go of it however its holder ends. Who holds it is read from
/proc/locks, so a number that a dead process left behind can't mislead.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relay.errors import NaoberError, StorageError, Text
from relay.files import storage_error

WAIT_S = 5.0  # `naober send` holds it for a moment
RETRY_S = 0.05
LOCKS = Path("/proc/locks")


class AlreadyOwned(NaoberError):
    """Another process writes this outbox; `pid` is 0 when the kernel does not tell which."""

    def __init__(self, folder: Path, pid: int) -> None:
        who = f"pid {pid}" if pid else "?"
        super().__init__(
            Text(
                f"Een ander knooppunt gebruikt {folder} al ({who})",
                f"Another node uses {folder} already ({who})",
            ),
            Text(
                "Stop dat eerst: sudo systemctl stop naober-node"
                + (f", of kill {pid} als het daar niet bij hoort" if pid else ""),
                "Stop it first: sudo systemctl stop naober-node"
                + (f", or kill {pid} if it is not that service" if pid else ""),
            ),
        )
        self.pid = pid


@contextmanager
def hold(folder: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Own the outbox in `folder` for the length of the block; waits up to `wait_s` for another to let go.

    Raises AlreadyOwned, or StorageError when the folder can't be opened.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _cannot_open(error, folder) from error
    try:
        _lock(fd, folder, time.monotonic() + wait_s)
        yield
    finally:
        os.close(fd)


def holder(fd: int) -> int:
    """The pid that holds a lock on the open `fd`; 0 when that can't be told."""
    found = os.fstat(fd)
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    try:
        lines = LOCKS.read_text().splitlines()
    except OSError:
        return 0
    # 12: FLOCK  ADVISORY  WRITE 4711 08:01:1310722 0 EOF
    for words in map(str.split, lines):
        if len(words) > 5 and words[1] == "FLOCK" and words[5] == place:
            return int(words[4])
    return 0


def _lock(fd: int, folder: Path, deadline_s: float) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline_s:
                raise AlreadyOwned(folder, holder(fd)) from None
        except OSError as error:
            raise storage_error(error, folder) from error
        time.sleep(RETRY_S)


def _cannot_open(error: OSError, folder: Path) -> StorageError:
    return StorageError(
        Text(f"Kan {folder} niet openen: {error.strerror}", f"Cannot open {folder}: {error.strerror}"),
        Text("Herhaal dit met sudo, of maak het met naober setup", "Repeat with sudo, or run naober setup"),
        code="denied" if isinstance(error, PermissionError) else "failed",
    )
