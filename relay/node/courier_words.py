"""What the inbox said of messages that this node carried for others: kept for the stick that goes back.

A receipt vouches for all up to a number, so of each epoch of each node the newest is enough; histories name
what it can't. A newer epoch of the inbox replaces all that was said before.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from relay import files
from relay.core import payloads, wire
from relay.core.message import Address, Entry, History, Receipt
from relay.errors import WireError

PREFIX = "word-"
NODES_MAX = 64
HISTORIES_MAX = 16  # of one node
FILE_BYTES_MAX = 64 * 1024


class _Said(msgspec.Struct):
    receipts: dict[int, tuple[int, bytes]] = {}  # by the node's epoch: sequence and envelope
    histories: list[bytes] = []
    inbox_epoch: int = 0


class WordFiles:
    """One small file a node, in `folder`. Methods that write raise StorageError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._said: dict[Address, _Said] = {}
        self._changed: set[Address] = set()
        for path in sorted(folder.glob(f"{PREFIX}????????"))[:NODES_MAX]:
            try:
                self._load(bytes.fromhex(path.name.removeprefix(PREFIX)), path)
            except (OSError, ValueError, WireError):
                continue  # the inbox says it again when it is sent again

    def _load(self, address: Address, path: Path) -> None:
        for entry in wire.decode_batch(path.read_bytes()):
            said = payloads.decode(entry.envelope)
            if isinstance(said, Receipt | History):
                self.keep(address, entry.envelope, said)
        self._changed.clear()

    def keep(self, address: Address, envelope: bytes, said: Receipt | History) -> None:
        """Take note of a word about the node at `address`; `write` puts it on disk."""
        kept = self._said.setdefault(address, _Said())
        header = said.header
        if header.epoch < kept.inbox_epoch:
            return
        if header.epoch > kept.inbox_epoch:
            kept.receipts, kept.histories, kept.inbox_epoch = {}, [], header.epoch
        if isinstance(said, History):
            kept.histories = [*kept.histories, envelope][-HISTORIES_MAX:]
        else:
            for epoch in (entry.epoch for entry in said.entries if entry.address == address):
                if kept.receipts.get(epoch, (0, b""))[0] < header.number:
                    kept.receipts[epoch] = header.number, envelope
        self._changed.add(address)

    def write(self) -> None:
        """Put on disk what is new."""
        while len(self._said) > NODES_MAX:
            oldest = next(iter(self._said))
            del self._said[oldest]
            with contextlib.suppress(OSError):
                (self._folder / f"{PREFIX}{oldest.hex()}").unlink(missing_ok=True)
        for address in self._changed & self._said.keys():
            files.replace(self._folder / f"{PREFIX}{address.hex()}", self.frame(address), files.PRIVATE)
        self._changed.clear()

    def frame(self, address: Address) -> bytes:
        """A batch of all that is kept of one node."""
        kept = self._said[address]
        envelopes = dict.fromkeys([envelope for _, envelope in kept.receipts.values()] + kept.histories)
        entries = [Entry(envelope) for envelope in envelopes]
        while len(frame := wire.encode_batch(entries)) > FILE_BYTES_MAX:
            entries.pop()
        return frame

    def addresses(self) -> list[Address]:
        """Whom there is anything of."""
        return list(self._said)
