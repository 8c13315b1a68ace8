"""What a radio link remembers of the air and of its radio, from one connection to the next.

Pure: the time comes in. The link asks it for facts, and whether there is something to say.
"""

from __future__ import annotations

import re
from collections import deque
from math import ceil

import msgspec

from relay.errors import LinkError, Text
from relay.links.base import LinkFacts
from relay.links.meshtastic import errors
from relay.links.meshtastic.packets import Metrics, QueueStatus, Verdict
from relay.links.meshtastic.settings import SET_KEY
from relay.links.radio import HeardFrame, RadioFacts

HOUR_S = 3600.0
NEIGHBOUR_S = 2 * HOUR_S
NEIGHBOURS_MAX = 256
UNREADABLE_MIN = 10  # packets, and none readable in the same hour: the key is wrong
UNREADABLE_MAX = 1000
THROWN_OUT_MIN = 3
THROWN_OUT_S = 60.0
PAUSE_MIN_MAX = 60  # the duty cycle counts an hour, so no pause is longer
PAUSE_UNNAMED_MIN = 2  # when the radio does not say how long
MINUTES = re.compile(r"send again in (\d{1,4}) min")
DUTY_CYCLE = 9  # the same number as a QueueStatus's result and as a NAK's reason
FALSE_NAK = 5  # MAX_RETRANSMIT


