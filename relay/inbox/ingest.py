"""From bytes on a topic to rows on disk and signed receipts. Synchronous; the service drives it.

The order of intake is the order of the three stages.
1. `open_frame`: length, headers, roster. Junk is counted.
2. `verify`: signatures, over the received bytes. Pure, so it runs on many threads.
3. `store`: dedup, one transaction for many frames, then the receipts. Payloads are decoded after the
   commit, but for `gap` reports: what can't be decoded is kept and shown as such and blocks nothing.

Nothing is rejected for its time. An identity with other bytes and a valid signature is a cloned card:
both are kept, and a finding says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from relay.core import wire
from relay.core.message import (
    Address,
    Clock,
    Entry,
    Header,
    Hello,
    Kind,
    Numbering,
    is_from_inbox,
    numbering_of,
)
from relay.errors import WireError
from relay.inbox.filing import Filing, Item, Known, Parcel
from relay.inbox.replies import Replies
from relay.inbox.store import Arrival, LogKey, Store

FAILURES_PER_PUBLISHER_MAX = 200
FAILURES_REFILL_PER_S = 2.0
PUBLISHERS_COUNTED_MAX = 5_000
FAILURES = frozenset(("not_a_batch", "not_an_envelope", "bad_signature", "unknown_signer"))


class Outcome(msgspec.Struct):
    """What came of one `store`: frames to send, and who said what that is new."""

    replies: list[tuple[str, bytes]]  # publisher and frame
    fresh: list[tuple[Header, bytes]]  # newly stored messages, in order


class Intake:
    """The three stages, and what they counted."""

    def __init__(
        self,
        store: Store,
        netfiling: bytes,
        look_up: Callable[[Address], Known | None],
        replies: Replies,
    ) -> None:
        self._store = store
        self._netfiling = netfiling
        self._look_up = look_up
        self._replies = replies
        self.counts: Counter[str] = Counter()
        self._failures: dict[str, tuple[float, float]] = {}  # publisher: allowance left, and when

    # --- 1 ---

    def open_frame(self, publisher: str, frame: bytes, now_s: float) -> Parcel | None:
        """The envelopes of a frame with their headers; None when nothing in it is worth verifying."""
        if not self._has_allowance(publisher, now_s):
            self.counts["flood"] += 1
            return None
        try:
            entries = wire.decode_batch(frame)
        except WireError:
            self._count(publisher, "not_a_batch")
            return None
        items = []
        for entry in entries:
            try:
                header = wire.parse_header(entry.envelope)
                if len(entry.envelope) > wire.ENVELOPE_BYTES_MAX or is_from_inbox(header.kind):
                    raise WireError("not a node's envelope")
            except WireError:
                self._count(publisher, "not_an_envelope")
                continue
            items.append(Item(header, entry, self._look_up(header.address)))
        return Parcel(publisher, items)

    def _has_allowance(self, publisher: str, now_s: float) -> bool:
        left, at_s = self._failures.get(publisher, (float(FAILURES_PER_PUBLISHER_MAX), now_s))
        left = min(FAILURES_PER_PUBLISHER_MAX, left + (now_s - at_s) * FAILURES_REFILL_PER_S)
        if len(self._failures) >= PUBLISHERS_COUNTED_MAX:
            self._failures.clear()
        self._failures[publisher] = (left, now_s)
        return left >= 1

    def _count(self, publisher: str, what: str) -> None:
        self.counts[what] += 1
        if what not in FAILURES:
            return
        left, at_s = self._failures.get(publisher, (float(FAILURES_PER_PUBLISHER_MAX), 0.0))
        self._failures[publisher] = (left - 1, at_s)

    # --- 2 ---

    def verify(self, items: Iterable[Item]) -> None:
        """Judge the signatures of known signers. Touches nothing but the items."""
        netfiling = self._netfiling
        for item in items:
            if item.known is not None:
                item.authentic = wire.is_authentic(item.entry.envelope, netfiling, item.known.public_key)

    # --- 3 ---

    def store(self, parcels: Sequence[Parcel], arrival: Arrival, clock: Clock) -> Outcome:
        """Commit what is new in `parcels`, then sign the receipts. Raises StorageError: nothing happened."""
        filing = Filing(self._store, arrival, clock, self._count)
        with self._store.write():
            for parcel in parcels:
                filing.take(parcel)
            filing.finish()
        self._replies.begin(arrival, clock)
        sent = [frame for parcel in parcels for frame in self._answer(parcel, filing)]
        return Outcome(sent, filing.fresh)

    def _answer(self, parcel: Parcel, filing: Filing) -> list[tuple[str, bytes]]:
        touched: dict[LogKey, dict[Numbering, list[int]]] = {}
        hellos: list[Hello] = []
        for item in parcel.items:
            if not item.authentic or (item.known and item.known.revoked):
                continue
            header = item.header
            if header.kind == Kind.HELLO:
                hellos += filing.hellos.get(id(item), [])
                continue
            numbering = numbering_of(header.kind)
            if numbering is not None:
                log = touched.setdefault((header.address, header.epoch), {})
                log.setdefault(numbering, []).append(header.number)
        frames = self._replies.to_batch(touched) + self._replies.to_hellos(hellos)
        return [(parcel.publisher, frame) for frame in frames]

    def judge_again(self, arrival: Arrival, clock: Clock) -> Outcome | None:
        """Take from quarantine what the roster knows by now."""
        parcels, released = [], []
        for row_id, address, publisher, _, age_s, heard, envelope in self._store.quarantined():
            known = self._look_up(address)
            if known is None:
                continue
            released.append(row_id)
            item = Item(wire.parse_header(envelope), Entry(envelope, age_s, heard), known)
            self.verify([item])
            parcels.append(Parcel(publisher, [item]))
        if not released:
            return None
        outcome = self.store(parcels, arrival, clock)
        with self._store.write():
            self._store.release(released)
        return outcome
