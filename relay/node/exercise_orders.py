"""VRD's word that an exercise begins or is over, as it lies among the notices that were kept.

It is read from there, not told by an event: a power cut between keeping a notice and doing what it says must
not leave VRD in the belief that it was done.
"""

from __future__ import annotations

import msgspec

from relay.core import payloads
from relay.core.message import Clock, Moment, Notice
from relay.core.notices import EXERCISE
from relay.core.receipts import InboxView
from relay.errors import WireError
from relay.node.notice_rows import HeardNotice
from relay.node.station import Station


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One. Of two, that with the higher name counts, whichever comes last."""

    name: tuple[int, int]  # inbox epoch and VRD's number of the notice
    title: str
    minutes: int  # that it goes on for, as of `said_s`; 0: it is over
    heard_s: float  # by this node's running time
    said_s: int  # s since 2025; 0: VRD had no clock then
    by: str = ""  # the inbox key that said it, in hex digits

    def left_s(self, moment: Moment, inbox: InboxView) -> float:
        """How long it is still to go on: from when it was said where both have a clock, else from when it
        was first heard, whichever ends first."""
        since_s = moment.elapsed_s - self.heard_s
        if since_s < 0:
            return 0.0  # another outbox counted: nobody would see that end come
        now_s, clock = inbox.time(moment)
        if self.said_s and clock is not Clock.NONE:
            since_s = max(since_s, float(now_s - self.said_s))
        return max(0.0, self.minutes * 60 - since_s)


def newest(station: Station) -> Order | None:
    """The one that counts of those kept here. May raise StorageError."""
    found = (_order(row) for row in station.notices.notices())
    return max((order for order in found if order), key=lambda order: order.name, default=None)


def _order(row: HeardNotice) -> Order | None:
    try:
        said = payloads.decode(row.kept.envelope)
    except WireError:
        return None
    minutes = said.values.get("exercise_min") if isinstance(said, Notice) else None
    if not isinstance(said, Notice) or said.values.get("notice") != EXERCISE or not isinstance(minutes, int):
        return None
    return Order(
        name=(row.kept.epoch, row.kept.number),
        title=str(said.values.get("text", "")),
        minutes=minutes,
        heard_s=float(row.kept.elapsed_s),
        said_s=0 if said.header.clock == Clock.NONE else said.header.time,
        by=said.header.address.hex(),
    )
