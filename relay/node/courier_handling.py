"""One handling of a stick at a node: read what it brings, write what has no receipt, clear what is done.

`ask` is a question to a Desk: through the control socket of the daemon, or straight where none runs. Whatever
lies on a stick is taken apart here, in the process of the verb; the daemon gets whole batches of small size.
Nothing on a stick is removed but this node's own older batches, once all that is in them is on it anew, here
on disk, or has a receipt.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from relay.core import wire
from relay.core.message import Entry, Header, Kind, is_from_inbox
from relay.core.papers import PAPER_KINDS
from relay.errors import StorageError, Text, WireError
from relay.links.courier import (
    RECEIPTS_BYTES_MAX,
    Batch,
    CourierStick,
    free_counters,
)
from relay.links.courier import pieces as in_pieces
from relay.trust.roster_file import decode

READ_BYTES_MAX = 64 * 1024 * 1024  # of one stick
FATAL = ("gone", "denied")  # the stick itself, not one file on it

Ask = Callable[[dict[str, Any]], dict[str, Any]]


class Told(msgspec.Struct):
    """What a handling did, for who writes it down or shows it."""

    reports: int = 0  # of this node, that VRD is now known to have
    statuses: int = 0
    taken: int = 0  # messages for others, taken along
    known: int = 0
    full: int = 0  # no room here: they stay on the stick
    junk: int = 0
    papers: int = 0
    skipped: Counter[str] = msgspec.field(default_factory=Counter)  # files, by why
    written: int = 0  # messages
    files: int = 0
    receipts: int = 0  # nodes whose receipts were put on the stick
    rescued: int = 0  # of the written: read off the card itself
    memory_only: Text | None = None


class Handling:
    """Of one stick."""

    def __init__(self, stick: CourierStick, ask: Ask) -> None:
        self.told = Told()
        self._stick, self._ask = stick, ask
        self._read: set[Batch] = set()  # all of it is known here

    # --- in ---

    def read(self, address: str | None = None) -> None:
        """Read the whole stick, or only what `address` wrote on it. Raises StorageError, NaoberError."""
        batches, strange = self._stick.batches()
        self._skip("strange", strange)
        left = READ_BYTES_MAX
        for batch in batches:
            if address not in (None, batch.address):
                continue
            frame = self._try(partial(self._stick.read, batch)) if left > 0 else None
            if frame is None:
                self._skip("large", int(left <= 0))
                continue
            left -= len(frame)
            if self._take(frame, batch.written_s):
                self._read.add(batch)
        if address is None:
            self._read_receipts()
            self._read_papers()

    def _read_receipts(self) -> None:
        addresses, strange = self._stick.receipts()
        self._skip("strange", strange)
        for each in addresses:
            frame = self._try(partial(self._stick.read_receipts, each))
            if frame is not None:
                self._take(frame, None)

    def _read_papers(self) -> None:
        """Roster changes, and a newer grant of this node: whoever brings them, an authority signed them."""
        own = self._ask({"verb": "stick_begin"})["address"]
        found = [self._try(partial(self._stick.read_grant, own))]
        roster = self._try(self._stick.read_roster) or b"\x90"
        try:
            found += decode(roster)
        except WireError:
            self._skip("broken")
        changes = [Entry(each) for each in found if each and (each is found[0] or _is_change(each))]
        for piece in pieces(changes[: wire.BATCH_ENTRIES_MAX]):
            self._add(self._ask({"verb": "stick_papers", "frame": _text(piece)}))

    def _try(self, read: Callable[[], bytes]) -> bytes | None:
        try:
            return read()
        except StorageError as error:
            if error.code in FATAL:
                raise
            if error.code != "missing":
                self._skip(error.code)
            return None

    def _skip(self, why: str, count: int = 1) -> None:
        if count:
            self.told.skipped[why] += count

    def _take(self, frame: bytes, written_s: int | None) -> bool:
        """Whether all of it is known here now."""
        try:
            entries = wire.decode_batch(frame)
        except WireError:
            self._skip("broken")
            return False
        sound = [each for each in entries if len(each.envelope) <= wire.INBOX_ENVELOPE_BYTES_MAX]
        self.told.junk += len(entries) - len(sound)
        whole = True
        for piece in pieces(sound):
            found = self._ask({"verb": "stick_read", "frame": _text(piece), "written_s": written_s})
            self._add(found)
            whole = whole and not found["full"]
        return whole

    def _add(self, found: dict[str, Any]) -> None:
        for name, count in found.items():
            setattr(self.told, name, getattr(self.told, name) + int(count))

    # --- out ---

    def write(self) -> None:
        """Write what has no receipt in new files, then clear away this node's older ones."""
        first = self._ask({"verb": "stick_begin"})
        address, epoch = first["address"], int(first["epoch"])
        if not self._read:
            self.read(address)  # what its older files hold of others comes along, too
            first = self._ask({"verb": "stick_begin"})
        if first["memory_only"]:
            self.told.memory_only = Text(**first["memory_only"])
        batches, _ = self._stick.batches()
        counters = free_counters(batches, address)
        while frame := self._next(first["ticket"]):
            self.put(Batch(address, epoch, next(counters), first["written_s"]), frame)
        for batch in batches:
            if batch.address == address and batch in self._read:
                self._stick.drop(batch)
        self._write_words()

    def put(self, batch: Batch, frame: bytes) -> None:
        """One batch, written and counted."""
        self._stick.put(batch, frame)
        self.told.files += 1
        kinds = [wire.parse_header(each.envelope).kind for each in wire.decode_batch(frame)]
        self.told.written += sum(kind not in PAPER_KINDS for kind in kinds)

    def _next(self, ticket: int) -> bytes:
        return base64.b64decode(self._ask({"verb": "stick_next", "ticket": ticket})["frame"])

    def _write_words(self) -> None:
        """What the inbox said of others, beside what it said on this stick before."""
        for address in self._ask({"verb": "stick_words"})["addresses"]:
            frame = base64.b64decode(self._ask({"verb": "stick_word", "address": address})["frame"])
            there = self._try(partial(self._stick.read_receipts, address))
            both = merged(frame, there or b"\x90")
            if both != there:
                self._stick.put_receipts(address, both)
                self.told.receipts += 1


def merged(ours: bytes, theirs: bytes) -> bytes:
    """The words of two batches in one, the newest first where not all fits."""
    words: dict[bytes, Header] = {}
    for frame in (ours, theirs):
        try:
            for entry in wire.decode_batch(frame):
                header = wire.parse_header(entry.envelope)
                if is_from_inbox(header.kind):
                    words.setdefault(entry.envelope, header)
        except WireError:
            continue
    newest = sorted(words, key=lambda each: (words[each].epoch, words[each].number), reverse=True)
    while len(frame := wire.encode_batch([Entry(each) for each in reversed(newest)])) > RECEIPTS_BYTES_MAX:
        newest.pop()
    return frame


def _is_change(envelope: bytes) -> bool:
    try:
        return wire.parse_header(envelope).kind == Kind.ROSTER_CHANGE
    except WireError:
        return False


def pieces(entries: Sequence[Entry]) -> Iterator[bytes]:
    """Batches that fit a line of the control socket."""
    for piece in in_pieces(entries, size_of):
        yield wire.encode_batch(piece)


def size_of(entry: Entry) -> int:
    """What it takes in a batch, at most."""
    return len(entry.envelope) + wire.ENTRY_OVERHEAD_BYTES


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
