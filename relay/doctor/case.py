"""What the doctor knows before it looks: settings, what the daemon says, what a dead one left on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from relay.config import NodeConfig
from relay.core.message import Numbering
from relay.core.receipts import InboxView
from relay.errors import NaoberError, StorageError, Text
from relay.node import control, lock

ASK_TIMEOUT_S = 3.0
COPY_BYTES_MAX = 256 * 1024 * 1024


class Left(msgspec.Struct, frozen=True):
    """What stands in the outbox of a daemon that does not run."""

    epoch: int
    open_reports: int
    airtime: str | None
    inbox: InboxView


class Case(msgspec.Struct, frozen=True):
    """One node, as it is found."""

    settings: NodeConfig
    file: Path
    facts: dict[str, Any] | None  # what the daemon says of itself
    trouble: NaoberError | None  # why it says nothing
    pid: int  # of the daemon, also of one that does not answer; 0: none
    left: Callable[[], Left | None]  # read when asked for; None: nothing there or not readable

    @property
    def unseen(self) -> Text:
        """Why nothing is known that only the daemon knows."""
        if self.trouble is None or isinstance(self.trouble, control.NotRunning):
            return Text("niet bekeken: dienst draait niet", "not looked at: the service does not run")
        return Text("niet bekeken: herhaal dit met sudo", "not looked at: repeat this with sudo")

    def must_be_open(self) -> None:
        """Raises PermissionError when its folder is closed to whoever asks."""
        if self.state.is_dir() and not os.access(self.state, os.R_OK | os.X_OK, effective_ids=True):
            raise PermissionError(self.state)

    @property
    def state(self) -> Path:
        """Its folder."""
        return self.settings.node.state


def open_case(settings: NodeConfig, file: Path) -> Case:
    """Asks the daemon; changes nothing."""
    facts, trouble = None, None
    try:
        facts = control.ask(settings.node.state, {"verb": "status"}, timeout_s=ASK_TIMEOUT_S)
    except NaoberError as error:
        trouble = error
    pid = int(facts["pid"]) if facts else _owner(settings.node.state)
    return Case(settings, file, facts, trouble, pid, lambda: _left(settings.node.state))


def _owner(folder: Path) -> int:
    """The process that has the outbox; 0 when none has, or it can't be told."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return 0
    try:
        return lock.holder(fd)
    finally:
        os.close(fd)


def _left(folder: Path) -> Left | None:
    """Reads a copy: opening the file itself could write beside it, in the name of whoever looks."""
    from relay.node.station import OUTBOX_NAME

    names = [name for name in (OUTBOX_NAME, f"{OUTBOX_NAME}-wal") if (folder / name).exists()]
    if OUTBOX_NAME not in names:
        return None
    try:
        if sum((folder / name).stat().st_size for name in names) > COPY_BYTES_MAX:
            return None
        with TemporaryDirectory(prefix="naober-doctor-") as copy:
            for name in names:
                shutil.copyfile(folder / name, Path(copy) / name)
            return _read(Path(copy) / OUTBOX_NAME)
    except (OSError, StorageError):
        return None


def _read(path: Path) -> Left:
    from relay.core.ledger import State
    from relay.node.outbox import SqliteOutbox

    outbox = SqliteOutbox(path, lambda epoch: None)
    try:
        epoch = outbox.newest_epoch()
        state = outbox.load(epoch) if epoch else None
        open_reports = state.ledgers[Numbering.REPORT].count(State.WAITING, State.SENT) if state else 0
        view = state.inbox if state else InboxView()
        return Left(epoch, open_reports, outbox.fact("airtime"), view)
    finally:
        outbox.abandon()
