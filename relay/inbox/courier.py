"""What comes to the inbox on a stick: stored like any frame, and answered on the same stick.

`naober inbox import` asks the running inbox through a socket in its state folder, batch by batch: there is
one writer of the store. A batch goes through intake as a frame does, charged to the stick of the node that
wrote it, so that junk on a stick costs no node its allowance on MQTT. Receipts are signed after the commit,
when all batches are in; a stick that goes back tells each node on it all that is held of it, and what VRD has
to say to its site. Codes for a
phone are batches, too (courier_codes.py); nothing goes back with them.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from asyncio import AbstractServer
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from relay.core import wire
from relay.core.courier import as_carried, waited_s
from relay.core.message import Address, Clock, Entry, Numbering, numbering_of
from relay.core.papers import PAPER_KINDS
from relay.errors import NaoberError, Text, WireError
from relay.inbox.ingest import Intake, Outcome
from relay.inbox.parcel import Item, Known, Parcel, is_believed, is_kept_out
from relay.inbox.pipe import Pipe
from relay.inbox.replies import Replies
from relay.inbox.store import Arrival, Store
from relay.node import control
from relay.trust import keys

SOCKET_NAME = "inbox.sock"
PUBLISHER = "stick-"  # and the address of the node that wrote the batch, by its own word
ROSTER_WAIT_S, ROSTER_WAITS = 0.05, 60  # at most this long and often, until a paper that was brought counts
RECEIPTS_BYTES_MAX = 64 * 1024  # of what goes back to one node (links/courier)
EPOCHS_MAX = 16  # of one node that a stick asks receipts for

T = TypeVar("T")
Say = Callable[[Callable[[Replies], Any]], Awaitable[Any]]  # signs on the store's thread
Letters = Callable[[Address, Say], Awaitable[list[Entry]]]  # what VRD has to say to a node, signed by `Say`

log = logging.getLogger("naober.inbox")


class Courier:
    """Of one inbox."""

    def __init__(
        self,
        store: Store,
        intake: Intake,
        pipe: Pipe,
        replies: Replies,
        look_up: Callable[[Address], Known | None],
        now: Callable[[], tuple[Arrival, Clock]],
        send: Callable[[Outcome], None],
    ) -> None:
        """`send` is told what goes by other links because of what a stick brought."""
        self._store, self._intake, self._pipe, self._replies = store, intake, pipe, replies
        self._look_up, self._now, self._send = look_up, now, send
        self.letters: Letters = _none

    async def serve(self, state: Path, answer: control.Ask) -> AbstractServer | None:
        """Listen for `naober inbox import` and the like; an inbox that can't works on without.

        `answer` gets what is asked, and asks here what it does not know.
        """
        try:
            return await control.serve(state, answer, name=SOCKET_NAME)
        except OSError as error:
            log.error("no socket in %s, so `naober inbox import` can't reach this inbox: %s", state, error)
            return None

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """One question; raises NaoberError, ValueError, TypeError or KeyError for what is none."""
        if request["verb"] == "stick_read":
            frame = base64.b64decode(request["frame"], validate=True)
            return await self._read(frame, str(request["source"]), request.get("written_s"))
        if request["verb"] == "stick_knows":
            addresses = [bytes.fromhex(each) for each in request["addresses"]]
            return {"known": all(self._look_up(each) for each in addresses)}
        if request["verb"] == "stick_receipts":
            epochs = sorted({int(each) for each in request["epochs"]}, reverse=True)[:EPOCHS_MAX]
            return await self._receipts(bytes.fromhex(request["address"]), epochs)
        raise NaoberError(Text("Onbekende vraag", "Unknown question"))

    async def _read(self, frame: bytes, source: str, written_s: int | None) -> dict[str, Any]:
        """Store one batch. `whole`: all of it is held now, so the stick need not carry it any further."""
        arrival, clock = self._now()
        now_s = None if clock is Clock.NONE else arrival.unix_s - wire.EPOCH_2025_UNIX_S
        publisher = f"{PUBLISHER}{source[: keys.ADDRESS_BYTES * 2]}"
        try:
            entries = as_carried(wire.decode_batch(frame), waited_s(written_s, now_s))
        except WireError:
            return {"new": 0, "known": 0, "apart": 0, "junk": 1, "whole": False}
        entries = await self._without_papers(publisher, entries)
        parcel = self._intake.open_frame(publisher, wire.encode_batch(entries), time.monotonic())
        if parcel is None:
            return {"new": 0, "known": 0, "apart": 0, "junk": len(entries), "whole": False}
        await self._pipe.on_verify_thread(lambda: self._intake.verify(parcel.items))
        outcome, held, apart = await self._pipe.on_store_thread(lambda: self._store_all(parcel))
        self._send(Outcome([], outcome.fresh, outcome.orders))
        new = len(outcome.fresh)
        junk = len(entries) - held - apart
        return {
            "new": new,
            "known": max(0, held - new),
            "apart": apart,
            "junk": junk,
            "whole": not junk and not apart,
        }

    async def _without_papers(self, publisher: str, entries: list[Entry]) -> list[Entry]:
        """Take in what authorities signed first: who says the rest may be known by it in a moment."""
        shown = [entry for entry in entries if _is_paper(entry)]
        if not shown:
            return entries
        self._intake.open_frame(publisher, wire.encode_batch(shown), time.monotonic())
        rest = [entry for entry in entries if not _is_paper(entry)]
        for _ in range(ROSTER_WAITS if self._intake.has_new_papers else 0):  # for junk nobody waits
            if all(self._look_up(entry.envelope[1:5]) for entry in rest):
                break
            await asyncio.sleep(ROSTER_WAIT_S)
        return rest

    def _store_all(self, parcel: Parcel) -> tuple[Outcome, int, int]:
        """What came of it, how many are held, and how many stand apart: unknown, blocked, revoked."""
        outcome = self._intake.store([parcel], *self._now())
        held = apart = 0
        for item in parcel.items:
            if self._holds(item):
                held += 1
            elif item.known is None or (item.authentic and not self._answers(item.header.address)):
                apart += 1
        return outcome, held, apart

    def _holds(self, item: Item) -> bool:
        header, numbering = item.header, numbering_of(item.header.kind)
        if not item.authentic or numbering is None or not self._answers(header.address):
            return False
        key = (header.address, header.epoch)
        holding = self._store.holding(*key)
        if numbering is Numbering.STATE:  # its row may be past retention
            return header.number in holding.states
        there = self._store.variants(key, numbering, header.number)
        return item.entry.envelope in there and header.number in holding.reports

    # --- the way back ---

    async def _receipts(self, address: bytes, epochs: list[int]) -> dict[str, Any]:
        def sign(replies: Replies) -> bytes:
            return replies.to_stick(address, epochs) if self._answers(address) else b""

        frame = await self._say(sign)
        if frame and (letters := await self.letters(address, self._say)):
            both = wire.encode_batch([*wire.decode_batch(frame), *letters])
            frame = both if len(both) <= RECEIPTS_BYTES_MAX else frame
        return {"frame": base64.b64encode(frame).decode(), "muted": self._replies.muted}

    async def _say(self, work: Callable[[Replies], T]) -> T:
        """What `work` signs, on the store's thread, whether a broker is there or not."""

        def sign() -> T:
            self._replies.begin(*self._now())
            return work(self._replies)

        return await self._pipe.on_store_thread(sign)

    def _answers(self, address: bytes) -> bool:
        """Whether what this signer says is believed, and so receipted."""
        known = self._look_up(address)
        if known is None or not is_believed(known):
            return False
        return not is_kept_out(known, self._now()[0].unix_s)


async def _none(_address: Address, _say: Say) -> list[Entry]:
    return []


def _is_paper(entry: Entry) -> bool:
    try:
        return wire.parse_header(entry.envelope).kind in PAPER_KINDS
    except WireError:
        return False
