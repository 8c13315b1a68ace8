"""A forwarder with a disk of dictionaries, and an inbox that a test can make say anything."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Iterable, Sequence

import msgspec

from relay.core import payloads, wire
from relay.core.events import Event, Junk
from relay.core.forwarder import Forwarder, Settings
from relay.core.ledger import Ledger, State
from relay.core.log import READ_ROWS_MAX, Identity, LogState, Row
from relay.core.message import (
    Address,
    Clock,
    Draft,
    Entry,
    Header,
    Hello,
    Kind,
    Moment,
    Numbering,
    ReceiptEntry,
    Urgency,
    numbering_of,
)
from relay.core.notices import KeptNotice
from relay.core.papers import Papers
from relay.core.radio import Radio, RadioSettings
from relay.core.ranges import Run
from relay.core.receipts import Holding, InboxView, check_of
from tests.support.world import NETWORK, Signer

LINK = "mqtt"
EPOCH = 7
INBOX_TIME = 60_000_000


class DictOutbox:
    """The Outbox port over a dictionary; a row can be taken away as retention would."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Numbering, int], Row] = {}
        self.saves: list[bool] = []
        self.closed: list[LogState] = []
        self.notices: dict[tuple[bool, int, int], KeptNotice] = {}

    def append(self, rows: Sequence[Row]) -> None:
        for row in rows:
            assert (row.numbering, row.number) not in self.rows
            self.rows[row.numbering, row.number] = row

    def read(self, numbering: Numbering, first: int, last: int) -> list[Row]:
        found = [self.rows.get((numbering, number)) for number in range(first, last + 1)]
        return [row for row in found if row][:READ_ROWS_MAX]

    def signature(self, numbering: Numbering, number: int) -> bytes | None:
        row = self.rows.get((numbering, number))
        return wire.signature_of(row.envelope) if row else None

    def save(self, state: LogState, *, durable: bool) -> None:
        self.saves.append(durable)

    def keep_notice(self, notice: KeptNotice) -> bool:
        key = (notice.handled, notice.epoch, notice.number)
        is_new = notice.handled or key not in self.notices
        self.notices[key] = notice if is_new else self.notices[key]
        return is_new

    def forget_notices(self, trusted: Collection[Address]) -> None:
        self.notices = {
            key: each for key, each in self.notices.items() if bytes(each.envelope[1:5]) in trusted
        }

    def begin_epoch(self, old: LogState, fresh: LogState, rows: Sequence[Row]) -> None:
        self.closed.append(old)
        self.rows.clear()
        self.append(rows)


class NodeEnd:
    """One node at a time of the test's choosing."""

    def __init__(
        self,
        settings: Settings | None = None,
        seed: int = 0,
        radio: RadioSettings | None = None,
        papers: Papers | None = None,
    ) -> None:
        self.signer, self.inbox_signer = Signer.seeded("node"), Signer.seeded("inbox")
        self.now_s = 1000.0
        self.outbox = DictOutbox()
        keys = {self.inbox_signer.address: self.inbox_signer.public_key}
        identity = Identity(self.signer.address, NETWORK, self.signer.private.sign, keys)
        state = LogState(EPOCH, {numbering: Ledger() for numbering in Numbering}, InboxView())
        settings = settings or Settings(backfill_spread_s=0.0)
        chance = random.Random(seed)
        self.radio = Radio(radio, chance) if radio else None
        self.forwarder = Forwarder(identity, self.outbox, state, chance, settings, self.radio, papers=papers)
        self.events: list[Event] = []

    @property
    def moment(self) -> Moment:
        return Moment(self.now_s, 1)

    def ledger(self, numbering: Numbering = Numbering.REPORT) -> Ledger:
        return self.forwarder.log.ledger(numbering)

    def connect(self, link: str = LINK) -> None:
        self.forwarder.link_changed(link, True, self.moment)

    def report(self, text: str = "x", urgency: Urgency = Urgency.ROUTINE) -> Row:
        draft = Draft(kind=Kind.REPORT, values={"text": text}, urgency=urgency)
        return self.forwarder.submit([draft], self.moment)[0]

    def reports(self, count: int) -> None:
        drafts = [Draft(kind=Kind.REPORT, values={"text": str(n)}) for n in range(count)]
        self.forwarder.submit(drafts, self.moment)

    def status(self, count: int = 1) -> None:
        drafts = [Draft(kind=Kind.STATUS, values={"visitors": n}, next_due_min=1) for n in range(count)]
        self.forwarder.submit(drafts, self.moment)

    def frames(self, room: int = 100, link: str = LINK) -> list[list[bytes]]:
        """What goes out now, as envelopes per frame."""
        frames = self.forwarder.frames_for(link, self.moment, room)
        return [[entry.envelope for entry in wire.decode_batch(frame)] for frame in frames]

    def hear(self, *envelopes: bytes, link: str = LINK) -> list[Event]:
        frame = wire.encode_batch([Entry(envelope) for envelope in envelopes])
        events = self.forwarder.receive(link, frame, self.moment)
        self.events += events
        return events


