"""One transaction of intake: sort envelopes out, and write what is new.

Receiving is idempotent by identity and signed bytes. The same identity with other bytes and a valid
signature is a cloned card: both are kept, and a finding says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from relay.core import payloads, wire
from relay.core.message import (
    Address,
    Clock,
    Entry,
    Header,
    Heard,
    Hello,
    Kind,
    Message,
    Numbering,
    numbering_of,
)
from relay.core.receipts import Holding
from relay.errors import WireError
from relay.inbox.store import Arrival, Current, LogKey, MessageRow, Store, encode_heard

CLOCK_TOLERANCE_S = 120
ACCEPTED, REVOKED = 0, 1


class Known(Protocol):
    """What the roster says of a signer."""

    @property
    def public_key(self) -> wire.PublicKey:
        """Its Ed25519 key."""

    @property
    def revoked(self) -> bool:
        """Whether an authority took its admission back."""


class Item(msgspec.Struct):
    """One envelope on its way through the stages."""

    header: Header
    entry: Entry
    known: Known | None
    authentic: bool = False


class Parcel(msgspec.Struct):
    """One frame on its way through the stages."""

    publisher: str
    items: list[Item]


class Filing:
    """One transaction of stage 3."""

    def __init__(
        self, store: Store, arrival: Arrival, clock: Clock, count: Callable[[str, str], None]
    ) -> None:
        """`count(publisher, what)` is told of all that is not a new message."""
        self._count = count
        self._store = store
        self._arrival = arrival
        self._clock = clock
        self._rows: list[MessageRow] = []
        self._pending: dict[tuple[LogKey, int, int], bytes] = {}
        self._touched: dict[LogKey, Holding] = {}
        self._newest: dict[Address, tuple[Header, Entry]] = {}
        self._heard: dict[Address, tuple[str, str]] = {}
        self._other_epochs: dict[LogKey, bool] = {}
        self.fresh: list[tuple[Header, bytes]] = []
        self.hellos: dict[int, list[Hello]] = {}

    def take(self, parcel: Parcel) -> None:
        """Sort one frame's envelopes out."""
        for item in parcel.items:
            header = item.header
            if item.known is None:
                self._unknown(parcel.publisher, item)
            elif not item.authentic:
                self._count(parcel.publisher, "bad_signature")
            elif item.known.revoked:
                self._apart(parcel.publisher, item)
            elif header.kind == Kind.HELLO:
                self._hello(parcel.publisher, item)
            else:
                self._message(parcel.publisher, header, item.entry)

    def _unknown(self, publisher: str, item: Item) -> None:
        entry = item.entry
        kept = item.header.kind != Kind.HELLO and self._store.quarantine(
            item.header.address, publisher, self._arrival.unix_s, entry.age_s, entry.heard, entry.envelope
        )
        self._count(publisher, "quarantined" if kept else "unknown_signer")

    def _apart(self, publisher: str, item: Item) -> None:
        numbering = numbering_of(item.header.kind)
        if numbering is None:
            return
        row = self._row(publisher, item.header, numbering, item.entry, standing=REVOKED)
        if self._store.insert_apart(row):
            self._count(publisher, "revoked")
            self._find(item.header.address, "revoked", "sent with a revoked key")

    def _hello(self, publisher: str, item: Item) -> None:
        try:
            hello = payloads.decode(item.entry.envelope, item.header)
        except WireError:
            self._count(publisher, "undecodable")
            return
        if not isinstance(hello, Hello):
            return
        self.hellos.setdefault(id(item), []).append(hello)
        header = hello.header
        self._heard[header.address] = (publisher, _link(item.entry.heard))
        newest = self._store.newest_epoch(header.address)
        held = self._store.holding(header.address, header.epoch)
        reports, states = held.vouched()
        if header.epoch < newest:
            self._find(header.address, "rollback", f"epoch {header.epoch}, held {newest}")
        elif header.number < reports or hello.last_state < states:
            detail = f"wrote {header.number}/{hello.last_state}, held {reports}/{states}"
            self._find(header.address, "rollback", detail)

    def _message(self, publisher: str, header: Header, entry: Entry) -> None:
        numbering = numbering_of(header.kind)
        if numbering is None or header.number < 1:
            self._count(publisher, "not_a_message")
            return
        key = (header.address, header.epoch)
        holding = self._touched.get(key)
        if holding is None:
            holding = self._touched[key] = self._store.holding(*key)
        held = holding.states if numbering is Numbering.STATE else holding.reports
        if header.number in held:
            self._again(publisher, header, numbering, entry)
            return
        held.add(header.number)
        copy_of = None
        if numbering is Numbering.STATE:
            self._consider_current(header, entry)
        else:
            copy_of = self._same_report(publisher, key, header, entry)
            if header.kind == Kind.GAP:
                self._gap(holding, header, entry)
        self._rows.append(self._row(publisher, header, numbering, entry, copy_of=copy_of))
        self._pending[key, numbering, header.number] = entry.envelope
        self._heard[header.address] = (publisher, _link(entry.heard))
        if copy_of is None:
            self.fresh.append((header, entry.envelope))

    def _again(self, publisher: str, header: Header, numbering: Numbering, entry: Entry) -> None:
        """A duplicate, or a second card that counts with the same numbers."""
        key = (header.address, header.epoch)
        waiting = self._pending.get((key, numbering, header.number))
        known = [waiting] if waiting else self._store.variants(key, numbering, header.number)
        if entry.envelope in known:
            self._count(publisher, "duplicate")
            return
        if not known:  # given up by a gap report, or past retention, and here after all
            self._rows.append(self._row(publisher, header, numbering, entry))
            self._pending[key, numbering, header.number] = entry.envelope
            return
        self._flush()
        variant = len(self._store.variants(key, numbering, header.number))
        self._store.insert([self._row(publisher, header, numbering, entry, variant=variant)])
        self._count(publisher, "clone")
        self._find(header.address, "clone", f"epoch {header.epoch}, number {header.number} exists twice")
        self.fresh.append((header, entry.envelope))

    def _row(
        self,
        publisher: str,
        header: Header,
        numbering: Numbering,
        entry: Entry,
        *,
        standing: int = ACCEPTED,
        variant: int = 0,
        copy_of: int | None = None,
    ) -> MessageRow:
        return (
            header.address,
            header.epoch,
            numbering,
            header.number,
            variant,
            standing,
            header.kind,
            header.urgency,
            header.time,
            self._arrival.unix_s,
            entry.age_s,
            publisher,
            encode_heard(entry.heard),
            copy_of,
            entry.envelope,
        )

    def _consider_current(self, header: Header, entry: Entry) -> None:
        """A site's current state is the highest (epoch, number), not the last to arrive or the latest."""
        newest = self._newest.get(header.address)
        if newest is None or (header.epoch, header.number) > (newest[0].epoch, newest[0].number):
            self._newest[header.address] = (header, entry)

    def _same_report(self, publisher: str, key: LogKey, header: Header, entry: Entry) -> int | None:
        """The id of the same report under another epoch: its card began a new one and issued it again."""
        if key not in self._other_epochs:
            newest = self._store.newest_epoch(header.address)
            self._other_epochs[key] = newest not in (0, header.epoch)
        if not self._other_epochs[key]:
            return None
        content = _content(header, entry.envelope)
        for row_id, envelope in self._store.reports_at(header.address, header.time, header.epoch):
            if _content(wire.parse_header(envelope), envelope) == content:
                self._count(publisher, "reissued")
                return row_id
        return None

    def _gap(self, holding: Holding, header: Header, entry: Entry) -> None:
        """Numbers that the node gave up are not missing any more."""
        try:
            gap = payloads.decode(entry.envelope, header)
        except WireError:
            return
        first = gap.values.get("about_number") if isinstance(gap, Message) else None
        last = gap.values.get("about_last", first) if isinstance(gap, Message) else None
        if isinstance(first, int) and isinstance(last, int) and 1 <= first <= last < header.number:
            holding.reports.add(first, last)

    def _find(self, address: Address, code: str, detail: str) -> None:
        self._store.note_finding(address, code, self._arrival.unix_s, detail)

    def _flush(self) -> None:
        self._store.insert(self._rows)
        self._rows.clear()

    def finish(self) -> None:
        """Write what was sorted out."""
        self._flush()
        for (address, epoch), holding in self._touched.items():
            self._store.save_holding(address, epoch, holding)
        for address, (publisher, link) in self._heard.items():
            self._store.save_heard(address, self._arrival, publisher, link)
        for address, (header, entry) in self._newest.items():
            current = self._store.current(address)
            if current is None or (header.epoch, header.number) > (current.epoch, current.state):
                fresh = Current(header.epoch, header.number)
                self._store.save_current(address, fresh, entry.envelope, self._arrival, entry.age_s)
            self._judge_clock(header, entry)

    def _judge_clock(self, header: Header, entry: Entry) -> None:
        """A node that claims a good clock and is far from ours: one of the two is wrong."""
        if header.clock not in (Clock.NTP, Clock.GPS) or self._clock == Clock.NONE or entry.age_s is None:
            return
        off_s = header.time + wire.EPOCH_2025_UNIX_S + entry.age_s - self._arrival.unix_s
        if abs(off_s) > CLOCK_TOLERANCE_S:
            self._find(header.address, "clock", f"{off_s:+d} s from the inbox")


def _content(header: Header, envelope: bytes) -> tuple[int, bytes, bytes]:
    """What a report says, without its number and signature."""
    payload = envelope[header.payload_at : -wire.SIGNATURE_BYTES]
    return header.time, envelope[:6], payload


def _link(heard: Heard | None) -> str:
    return heard.link if heard else "mqtt"
