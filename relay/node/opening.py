"""Opening the outbox of this node: a broken one, and one that is not ours, are moved aside first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from relay.core.log import Identity
from relay.errors import StorageError, Text
from relay.node.outbox import SqliteOutbox
from relay.node.rescue import FOREIGN, RESCUE, is_headless, set_aside

Note = Callable[[Text], None]


class EpochFile(Protocol):
    """The small synced file beside the key."""

    def read(self) -> int:
        """The epoch it holds; 0 when there is none."""

    def raise_to(self, epoch: int) -> None:
        """Write and sync."""


def open_own(path: Path, identity: Identity, raise_epoch: Callable[[int], None], note: Note) -> SqliteOutbox:
    """The outbox at `path`, made anew where there was none or none that can be used. Raises StorageError."""
    if is_headless(path):
        _set_broken_aside(path, note)
    try:
        outbox = _open(path, raise_epoch)
    except StorageError as error:
        if error.code != "corrupt":
            raise
        _set_broken_aside(path, note)
        outbox = _open(path, raise_epoch)
    owner = f"{identity.address.hex()} {identity.network.hex()}"
    try:
        if outbox.fact("owner") not in (None, owner):
            outbox.close()
            _set_foreign_aside(path, note)
            outbox = _open(path, raise_epoch)
        if outbox.fact("owner") is None:
            outbox.remember({"owner": owner})
    except BaseException:
        outbox.abandon()
        raise
    return outbox


def _open(path: Path, raise_epoch: Callable[[int], None]) -> SqliteOutbox:
    outbox = SqliteOutbox(path, raise_epoch)
    try:
        if epoch := outbox.newest_epoch():
            outbox.load(epoch)
    except BaseException:
        outbox.abandon()
        raise
    return outbox


def _set_broken_aside(path: Path, note: Note) -> None:
    kept = set_aside(path, RESCUE)
    note(Text(f"Opslag was beschadigd, bewaard als {kept}", f"The outbox was corrupt, kept as {kept}"))


def _set_foreign_aside(path: Path, note: Note) -> None:
    kept = set_aside(path, FOREIGN)
    note(
        Text(
            f"Opslag hoort bij een andere sleutel of een ander netwerk: niet gebruikt, bewaard als {kept}",
            f"The outbox belongs to another key or network: not used, kept as {kept}",
        )
    )
