"""What is held, how it is checked, and what a receipt proves.

The inbox keeps a `Holding` for each epoch of each node and tells it in receipts. A receipt vouches for
contents, not only for numbers: its check is over the signatures of the newest report and the newest
status that it names. A node that finds another check, or numbers that it never wrote, knows that its
card is an old image or that a second card with its key is alive (`judge`).

A node keeps one `InboxView`: the newest (epoch, sequence) that it heard, so that an old receipt can't
undo a newer one, and the lowest bound on the inbox's time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import Enum

import msgspec

from relay.core.message import Address, Clock, Header, Moment, ReceiptEntry
from relay.core.ranges import Ranges, Run
from relay.core.wire import CHECK_BYTES, EPOCH_2025_UNIX_S

BITMAP_BITS = 8


def check_of(signatures: Iterable[bytes | None]) -> bytes:
    """Two bytes over `signatures`; None where a number has none."""
    return hashlib.sha256(b"".join(signature or b"" for signature in signatures)).digest()[:CHECK_BYTES]


class Holding:
    """What the inbox has of one epoch of one node. Given-up reports count as held: nothing is missing."""

    __slots__ = ("reports", "states")

    def __init__(self, reports: Ranges | None = None, states: Ranges | None = None) -> None:
        self.reports = reports or Ranges()
        self.states = states or Ranges()

    def bitmap(self) -> int:
        """Bit i stands for report upto + 2 + i: upto + 1 is missing by its nature."""
        start = self.reports.upto + 2
        bits = 0
        for first, last in self.reports.runs(start, start + BITMAP_BITS - 1):
            for number in range(first, last + 1):
                bits |= 1 << (number - start)
        return bits

    def vouched(self) -> tuple[int, int]:
        """The newest report and the newest status that an entry names."""
        return newest_report(self.reports.upto, self.bitmap()), self.states.last

    def entry(self, address: Address, epoch: int, check: bytes) -> ReceiptEntry:
        """As it goes into a receipt."""
        return ReceiptEntry(address, epoch, self.reports.upto, self.bitmap(), self.states.last, check)


def newest_report(upto: int, bitmap: int) -> int:
    """The newest report that an entry names."""
    return upto + 1 + bitmap.bit_length() if bitmap else upto


def held_reports(entry: ReceiptEntry) -> list[Run]:
    """The runs of reports that `entry` vouches for."""
    if not entry.bitmap:  # nearly always
        return [(1, entry.upto)] if entry.upto else []
    runs = Ranges([(1, entry.upto)])
    for bit in range(BITMAP_BITS):
        if entry.bitmap >> bit & 1:
            runs.add(entry.upto + 2 + bit)
    return runs.runs()


class Verdict(Enum):
    """What a receipt entry says of the log it is about."""

    MATCHES = "matches"
    CLOSED = "an epoch that has ended"
    BEYOND = "the inbox holds what this card never wrote"
    DIFFERS = "the inbox holds other contents under this card's numbers"


def judge(
    entry: ReceiptEntry,
    epoch: int,
    last: tuple[int, int],
    signatures: tuple[bytes | None, bytes | None],
) -> Verdict:
    """Compare `entry` with a log at `epoch` whose last report and status are `last`.

    `signatures` are the log's own for the two numbers that the entry names; None where the number is 0
    or its row is gone. A check over a row that is gone can't be made and counts as matching.
    """
    if entry.epoch < epoch:
        return Verdict.CLOSED
    named = (newest_report(entry.upto, entry.bitmap), entry.state)
    if entry.epoch > epoch or named[0] > last[0] or named[1] > last[1]:
        return Verdict.BEYOND
    if any(number and signature is None for number, signature in zip(named, signatures, strict=True)):
        return Verdict.MATCHES
    return Verdict.MATCHES if check_of(signatures) == entry.check else Verdict.DIFFERS


class Named(msgspec.Struct, frozen=True):
    """The newest receipt that named this node: the inbox heard it."""

    link: str  # by which the receipt came
    boot: int
    elapsed_s: float  # when it came, as in a Moment
    time: int  # by the best clock then, s since 2025; 0: there was none
    said: tuple[int, int]  # inbox epoch and sequence


class InboxView(msgspec.Struct):
    """What a node believes of its inbox; kept on disk but for the time."""

    epoch: int = 0
    sequence: int = 0
    notice_epoch: int = 0
    notice: int = 0
    ahead_s: float | None = None  # inbox unix time minus elapsed_s, at least
    boot: int = 0  # the boot in which `ahead_s` was measured
    signer: bytes = b""  # address of the inbox key that said it
    named: Named | None = None

    def is_news(self, header: Header) -> bool:
        """Whether this receipt or notice is newer than all before; takes note of it."""
        if (header.epoch, header.number) <= (self.epoch, self.sequence):
            return False
        if header.epoch != self.epoch:
            self.ahead_s = None
        self.epoch, self.sequence, self.signer = header.epoch, header.number, header.address
        return True

    def note_named(self, link: str, header: Header, moment: Moment) -> None:
        """A receipt names this node; one that came before proves nothing of now, it may be a recording."""
        said = (header.epoch, header.number)
        if said < (self.epoch, self.sequence) or (self.named and said <= self.named.said):
            return
        time, clock = self.time(moment)
        time = 0 if clock is Clock.NONE else time
        self.named = Named(link, moment.boot, moment.elapsed_s, time, said)

    def hear_time(self, header: Header, moment: Moment) -> None:
        """Delay and replay only make a receipt's time older, so the largest bound is the best."""
        if header.clock == Clock.NONE or header.epoch < self.epoch:
            return
        ahead_s = header.time + EPOCH_2025_UNIX_S - moment.elapsed_s
        if self.boot != moment.boot or self.ahead_s is None:
            self.boot, self.ahead_s = moment.boot, ahead_s
        self.ahead_s = max(self.ahead_s, ahead_s)

    def moved(self, boot: int, ours: int, shift_s: float) -> InboxView:
        """The same where another outbox counts: `boot` is `ours` there, and running time `shift_s` more."""
        ahead_s, here, named = self.ahead_s, self.boot, self.named
        if ahead_s is not None and here == boot:
            ahead_s, here = ahead_s - shift_s, ours
        if named:
            at_boot = ours if named.boot == boot else 0
            named = msgspec.structs.replace(named, boot=at_boot, elapsed_s=named.elapsed_s + shift_s)
        return msgspec.structs.replace(self, boot=here, ahead_s=ahead_s, named=named)

    def time(self, moment: Moment) -> tuple[int, Clock]:
        """The best time for a header at `moment`, and its quality."""
        if moment.clock != Clock.NONE and moment.unix_s >= EPOCH_2025_UNIX_S:
            return _bounded(moment.unix_s - EPOCH_2025_UNIX_S), moment.clock
        if self.ahead_s is not None and self.boot == moment.boot:
            return _bounded(moment.elapsed_s + self.ahead_s - EPOCH_2025_UNIX_S), Clock.INBOX
        return _bounded(moment.elapsed_s), Clock.NONE


def _bounded(seconds: float) -> int:
    return min(2**32 - 1, max(0, int(seconds)))
