"""The courier link: batches and receipts as files on a USB stick. A pipe that reads no letters.

    naober/berichten/<address>-<epoch>-<counter>[-<written>]    one batch of the node at <address>
    naober/berichten/ontvangst/<address>                        what the inbox says of that node's messages

<counter> goes up with each file that a node writes under one epoch, so two nodes never use one name and a
new export never overwrites an old one: a stick that is pulled out half-way through has both. <written>, in
seconds since 2025, is there when the writer's clock was good; a file's own date is not asked, since FAT keeps
local time and a machine without a clock writes nonsense.

The stick is the carrier: a file goes only when its own writer has written all of it anew, or when the inbox
has stored all of it and its receipts are on the stick.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")

MESSAGES = "berichten"
RECEIPTS = f"{MESSAGES}/ontvangst"
BATCH_BYTES = 32 * 1024  # of a file that we write: base64 of it fits a line of the control socket
BATCH_BYTES_MAX = 128 * 1024  # of a file that we read
RECEIPTS_BYTES_MAX = 64 * 1024
GRANTS, ROSTER = "toelating", "roster"  # papers lie beside the messages
PAPER_BYTES_MAX = 1024
ROSTER_BYTES_MAX = 8 * 1024 * 1024
FILES_MAX = 2048  # looked into on one stick, of each sort
COUNTER_MAX = 999_999

_RECEIPTS_FOLDER = "ontvangst"
_BATCH = re.compile(r"([0-9a-f]{8})-([0-9]{1,10})-([0-9]{1,6})(?:-([0-9]{1,10}))?")
_OURS = re.compile(f"{_BATCH.pattern}|{_RECEIPTS_FOLDER}")
_RECEIPTS = re.compile(r"[0-9a-f]{8}")


class Names(Protocol):
    """Names in one folder, sorted, and how many were passed over."""

    @property
    def found(self) -> Sequence[str]:
        """Those that were asked for."""

    @property
    def skipped(self) -> int:
        """How many others there are."""


class Folder(Protocol):
    """A stick that can be read and written safely (trust/stick); every method raises StorageError."""

    def names(self, folder: str, pattern: re.Pattern[str], most: int) -> Names:
        """The names in a folder that match `pattern`, `most` at the most."""

    def read(self, path: str, limit: int) -> bytes:
        """A regular file of at most `limit` bytes."""

    def write(self, path: str, data: bytes) -> bool:
        """Whole, synced, under its name or not at all."""

    def remove(self, path: str) -> None:
        """Take a file away."""


class Batch(NamedTuple):
    """The name of one batch."""

    address: str  # of the node that wrote it, by its own word
    epoch: int
    counter: int
    written_s: int | None = None  # since 2025; None: its writer had no clock

    @property
    def name(self) -> str:
        """As it is called on the stick."""
        written = "" if self.written_s is None else f"-{self.written_s}"
        return f"{self.address}-{self.epoch}-{self.counter}{written}"


class CourierStick:
    """What couriers carry on one stick."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def batches(self) -> tuple[list[Batch], int]:
        """The batches by writer and age, and how many names in their folder are none of ours."""
        names = self._folder.names(MESSAGES, _OURS, FILES_MAX)
        files = [name for name in names.found if name != _RECEIPTS_FOLDER]
        found = [batch for batch in map(_batch, files) if batch]
        return sorted(found, key=_age), names.skipped + len(files) - len(found)

    def read(self, batch: Batch) -> bytes:
        """Its bytes, whatever they are. Raises StorageError."""
        return self._folder.read(f"{MESSAGES}/{batch.name}", BATCH_BYTES_MAX)

    def put(self, batch: Batch, frame: bytes) -> None:
        """Write one batch. Raises StorageError; then the stick is as it was."""
        self._folder.write(f"{MESSAGES}/{batch.name}", frame)

    def drop(self, batch: Batch) -> None:
        """Take one batch away. Raises StorageError."""
        self._folder.remove(f"{MESSAGES}/{batch.name}")

    def receipts(self) -> tuple[list[str], int]:
        """The addresses that there are receipts for, and how many names are none of ours."""
        names = self._folder.names(RECEIPTS, _RECEIPTS, FILES_MAX)
        return list(names.found), names.skipped

    def read_receipts(self, address: str) -> bytes:
        """The batch of receipts for one node. Raises StorageError."""
        return self._folder.read(f"{RECEIPTS}/{address}", RECEIPTS_BYTES_MAX)

    def put_receipts(self, address: str, frame: bytes) -> None:
        """Write them in the place of older ones. Raises StorageError."""
        self._folder.write(f"{RECEIPTS}/{address}", frame)

    def read_grant(self, address: str) -> bytes:
        """What an authority wrote for one node. Raises StorageError."""
        return self._folder.read(f"{GRANTS}/{address}", PAPER_BYTES_MAX)

    def read_roster(self) -> bytes:
        """What authorities signed for all. Raises StorageError."""
        return self._folder.read(ROSTER, ROSTER_BYTES_MAX)

    def grants(self) -> list[str]:
        """The addresses that there are grants for."""
        return list(self._folder.names(GRANTS, _RECEIPTS, FILES_MAX).found)


def free_counters(batches: Sequence[Batch], address: str) -> Iterator[int]:
    """What `address` has not used on this stick, upwards from its last, then from 1."""
    used = {batch.counter for batch in batches if batch.address == address}
    last = max(used, default=0)
    for counter in chain(range(last + 1, COUNTER_MAX + 1), range(1, last)):
        if counter not in used:
            yield counter


def pieces(items: Iterable[T], size_of: Callable[[T], int], most: int = BATCH_BYTES) -> Iterator[list[T]]:
    """`items` in runs of at most `most` bytes; one that is larger stands alone."""
    piece: list[T] = []
    room = most
    for item in items:
        size = size_of(item)
        if piece and size > room:
            yield piece
            piece, room = [], most
        piece.append(item)
        room -= size
    if piece:
        yield piece


def _age(batch: Batch) -> tuple[str, int, int]:
    return batch.address, batch.epoch, batch.counter


def _batch(name: str) -> Batch | None:
    """Only a name as we write it: without leading zeros, so that no batch has two names."""
    found = _BATCH.fullmatch(name)
    if not found:
        return None
    address, epoch, counter, written = found.groups()
    batch = Batch(address, int(epoch), int(counter), None if written is None else int(written))
    return batch if batch.name == name else None
