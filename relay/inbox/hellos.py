"""What a hello tells of its node, and which hellos are answered.

A node whose log is shorter than what is held of it is an old card image. But a hello may also be late or
be repeated by somebody: then it says nothing of the node as it is now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from relay.core.message import Address, Clock, Hello, Numbering
from relay.core.receipts import Holding
from relay.inbox.limits import Buckets
from relay.inbox.store import Store

HELLOS_AT_ONCE = 20  # of one node; an answer may be as long as 16 histories
HELLOS_REFILL_PER_S = 1.0
NONCES_KEPT = 8  # of one node


class Hellos:
    """Of all nodes; lives as long as the process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._answers = Buckets(HELLOS_AT_ONCE, HELLOS_REFILL_PER_S)
        self._nonces: dict[Address, deque[bytes]] = {}

    def may_answer(self, hello: Hello, now_s: float) -> bool:
        """Whether its node has not asked too often of late; takes note of it."""
        return self._answers.take(hello.header.address, now_s)

    def is_repeat(self, hello: Hello) -> bool:
        """Whether these very bytes were answered a short while ago."""
        return hello.nonce in self._nonces.get(hello.header.address, ())

    def remember(self, hellos: Iterable[Hello]) -> None:
        """These have been answered."""
        for hello in hellos:
            self._nonces.setdefault(hello.header.address, deque(maxlen=NONCES_KEPT)).append(hello.nonce)

    def behind(self, hello: Hello, held: Holding) -> str:
        """How a hello shows less than what is held; empty when it does not."""
        header = hello.header
        newest = self._store.newest_epoch(header.address)
        if header.epoch < newest:
            return f"epoch {header.epoch}, held {newest}"
        reports, states = held.vouched()
        if header.number < reports or hello.last_state < states:
            return f"wrote {header.number}/{hello.last_state}, held {reports}/{states}"
        return ""

    def is_late(self, hello: Hello) -> bool:
        """Whether it was overtaken by what is held; only a good clock can tell that from an old card."""
        header = hello.header
        if header.clock == Clock.NONE:
            return False
        key = (header.address, max(header.epoch, self._store.newest_epoch(header.address)))
        reports, states = self._store.holding(*key).vouched()
        newest = (
            self._store.time_of(key, Numbering.REPORT, reports),
            self._store.time_of(key, Numbering.STATE, states),
        )
        return header.time <= max(time or 0 for time in newest)
