"""What this node read from a stick for others, on its own disk until the inbox vouches for it.

One file a segment, whole batches, so that the card is written once for each stick and not for each message.
What has a receipt is noted in memory; a segment of which all has one goes. Nothing here was verified: a node
does not know its neighbours' keys. So all is bounded, and what the inbox has twice not wanted waits for hours
and is the first to make room. Refusing is safe: the stick stays the carrier.

    <state>/courier/<rank>-<number>     0 urgent reports, 1 other reports, 2 statuses
    <state>/courier/word-<address>      what the inbox said of them, to go back by stick
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from relay import files
from relay.core import wire
from relay.core.courier import CARRIED, Word, aged
from relay.core.message import (
    Entry,
    Header,
    History,
    Moment,
    Numbering,
    Receipt,
    Urgency,
    numbering_of,
)
from relay.core.papers import PAPER_KINDS
from relay.core.ranges import Ranges
from relay.core.receipts import held_reports
from relay.errors import WireError
from relay.links.courier import pieces
from relay.node.courier_words import WordFiles
from relay.node.courier_work import FOLDER

BYTES_MAX = 4 * 1024 * 1024
SEGMENT_BYTES = 32 * 1024
KEPT_S = 30 * 86_400  # of this node's own running
TRIES_MAX = 2
UNWANTED_S = 6 * 3600.0
URGENT_RANK, REPORT_RANK, STATUS_RANK = range(3)

Log = tuple[bytes, int, Numbering]  # address, epoch and numbering


class _File(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A segment as it is on disk: when it was read, by this node's own running time, and what."""

    boot: int
    elapsed_s: int
    entries: list[Entry]


class _Segment(msgspec.Struct):
    size_bytes: int
    elapsed_s: int
    left: dict[Log, Ranges]  # what has no receipt yet
    keys: set[bytes]
    papers: bool = False  # in it: no receipt ever names one, so they are shown once
    sent: bool = False
    tries: int = 0
    again_s: float = 0.0  # not before this


class Taken(msgspec.Struct):
    """What became of a batch: taken, here already, no room for."""

    taken: int = 0
    known: int = 0
    full: int = 0


class CarriedStore:
    """Of one node; the methods that write raise StorageError."""

    def __init__(self, state: Path, now: Moment) -> None:
        """Reads what is there; what can't be read goes. Never fails for the disk's sake."""
        self._folder = state / FOLDER
        self._segments: dict[str, _Segment] = {}
        self._next = 1
        self.words = WordFiles(self._folder)
        for path in sorted(self._folder.glob("[012]-*")):
            self._next = max(self._next, _number(path) + 1)
            found = _load(path)
            # the running time may go back a little with a restart, to the newest message
            if found and now.elapsed_s - found.elapsed_s < KEPT_S:
                self._segments[path.name] = _segment(found.entries, path.stat().st_size, found.elapsed_s)
            else:
                _unlink(path)

    def __len__(self) -> int:
        """How many messages wait for a receipt."""
        return sum(len(ranges) for each in self._segments.values() for ranges in each.left.values())

    @property
    def size_bytes(self) -> int:
        """What they take on disk."""
        return sum(each.size_bytes for each in self._segments.values())

    # --- in ---

    def take(self, entries: Iterable[Entry], moment: Moment) -> Taken:
        """Keep what is not here yet; on disk when this returns."""
        done = Taken()
        known = set().union(*(each.keys for each in self._segments.values()))
        fresh: dict[int, list[Entry]] = {}
        for entry in entries:
            key = _key(entry.envelope)
            if key in known:
                done.known += 1
                continue
            known.add(key)
            fresh.setdefault(_rank(wire.parse_header(entry.envelope)), []).append(entry)
        for rank, those in sorted(fresh.items()):
            for piece in pieces(those, _size, SEGMENT_BYTES):
                if self._keep(rank, piece, moment):
                    done.taken += sum(
                        wire.parse_header(each.envelope).kind not in PAPER_KINDS for each in piece
                    )
                else:
                    done.full += len(piece)
        return done

    def _keep(self, rank: int, entries: list[Entry], moment: Moment) -> bool:
        data = msgspec.msgpack.encode(_File(moment.boot, int(moment.elapsed_s), entries))
        if not self._make_room(rank, len(data)):
            return False
        files.make_folder(self._folder, 0o700)
        name = f"{rank}-{self._next:08d}"
        files.replace(self._folder / name, data, files.PRIVATE)
        self._next += 1
        self._segments[name] = _segment(entries, len(data), int(moment.elapsed_s))
        return True

    def _make_room(self, rank: int, size_bytes: int) -> bool:
        """What nobody wanted goes first, then what is less urgent than `rank`, the oldest of it."""
        others = [name for name, each in self._segments.items() if each.tries >= TRIES_MAX]
        others += sorted(name for name in self._segments if int(name[0]) > rank and name not in others)
        while self.size_bytes + size_bytes > BYTES_MAX and others:
            self._drop(others.pop(0))
        return self.size_bytes + size_bytes <= BYTES_MAX

    def _drop(self, name: str) -> None:
        del self._segments[name]
        _unlink(self._folder / name)

    # --- out ---

    def next_segment(self, moment: Moment) -> tuple[str, list[Entry]] | None:
        """The name and messages of the segment that should go to the inbox now; the urgent first."""
        for name in sorted(self._segments):
            segment = self._segments[name]
            if segment.again_s <= moment.elapsed_s:
                segment.sent = True
                if entries := list(self._open(name, moment)):
                    return name, entries
                self._drop(name)
        return None

    def has(self, name: str) -> bool:
        """Whether any message of a segment still waits for a receipt."""
        return name in self._segments and any(self._segments[name].left.values())

    def tried(self, name: str, moment: Moment) -> None:
        """A segment went to the inbox, which had the time to answer."""
        segment = self._segments.get(name)
        if segment:
            segment.tries += 1
            if segment.tries >= TRIES_MAX:
                segment.again_s = moment.elapsed_s + UNWANTED_S

    def open(self, moment: Moment) -> Iterator[Entry]:
        """Every message without a receipt, the urgent first, read as it is asked for."""
        for name in sorted(self._segments):
            if name in self._segments:
                yield from self._open(name, moment)

    def _open(self, name: str, moment: Moment) -> Iterator[Entry]:
        found = _load(self._folder / name)
        if found is None:
            return
        more_s = max(0, int(moment.elapsed_s) - found.elapsed_s) if found.boot == moment.boot else None
        left = self._segments[name].left
        for entry in found.entries:
            header = wire.parse_header(entry.envelope)
            if header.kind in PAPER_KINDS:
                yield Entry(entry.envelope)  # says itself what it is worth, however it came
            elif header.number in left.get(_log(header), ()):
                yield Entry(entry.envelope, aged(entry.age_s, more_s), CARRIED)

    # --- receipts ---

    def forget(self, refuses: Callable[[bytes], bool]) -> None:
        """Let go of what was signed by keys that were revoked."""
        for segment in self._segments.values():
            for log in [log for log in segment.left if refuses(log[0])]:
                del segment.left[log]

    def settle(self, words: Sequence[Word]) -> int:
        """Let go of what the inbox vouches for, and keep its word for the way back; how many that were.

        Of statuses exactly those that it names: their history is carried, too.
        """
        covered = 0
        for envelope, said in words:
            for log, runs in _vouched(said):
                gone = sum(_take_out(each.left.get(log), runs) for each in self._segments.values())
                if gone:
                    self.words.keep(log[0], envelope, said)
                covered += gone
        for name in [name for name, each in self._segments.items() if _is_done(each)]:
            self._drop(name)
        if covered:
            self.words.write()
        return covered


