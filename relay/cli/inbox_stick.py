"""One handling of a stick at the inbox: papers first, then messages, then the receipts that go back.

What lies on a stick is taken apart here, in the process of the verb; the inbox gets whole batches of small
size. A batch is taken off the stick only when the inbox holds all of it and its receipts are on the stick:
pulled out at any moment, the stick has at least what the inbox has not.
"""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from relay.core import wire
from relay.core.message import Entry, is_from_inbox
from relay.core.papers import PAPER_KINDS
from relay.errors import StorageError, WireError
from relay.inbox.courier_papers import PapersTaken
from relay.links.courier import Batch, CourierStick
from relay.links.courier import pieces as in_pieces
from relay.trust.roster_file import decode

READ_BYTES_MAX = 256 * 1024 * 1024  # of one stick
PAPERS_MAX = 20_000  # of one stick: each is a signature to verify
FATAL = ("gone", "denied")  # the stick itself, not one file on it
ROSTER_WAIT_S = 5.0  # until the inbox follows its roster file
POLL_S = 0.1

Ask = Callable[[dict[str, Any]], dict[str, Any]]


class Told(msgspec.Struct):
    """What a handling did, for who writes it down or shows it."""

    papers: PapersTaken = msgspec.field(default_factory=PapersTaken)
    new: int = 0
    known: int = 0
    apart: int = 0  # of nodes that the roster does not know, or that are blocked or revoked
    junk: int = 0
    receipts: int = 0  # nodes that there are receipts for on the stick now
    cleared: int = 0  # batches taken off the stick
    muted: bool = False  # another inbox answers: this one stores only
    skipped: Counter[str] = msgspec.field(default_factory=Counter)  # files, by why


class Handling:
    """Of one stick. Every method may raise StorageError, and what `ask` raises."""

    def __init__(self, stick: CourierStick) -> None:
        self.told = Told()
        self._stick = stick
        self._logs: dict[str, set[int]] = {}  # whose messages are on the stick, and their epochs
        self._whole: list[Batch] = []

    # --- papers ---

    def papers(self) -> list[bytes]:
        """What authorities signed, by its own word, wherever on the stick it is."""
        found: list[bytes] = []
        roster = self._try(self._stick.read_roster)
        if roster:
            try:
                found += decode(roster)
            except WireError:
                self._skip("broken")
        for address in self._stick.grants():
            grant = self._try(partial(self._stick.read_grant, address))
            found += [grant] if grant else []
        for batch in self._stick.batches()[0]:
            if len(found) >= PAPERS_MAX:
                break
            found += [
                each.envelope
                for each in self._entries(batch, quiet=True)
                if _kind(each.envelope) in PAPER_KINDS
            ]
        return found[:PAPERS_MAX]

    def await_roster(self, ask: Ask) -> None:
        """Until the inbox knows the nodes that were admitted just now, or for as long as that may take."""
        wanted = [each.hex() for each in self.told.papers.admitted]
        end_s = time.monotonic() + ROSTER_WAIT_S
        while wanted and time.monotonic() < end_s:
            if ask({"verb": "stick_knows", "addresses": wanted})["known"]:
                return
            time.sleep(POLL_S)

    # --- messages ---

    def read(self, ask: Ask) -> None:
        """Every batch on the stick."""
        batches, strange = self._stick.batches()
        self._skip("strange", strange)
        left = READ_BYTES_MAX
        for batch in batches:
            entries = self._entries(batch) if left > 0 else None
            if entries is None:
                self._skip("large")
                continue
            left -= sum(len(each.envelope) for each in entries)
            self._take(ask, batch, entries)

    def _entries(self, batch: Batch, *, quiet: bool = False) -> list[Entry]:
        """What is in one batch; papers too. `quiet`: what can't be read is told another time."""
        frame = self._try(partial(self._stick.read, batch), quiet=quiet)
        try:
            return wire.decode_batch(frame) if frame else []
        except WireError:
            self._skip("broken", int(not quiet))
            return []

    def _take(self, ask: Ask, batch: Batch, entries: list[Entry]) -> None:
        sound = []
        for entry in entries:
            kind = _kind(entry.envelope)
            if kind in PAPER_KINDS:
                continue  # taken before
            if kind is None or is_from_inbox(kind):
                self.told.junk += 1
                continue
            sound.append(entry)
            header = wire.parse_header(entry.envelope)
            self._logs.setdefault(header.address.hex(), set()).add(header.epoch)
        whole = bool(entries)
        for piece in in_pieces(sound, lambda each: len(each.envelope) + wire.ENTRY_OVERHEAD_BYTES):
            frame = base64.b64encode(wire.encode_batch(piece)).decode()
            found = ask(
                {
                    "verb": "stick_read",
                    "frame": frame,
                    "source": batch.address,
                    "written_s": batch.written_s,
                }
            )
            for name in ("new", "known", "apart", "junk"):
                setattr(self.told, name, getattr(self.told, name) + int(found[name]))
            whole = whole and bool(found["whole"])
        if whole:
            self._whole.append(batch)

    # --- receipts ---

    def answer(self, ask: Ask) -> None:
        """Put receipts on the stick, then take off it what they make superfluous."""
        for address, epochs in sorted(self._logs.items()):
            said = ask({"verb": "stick_receipts", "address": address, "epochs": sorted(epochs)})
            self.told.muted |= bool(said["muted"])
            if frame := base64.b64decode(said["frame"]):
                self._stick.put_receipts(address, frame)
                self.told.receipts += 1
        if self.told.muted:
            return
        for batch in self._whole:
            self._stick.drop(batch)
            self.told.cleared += 1

    def _try(self, read: Callable[[], bytes], *, quiet: bool = False) -> bytes | None:
        try:
            return read()
        except StorageError as error:
            if error.code in FATAL:
                raise
            if error.code != "missing" and not quiet:
                self._skip(error.code)
            return None

    def _skip(self, why: str, count: int = 1) -> None:
        if count:
            self.told.skipped[why] += count


def _kind(envelope: bytes) -> int | None:
    try:
        if len(envelope) > wire.INBOX_ENVELOPE_BYTES_MAX:
            return None
        return wire.parse_header(envelope).kind
    except WireError:
        return None