class Watch:
    """Counts and times, all bounded."""

    def __init__(self) -> None:
        self.facts = RadioFacts()
        self.paused_until_s = 0.0
        self._pause_said = CONNECTED  # once: it does not count down in the log
        self._neighbours: dict[int, float] = {}
        self._unreadable: deque[float] = deque(maxlen=UNREADABLE_MAX)
        self._readable_s: float | None = None
        self._thrown_out: deque[float] = deque(maxlen=THROWN_OUT_MIN)

    def settings(self, found: RadioFacts, now_s: float) -> None:
        """A handshake told what the radio is set to; what was counted goes on."""
        changes = {name: getattr(found, name) for name in _FROM_HANDSHAKE}
        if found.air_util_tx_pct is not None:
            changes["air_util_tx_pct"] = found.air_util_tx_pct
            changes["channel_utilization_pct"] = found.channel_utilization_pct
            changes["uptime_s"] = found.uptime_s
            changes["measured_s"] = now_s
        self._change(**changes)

    def heard(self, frame: HeardFrame, now_s: float) -> None:
        """A frame of ours came from the air."""
        self.readable(now_s)
        if frame.hops == 0:
            self._neighbours.pop(frame.sender, None)  # to the end: the first is the oldest
            self._neighbours[frame.sender] = now_s
        self._forget(now_s)
        self._change(
            last_heard_s=now_s,
            last_snr_db=frame.snr_db,
            last_hops=frame.hops,
            neighbours=len(self._neighbours),
        )

    def readable(self, now_s: float) -> None:
        """Any packet that the radio could decode."""
        self._readable_s = now_s

    def unreadable(self, now_s: float) -> None:
        """A packet of another channel or key."""
        self._unreadable.append(now_s)
        self._forget(now_s)
        self._change(unreadable=len(self._unreadable))

    def metrics(self, metrics: Metrics, now_s: float) -> None:
        """The radio's own count of airtime."""
        self._change(
            air_util_tx_pct=metrics.air_util_tx_pct,
            channel_utilization_pct=metrics.channel_utilization_pct,
            uptime_s=metrics.uptime_s,
            measured_s=now_s,
        )

    def queue(self, status: QueueStatus) -> None:
        """How full the radio's queue is."""
        self._change(queue_free=status.free, queue_size=status.size)

    def queue_waited(self) -> None:
        """A packet stayed in the radio's queue longer than its airtime explains."""
        self._change(queue_waits=self.facts.queue_waits + 1)

    def limit(self, payload_bytes_max: int) -> None:
        """How much one packet holds."""
        self._change(payload_bytes_max=payload_bytes_max)

    def verdict(self, verdict: Verdict, now_s: float) -> None:
        """An ACK or NAK: a hint, counted, that never decides about a message."""
        if verdict.reason == 0:
            self._change(implicit_acks=self.facts.implicit_acks + 1)
        elif verdict.reason == FALSE_NAK:
            self._change(false_naks=self.facts.false_naks + 1)
        elif verdict.reason == DUTY_CYCLE:
            self.pause(now_s)

    def notified(self, text: str, now_s: float) -> None:
        """The radio has a line for its user; one about the duty cycle says how long it is silent."""
        self._change(notification=text)
        named = MINUTES.search(text)
        if named:
            self._pause(min(max(int(named[1]), 1), PAUSE_MIN_MAX), now_s)

    def pause(self, now_s: float) -> None:
        """The radio refused for its duty cycle. It names the time apart, before or after."""
        if self.paused_until_s <= now_s:
            self._pause(PAUSE_UNNAMED_MIN, now_s)

    def _pause(self, minutes: int, now_s: float) -> None:
        self.paused_until_s = now_s + minutes * 60
        self._pause_said = LinkFacts.failed(errors.duty_cycle(minutes), connected=True)

    def paused(self, now_s: float) -> LinkError | None:
        """Why nothing may be transmitted now."""
        left_s = self.paused_until_s - now_s
        return errors.duty_cycle(ceil(left_s / 60)) if left_s > 0 else None

    def thrown_out(self, now_s: float) -> bool:
        """The other side ended a good connection: whether so often that another program must be there."""
        self._thrown_out.append(now_s)
        return len(self._thrown_out) == THROWN_OUT_MIN and now_s - self._thrown_out[0] <= THROWN_OUT_S

    def connected(self, now_s: float) -> LinkFacts:
        """What to say of a radio that is connected: the gravest thing, or that all is well."""
        withheld = next((each for each in self.facts.differences if each.withholds), None)
        if withheld:
            return LinkFacts(True, withheld.code, withheld.what, withheld.do)
        if self.paused(now_s):
            return self._pause_said
        if self._key_is_wrong(now_s):
            return LinkFacts(True, "R03", WRONG_KEY, SET_KEY)
        if self.facts.differences:
            first = self.facts.differences[0]
            return LinkFacts(True, first.code, first.what, first.do)
        return CONNECTED

    def _key_is_wrong(self, now_s: float) -> bool:
        self._forget(now_s)
        silent = self._readable_s is None or self._readable_s <= now_s - HOUR_S
        return silent and len(self._unreadable) >= UNREADABLE_MIN

    def _forget(self, now_s: float) -> None:
        while self._unreadable and self._unreadable[0] <= now_s - HOUR_S:
            self._unreadable.popleft()
        old = [number for number, at_s in self._neighbours.items() if at_s <= now_s - NEIGHBOUR_S]
        surplus = max(0, len(self._neighbours) - NEIGHBOURS_MAX)
        for number in [*old, *list(self._neighbours)[:surplus]]:
            self._neighbours.pop(number, None)

    def _change(self, **changes: object) -> None:
        self.facts = msgspec.structs.replace(self.facts, **changes)


WRONG_KEY = Text(
    "Ik hoor radio's maar kan niets lezen: zij gebruiken een andere sleutel",
    "I hear radios but can read nothing: they use another key",
)
CONNECTED = LinkFacts(True, "connected", Text("Verbonden met de radio", "Connected to the radio"))
_FROM_HANDSHAKE = (
    "node_number",
    "firmware",
    "model",
    "region",
    "preset",
    "role",
    "rebroadcast",
    "hop_limit",
    "transmits",
    "ignores_duty_cycle",
    "own_frequency",
    "managed",
    "channel_name",
    "channel_hash",
    "channel_key",
    "beacons",
    "differences",
)
