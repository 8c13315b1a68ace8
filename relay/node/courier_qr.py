"""The QR courier: what waits here as codes that a phone carries in its photos. On the station's thread.

What a stick would carry, without the history: urgent reports, the newest status, the other reports, then what
is others'. An inbox that never answered may not know this node, so its grant comes last. Showing a code
changes nothing: a message waits until the inbox's receipt comes, by whatever link.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from relay.core import wire
from relay.core.courier_code import BATCH_BYTES, Code, encode, size_of
from relay.core.message import Entry
from relay.core.papers import PAPER_KINDS
from relay.links.courier import pieces

if TYPE_CHECKING:
    from relay.node.courier_desk import Desk

CODES_MAX = 12  # nobody photographs more; a stick takes everything
_ARRAY_BYTES = 3  # of a batch of more than 15


class CourierCode(msgspec.Struct, frozen=True):
    """One code."""

    text: str  # as it stands in the QR code
    messages: int
    more: bool = False  # the last of them, and there is more: only a stick takes it all


def courier_codes(desk: Desk) -> tuple[CourierCode, ...]:
    """What waits now; none when VRD has everything. Raises StorageError."""
    desk.settle()
    made = list(islice(pieces(_entries(desk), _size, BATCH_BYTES - _ARRAY_BYTES), CODES_MAX + 1))
    written_s, last = desk.clock_s(), len(made) == CODES_MAX + 1
    return tuple(
        CourierCode(
            encode(Code(wire.encode_batch(piece), written_s)),
            sum(not _is_paper(entry) for entry in piece),
            more=last and number == CODES_MAX,
        )
        for number, piece in enumerate(made[:CODES_MAX], 1)
    )


def _entries(desk: Desk) -> Iterator[Entry]:
    empty = True
    for entry in desk.waiting():
        if not _is_paper(entry):
            empty = False
            yield Entry(entry.envelope, entry.age_s)  # whoever reads it notes how it came
    forwarder = desk.station.forwarder
    if not empty and not forwarder.state.inbox.epoch and forwarder.papers.grant:
        yield Entry(forwarder.papers.grant)


def _is_paper(entry: Entry) -> bool:
    return wire.parse_header(entry.envelope).kind in PAPER_KINDS


def _size(entry: Entry) -> int:
    return size_of(entry.envelope)
