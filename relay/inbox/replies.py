"""The inbox's signed word: receipts, histories, and its presence."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import msgspec

from relay.core import payloads, wire
from relay.core.fields import Value
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
from relay.errors import WireError
from relay.inbox.store import Arrival, LogKey, Store

RECEIPT_BASE_BYTES = 2  # length of the nonce, advice
RECEIPT_ENTRIES_BYTES_MAX = wire.PAYLOAD_BYTES_MAX - RECEIPT_BASE_BYTES - wire.NONCE_BYTES  # a radio packet
AIR_ENTRIES_BYTES_MAX = wire.PAYLOAD_BYTES_MAX - RECEIPT_BASE_BYTES  # without a nonce
FRAME_BYTES_MAX = 64 * 1024
HISTORY_RUNS_TOLD_MAX = 512  # of one numbering at once


class OnAir(msgspec.Struct, frozen=True):
    """One receipt for the air: whom it names, under which sequence, and the batch for its gateway."""

    addresses: tuple[Address, ...]
    sequence: int
    frame: bytes


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
        self.advised_min = 0.0  # between two statuses by radio; 0: no advice
        self._time = (0, Clock.NONE)

    def start_epoch(self, epoch: int) -> None:
        """Sign for this one from now on: a higher one."""
        self.epoch, self.sequence = epoch, 0

    def begin(self, arrival: Arrival, clock: Clock) -> None:
        """Take the time for the replies that follow."""
        seconds = max(0, arrival.unix_s - wire.EPOCH_2025_UNIX_S)
        self._time = (min(seconds, 2**32 - 1), clock)

    def presence(self, arrival: Arrival, clock: Clock) -> bytes:
        """A receipt without entries: this inbox is here, in this epoch."""
        self.begin(arrival, clock)
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
        return _frames(envelopes)

    def to_air(self, addresses: Sequence[Address], *, urgent: bool) -> list[OnAir]:
        """What a gateway is to transmit: the newest epoch of each node, in as few packets as fit."""
        keys = [(each, self._store.newest_epoch(each)) for each in addresses]
        urgency = Urgency.URGENT if urgent else Urgency.INFORMATION
        said = []
        for piece in self._pieces(keys, AIR_ENTRIES_BYTES_MAX):
            frame = wire.encode_batch([Entry(self._receipt(b"", piece, urgency))])
            said.append(OnAir(tuple(entry.address for entry in piece), self.sequence, frame))
        return said

    def to_stick(self, address: Address, epochs: Sequence[int]) -> bytes:
        """All that is held of some epochs of one node, and of its newest, as a batch to be carried back.

        Empty when nothing is. The newest epoch stands first; what does not fit is left out.
        """
        newest = self._store.newest_epoch(address)
        held = [(address, epoch) for epoch in dict.fromkeys([newest, *epochs]) if epoch <= newest]
        held = [key for key in held if any(self._held(key, each, 1, wire.NUMBER_MAX) for each in Numbering)]
        if not held or self.muted:
            return b""
        envelopes = self._receipts(b"", held)
        for key in held:
            for numbering in Numbering:
                if self._needs_history(key, numbering, [1, wire.NUMBER_MAX]):
                    runs = self._held(key, numbering, 1, wire.NUMBER_MAX)
                    envelopes += self._histories(key, numbering, runs)
        return _frames(envelopes)[0]

    def to_hellos(self, hellos: Sequence[Hello]) -> list[bytes]:
        """Proof for each hello, with all that is held of its log and of any newer epoch of its node."""
        return [] if self.muted else [frame for hello in hellos for frame in self._to_hello(hello)]

    def _to_hello(self, hello: Hello) -> list[bytes]:
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
        return _frames(envelopes)

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
        """As few as fit; the last answers `nonce`."""
        pieces = self._pieces(keys, RECEIPT_ENTRIES_BYTES_MAX)
        return [self._receipt(nonce if piece is pieces[-1] else b"", piece) for piece in pieces]

    def _pieces(self, keys: Sequence[LogKey], most_bytes: int) -> list[list[ReceiptEntry]]:
        pieces: list[list[ReceiptEntry]] = [[]]
        room = most_bytes
        for key in keys:
            entry = self._entry(key)
            size = len(payloads.receipt_payload(b"", 0.0, [entry])) - RECEIPT_BASE_BYTES
            if size > room:
                pieces.append([])
                room = most_bytes
            pieces[-1].append(entry)
            room -= size
        return pieces

    def _entry(self, key: LogKey) -> ReceiptEntry:
        holding = self._store.holding(*key)
        report, state = holding.vouched()
        signatures = (
            self._store.signature(key, Numbering.REPORT, report) if report else None,
            self._store.signature(key, Numbering.STATE, state) if state else None,
        )
        return holding.entry(*key, check_of(signatures))

    def _receipt(
        self, nonce: bytes, entries: Sequence[ReceiptEntry], urgency: Urgency = Urgency.INFORMATION
    ) -> bytes:
        return self._envelope(
            Kind.RECEIPT, payloads.receipt_payload(nonce, self.advised_min, entries), urgency
        )

    def _histories(self, key: LogKey, numbering: Numbering, runs: Sequence[Run]) -> list[bytes]:
        """The newest runs; what is left out is sent once more, no worse."""
        most = payloads.HISTORY_RUNS_MAX
        signed = [
            (run, self._store.signature(key, numbering, run[1])) for run in runs[-HISTORY_RUNS_TOLD_MAX:]
        ]
        if numbering is Numbering.STATE:  # past retention nothing vouches for a run, and the check would fail
            signed = [each for each in signed if each[1]]
        envelopes = []
        for start in range(0, len(signed), most):
            piece = signed[start : start + most]
            check = check_of(signature for _, signature in piece)
            payload = payloads.history_payload(*key, numbering, [run for run, _ in piece], check)
            envelopes.append(self._envelope(Kind.HISTORY, payload))
        return envelopes

    def notice(
        self, to: Sequence[Address], values: Mapping[str, Value], urgency: Urgency, *, exercise: bool
    ) -> tuple[bytes, int]:
        """A notice to these nodes, or to all, and its sequence. Raises WireError for one that is too long."""
        payload = payloads.notice_payload(to, values)
        return self._envelope(Kind.NOTICE, payload, urgency, exercise=exercise), self.sequence

    def _envelope(
        self,
        kind: Kind,
        payload: bytes,
        urgency: Urgency = Urgency.INFORMATION,
        *,
        exercise: bool = False,
    ) -> bytes:
        self.sequence += 1
        time, clock = self._time
        header = Header(
            kind,
            self._address,
            urgency,
            clock,
            0,
            exercise,
            False,
            self.epoch,
            self.sequence,
            time,
            0,
        )
        return wire.sign(header, payload, self._network, self._sign)


def _frames(envelopes: Sequence[bytes]) -> list[bytes]:
    """All of them in their order, in as few frames as nodes and brokers take."""
    pieces: list[list[Entry]] = [[]]
    room = FRAME_BYTES_MAX
    for envelope in envelopes:
        size = len(envelope) + wire.ENTRY_OVERHEAD_BYTES
        if size > room:
            pieces.append([])
            room = FRAME_BYTES_MAX
        pieces[-1].append(Entry(envelope))
        room -= size
    return [wire.encode_batch(piece) for piece in pieces]


def announced_epoch(frame: bytes, address: Address, network: bytes, key: wire.PublicKey) -> int:
    """The epoch in which an inbox with this key says that it is there; 0 when it does not."""
    epoch = 0
    with contextlib.suppress(WireError):
        for entry in wire.decode_batch(frame):
            header = wire.parse_header(entry.envelope)
            is_receipt = header.kind == Kind.RECEIPT and header.address == address
            if is_receipt and wire.is_authentic(entry.envelope, network, key):
                epoch = max(epoch, header.epoch)
    return epoch
