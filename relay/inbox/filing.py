"""One transaction of intake: sort envelopes out, and write what is new.

Receiving is idempotent by identity and signed bytes. The same identity with other bytes and a valid
signature is a cloned card: both are kept, and a finding says so.

What the filing counts is told only after the commit: a transaction that fails is tried again, and then
everything would count twice.
"""

from __future__ import annotations

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
from relay.inbox.apart import Keeping
from relay.inbox.filing_apart import NEITHER, FilingApart
from relay.inbox.hearing import said_ago_s
from relay.inbox.hellos import Hellos
from relay.inbox.parcel import Item, Parcel, is_kept_out
from relay.inbox.store import (
    ACCEPTED,
    UNCOUNTED,
    VARIANTS_MAX,
    Arrival,
    Current,
    LogKey,
    MessageRow,
    Store,
    encode_heard,
)
from relay.inbox.suspicion import Suspicions

CLOCK_TOLERANCE_S = 120


class Filing(FilingApart):
    """One transaction of stage 3."""

    def __init__(
        self, store: Store, arrival: Arrival, clock: Clock, hellos: Hellos, suspicions: Suspicions
    ) -> None:
        """`clock` is the quality of the inbox's own."""
        self._suspicions = suspicions
        self._store = store
        self._arrival = arrival
        self._clock = clock
        self._hellos = hellos
        self._rows: list[MessageRow] = []
        self._report_epochs: dict[Address, set[int]] = {}  # of the reports of this transaction
        self._pending: dict[tuple[LogKey, int, int], bytes] = {}
        self._touched: dict[LogKey, Holding] = {}
        self._newest: dict[Address, tuple[Header, Entry]] = {}
        self._heard: dict[Address, tuple[str, str, int]] = {}  # by whom, how, and how many seconds ago
        self._other_epochs: dict[LogKey, bool] = {}
        self.counted: list[tuple[str, str]] = []  # publisher and what: all that is not a new message
        self.fresh: list[tuple[Header, bytes]] = []
        self.kept_out = set()
        self.hellos: dict[int, Hello] = {}  # to be answered, by the id of their item

    def take(self, parcel: Parcel) -> None:
        """Sort one frame's envelopes out."""
        for item in parcel.items:
            known = item.known
            if known is None:
                self._unknown(item)
            elif not item.authentic:
                self._unsigned(item)
            elif known.revoked:
                self._revoked(item)
            elif is_kept_out(known, self._arrival.unix_s):
                self._kept_out(item, "blocked" if known.blocked else "replaced_late")
            elif item.header.kind == Kind.HELLO:
                self._hello(item)
            else:
                if known.replaced_s:
                    self._judge_replaced(item, known.replaced_s)
                self._message(item.publisher, item.header, item.entry)

    def _count(self, publisher: str, what: str) -> None:
        self.counted.append((publisher, what))

    # --- what is kept apart ---

    def _uncounted(self, publisher: str, header: Header, entry: Entry) -> None:
        """A valid message of a kind that this version can't place: kept and shown, named in no receipt.

        To count it among the reports would be to vouch for a report that may have the same number.
        """
        kept = self._store.insert_apart(self._row(publisher, header, NEITHER, entry, UNCOUNTED))
        if kept is Keeping.NEW:
            self.fresh.append((header, entry.envelope))
            self._note_heard(header, publisher, entry)
        self._count(publisher, "apart_full" if kept is Keeping.FULL else "uncounted")

    # --- hellos ---

    def _hello(self, item: Item) -> None:
        try:
            hello = payloads.decode(item.entry.envelope, item.header)
        except WireError:
            self._count(item.publisher, "undecodable")
            return
        if not isinstance(hello, Hello):
            return
        header = hello.header
        key = (header.address, header.epoch)
        behind = self._hellos.behind(hello, self._touched.get(key) or self._store.holding(*key))
        if behind:
            self._flush()  # it may have been overtaken by what is about to be written
            if not self._hellos.is_late(hello):
                self._find(header.address, "rollback", behind)
        if not self._hellos.may_answer(hello, self._arrival.boottime_s):
            self._count(item.publisher, "hello_flood")
            return
        self.hellos[id(item)] = hello
        if not behind and not self._hellos.is_repeat(hello):
            self._note_heard(item.header, item.publisher, item.entry)

    # --- messages ---

    def _message(self, publisher: str, header: Header, entry: Entry) -> None:
        numbering = numbering_of(header.kind)
        if numbering is None or header.number < 1:
            self._uncounted(publisher, header, entry)
            return
        key = (header.address, header.epoch)
        holding = self._touched.get(key)
        if holding is None:
            holding = self._touched[key] = self._store.holding(*key)
            self._judge_epoch(key, holding)
        held = holding.states if numbering is Numbering.STATE else holding.reports
        if header.number not in held:
            held.add(header.number)
        elif not self._is_given_up(publisher, key, header, numbering, entry):
            return
        copy_of = None
        if numbering is Numbering.STATE:
            self._consider_current(header, entry)
        else:
            copy_of = self._same_report(publisher, key, header, entry)
            if header.kind == Kind.GAP:
                self._gap(header, entry)
        self._rows.append(self._row(publisher, header, numbering, entry, copy_of=copy_of))
        self._pending[key, numbering, header.number] = entry.envelope
        self._note_heard(header, publisher, entry)
        if copy_of is None:
            self.fresh.append((header, entry.envelope))

    def _judge_epoch(self, key: LogKey, holding: Holding) -> None:
        """A node begins an epoch when its outbox is new, an old copy, or one of two: VRD must know."""
        address, epoch = key
        if not holding.reports and not holding.states:
            before = self._store.newest_epoch(address)
            if 0 < before < epoch:
                self._find(address, "epoch", f"begins epoch {epoch} after {before}: new, old or second card")

    def _is_given_up(
        self, publisher: str, key: LogKey, header: Header, numbering: Numbering, entry: Entry
    ) -> bool:
        """Of a number that is held: whether this is a report that a gap report named, and here after all.

        Else it is a duplicate, or comes from a second card that counts with the same numbers.
        """
        waiting = self._pending.get((key, numbering, header.number))
        if waiting == entry.envelope:
            self._count(publisher, "duplicate")
            return False
        if waiting:
            self._flush()
        variants = self._store.variants(key, numbering, header.number)
        if not variants and numbering is Numbering.REPORT:
            return True
        if not variants or entry.envelope in variants:  # a status without rows is past retention
            self._count(publisher, "duplicate")
            return False
        self._count(publisher, "clone")
        self._find(header.address, "clone", f"epoch {header.epoch}, number {header.number} exists twice")
        if len(variants) < VARIANTS_MAX:
            row = self._row(publisher, header, numbering, entry, variant=len(variants))
            self._store.insert([row])
            self.fresh.append((header, entry.envelope))
        return False

    def _row(
        self,
        publisher: str,
        header: Header,
        numbering: int,
        entry: Entry,
        standing: int = ACCEPTED,
        variant: int = 0,
        copy_of: int | None = None,
    ) -> MessageRow:
        return (
            header.address,
            header.epoch,
            numbering,
            header.number,
            standing,
            variant,
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
        """The id of the same report under another epoch: its card began a new one and issued it again.

        One report has one copy in an epoch: of two that say the same in one second, both are shown.
        """
        if key not in self._other_epochs:
            self._other_epochs[key] = self._store.has_other_epoch(key)
        here = self._report_epochs.setdefault(header.address, set())
        here.add(header.epoch)
        if not self._other_epochs[key] and len(here) == 1:
            return None
        self._flush()  # the other may be among what is about to be written
        content = _content(header, entry.envelope)
        for row_id, envelope in self._store.reports_at(header.address, header.time, header.epoch):
            if _content(wire.parse_header(envelope), envelope) == content:
                self._count(publisher, "reissued")
                return row_id
        return None

    def _gap(self, header: Header, entry: Entry) -> None:
        """Numbers that the node gave up are not missing any more.

        The report names their epoch: issued again under another, it must not touch that one's numbers.
        """
        try:
            gap = payloads.decode(entry.envelope, header)
        except WireError:
            return
        values = gap.values if isinstance(gap, Message) else {}
        epoch, first = values.get("about_epoch"), values.get("about_number")
        last = values.get("about_last", first)
        if not (isinstance(epoch, int) and isinstance(first, int) and isinstance(last, int)):
            return
        end = header.number - 1 if epoch == header.epoch else wire.NUMBER_MAX
        if epoch <= header.epoch and 1 <= first <= last <= end:
            key = (header.address, epoch)
            holding = self._touched.setdefault(key, self._store.holding(*key))
            holding.reports.add(first, last)

    def _find(self, address: Address, code: str, detail: str) -> None:
        self._store.note_finding(address, code, self._arrival.unix_s, detail)

    def _note_heard(self, header: Header, publisher: str, entry: Entry) -> None:
        """Its own line shows that a node is there now; a relay may bring what it heard hours ago."""
        address = header.address
        if entry.heard is None:
            self._heard[address] = (publisher, _link(None), 0)
            return
        ago_s, before = said_ago_s(header, entry, self._arrival.unix_s), self._heard.get(address)
        if before is None or ago_s <= before[2]:
            self._heard[address] = (publisher, _link(entry.heard), ago_s)

    def _flush(self) -> None:
        self._store.insert(self._rows)
        self._rows.clear()

    def finish(self) -> None:
        """Write what was sorted out."""
        self._flush()
        for (address, epoch), holding in self._touched.items():
            self._store.save_holding(address, epoch, holding)
        for address, (publisher, link, ago_s) in self._heard.items():
            self._store.save_heard(address, self._arrival, publisher, link, ago_s)
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


def _content(header: Header, envelope: bytes) -> tuple[int, int, bytes, bytes]:
    """What a report says, without its number and signature."""
    payload = envelope[header.payload_at : -wire.SIGNATURE_BYTES]
    return header.kind, header.time, envelope[:6], payload


def _link(heard: Heard | None) -> str:
    return heard.link if heard else "mqtt"
