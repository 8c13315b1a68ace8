"""What intake tells the planner of the air: who was heard, through whom, and whether that was news."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from relay.core import payloads
from relay.core.air import RADIO
from relay.core.message import Kind, Message
from relay.errors import WireError
from relay.inbox.air import Air
from relay.inbox.parcel import Item, Parcel


def tell(air: Air, parcels: Iterable[Parcel], fresh: Collection[int], now_s: float) -> None:
    """`fresh` holds the ids of the headers of new messages. Only verified messages are told."""
    for parcel in parcels:
        for item in parcel.items:
            if item.authentic and not (item.known and item.known.revoked):
                _tell_one(air, item, id(item.header) in fresh, now_s)


def _tell_one(air: Air, item: Item, fresh: bool, now_s: float) -> None:
    header, how = item.header, item.entry.heard
    status = _status(item) if header.kind == Kind.STATUS else None
    if how is None:
        if item.publisher == header.address.hex():
            channel = status.values.get("radio_channel_pct") if status else None
            air.direct(header.address, now_s, float(channel) if isinstance(channel, int) else None)
        return
    if how.link != RADIO:
        return  # a USB stick is heard by nobody
    low = status.inbox_low if status else None
    air.heard(header.address, item.publisher, how, header.urgency, now_s, fresh=fresh, inbox_low=low)


def _status(item: Item) -> Message | None:
    try:
        said = payloads.decode(item.entry.envelope, item.header)
    except WireError:
        return None
    return said if isinstance(said, Message) else None
