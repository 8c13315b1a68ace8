"""What this node heard from others by radio and passes on over MQTT (rule 6 and "Relaying" of the design).

Everything is kept in memory only: its origin keeps it on disk until a receipt covers it, and a card must
not wear because strangers talk. Nothing here was verified, since a node does not know its neighbours'
keys; so all is bounded, one origin can't crowd out another, and the inbox judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from relay.core.courier import Words
from relay.core.message import Address, Entry, Header, Heard, Numbering, ReceiptEntry, Urgency, numbering_of
from relay.core.ranges import Ranges
from relay.core.receipts import held_reports
from relay.core.schedule import Class, Offer, Source
from relay.core.wire import signature_of

BYTES_MAX = 384 * 1024
ORIGINS_MAX = 1024
PER_ORIGIN_MAX = 32
VOUCHED_MAX = 512
UPLOADS_MAX = 2  # without a receipt: the inbox does not want it


class HeardMessage(msgspec.Struct):
    """One envelope from the air."""

    header: Header
    envelope: bytes
    heard: Heard
    age_s: int | None  # when it was heard
    at_s: float  # when that was
    serial: int = 0  # of this hearing: a repeat that is heard later is another
    uploads: int = 0

    @property
    def is_urgent(self) -> bool:
        """Whether it goes before other reports."""
        return self.numbering is Numbering.REPORT and self.header.urgency <= Urgency.URGENT

    @property
    def numbering(self) -> Numbering:
        """A kind that this version does not know is passed on as a report."""
        return numbering_of(self.header.kind) or Numbering.REPORT


class HeardStore:
    """What waits for a receipt: once each, known by its signature and by the serial number of its hearing."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.dropped = 0  # for want of room
        self.words = Words()  # of the inbox, for whoever carries messages on a stick
        self._serial = 0
        self._by_serial: dict[int, HeardMessage] = {}
        self._by_key: dict[bytes, HeardMessage] = {}
        self._by_origin: dict[Address, dict[bytes, HeardMessage]] = {}
        self._vouched: dict[Address, None] = {}  # named in receipts, so no invention of a stranger's

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, serial: object) -> bool:
        return serial in self._by_serial

    def add(self, message: HeardMessage) -> bool:
        """Keep `message`; False when it waits here already. What is full makes room for it."""
        key, origin = signature_of(message.envelope), message.header.address
        if key in self._by_key:
            return False
        ours = self._by_origin.setdefault(origin, {})
        if message.numbering is Numbering.STATE and self._is_overtaken(message, ours):
            return False
        self._serial += 1
        message.serial = self._serial
        ours[key] = self._by_key[key] = self._by_serial[message.serial] = message
        self.size_bytes += len(message.envelope)
        if len(ours) > PER_ORIGIN_MAX:
            self._drop_one(ours)
        while self.size_bytes > BYTES_MAX or len(self._by_origin) > ORIGINS_MAX:
            self._drop_one(self._by_origin[max(self._by_origin, key=self._expendable)])
        return True

    def _expendable(self, origin: Address) -> tuple[bool, int]:
        return origin not in self._vouched, len(self._by_origin[origin])

    def _is_overtaken(self, message: HeardMessage, ours: dict[bytes, HeardMessage]) -> bool:
        """Of each origin one status waits: the newest. Takes out an older one."""
        mine = (message.header.epoch, message.header.number)
        for key, other in list(ours.items()):
            if other.numbering is Numbering.STATE:
                if (other.header.epoch, other.header.number) > mine:
                    return True
                self._remove(key)
        self._by_origin.setdefault(message.header.address, ours)
        return False

    def _drop_one(self, among: dict[bytes, HeardMessage]) -> None:
        """The oldest status, else the oldest of the least urgent reports."""
        key = max(among, key=lambda each: (among[each].numbering, among[each].header.urgency))
        self._remove(key)
        self.dropped += 1

    def _remove(self, key: bytes) -> None:
        message = self._by_key.pop(key)
        del self._by_serial[message.serial]
        self.size_bytes -= len(message.envelope)
        ours = self._by_origin[message.header.address]
        del ours[key]
        if not ours:
            del self._by_origin[message.header.address]

    def get(self, key: bytes) -> HeardMessage | None:
        """What waits under a signature."""
        return self._by_key.get(key)

    def cover(self, entry: ReceiptEntry) -> bool:
        """Let go of what the inbox vouches for; whether there was any."""
        if len(self._vouched) < VOUCHED_MAX:
            self._vouched[entry.address] = None
        theirs = self._by_origin.get(entry.address)
        if not theirs:
            return False
        reports = Ranges(held_reports(entry))
        done = [
            key
            for key, message in theirs.items()
            if message.header.epoch == entry.epoch and _is_covered(message, entry, reports)
        ]
        for key in done:
            self._remove(key)
        return bool(done)

    def forget(self, refused: Callable[[Address], bool]) -> None:
        """Let go of what came from addresses that are `refused`."""
        for origin in [each for each in self._by_origin if refused(each)]:
            for key in list(self._by_origin[origin]):
                self._remove(key)

    def uploaded(self, serials: Iterable[int]) -> None:
        """The inbox answered after these went to it, and does not vouch for them."""
        for serial in serials:
            message = self._by_serial.get(serial)
            if message is None:
                continue
            message.uploads += 1
            if message.uploads >= UPLOADS_MAX:
                self._remove(signature_of(message.envelope))

    def sources(self, offered: set[int], now_s: float) -> list[Source]:
        """What each origin has for MQTT that is not `offered` there yet."""
        waiting: dict[Address, list[HeardMessage]] = {}
        for serial in self._by_serial.keys() - offered:
            message = self._by_serial[serial]
            waiting.setdefault(message.header.address, []).append(message)
        return [Source(origin, _Turn(messages, now_s).of) for origin, messages in waiting.items()]


def _is_covered(message: HeardMessage, entry: ReceiptEntry, reports: Ranges) -> bool:
    if message.numbering is Numbering.STATE:
        return message.header.number <= entry.state
    return message.header.number in reports


class _Turn:
    """The offers of one origin."""

    def __init__(self, messages: list[HeardMessage], now_s: float) -> None:
        self._messages = sorted(messages, key=lambda message: message.serial)
        self._now_s = now_s

    def of(self, rank: Class) -> Iterator[Offer]:
        return (self._offer(message) for message in self._messages if _class_of(message) is rank)

    def _offer(self, message: HeardMessage) -> Offer:
        header = message.header
        age_s = None if message.age_s is None else message.age_s + max(0, int(self._now_s - message.at_s))
        entry = Entry(message.envelope, age_s, message.heard)
        return Offer(header.address, message.numbering, header.number, entry, message.serial)


def _class_of(message: HeardMessage) -> Class:
    if message.numbering is Numbering.STATE:
        return Class.NEWEST
    return Class.URGENT if message.is_urgent else Class.REPORT
