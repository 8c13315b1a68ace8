"""From bytes on a topic to rows on disk and signed receipts. Synchronous; the service drives it.

The order of intake is the order of the three stages.
1. `open_frame`: length, headers, roster. Junk is counted.
2. `verify`: signatures, over the received bytes. It runs on many threads.
3. `store`: dedup, one transaction for many frames, then the receipts. Payloads are decoded after the
   commit, but for `gap` reports: what can't be decoded is kept and shown as such and blocks nothing.

Nothing is rejected for its time. An identity with other bytes and a valid signature is a cloned card:
both are kept, and a finding says so. What a publisher brings that is no envelope, or not authentic, is
charged to it; when its allowance is spent its frames are dropped unverified until it has refilled, so
that a flood costs its neighbours little.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from math import inf

import msgspec

from relay.core import wire
from relay.core.air import RADIO
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
from relay.core.papers import PAPER_KINDS
from relay.errors import WireError
from relay.inbox.air import Air, Order
from relay.inbox.apart import Kept
from relay.inbox.filing import Filing
from relay.inbox.hearing import Hearing
from relay.inbox.hellos import Hellos
from relay.inbox.limits import Buckets
from relay.inbox.parcel import Item, Known, Parcel, is_believed, is_kept_out
from relay.inbox.replies import Replies
from relay.inbox.shown import Shown, ShownPapers
from relay.inbox.store import REVOKED, Arrival, LogKey, Store, decode_heard
from relay.inbox.suspicion import Suspicions

FAILURES_AT_ONCE = 200  # of one publisher
FAILURES_REFILL_PER_S = 2.0
FAILURES_DEBT_MAX = 200
# What a relay heard is strangers' doing: charged apart, so that junk on the air never costs it its own word.
AIR_FAILURES_AT_ONCE = 400
AIR_FAILURES_REFILL_PER_S = 20.0  # more than the quickest preset can carry
AIR_FAILURES_DEBT_MAX = 400
SEEN_MAX = 1024
PUBLISHER_LENGTH_MAX = 64


class Outcome(msgspec.Struct):
    """What came of one `store`: frames to send, and who said what that is new."""

    replies: list[tuple[str, bytes]]  # publisher and frame
    fresh: list[tuple[Header, bytes]]  # newly stored messages, in order
    orders: list[tuple[str, bytes]] = msgspec.field(
        default_factory=list
    )  # gateway, and the frame that it is to transmit by radio
    hellos: list[Hello] = msgspec.field(default_factory=list)  # that were answered


class Intake:
    """The three stages, and what they counted."""

    def __init__(
        self,
        store: Store,
        network: bytes,
        look_up: Callable[[Address], Known | None],
        replies: Replies,
        air: Air | None = None,
        papers: ShownPapers | None = None,
    ) -> None:
        """`air`: the planner of what goes by radio, if this inbox has a radio plan.

        `papers`: takes what authorities signed and nodes show.
        """
        self._air, self._hearing = air, Hearing(air) if air else None
        self._papers = papers
        self._store = store
        self._network = network
        self._look_up = look_up
        self._replies = replies
        self._hellos = Hellos(store)
        self._suspicions = Suspicions()
        self._junk = Buckets(FAILURES_AT_ONCE, FAILURES_REFILL_PER_S, FAILURES_DEBT_MAX)
        self._air_junk = Buckets(AIR_FAILURES_AT_ONCE, AIR_FAILURES_REFILL_PER_S, AIR_FAILURES_DEBT_MAX)
        self._seen: dict[bytes, Known] = {}  # relayed envelopes that were found authentic, and by whose key
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def counts(self) -> dict[str, int]:
        """How often what happened that is not a new message, since the start."""
        with self._lock:
            return dict(self._counts)

    def count(self, what: str) -> None:
        """One more of `what`."""
        with self._lock:
            self._counts[what] += 1

    # --- 1 ---

    def open_frame(self, publisher: str, frame: bytes, now_s: float) -> Parcel | None:
        """The envelopes of a frame with their headers; None when nothing in it is worth verifying."""
        if not self._junk.has(publisher, now_s):
            self.count("flood")
            return None
        try:
            if len(publisher) > PUBLISHER_LENGTH_MAX:
                raise WireError("nobody of ours")
            entries = wire.decode_batch(frame)
        except WireError:
            self._charge(publisher, "not_a_batch")
            return None
        items = []
        takes_air = self._air_junk.has(publisher, now_s)
        for entry in entries:
            if entry.heard and not takes_air:
                self.count("air_flood")
                continue
            try:
                header = wire.parse_header(entry.envelope)
                by_air = entry.heard is not None and entry.heard.link == RADIO
                if header.kind in PAPER_KINDS and self._papers and not by_air:
                    self._take_paper(publisher, entry.envelope, now_s)
                    continue
                if len(entry.envelope) > wire.ENVELOPE_BYTES_MAX:
                    raise WireError("too long")
                if is_from_inbox(header.kind) or header.kind in PAPER_KINDS:
                    raise WireError("not a node's envelope")
            except WireError:
                self._charge(publisher, "not_an_envelope", relayed=entry.heard is not None)
                continue
            items.append(Item(header, entry, self._look_up(header.address), publisher))
        return Parcel(publisher, items)

    @property
    def has_new_papers(self) -> bool:
        """Whether an authority's word came that is not on disk yet."""
        return self._papers is not None and bool(self._papers.waiting())

    def _take_paper(self, publisher: str, envelope: bytes, now_s: float) -> None:
        """A node shows its grant, or brings what an authority changed."""
        assert self._papers is not None
        judged = self._papers.take(publisher, envelope, now_s)
        if judged is Shown.FORGED:
            self._charge(publisher, judged.value)
        elif judged is not Shown.KNOWN:
            self.count(judged.value)

    def _charge(self, publisher: str, what: str, *, relayed: bool = False) -> None:
        self.count(what)
        (self._air_junk if relayed else self._junk).spend(publisher)

    # --- 2 ---

    def verify(self, items: Iterable[Item]) -> None:
        """Judge the signatures of known signers, until the allowance of who brought them is spent."""
        network, takes_air = self._network, True
        for item in items:
            if item.known is None or (item.entry.heard and not takes_air):
                continue
            seen = item.entry.heard is not None and self._seen.get(item.entry.envelope) is item.known
            item.authentic = seen or wire.is_authentic(item.entry.envelope, network, item.known.public_key)
            item.judged = True
            if item.authentic:
                if item.entry.heard and not seen:
                    self._remember(item)
                continue
            if item.entry.heard:
                takes_air = self._air_junk.spend(item.publisher)
            elif not self._junk.spend(item.publisher):
                return

    def _remember(self, item: Item) -> None:
        """Several relays bring the same envelope: it is verified once."""
        with self._lock:
            if len(self._seen) >= SEEN_MAX:
                self._seen = dict(islice(self._seen.items(), SEEN_MAX // 2, None))
            if item.known is not None:
                self._seen[item.entry.envelope] = item.known

    # --- 3 ---

    def store(self, parcels: Sequence[Parcel], arrival: Arrival, clock: Clock) -> Outcome:
        """Commit what is new in `parcels`, then sign the receipts. Raises StorageError: nothing happened."""
        return self._store_and_answer(parcels, arrival, clock, lambda: None)

    def _store_and_answer(
        self, parcels: Sequence[Parcel], arrival: Arrival, clock: Clock, also: Callable[[], None]
    ) -> Outcome:
        """`also` is done in the same transaction, after it all."""
        filing = Filing(self._store, arrival, clock, self._hellos, self._suspicions)
        with self._store.write():
            for parcel in parcels:
                filing.take(parcel)
            filing.finish()
            also()
        self._hellos.remember(filing.hellos.values())
        with self._lock:
            self._counts.update(what for _, what in filing.counted)
        for publisher, what in filing.counted:
            if what == "unknown_signer":
                self._junk.spend(publisher)
            elif what == "unknown_heard":
                self._air_junk.spend(publisher)
        if self._air and self._hearing:
            self._hearing.tell(parcels, filing.fresh, arrival.boottime_s)
            self._replies.advised_min = self._air.advised_min(arrival.boottime_s)
        self._replies.begin(arrival, clock)
        sent = [frame for parcel in parcels for frame in self._answer(parcel, filing)]
        return Outcome(sent, filing.fresh, self._orders(arrival), list(filing.hellos.values()))

    def due(self, arrival: Arrival, clock: Clock) -> Outcome:
        """What gateways are to transmit by now; ask at `next_due_s`."""
        self._replies.begin(arrival, clock)
        return Outcome([], [], self._orders(arrival))

    def next_due_s(self) -> float:
        """When `due` has something if nothing more is heard, by the boot-time clock; or infinity."""
        return self._air.next_s() if self._air and not self._replies.muted else inf

    def _orders(self, arrival: Arrival) -> list[tuple[str, bytes]]:
        if self._air is None or self._replies.muted:
            return []
        orders = []
        for order in self._air.due(arrival.boottime_s):
            for said in self._replies.to_air(order.addresses, urgent=order.urgent):
                part = Order(order.gateway, said.addresses, order.urgent)
                self._air.sent(part, said.sequence, arrival.boottime_s)
                self.count("air_ordered")
                orders.append((order.gateway, said.frame))
        return orders

    def _answer(self, parcel: Parcel, filing: Filing) -> list[tuple[str, bytes]]:
        touched: dict[LogKey, dict[Numbering, list[int]]] = {}
        hellos: list[Hello] = []
        for item in parcel.items:
            if not item.authentic or not is_believed(item.known) or id(item) in filing.kept_out:
                continue
            header = item.header
            if header.kind == Kind.HELLO:
                hellos += [filing.hellos[id(item)]] if id(item) in filing.hellos else []
                continue
            numbering = numbering_of(header.kind)
            if numbering is not None and header.number:
                log = touched.setdefault((header.address, header.epoch), {})
                heard = item.entry.heard
                if heard is None or heard.link != RADIO:  # a relay lets go by the receipt alone
                    log.setdefault(numbering, []).append(header.number)
        frames = self._replies.to_batch(touched) + self._replies.to_hellos(hellos)
        return [(parcel.publisher, frame) for frame in frames]

    # --- what was kept apart ---

    def judge_again(self, arrival: Arrival, clock: Clock) -> Outcome | None:
        """Take in what the roster knows by now, and what came while its key was revoked."""
        outcome = Outcome([], [])
        apart = self._store.apart
        for address in apart.quarantined_signers():
            known = self._look_up(address)
            if known and not is_kept_out(known, arrival.unix_s):
                waiting = apart.quarantined(address)
                done = partial(apart.release, [each.id for each in waiting])
                self._take_again(waiting, done, arrival, clock, outcome)
        for address in apart.signers():
            known = self._look_up(address)
            if known and not known.revoked and not is_kept_out(known, arrival.unix_s):
                waiting = [each for each in apart.of_signer(address) if _counts_now(each)]
                done = partial(apart.accept, [each.id for each in waiting])
                self._take_again(waiting, done, arrival, clock, outcome)
        return outcome if outcome.fresh or outcome.replies or outcome.orders else None

    def _take_again(
        self,
        waiting: Sequence[Kept],
        done: Callable[[], None],
        arrival: Arrival,
        clock: Clock,
        outcome: Outcome,
    ) -> None:
        """One signer's, in one transaction with taking them out of where they were."""
        if not waiting:
            return
        parcels = []
        for kept in waiting:
            header = wire.parse_header(kept.envelope)
            entry = Entry(kept.envelope, _age_now(kept, arrival), decode_heard(kept.heard))
            item = Item(header, entry, self._look_up(header.address), kept.publisher, judged=True)
            if item.known:  # not charged to who brought it: the roster did not know it either
                key = item.known.public_key
                item.authentic = wire.is_authentic(kept.envelope, self._network, key)
            parcels.append(Parcel(kept.publisher, [item]))
        one = self._store_and_answer(parcels, arrival, clock, done)
        outcome.replies += one.replies
        outcome.fresh += one.fresh
        outcome.orders += one.orders


def _counts_now(kept: Kept) -> bool:
    """Whether a message that stood apart would be accepted: its key is good, its kind has a numbering."""
    header = wire.parse_header(kept.envelope)
    return kept.standing == REVOKED or (header.number > 0 and numbering_of(header.kind) is not None)


def _age_now(kept: Kept, arrival: Arrival) -> int | None:
    """Its age when it came and the time that it has waited here; None when this clock went back."""
    waited_s = arrival.unix_s - kept.received_s
    return kept.age_s + waited_s if kept.age_s is not None and waited_s >= 0 else None