def _vouched(said: object) -> Iterator[tuple[Log, list[tuple[int, int]]]]:
    if isinstance(said, History):
        yield (said.address, said.epoch, said.numbering), [(max(1, a), b) for a, b in said.runs]
    elif isinstance(said, Receipt):
        for entry in said.entries:
            yield (entry.address, entry.epoch, Numbering.REPORT), held_reports(entry)
            if entry.state:
                yield (entry.address, entry.epoch, Numbering.STATE), [(entry.state, entry.state)]


def _is_done(segment: _Segment) -> bool:
    return not any(segment.left.values()) and (segment.sent or not segment.papers)


def _take_out(left: Ranges | None, runs: Iterable[tuple[int, int]]) -> int:
    if not left:
        return 0
    before = len(left)
    for run in runs:
        left.remove(*run)
    return before - len(left)


def _segment(entries: Sequence[Entry], size_bytes: int, elapsed_s: int) -> _Segment:
    segment = _Segment(size_bytes, elapsed_s, {}, set())
    for entry in entries:
        header = wire.parse_header(entry.envelope)
        segment.keys.add(_key(entry.envelope))
        if header.kind in PAPER_KINDS:
            segment.papers = True
        else:
            segment.left.setdefault(_log(header), Ranges()).add(header.number)
    return segment


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):  # on a card that takes no writes it stays, and is known for what it is
        path.unlink(missing_ok=True)


def _load(path: Path) -> _File | None:
    try:
        found = msgspec.msgpack.decode(path.read_bytes(), type=_File)
        for entry in found.entries:
            wire.parse_header(entry.envelope)
    except (OSError, ValueError, RecursionError, WireError):
        return None
    return found


def _log(header: Header) -> Log:
    """A kind that this version does not know is carried as a report."""
    return header.address, header.epoch, numbering_of(header.kind) or Numbering.REPORT


def _rank(header: Header) -> int:
    if _log(header)[2] is Numbering.STATE:
        return STATUS_RANK
    return URGENT_RANK if header.urgency <= Urgency.URGENT else REPORT_RANK


def _size(entry: Entry) -> int:
    return len(entry.envelope) + wire.ENTRY_OVERHEAD_BYTES


def _key(envelope: bytes) -> bytes:
    return hashlib.blake2b(envelope, digest_size=8).digest()


def _number(path: Path) -> int:
    digits = path.name[2:]
    return int(digits) if digits.isdecimal() else 0
