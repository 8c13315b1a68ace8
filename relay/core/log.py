"""A node's own log: its messages in order, each signed and committed before it exists for anyone.

The disk stands behind the Outbox port, which promises that what `append` took survives a power cut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from relay.core import payloads, wire
from relay.core.ledger import Event, Ledger
from relay.core.message import Address, Draft, Header, Kind, Moment, Numbering, Urgency, numbering_of
from relay.core.notices import KeptNotice
from relay.core.proofs import Proofs
from relay.core.receipts import InboxView
from relay.core.schedule import Tokens
from relay.errors import WireError

READ_ROWS_MAX = 128
EPOCH_STEP_MAX = 63


class Row(msgspec.Struct, frozen=True):
    """One message of our own in the outbox."""

    numbering: Numbering
    number: int
    urgency: int
    boot: int  # of the Moment in which it was composed
    elapsed_s: int
    envelope: bytes


class LogState(msgspec.Struct):
    """What the outbox keeps of the present epoch beside its messages."""

    epoch: int
    ledgers: dict[Numbering, Ledger]
    inbox: InboxView
    believed_epoch: int = 0  # the inbox epoch whose receipts the ledgers show


class Outbox(Protocol):
    """The disk, as the forwarder needs it. Implemented in node/outbox.py."""

    def append(self, rows: Sequence[Row]) -> None:
        """Commit `rows`; when this returns they survive a power cut. Raises StorageError."""

    def read(self, numbering: Numbering, first: int, last: int) -> list[Row]:
        """The rows first..last of the present epoch that are there, ascending, READ_ROWS_MAX at most."""

    def signature(self, numbering: Numbering, number: int) -> bytes | None:
        """The signature of one row of the present epoch; None when it is gone."""

    def save(self, state: LogState, *, durable: bool) -> None:
        """Keep `state`: with the next commit, or before this returns when `durable`."""

    def keep_notice(self, notice: KeptNotice) -> bool:
        """Commit what VRD said; False when it is there already. Of handling the newest word stays."""

    def forget_notices(self, trusted: Collection[Address]) -> None:
        """Drop notices that none of `trusted` signed; commit."""

    def begin_epoch(self, old: LogState, fresh: LogState, rows: Sequence[Row]) -> None:
        """Make `fresh.epoch` the present one, with `rows` as its first; commit.

        The epoch file is synced before anything carries the number. The rows of `old` stay, closed.
        """


class Chance(Protocol):
    """Randomness from outside: random.Random fits."""

    def uniform(self, a: float, b: float) -> float:
        """Evenly from a to b."""

    def randbytes(self, n: int) -> bytes:
        """`n` bytes."""

    def randint(self, a: int, b: int) -> int:
        """Evenly from a to b, both included."""


class Identity(msgspec.Struct, frozen=True):
    """Who this node is and whom it believes."""

    address: Address
    network: bytes
    sign: wire.Sign
    inboxes: Mapping[Address, wire.PublicKey]

    def signed(self, envelope: bytes) -> bool:
        """Whether we signed these bytes: a card may change them, and our name must not go under that."""
        return self.sign(wire.signed_bytes(envelope, self.network)) == wire.signature_of(envelope)


class Log:
    """The messages of one node in its present epoch."""

    def __init__(self, identity: Identity, outbox: Outbox, state: LogState, chance: Chance) -> None:
        self._me = identity
        self._outbox = outbox
        self._chance = chance
        self._tokens = Tokens()
        self.state = state
        self.urgent: dict[int, bool] = {}  # open reports of urgency 1-2, and whether they have a token
        self.proofs = Proofs()

    def ledger(self, numbering: Numbering) -> Ledger:
        """Where the messages of one numbering stand."""
        return self.state.ledgers[numbering]

    def submit(self, drafts: Sequence[Draft], moment: Moment, said: Moment | None = None) -> list[Row]:
        """Number, date, sign and commit `drafts`, in one commit; returns their rows.

        They bear the time of `said`: when a person said it, if that was not now. Raises StorageError when
        the disk refuses and ValueRefused or WireError when a value does not fit its field or the whole does
        not fit a packet. Then nothing has changed.
        """
        last = {numbering: ledger.last for numbering, ledger in self.state.ledgers.items()}
        rows = [self._compose(draft, last, said or moment) for draft in drafts]
        self._outbox.append(rows)
        for draft, row in zip(drafts, rows, strict=True):
            self.ledger(row.numbering).append()
            self.note_urgent(row, moment)
            self.proofs.begin(draft, row.number, moment.elapsed_s)
        return rows

    def note_urgent(self, row: Row, moment: Moment) -> None:
        """Let an open report of urgency 1 or 2 go before the others, while its tokens last."""
        if row.numbering is Numbering.REPORT and row.urgency <= Urgency.URGENT:
            self.urgent[row.number] = self._tokens.take(moment.elapsed_s)

    def settle_urgent(self) -> None:
        """Forget urgent reports that are no longer open."""
        still = self.ledger(Numbering.REPORT).open()
        self.urgent = {number: token for number, token in self.urgent.items() if number in still}

    def _compose(self, draft: Draft, last: dict[Numbering, int], moment: Moment) -> Row:
        numbering = numbering_of(draft.kind)
        if numbering is None:
            raise WireError(f"a {draft.kind.name} is not kept in the outbox")
        last[numbering] += 1
        header = self.header(draft.kind, last[numbering], moment, draft)
        status = None
        if draft.kind is Kind.STATUS:
            status = (last[Numbering.REPORT], draft.next_due_min, self.state.inbox.sequence)
        payload = payloads.message_payload(draft.values, status=status)
        if len(payload) > wire.PAYLOAD_BYTES_MAX:  # it must fit under a later epoch and number, too
            raise WireError(f"{len(payload)} bytes of payload do not fit {wire.PAYLOAD_BYTES_MAX}")
        envelope = wire.sign(header, payload, self._me.network, self._me.sign)
        return Row(numbering, header.number, draft.urgency, moment.boot, int(moment.elapsed_s), envelope)

    def header(self, kind: Kind, number: int, moment: Moment, draft: Draft | None = None) -> Header:
        """A header of this node at `moment`, by the best clock there is."""
        time, clock = self.state.inbox.time(moment)
        return Header(
            kind,
            self._me.address,
            draft.urgency if draft else Urgency.INFORMATION,
            clock,
            draft.confidence if draft else 0,
            draft.exercise if draft else False,
            False,
            self.state.epoch,
            number,
            time,
            0,
        )

    def rows(self, numbering: Numbering, first: int, last: int) -> Iterator[Row]:
        """The rows first..last, read in pieces as they are asked for."""
        while first <= last:
            rows = self._outbox.read(numbering, first, last)
            yield from rows
            if len(rows) < READ_ROWS_MAX:
                return
            first = rows[-1].number + 1

    def age_s(self, row: Row, moment: Moment) -> int | None:
        """Seconds since it was composed; None when power was lost since: that time is not known."""
        return max(0, int(moment.elapsed_s) - row.elapsed_s) if row.boot == moment.boot else None

    def signature(self, numbering: Numbering, number: int) -> bytes | None:
        """The signature of one message; None for number 0 and where the row is gone."""
        return self._outbox.signature(numbering, number) if number else None

    def keep_notice(self, notice: KeptNotice) -> bool:
        """See Outbox.keep_notice."""
        return self._outbox.keep_notice(notice)

    def forget_notices(self, trusted: Collection[Address]) -> None:
        """See Outbox.forget_notices."""
        self._outbox.forget_notices(trusted)

    def save(self, *, durable: bool) -> None:
        """Keep what the inbox said: with the next commit, or now when `durable`."""
        self._outbox.save(self.state, durable=durable)

    def begin_epoch(self, above: int, moment: Moment) -> int:
        """Begin an epoch above `above`, issue again every report without a receipt; returns how many.

        Raises StorageError; then nothing has changed.
        """
        old = self.ledger(Numbering.REPORT)
        open_rows = [row for run in old.open() for row in self.rows(Numbering.REPORT, *run)]
        epoch = max(above, self.state.epoch) + 1 + self._chance.randint(0, EPOCH_STEP_MAX)
        rows = self._reissued(open_rows, epoch, 1)
        ledgers = {Numbering.REPORT: Ledger(len(rows)), Numbering.STATE: Ledger()}
        fresh = LogState(epoch, ledgers, self.state.inbox, self.state.believed_epoch)
        reissued = Ledger.restore(old.snapshot(), old.last)
        for run in old.open():
            reissued.apply(Event.REISSUE, *run)
        ended = {**self.state.ledgers, Numbering.REPORT: reissued}
        closed = LogState(self.state.epoch, ended, self.state.inbox, self.state.believed_epoch)
        self._outbox.begin_epoch(closed, fresh, rows)
        self.state = fresh
        self.urgent.clear()
        self.proofs.clear()
        for row in rows:
            self.note_urgent(row, moment)
        return len(rows)

    def reissue(self, old: Sequence[Row], moment: Moment) -> list[Row]:
        """Commit reports of an earlier epoch again, under new numbers of the present one."""
        rows = self._reissued(old, self.state.epoch, self.ledger(Numbering.REPORT).last + 1)
        if rows:
            self._outbox.append(rows)
        for row in rows:
            self.ledger(Numbering.REPORT).append()
            self.note_urgent(row, moment)
        return rows

    def _reissued(self, rows: Iterable[Row], epoch: int, first: int) -> list[Row]:
        """The same reports, with the same times, under new numbers and signatures."""
        sound = (row for row in rows if self._me.signed(row.envelope))
        return [self._reissue(row, epoch, number) for number, row in enumerate(sound, first)]

    def _reissue(self, row: Row, epoch: int, number: int) -> Row:
        """The same report, with the same time, under a new number and signature."""
        header = wire.parse_header(row.envelope)
        payload = row.envelope[header.payload_at : -wire.SIGNATURE_BYTES]
        fresh = msgspec.structs.replace(header, epoch=epoch, number=number)
        envelope = wire.sign(fresh, payload, self._me.network, self._me.sign)
        return Row(Numbering.REPORT, number, row.urgency, row.boot, row.elapsed_s, envelope)
