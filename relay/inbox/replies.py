"""The inbox's signed word: receipts, histories, and its presence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relay.core import payloads, wire
from relay.core.message import (
    Address,
    Clock,
    Entry,
    Header,
    Hello,
    Kind,
    Numbering,
    ReceiptEntry,
    Urgency,
)
from relay.core.ranges import Run
from relay.core.receipts import BITMAP_BITS, check_of
from relay.inbox.store import Arrival, LogKey, Store

ENTRIES_PER_RECEIPT_MAX = 10  # fits one radio packet with the largest numbers
HISTORIES_PER_HELLO_MAX = 8


class Replies:
    """Signs for one inbox epoch; the sequence never repeats within it."""

    def __init__(self, store: Store, address: Address, network: bytes, sign: wire.Sign, epoch: int) -> None:
        self._store = store
        self._address = address
        self._network = network
        self._sign = sign
        self.epoch = epoch
        self.sequence = 0
        self.muted = False  # a standby, or an inbox that another has taken over from
        self._time = (0, Clock.NONE)

    def begin(self, arrival: Arrival, clock: Clock) -> None:
        """Take the time for the replies that follow."""
        seconds = max(0, arrival.unix_s - wire.EPOCH_2025_UNIX_S)
        self._time = (min(seconds, 2**32 - 1), clock)

    def presence(self) -> bytes:
        """A receipt without entries: this inbox is here, in this epoch."""
        return wire.encode_batch([Entry(self._receipt(b"", []))])

    def to_batch(self, touched: Mapping[LogKey, Mapping[Numbering, Sequence[int]]]) -> list[bytes]:
        """Receipts for the logs of one batch, and histories for what a receipt alone can't name."""
        if not touched or self.muted:
            return []
        envelopes = self._receipts(b"", list(touched))
        for key, numbers in touched.items():
            for numbering, those in numbers.items():
                if self._needs_history(key, numbering, those):
                    held = self._held(key, numbering, min(those), max(those))
                    envelopes += self._histories(key, numbering, held)
        return [wire.encode_batch([Entry(envelope) for envelope in envelopes])]

    def to_hellos(self, hellos: Sequence[Hello]) -> list[bytes]:
        """Proof for each hello, with all that is held of its log and of any newer epoch of its node."""
        return [] if self.muted else [self._to_hello(hello) for hello in hellos]

    def _to_hello(self, hello: Hello) -> bytes:
        address = hello.header.address
        keys = [(address, hello.header.epoch)]
        newest = self._store.newest_epoch(address)
        if newest > hello.header.epoch:
            keys.append((address, newest))
        envelopes = self._receipts(hello.nonce, keys)
        for numbering in Numbering:
            if self._needs_history(keys[0], numbering, [1, wire.NUMBER_MAX]):
                held = self._held(keys[0], numbering, 1, wire.NUMBER_MAX)
                envelopes += self._histories(keys[0], numbering, held)
        return wire.encode_batch([Entry(envelope) for envelope in envelopes])

    def _needs_history(self, key: LogKey, numbering: Numbering, numbers: Sequence[int]) -> bool:
        """Whether a receipt entry leaves any of `numbers` unsaid."""
        holding = self._store.holding(*key)
        if numbering is Numbering.STATE:
            return bool(holding.states) and min(numbers) < holding.states.last
        return max(numbers) > holding.reports.upto + 1 + BITMAP_BITS < holding.reports.last

    def _held(self, key: LogKey, numbering: Numbering, low: int, high: int) -> list[Run]:
        holding = self._store.holding(*key)
        ranges = holding.states if numbering is Numbering.STATE else holding.reports
        return ranges.runs(low, high)

    def _receipts(self, nonce: bytes, keys: Sequence[LogKey]) -> list[bytes]:
        entries = [self._entry(key) for key in keys]
        pieces = [
            entries[start : start + ENTRIES_PER_RECEIPT_MAX]
            for start in range(0, len(entries), ENTRIES_PER_RECEIPT_MAX)
        ]
        return [self._receipt(nonce if piece is pieces[-1] else b"", piece) for piece in pieces]

    def _entry(self, key: LogKey) -> ReceiptEntry:
        holding = self._store.holding(*key)
        report, state = holding.vouched()
        signatures = (
            self._store.signature(key, Numbering.REPORT, report) if report else None,
            self._store.signature(key, Numbering.STATE, state) if state else None,
        )
        return holding.entry(*key, check_of(signatures))

    def _receipt(self, nonce: bytes, entries: Sequence[ReceiptEntry]) -> bytes:
        return self._envelope(Kind.RECEIPT, payloads.receipt_payload(nonce, 0.0, entries))

    def _histories(self, key: LogKey, numbering: Numbering, runs: Sequence[Run]) -> list[bytes]:
        """The newest runs; what is left out is sent once more, no worse."""
        most = payloads.HISTORY_RUNS_MAX
        runs = runs[-HISTORIES_PER_HELLO_MAX * most :]
        envelopes = []
        for start in range(0, len(runs), most):
            piece = runs[start : start + most]
            check = check_of(self._store.signature(key, numbering, last) for _, last in piece)
            payload = payloads.history_payload(*key, numbering, piece, check)
            envelopes.append(self._envelope(Kind.HISTORY, payload))
        return envelopes

    def _envelope(self, kind: Kind, payload: bytes) -> bytes:
        self.sequence += 1
        time, clock = self._time
        header = Header(
            kind,
            self._address,
            Urgency.INFORMATION,
            clock,
            0,
            False,
            False,
            self.epoch,
            self.sequence,
            time,
            0,
        )
        return wire.sign(header, payload, self._network, self._sign)
