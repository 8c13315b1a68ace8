"""What intake tells the planner of the air: who was heard, through whom, and whether that was news."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from relay.core import payloads
from relay.core.air import RADIO
from relay.core.message import Kind, Message, numbering_of
from relay.errors import WireError
from relay.inbox.air import Air
from relay.inbox.parcel import Item, Parcel

MEASURED_MAX_S = 120  # older figures of a gateway come from its history


def tell(air: Air, parcels: Iterable[Parcel], fresh: Collection[int], now_s: float) -> None:
    """`fresh` holds the ids of the headers of new messages. Only verified messages are told."""
    for parcel in parcels:
        for item in parcel.items:
            if item.authentic and not (item.known and item.known.revoked):
                _tell_one(air, item, id(item.header) in fresh, now_s)


def _tell_one(air: Air, item: Item, fresh: bool, now_s: float) -> None:
    header, how = item.header, item.entry.heard
    if how is None:
        if item.publisher == header.address.hex():
            air.direct(header.address, now_s, _channel_pct(item))
        return
    if how.link != RADIO or item.publisher == header.address.hex():
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