def said(envelopes: Iterable[bytes]) -> list[tuple[str, int]]:
    """Kind and number of each envelope."""
    headers = [wire.parse_header(envelope) for envelope in envelopes]
    return [(Kind(header.kind).name.lower(), header.number) for header in headers]


class InboxEnd:
    """Holds what it is given, answers what it is asked; and signs whatever a test wants signed."""

    def __init__(self, signer: Signer | None = None, epoch: int = 100, network: bytes = NETWORK) -> None:
        self.signer = signer or Signer.seeded("inbox")
        self.epoch, self.network = epoch, network
        self.sequence = 0
        self.time, self.clock = INBOX_TIME, Clock.NTP
        self.held: dict[tuple[Address, int], Holding] = {}
        self.signatures: dict[tuple[Address, int, Numbering, int], bytes] = {}
        self.taken: list[tuple[str, int]] = []  # kind and number of each message, repeats included
        self.keeps = True

    def restart(self, *, forgets: bool = False) -> None:
        self.epoch, self.sequence = self.epoch + 1, 0
        if forgets:
            self.held.clear()

    def take(self, frame: Iterable[bytes]) -> list[list[bytes]]:
        """Keep what is in a frame; the frames of envelopes to answer with."""
        hellos, touched = [], {}
        for envelope in frame:
            header = wire.parse_header(envelope)
            numbering = numbering_of(header.kind)
            if header.kind == Kind.GRANT:
                continue  # it knows everybody
            if numbering is None:
                hellos.append(payloads.decode(envelope, header))
                continue
            self.taken += said([envelope])
            key = (header.address, header.epoch)
            touched[key] = True
            if self.keeps:
                self.keep(key, numbering, header.number, wire.signature_of(envelope))
        answers = [[self.receipt(b"", *(self.entry(*key) for key in touched))]] if touched else []
        return answers + [self.answer(hello) for hello in hellos]

    def keep(self, key: tuple[Address, int], numbering: Numbering, number: int, signature: bytes) -> None:
        holding = self.held.setdefault(key, Holding())
        (holding.states if numbering is Numbering.STATE else holding.reports).add(number)
        self.signatures.setdefault((*key, numbering, number), signature)

    def answer(self, hello: Hello) -> list[bytes]:
        key = (hello.header.address, hello.header.epoch)
        epochs = {key[1], *(epoch for address, epoch in self.held if address == key[0] and epoch > key[1])}
        entries = [self.entry(key[0], epoch) for epoch in sorted(epochs)]
        histories = [self.history(*key, numbering) for numbering in Numbering if self.runs(*key, numbering)]
        return [self.receipt(hello.nonce, *entries), *histories]

    def runs(self, address: Address, epoch: int, numbering: Numbering) -> list[Run]:
        holding = self.held.get((address, epoch), Holding())
        return (holding.states if numbering is Numbering.STATE else holding.reports).runs()

    def entry(self, address: Address, epoch: int) -> ReceiptEntry:
        holding = self.held.get((address, epoch), Holding())
        names = zip(Numbering, holding.vouched(), strict=True)
        check = check_of(self.signatures.get((address, epoch, *name)) for name in names)
        return holding.entry(address, epoch, check)

    def receipt(self, nonce: bytes, *entries: ReceiptEntry, sequence: int | None = None) -> bytes:
        return self.envelope(Kind.RECEIPT, payloads.receipt_payload(nonce, 0.0, entries), sequence)

    def history(
        self, address: Address, epoch: int, numbering: Numbering, runs: Sequence[Run] | None = None
    ) -> bytes:
        runs = self.runs(address, epoch, numbering) if runs is None else runs
        check = check_of(self.signatures.get((address, epoch, numbering, last)) for _, last in runs)
        return self.envelope(Kind.HISTORY, payloads.history_payload(address, epoch, numbering, runs, check))

    def notice(self, text: str, *to: Address, sequence: int | None = None) -> bytes:
        payload = payloads.notice_payload(to, {"notice": "order", "text": text})
        return self.envelope(Kind.NOTICE, payload, sequence)

    def envelope(self, kind: Kind, payload: bytes, sequence: int | None = None) -> bytes:
        self.sequence = self.sequence + 1 if sequence is None else sequence
        header = Header(
            kind, self.signer.address, 4, self.clock, 0, False, False, self.epoch, self.sequence, self.time, 0
        )
        return wire.sign(header, payload, self.network, self.signer.private.sign)


