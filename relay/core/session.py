"""One link's conversation with the inbox: is it proven, what is on its way, what must be asked.

A link is *up* only when a signed hello was answered: a broker that takes everything proves nothing.
What was sent stays in flight until a receipt covers it. When receipts stay out, a new hello asks what
the inbox holds; links keep the order of one sender, so its answer decides everything sent before it,
and what is not held by then is sent again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from math import inf

import msgspec

from relay.core.message import Numbering
from relay.core.ranges import Ranges

HELLO_IDLE_S = 60.0
HELLO_RETRY_S = 5.0
HELLO_RETRY_MAX_S = 60.0
HEARD_SPREAD_S = 2.0
RECEIPT_TIMEOUT_S = 20.0
WINDOW_FRAMES_MAX = 4
PROMPT_S = 1.0  # an inbox that receipts within this can take more at once; one that doesn't is busy
SILENT_AFTER_HELLOS = 2
REFUSED_PAUSE_S = 15.0


class Flight(msgspec.Struct):
    """One frame on its way."""

    reports: Ranges
    states: Ranges
    size_bytes: int
    sent_s: float
    heard: set[int] = msgspec.field(default_factory=set)  # serial numbers of what was heard from others

    def of(self, numbering: Numbering) -> Ranges:
        """Its numbers in one numbering."""
        return self.states if numbering is Numbering.STATE else self.reports


class Session:
    """The state of one link; all times in seconds of the caller's monotonic clock."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connected = False
        self.proven = False
        self.answered = 0  # hellos answered in a row
        self.unanswered = 0  # hellos in a row without an answer
        self.heard_s: float | None = None  # when the inbox was last heard on this link
        self.offered = {Numbering.REPORT: Ranges(), Numbering.STATE: Ranges()}
        self.offered_heard: set[int] = set()
        self.window_frames = 1  # full frames in flight at most; grows while receipts come promptly
        self._flights: deque[Flight] = deque()
        self._nonce = b""
        self._hello_s = 0.0  # when the hello that waits for its answer was sent
        self._decides = 0  # how many flights that hello decides
        self._next_hello_s = 0.0
        self._tell_s = inf  # when the inbox should know by a hello what was heard since the last one

    # --- the link itself ---

    def connect(self, now_s: float) -> None:
        """The link can carry frames again; nothing is proven and nothing is known to be on its way."""
        self.connected = True
        self._next_hello_s = now_s
        self.unanswered = self.answered = 0
        self._unprove()

    def disconnect(self) -> None:
        """The link went; whatever was in flight may be lost."""
        self.connected = False
        self._unprove()

    def refused(self, now_s: float) -> None:
        """The other side refused a frame: try again later, from the start."""
        self._unprove()
        self._next_hello_s = now_s + REFUSED_PAUSE_S

    def _unprove(self) -> None:
        self.proven, self._nonce = False, b""
        self.window_frames = 1
        self._flights.clear()
        self.offered_heard.clear()
        for ranges in self.offered.values():
            ranges.clear()

    # --- hello ---

    @property
    def is_silent(self) -> bool:
        """Whether the inbox has left enough hellos in a row unanswered."""
        return self.unanswered >= SILENT_AFTER_HELLOS

    def hello_due(self, now_s: float) -> bool:
        """Whether it is time to ask the inbox for proof."""
        return self.connected and now_s >= self._next_hello_s

    def hello_sent(self, nonce: bytes, now_s: float) -> None:
        """A hello went out; the next follows sooner when this one stays unanswered."""
        if self._nonce:
            self.unanswered += 1
            self.answered = 0
            if self.is_silent:
                self._unprove()
        self._nonce, self._hello_s, self._decides = nonce, now_s, len(self._flights)
        self._tell_s = inf
        self._next_hello_s = now_s + min(HELLO_RETRY_MAX_S, HELLO_RETRY_S * 2**self.unanswered)

    def ask(self, now_s: float) -> None:
        """Prove the link anew before anything else goes: the inbox has changed."""
        self._unprove()
        self._next_hello_s = now_s

    def hello_soon(self, at_s: float) -> None:
        """Tell the inbox by then what was heard. One that waits for its answer was written before it."""
        self._tell_s = min(self._tell_s, at_s)
        if self.proven and not self._nonce:
            self._next_hello_s = min(self._next_hello_s, at_s)

    def answer(self, nonce: bytes, now_s: float) -> float | None:
        """The round trip in seconds when `nonce` answers the hello that waits, else None."""
        if not nonce or nonce != self._nonce:
            return None
        self._nonce = b""
        self.answered += 1
        self.unanswered = 0
        self.proven = True
        self._next_hello_s = self._idle_until_s(now_s)
        return now_s - self._hello_s

    def heard(self, now_s: float, spread_s: float) -> None:
        """Our inbox said something new. Proven: the next hello can wait. Not proven: it is back, so ask.

        `spread_s` is chosen by chance up to HEARD_SPREAD_S: a hundred nodes hear it in the same moment.
        """
        self.heard_s = now_s
        if self.proven and not self._nonce:
            self._next_hello_s = self._idle_until_s(now_s)
        elif self.unanswered:
            self._next_hello_s = min(self._next_hello_s, now_s + spread_s)

    def _idle_until_s(self, now_s: float) -> float:
        return min(now_s + HELLO_IDLE_S, self._tell_s)

    # --- frames in flight ---

    def sent(self, flight: Flight) -> None:
        """A frame with these numbers went out."""
        self._flights.append(flight)
        for numbering, ranges in self.offered.items():
            for run in flight.of(numbering):
                ranges.add(*run)
        self.offered_heard |= flight.heard

    def settle(self, held: dict[Numbering, Ranges], waiting: Container[int], now_s: float) -> None:
        """Flights whose numbers are all in `held`, with nothing heard that is `waiting`, have arrived.

        The window opens by one for each that was receipted promptly and falls to one for each that was
        not: one node alone fills the inbox, and a hundred that return at once wait their turn.
        """
        flights, decides = deque[Flight](), self._decides
        for index, flight in enumerate(self._flights):
            own = all(held[numbering].covers(flight.of(numbering)) for numbering in held)
            if own and not any(serial in waiting for serial in flight.heard):
                self._decides -= index < decides
                self.offered_heard -= flight.heard
                prompt = now_s - flight.sent_s <= PROMPT_S
                self.window_frames = min(WINDOW_FRAMES_MAX, self.window_frames + 1) if prompt else 1
            else:
                flights.append(flight)
        self._flights = flights

    def decide(self) -> set[int]:
        """After the answer to a hello: what was sent before it and did not arrive may be sent again.

        Returns the serial numbers of what was heard from others and is among it.
        """
        heard: set[int] = set()
        for _ in range(self._decides):
            flight = self._flights.popleft()
            heard |= flight.heard
            for numbering, ranges in self.offered.items():
                for run in flight.of(numbering):
                    ranges.remove(*run)
        self._decides = 0
        self.offered_heard -= heard
        return heard

    def in_flight_bytes(self) -> int:
        """Size of what waits for its receipt."""
        return sum(flight.size_bytes for flight in self._flights)

    def timeout(self, now_s: float) -> None:
        """Receipts that stay out are asked for by a hello."""
        if self._flights and not self._nonce and now_s >= self._flights[0].sent_s + RECEIPT_TIMEOUT_S:
            self._next_hello_s = now_s

    def next_wake_s(self) -> float | None:
        """When this session has something to do, frames apart."""
        if not self.connected:
            return None
        if self._flights and not self._nonce:
            return min(self._next_hello_s, self._flights[0].sent_s + RECEIPT_TIMEOUT_S)
        return self._next_hello_s
