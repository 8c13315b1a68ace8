"""The radio link of a node: frames to the air and from the air, over one Meshtastic radio.

It stays connected, and says at each change why it is not. One packet at a time: `send` comes back when the
packet has left the radio's queue, or should have, since what is in there can't be superseded any more. Only
an urgent packet may follow a routine one before that: the radio's queue lets it go first.
A radio that says "accepted" has promised nothing, and one that says "not delivered" is often wrong: neither
decides about a message. What goes wrong with a connection, and how it shows: connection.py.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from relay.errors import LinkError, Text
from relay.links.base import Changed, LinkFacts
from relay.links.meshtastic import errors
from relay.links.meshtastic.connection import Connection, Timing
from relay.links.meshtastic.packets import (
    BROADCAST,
    Incoming,
    Metrics,
    Notification,
    Outgoing,
    QueueStatus,
    Readable,
    Unreadable,
    Verdict,
)
from relay.links.meshtastic.proto import load
from relay.links.meshtastic.settings import Wanted, facts_of
from relay.links.meshtastic.watch import DUTY_CYCLE, Watch
from relay.links.meshtastic.where import Where
from relay.links.radio import HeardCall, HeardFrame, RadioFacts

BROADCAST_BYTES_MAX = 231  # 232 is refused by the radio, and 235 vanishes without a word
UNICAST_BYTES_MAX = 219  # with public-key encryption
TOO_LARGE = 7
QUEUE_FULL = 32
QUEUE_AIRTIMES = 16  # the radio's queue holds so many: later than this, ours is gone
URGENT = 2  # urgency 1 and 2 ...
URGENT_AIRTIMES = 2  # ... go before whatever the radio relays for others
POLL_MIN_S = 0.1
RETRY_MIN_S = 0.5  # a radio loses what it hears meanwhile
RETRY_MAX_S = 30.0
HELD_S = 30.0  # a connection that lasted this long was a good one
SETTLE_S = 10.0  # before it is believed that the other program has gone
IDS_KEPT = 64  # the radio ignores a packet id that is among the last 20

CONNECTING = LinkFacts(False, "connecting", Text("Verbinden met de radio", "Connecting to the radio"))


class MeshtasticOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which radio, how it must be set, and to whom it speaks."""

    airtime_ms: Callable[[int], float]  # of a payload of so many bytes, in the wanted preset
    device: str = ""  # of a radio on USB; empty: TCP
    host: str = "127.0.0.1"
    port: int = 4403
    wanted: Wanted = Wanted()
    channel_index: int = 0
    to: int = BROADCAST  # or the node number of a gateway
    want_ack: bool = False  # for a gateway only
    payload_bytes_max: int = 0  # 0: what a packet holds
    timing: Timing = Timing()
    settle_s: float = SETTLE_S


