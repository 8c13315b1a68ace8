"""What intake tells the planner of the air: who was heard, through whom, and whether that was news."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from relay.core import payloads
from relay.core.air import RADIO
from relay.core.courier import COURIER
from relay.core.message import Address, Clock, Entry, Header, Kind, Message, Urgency, numbering_of
from relay.core.proofs import BOUND_S
from relay.core.wire import EPOCH_2025_UNIX_S
from relay.errors import WireError
from relay.inbox.air import REPEAT_S, Air
from relay.inbox.facts import address_of
from relay.inbox.limits import Buckets
from relay.inbox.parcel import Item, Parcel, is_believed

MEASURED_MAX_S = 120  # older figures of a gateway come from its history
URGENT_AT_ONCE, URGENT_REFILL_PER_S = 3, 1 / 600  # as a node itself holds to (core/schedule)
TESTS_AT_ONCE, TESTS_REFILL_PER_S = 24, 1 / 120  # `naober test radio` says three, each at most four times


class Hearing:
    """What one planner of the air is told.

    An urgent answer takes airtime from everyone and waits for no budget, so each signer has an allowance of
    them: a stolen key, or a node gone mad, is answered as routine beyond it. What operators see is not
    changed by that (design, rule 9).
    """

    def __init__(self, air: Air) -> None:
        self._air = air
        self._urgent = Buckets(URGENT_AT_ONCE, URGENT_REFILL_PER_S)
        self._tests = Buckets(TESTS_AT_ONCE, TESTS_REFILL_PER_S)
        self._tested_s: dict[Address, float] = {}

    def tell(self, parcels: Iterable[Parcel], fresh: Sequence[tuple[Header, bytes]], now_s: float) -> None:
        """`fresh` are the new messages among `parcels`. Only verified messages are told.

        What a node brings of its own is told once for each frame: a backlog is thousands of messages.
        """
        new: set[int] | None = None  # ids of headers
        for parcel in parcels:
            own = address_of(parcel.publisher)
            spoke, measured = False, None
            for item in parcel.items:
                if not item.authentic or not is_believed(item.known):
                    continue
                if item.entry.heard is not None:
                    new = {id(header) for header, _ in fresh} if new is None else new
                    self._tell_heard(item, id(item.header) in new, now_s)
                elif item.header.address == own:
                    spoke = True
                    measured = measured or (item if item.header.kind == Kind.STATUS else None)
            if spoke and own:
                self._air.direct(own, now_s, _channel_pct(measured) if measured else None)

    def _tell_heard(self, item: Item, fresh: bool, now_s: float) -> None:
        header, how = item.header, item.entry.heard
        if how is None or how.link != RADIO or item.publisher == header.address.hex():
            return  # a USB stick is heard by nobody, and nobody needs itself as a gateway
        if numbering_of(header.kind) is None or not header.number:
            return  # no receipt can name it
        status = _status(item)
        test = header.kind == Kind.TEST and (item.entry.age_s or 0) < BOUND_S
        allowed = self._may_be_urgent(header, test, fresh, now_s)
        self._air.heard(
            header.address,
            item.publisher,
            how,
            header.urgency if allowed else max(header.urgency, Urgency.ROUTINE),
            now_s,
            fresh=fresh,
            inbox_low=status.inbox_low if status else None,
            age_s=item.entry.age_s or 0,
            test=test and allowed,
        )

    def _may_be_urgent(self, header: Header, test: bool, fresh: bool, now_s: float) -> bool:
        address = header.address
        if not test:  # a repeat of an urgent one is bounded by the planner: who hears no answer is deaf
            return header.urgency > Urgency.URGENT or not fresh or self._urgent.take(address, now_s)
        if not fresh and now_s <= self._tested_s.get(address, -inf) + REPEAT_S:
            return True  # the same packet through another relay
        self._tested_s[address] = now_s  # as many as the roster has nodes
        return self._tests.take(address, now_s)


def _channel_pct(item: Item) -> float | None:
    """How busy a gateway measures the channel to be now."""
    if item.entry.age_s is None or item.entry.age_s > MEASURED_MAX_S:
        return None
    status = _status(item)
    channel = status.values.get("radio_channel_pct") if status else None
    return float(channel) if isinstance(channel, int) else None


def _status(item: Item) -> Message | None:
    if item.header.kind != Kind.STATUS:
        return None
    try:
        said = payloads.decode(item.entry.envelope, item.header)
    except WireError:
        return None
    return said if isinstance(said, Message) else None


def said_ago_s(header: Header, entry: Entry, now_unix_s: int) -> int:
    """How long ago a message was said that another brought, as well as is known.

    What came by stick may have lain for weeks: of unknown age, it is no sign of life since 2025.
    """
    if entry.age_s is not None:
        return entry.age_s
    if entry.heard is None or entry.heard.link != COURIER:
        return 0
    said_unix_s = EPOCH_2025_UNIX_S + (header.time if header.clock != Clock.NONE else 0)
    return max(0, now_unix_s - said_unix_s)
