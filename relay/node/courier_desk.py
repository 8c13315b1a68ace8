"""What a node reads from a stick, and what it writes on one. Synchronous, on the station's thread.

The daemon keeps its outbox to itself (SQLite's exclusive lock: no shared memory through a file, see
relay/database), so nobody can read it beside it: `naober stick` asks the daemon, batch by batch, and uses
this very class when no daemon runs. What is written is all that has no receipt: this node's own, what it
heard by radio, and what it carries for others already. Writing marks nothing as sent: only a receipt ends a
duty.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from relay.core import wire
from relay.core.courier import COURIER, as_carried, waited_s
from relay.core.events import Event, Junk, Receipted, RosterChanged
from relay.core.ledger import State
from relay.core.message import Clock, Entry, Header, Kind, Numbering, Urgency, is_from_inbox, numbering_of
from relay.core.papers import PAPER_KINDS
from relay.core.schedule import Class
from relay.errors import NaoberError, StorageError, Text, WireError
from relay.links.courier import pieces
from relay.node.courier_qr import courier_codes
from relay.node.courier_store import CarriedStore
from relay.node.station import Station

EXPORT_BYTES_MAX = 32 * 1024 * 1024  # on one stick at once; the urgent and the newest are at the front
BOUND = frozenset((Kind.HELLO, Kind.TEST, Kind.ENROLMENT_REQUEST))  # to a link, or no message


class Read(msgspec.Struct):
    """What one batch from a stick brought."""

    reports: int = 0  # of this node that VRD is now known to have
    statuses: int = 0
    taken: int = 0  # for others, and on disk here
    known: int = 0  # here already, or our own
    full: int = 0  # no room: it stays on the stick
    junk: int = 0
    papers: int = 0  # grants and roster changes that were news


class Desk:
    """Of one station. `read` and `next_batch` raise StorageError when the disk refuses."""

    def __init__(self, station: Station, state: Path, address: bytes) -> None:
        """`state` is the folder of the outbox."""
        self.station = station
        self.address = address
        self.carried = CarriedStore(state, station.moment())
        self.events: list[Event] = []  # for whoever logs; it takes them out
        self._batches: Iterator[bytes] = iter(())
        self._ticket = 0
        self._roster = 0  # the version by which what is carried was judged

    # --- in ---

    def read(self, frame: bytes, written_s: int | None) -> Read:
        """Take in one batch that lay on a stick since `written_s` (None: not known)."""
        done = Read()
        try:
            entries = wire.decode_batch(frame)
        except WireError:
            return Read(junk=1)
        said: list[Entry] = []
        others: list[Entry] = []
        for entry in entries:
            try:
                header = wire.parse_header(entry.envelope)
            except WireError:
                done.junk += 1
                continue
            if is_from_inbox(header.kind) or header.kind == Kind.ROSTER_CHANGE:
                said.append(entry)
            elif self._is_for_others(header, entry.envelope):
                others.append(entry)
            else:
                done.known += 1
        self._hear(said, done)
        self._carry(as_carried(others, waited_s(written_s, self.clock_s())), done)
        return done

    def read_papers(self, frame: bytes) -> Read:
        """Take in what authorities signed; what none of ours did is junk."""
        events = self.station.receive(COURIER, frame)
        self.events += events
        news = sum(isinstance(event, RosterChanged) for event in events)
        return Read(papers=news, junk=sum(isinstance(event, Junk) for event in events))

    def _is_for_others(self, header: Header, envelope: bytes) -> bool:
        """Not what this node has itself, nor what goes by no stick or for nobody any more."""
        if header.kind in BOUND or self.station.forwarder.papers.refuses(header.address):
            return False
        if len(envelope) > wire.ENVELOPE_BYTES_MAX and header.kind not in PAPER_KINDS:
            return False
        return header.address != self.address or not self._is_here(header, envelope)

    def _is_here(self, header: Header, envelope: bytes) -> bool:
        """Whether our own log has this message, or has its receipt: what was given up lives on the stick."""
        log, numbering = self.station.forwarder.log, numbering_of(header.kind)
        if numbering is None or header.epoch != log.state.epoch:
            return False
        ledger = log.ledger(numbering)
        if not 1 <= header.number <= ledger.last:
            return False
        if ledger.state_of(header.number) is State.RECEIPTED:
            return True
        return log.signature(numbering, header.number) == wire.signature_of(envelope)

    def _hear(self, said: list[Entry], done: Read) -> None:
        if not said:
            return
        events = self.station.receive(COURIER, wire.encode_batch(said))
        self.events += events
        for event in events:
            if isinstance(event, Receipted):
                count = event.last - event.first + 1
                if event.numbering is Numbering.REPORT:
                    done.reports += count
                else:
                    done.statuses += count
        self.settle()

    def _carry(self, others: list[Entry], done: Read) -> None:
        if not others:
            return
        try:
            went = self.carried.take(others, self.station.moment())
        except StorageError:
            done.full += len(others)
            return
        done.taken += went.taken
        done.known += went.known
        done.full += went.full

    def settle(self) -> int:
        """Let go of what the inbox vouched for of late; how many messages that were."""
        papers = self.station.forwarder.papers
        if papers.version != self._roster:
            self._roster = papers.version
            self.carried.forget(papers.refuses)
        words = self.station.forwarder.heard.words.take()
        try:
            return self.carried.settle(words)
        except StorageError:
            return 0  # its word is kept in memory

    # --- out ---

    def clock_s(self) -> int | None:
        """Seconds since 2025, if this node's clock is worth it."""
        time, clock = self.station.forwarder.state.inbox.time(self.station.moment())
        return None if clock is Clock.NONE else time

    def begin(self) -> int:
        """Begin to write all that has no receipt anew; the ticket to ask for it with."""
        self.settle()
        self._ticket += 1
        self._batches = _batches(_led_by(self.station.forwarder.papers.grant, self._entries()))
        return self._ticket

    def next_batch(self, ticket: int) -> bytes:
        """The next batch; empty at the end. Raises StorageError when another began meanwhile."""
        if ticket != self._ticket:
            raise StorageError(
                Text("Een andere stick wordt al geschreven", "Another stick is being written"),
                Text("Herhaal dit zo meteen", "Repeat this in a moment"),
                code="busy",
            )
        return next(self._batches, b"")

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A question of `naober stick`, as it comes through the control socket. Bytes are base64."""
        verb = request["verb"]
        if verb == "stick_read":
            written = request.get("written_s")
            frame = binascii.a2b_base64(request["frame"], strict_mode=True)
            return msgspec.structs.asdict(self.read(frame, None if written is None else int(written)))
        if verb == "stick_papers":
            return msgspec.structs.asdict(
                self.read_papers(binascii.a2b_base64(request["frame"], strict_mode=True))
            )
        if verb == "stick_begin":
            trouble = self.station.storage
            return {
                "ticket": self.begin(),
                "address": self.address.hex(),
                "epoch": self.station.forwarder.state.epoch,
                "written_s": self.clock_s(),
                "memory_only": trouble.what._asdict() if trouble else None,
            }
        if verb == "stick_next":
            return {"frame": _text(self.next_batch(int(request["ticket"])))}
        if verb == "stick_words":
            self.settle()
            return {"addresses": [address.hex() for address in self.carried.words.addresses()]}
        if verb == "stick_word":
            return {"frame": _text(self.carried.words.frame(bytes.fromhex(request["address"])))}
        if verb == "stick_codes":
            return {"codes": [msgspec.structs.asdict(each) for each in courier_codes(self)]}
        raise NaoberError(Text(f"Onbekende vraag: {verb}", f"Unknown question: {verb}"))

    def _entries(self) -> Iterator[Entry]:
        """What waits, then history."""
        yield from self.waiting()
        states = self.station.forwarder.log.ledger(Numbering.STATE)
        yield from self._own(Numbering.STATE, states.open().runs(1, states.last - 1))

    def waiting(self) -> Iterator[Entry]:
        """Urgent reports, the newest status, the other reports, then what is others'."""
        forwarder, moment = self.station.forwarder, self.station.moment()
        reports = forwarder.log.ledger(Numbering.REPORT).open()
        states = forwarder.log.ledger(Numbering.STATE)
        newest = states.last
        yield from self._own(Numbering.REPORT, reports.runs(), urgent=True)
        yield from self._own(Numbering.STATE, states.open().runs(newest, newest) if newest else [])
        yield from self._own(Numbering.REPORT, reports.runs(), urgent=False)
        for source in forwarder.heard.sources(set(), moment.elapsed_s):
            for rank in (Class.URGENT, Class.REPORT, Class.NEWEST):
                for offer in source.offers(rank):
                    yield offer.entry
        yield from self.carried.open(moment)

    def _own(
        self, numbering: Numbering, runs: Iterable[tuple[int, int]], urgent: bool | None = None
    ) -> Iterator[Entry]:
        log, moment = self.station.forwarder.log, self.station.moment()
        for run in runs:
            for row in log.rows(numbering, *run):
                is_urgent = row.urgency <= Urgency.URGENT
                if urgent in (None, is_urgent) and wire.parse_header(row.envelope).kind != Kind.TEST:
                    yield Entry(row.envelope, log.age_s(row, moment))


def _text(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _batches(entries: Iterable[Entry]) -> Iterator[bytes]:
    """As few as hold all, within what one stick takes."""
    for piece in pieces(_within(entries, EXPORT_BYTES_MAX), _size):
        yield wire.encode_batch(piece)


def _led_by(grant: bytes, entries: Iterator[Entry]) -> Iterator[Entry]:
    """Our grant before all else, if there is anything: an inbox that does not know us learns who we are."""
    for number, entry in enumerate(entries):
        if not number and grant:
            yield Entry(grant)
        yield entry


def _within(entries: Iterable[Entry], most: int) -> Iterator[Entry]:
    for entry in entries:
        most -= _size(entry)
        if most < 0:
            return
        yield entry


def _size(entry: Entry) -> int:
    return len(entry.envelope) + wire.ENTRY_OVERHEAD_BYTES
