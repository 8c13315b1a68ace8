"""What intake tells the planner of the air: who was heard, through whom, and whether that was news."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from relay.core import payloads
from relay.core.air import RADIO
from relay.core.message import Header, Kind, Message, numbering_of
from relay.errors import WireError
from relay.inbox.air import Air
from relay.inbox.facts import address_of
from relay.inbox.parcel import Item, Parcel

MEASURED_MAX_S = 120  # older figures of a gateway come from its history


def tell(air: Air, parcels: Iterable[Parcel], fresh: Sequence[tuple[Header, bytes]], now_s: float) -> None:
    """`fresh` are the new messages among `parcels`. Only verified messages are told.

    What a node brings of its own is told once for each frame: a backlog is thousands of messages.
    """
    new: set[int] | None = None  # ids of headers
    for parcel in parcels:
        own = address_of(parcel.publisher)
        spoke, measured = False, None
        for item in parcel.items:
            if not item.authentic or (item.known and item.known.revoked):
                continue
            if item.entry.heard is not None:
                new = {id(header) for header, _ in fresh} if new is None else new
                _tell_heard(air, item, id(item.header) in new, now_s)
            elif item.header.address == own:
                spoke = True
                measured = measured or (item if item.header.kind == Kind.STATUS else None)
        if spoke and own:
            air.direct(own, now_s, _channel_pct(measured) if measured else None)


def _tell_heard(air: Air, item: Item, fresh: bool, now_s: float) -> None:
    header, how = item.header, item.entry.heard
    if how is None or how.link != RADIO or item.publisher == header.address.hex():
        return  # a USB stick is heard by nobody, and nobody needs itself as a gateway
    if numbering_of(header.kind) is None or not header.number:
        return  # no receipt can name it
    status = _status(item)
    air.heard(
        header.address,
        item.publisher,
        how,
        header.urgency,
        now_s,
        fresh=fresh,
        inbox_low=status.inbox_low if status else None,
        age_s=item.entry.age_s or 0,
    )


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