def converse(node: NodeEnd, inbox: InboxEnd, seconds: float = 0.0, *, link: str = LINK) -> int:
    """Let both ends talk without delay for `seconds`; how many frames the node sent."""
    end_s, sent, rounds = node.now_s + seconds, 0, 0
    waiting: deque[list[bytes]] = deque()
    while True:
        frames = node.frames(link=link)
        sent += len(frames)
        for frame in frames:
            waiting.extend(inbox.take(frame))
        while waiting:
            node.hear(*waiting.popleft(), link=link)
            rounds = 0
        rounds += 1
        wake_s = node.forwarder.next_wake_s()
        assert rounds < 1000, "the node spins"
        if frames:
            continue
        if wake_s is None or wake_s > end_s:
            node.now_s = end_s
            return sent
        node.now_s = max(node.now_s, wake_s)


def replace(entry: ReceiptEntry, **changes) -> ReceiptEntry:
    """The entry, but for `changes`."""
    return msgspec.structs.replace(entry, **changes)


def proved(node: NodeEnd, inbox: InboxEnd) -> None:
    """Connected, and the inbox has answered."""
    node.connect()
    converse(node, inbox)
    assert node.forwarder.sessions[LINK].proven


def own_entry(node: NodeEnd, inbox: InboxEnd) -> ReceiptEntry:
    """What the inbox says of the node's present epoch."""
    return inbox.entry(node.signer.address, node.forwarder.state.epoch)


def sent_reports(node: NodeEnd, inbox: InboxEnd, count: int) -> None:
    """Reports that went out, and what the inbox said of them was lost."""
    proved(node, inbox)
    node.reports(count)
    for frame in node.frames():
        inbox.take(frame)
    assert node.ledger().count(State.SENT) == count


def untouched(node: NodeEnd, envelope: bytes) -> None:
    """The envelope is junk: nothing is believed because of it."""
    inbox_before = msgspec.structs.asdict(node.forwarder.state.inbox)
    ledger_before = node.ledger().snapshot()
    session = node.forwarder.sessions[LINK]
    before = session.proven, session.heard_s, session.next_wake_s(), node.forwarder.state.epoch
    events = node.hear(envelope)
    assert [type(event) for event in events] == [Junk]
    assert msgspec.structs.asdict(node.forwarder.state.inbox) == inbox_before
    assert node.ledger().snapshot() == ledger_before
    assert (session.proven, session.heard_s, session.next_wake_s(), node.forwarder.state.epoch) == before