class MeshtasticLink:
    """A RadioLink; `chance` gives numbers from 0 to 1."""

    def __init__(self, options: MeshtasticOptions, chance: Callable[[], float]) -> None:
        self.facts = CONNECTING
        self._options = options
        self._chance = chance
        self._where = Where(options.device, options.host, options.port)
        self._name = self._where.name
        self._watch = Watch()
        most = BROADCAST_BYTES_MAX if options.to == BROADCAST else UNICAST_BYTES_MAX
        self._watch.limit(min(options.payload_bytes_max or most, most))
        self._connection: Connection | None = None  # one that may be used
        self._handing = False  # a packet to the radio, which has not answered yet
        self._under_way: list[int] = []  # urgencies of what is on its way to the air
        self._rival = False  # another program throws us out
        self._ids: deque[int] = deque(maxlen=IDS_KEPT)
        self._sizes: dict[int, int] = {}  # of the packets whose ids are kept
        self._wake: asyncio.TimerHandle | None = None
        self._changed: Changed | None = None
        self._heard: HeardCall | None = None

    @property
    def radio(self) -> RadioFacts:
        """See RadioLink."""
        return self._watch.facts

    async def run(self, heard: HeardCall, changed: Changed) -> None:
        """See RadioLink. Raises what `heard` or `changed` raises, and nothing else."""
        self._heard, self._changed = heard, changed
        self._set(CONNECTING)
        loop = asyncio.get_running_loop()
        wait_s = RETRY_MIN_S
        while True:
            opened_s = loop.time()
            try:
                await self._hold()
            except LinkError as error:
                if loop.time() - opened_s >= HELD_S:
                    wait_s = RETRY_MIN_S
                self._set(LinkFacts.failed(error))
            await asyncio.sleep(wait_s * (0.5 + self._chance()))
            wait_s = min(2 * wait_s, RETRY_MAX_S)

    async def send(self, frame: bytes, urgency: int = 3) -> None:
        """See RadioLink. Comes back when the radio has room for the next."""
        connection = self._ready(frame, urgency)
        self._under_way.append(urgency)
        try:
            out = self._outgoing(frame, urgency)
            status = await self._hand(connection, out)
            error = self._refusal(status, out)
            if error is None or error.code == "queue_full":
                airtimes = URGENT_AIRTIMES if urgency <= URGENT else QUEUE_AIRTIMES
                await self._left_queue(connection, self._options.airtime_ms(len(frame)) / 1000, airtimes)
            if error is not None:
                raise error
        finally:
            self._under_way.remove(urgency)

    def room(self, urgency: int = 3) -> int:
        """See RadioLink."""
        return int(self._connection is not None and self._is_free(urgency) and self._withheld() is None)

    # --- out ---

    def _is_free(self, urgency: int) -> bool:
        return not self._handing and (
            not self._under_way or (urgency <= URGENT and min(self._under_way) > URGENT)
        )

    async def _hand(self, connection: Connection, out: Outgoing) -> QueueStatus | None:
        self._handing = True
        try:
            return await connection.transmit(out)
        finally:
            self._handing = False

    def _ready(self, frame: bytes, urgency: int) -> Connection:
        """The connection to use, or LinkError for a frame that must not or cannot go now."""
        if len(frame) > self.radio.payload_bytes_max:
            raise errors.too_large(len(frame), self.radio.payload_bytes_max)
        if self._connection is None:
            raise errors.not_connected(self._name)
        withheld = self._withheld()
        if withheld is not None:
            raise withheld
        if not self._is_free(urgency):
            raise errors.busy()
        return self._connection

    def _withheld(self) -> LinkError | None:
        """Why the radio, connected as it is, must not transmit."""
        for each in self.radio.differences:
            if each.withholds:
                return LinkError(each.what, each.do, code="withheld")
        return self._watch.paused(self._now_s())

    def _outgoing(self, frame: bytes, urgency: int) -> Outgoing:
        """Each try has an id of its own: the mesh passes on no id twice, ever."""
        packet_id = 0
        while packet_id == 0 or packet_id in self._ids:
            packet_id = int(self._chance() * 2**32) % 2**32
        if len(self._ids) == IDS_KEPT:
            self._sizes.pop(self._ids[0], None)
        self._ids.append(packet_id)
        self._sizes[packet_id] = len(frame)
        options = self._options
        return Outgoing(
            payload=frame,
            packet_id=packet_id,
            to=options.to,
            channel=options.channel_index,
            hop_limit=options.wanted.hop_limit,
            urgency=urgency,
            want_ack=options.want_ack,
        )

    def _refusal(self, status: QueueStatus | None, out: Outgoing) -> LinkError | None:
        """What the radio's answer means; none for a lost answer: the packet may be on its way."""
        if status is None or status.result == 0:
            return None
        if status.result == QUEUE_FULL:
            return errors.queue_full()
        if status.result == TOO_LARGE:
            self._too_large(len(out.payload))
            return errors.too_large(len(out.payload), self.radio.payload_bytes_max)
        if status.result == DUTY_CYCLE:
            self._watch.pause(self._now_s())
            self._tell()
            return self._watch.paused(self._now_s())
        return errors.radio_refused(status.result)

    def _too_large(self, size_bytes: int) -> None:
        """The radio has less room than we thought: believe it."""
        self._watch.limit(min(self.radio.payload_bytes_max, size_bytes - 1))

    async def _left_queue(self, connection: Connection, airtime_s: float, airtimes: int) -> None:
        """Waits until the radio's queue is empty, or so long that our packet can't be in there any more."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + airtimes * airtime_s
        try:
            await asyncio.sleep(airtime_s)
            while loop.time() < deadline_s:
                status = await connection.ask()
                if status is not None and status.free >= status.size:
                    return
                await asyncio.sleep(max(POLL_MIN_S, airtime_s / 2))
            self._watch.queue_waited()
        except LinkError:
            return  # the connection's end is told by `run`; the packet was handed over

    # --- in ---

    def _told(self, incoming: Incoming) -> None:
        now_s = self._now_s()
        if isinstance(incoming, HeardFrame):
            self._watch.heard(incoming, now_s)
            if self._heard is not None:
                self._heard(incoming)
        elif isinstance(incoming, QueueStatus):
            self._watch.queue(incoming)
            return
        elif isinstance(incoming, Metrics):
            self._watch.metrics(incoming, now_s)
            return
        elif isinstance(incoming, Verdict):
            self._verdict(incoming, now_s)
        elif isinstance(incoming, Notification):
            self._watch.notified(incoming.text, now_s)
        elif isinstance(incoming, Unreadable):
            self._watch.unreadable(now_s)
        elif isinstance(incoming, Readable):
            self._watch.readable(now_s)
        self._tell()

    def _verdict(self, verdict: Verdict, now_s: float) -> None:
        size_bytes = self._sizes.get(verdict.packet_id)
        if size_bytes is None:
            return  # not about a packet of this link
        if verdict.reason == TOO_LARGE:
            self._too_large(size_bytes)
        self._watch.verdict(verdict, now_s)

    # --- the connection ---

    async def _hold(self) -> None:
        """One connection from beginning to end; raises LinkError when it ends or does not begin."""
        await asyncio.to_thread(load)  # takes a second on a small machine, once
        connection = Connection(await self._where.open(), self._options.timing, self._told)
        try:
            await self._work(connection)
        except LinkError as error:
            if error.code == "lost" and self._rival:
                raise errors.in_use(self._name) from error
            raise
        finally:
            self._connection = None
            if self._wake is not None:
                self._wake.cancel()
            await connection.close()

    async def _work(self, connection: Connection) -> None:
        settings = await connection.open()
        found = facts_of(settings, self._options.channel_index, self._options.wanted)
        if found is None:
            raise errors.silent(self._name)
        self._watch.settings(found, self._now_s())
        settle_s = self._options.settle_s if self._rival else 0.0
        settled = asyncio.get_running_loop().call_later(settle_s, self._use, connection)
        try:
            await connection.hold()
        except LinkError as error:
            # A serial line lost so often has a loose plug; its other users are seen when it is opened.
            if error.code == "lost" and not self._options.device:
                self._rival |= self._watch.thrown_out(self._now_s())
            raise
        finally:
            settled.cancel()

    def _use(self, connection: Connection) -> None:
        self._connection, self._rival = connection, False
        self._tell()

    def _tell(self) -> None:
        """Says how the connected radio stands, now and when a pause of it ends."""
        if self._connection is None:
            return
        self._set(self._watch.connected(self._now_s()))
        if self._wake is not None:
            self._wake.cancel()
        left_s = self._watch.paused_until_s - self._now_s()
        self._wake = asyncio.get_running_loop().call_later(left_s, self._tell) if left_s > 0 else None

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _set(self, facts: LinkFacts) -> None:
        if facts != self.facts:
            self.facts = facts
            if self._changed is not None:
                self._changed(facts)
