"""How changes of the roster reach the nodes: all of them on one retained topic, a new one on the air as well.

A node without MQTT hears a change only by radio, so a new one is ordered of every gateway, and again twice,
as notices are. What is old is not said on the air again: airtime is scarce, and who was away learns it by
MQTT or stick.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from relay.core import wire
from relay.core.message import Entry

TOPIC_BYTES_MAX = 64 * 1024
AIRINGS = 3
AIRINGS_EVERY_S = 1200.0  # at most 3 times an hour
RECENT_S = 3600  # a change that was signed so long ago is new to nobody whom radio reaches
VERSION_S = 60  # a roster's version is at least the minutes since 2025


def roster_frame(changes: Sequence[bytes]) -> bytes:
    """The retained batch: as many of the newest as fit, in the order in which each can be believed."""
    entries: list[Entry] = []
    room = TOPIC_BYTES_MAX - wire.ENTRY_OVERHEAD_BYTES
    for envelope in changes:
        room -= len(envelope) + wire.ENTRY_OVERHEAD_BYTES
        if room < 0:
            break
        entries.append(Entry(envelope))
    return wire.encode_batch(entries[::-1])


class Airings:
    """Which changes are still to be said by radio. Times are of a clock that does not step."""

    def __init__(self) -> None:
        self._known: frozenset[bytes] | None = None
        self._left: dict[bytes, tuple[int, float]] = {}  # how often still, and from when

    def note(self, changes: Iterable[bytes], now_s: float, unix_s: int) -> None:
        """The changes that count now. Those that are new, or were signed lately, are to be said."""
        present = frozenset(changes)
        fresh = (
            [each for each in present if _signed_s(each) > unix_s - RECENT_S]
            if self._known is None
            else present - self._known
        )
        self._known = present
        self._left = {each: when for each, when in self._left.items() if each in present}
        self._left.update({each: (AIRINGS, now_s) for each in fresh if each not in self._left})

    def due(self, now_s: float) -> list[bytes]:
        """What every gateway is to transmit now; it counts as said."""
        due = [each for each, (_, at_s) in self._left.items() if at_s <= now_s]
        for each in due:
            times = self._left[each][0] - 1
            if times:
                self._left[each] = (times, now_s + AIRINGS_EVERY_S)
            else:
                del self._left[each]
        return sorted(due)


def _signed_s(envelope: bytes) -> int:
    return wire.EPOCH_2025_UNIX_S + wire.parse_header(envelope).number * VERSION_S
