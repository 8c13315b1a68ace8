"""What goes next on a link: urgent first, newest status first, reports in order, everyone in turn.

A `Source` offers what one origin (this node, or a neighbour that it heard) has to send, class by class.
`fill` takes from all of them in turn until a frame is full, so that no origin can crowd out another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum

import msgspec

from relay.core.message import Address, Entry, Numbering

URGENT_TOKENS_MAX = 3
URGENT_TOKEN_S = 600.0


class Class(IntEnum):
    """The order in which things go."""

    URGENT = 0  # reports of urgency 1 and 2, while the origin has tokens
    NEWEST = 1  # the newest status
    REPORT = 2  # all other reports, by number
    HISTORY = 3  # older statuses


class Offer(msgspec.Struct, frozen=True):
    """One message that could go now."""

    origin: Address
    numbering: Numbering
    number: int
    entry: Entry
    heard: int = 0  # the serial number of what was heard from another; 0: our own


class Source(msgspec.Struct, frozen=True):
    """What one origin has to send; `offers` is called for a class only when the frame has room for it."""

    origin: Address
    offers: Callable[[Class], Iterator[Offer]]


class Tokens:
    """Urgent tokens of one origin: 3 at once, then 1 per 10 minutes. Beyond, urgent is sent as routine."""

    __slots__ = ("_at_s", "_tokens")

    def __init__(self) -> None:
        self._tokens = float(URGENT_TOKENS_MAX)
        self._at_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Spend a token if there is one."""
        passed_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
        self._tokens = min(URGENT_TOKENS_MAX, self._tokens + passed_s / URGENT_TOKEN_S)
        self._at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def fill(
    sources: Sequence[Source],
    budget_bytes: int,
    overhead_bytes: int,
    most: int,
    ranks: Sequence[Class] = tuple(Class),
) -> list[Offer]:
    """At most `most` offers of the classes `ranks` that fit `budget_bytes`, in the order to send them."""
    chosen: list[Offer] = []
    for rank in ranks:
        turns = [source.offers(rank) for source in sources]
        while turns:
            still = []
            for turn in turns:
                offer = next(turn, None)
                if offer is None:
                    continue
                budget_bytes -= len(offer.entry.envelope) + overhead_bytes
                if budget_bytes < 0 or len(chosen) >= most:
                    return chosen
                chosen.append(offer)
                still.append(turn)
            turns = still
    return chosen
