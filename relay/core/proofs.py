"""Proof of each link by itself: test messages that are bound to one link, and receipts heard by the same.

A test message (kind TEST) is a report that its origin offers to one link only, for BOUND_S at most; after
that it goes any way, so that no number stays missing at the inbox. Being receipted is not enough: a relay
may bring a radio test to the inbox, and the receipt may come by MQTT. So a link is proven only by a receipt
that covers the message and *was heard on that link*; the inbox answers a radio test on the air for that
(inbox/air.py). By radio a test is tried apart from the reports: MQTT may have settled it long before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from relay.core.message import Draft, Kind
from relay.core.ranges import Run

BOUND_S = 300.0
PROOFS_MAX = 8  # at once
TRIES_MAX = 4  # by radio, of one message

MQTT, RADIO = LINKS = ("mqtt", "radio")  # the words of the field `test_link`


class Proof(msgspec.Struct):
    """One test message. Times are elapsed seconds."""

    number: int
    link: str
    since_s: float
    from_s: float  # when its turn was, from which the answer is timed
    due_s: float  # by radio: when it may go
    tries: int = 0  # by radio
    answered_s: float | None = None
    snr_db: float | None = None  # of the receipt, by radio
    hops: int | None = None

    def is_open(self, now_s: float) -> bool:
        """Whether the answer is still waited for."""
        return self.answered_s is None and now_s < self.since_s + BOUND_S


class Proofs:
    """The test messages of one log, in memory: a test that a restart interrupts is made again."""

    def __init__(self) -> None:
        self._proofs: dict[int, Proof] = {}

    def __len__(self) -> int:
        return len(self._proofs)

    def begin(self, draft: Draft, number: int, now_s: float) -> None:
        """`draft` was written as `number`; nothing happens when it is no test."""
        link = draft.values.get("test_link")
        if draft.kind is not Kind.TEST or not isinstance(link, str):
            return
        self._proofs[number] = Proof(number, link, now_s, now_s, now_s)
        while len(self._proofs) > PROOFS_MAX:
            del self._proofs[min(self._proofs)]

    def put_off(self, number: int, seconds: float) -> None:
        """By radio `number` may go so much later."""
        proof = self._proofs[number]
        proof.due_s = proof.from_s = proof.from_s + seconds

    def clear(self) -> None:
        """The epoch has ended, and the numbers with it."""
        self._proofs.clear()

    def is_kept_from(self, link: str, number: int, now_s: float) -> bool:
        """Whether `number` must not go by `link` now."""
        proof = self._proofs.get(number)
        return proof is not None and proof.link != link and now_s < proof.since_s + BOUND_S

    def due(self, now_s: float) -> Iterator[Proof]:
        """Those that should go by radio now, in order."""
        for proof in self._on_air(now_s):
            if proof.due_s <= now_s:
                yield proof

    def wakes_s(self, now_s: float) -> list[float]:
        """When one of them is due by radio."""
        return [proof.due_s for proof in self._on_air(now_s)]

    def taken(self, proof: Proof, now_s: float, pause_s: float) -> Callable[[float], None]:
        """It goes now and, without an answer, again after `pause_s`; gives what undoes that."""
        proof.tries += 1
        proof.due_s = now_s + pause_s

        def undo(again_s: float) -> None:
            proof.tries -= 1
            proof.due_s = now_s + again_s

        return undo

    def heard(self, link: str, runs: Iterable[Run], now_s: float) -> list[Proof]:
        """A receipt that covers `runs` was heard by `link`; those that it proves."""
        proved = []
        for first, last in runs if self._proofs else ():
            for proof in self._proofs.values():
                if proof.link == link and first <= proof.number <= last and proof.is_open(now_s):
                    proof.answered_s = max(0.0, now_s - proof.from_s)
                    proved.append(proof)
        return proved

    def heard_so(self, snr_db: float, hops: int | None) -> None:
        """How the receipt that was just heard by radio came."""
        for proof in self._proofs.values():
            if proof.link == RADIO and proof.answered_s is not None and proof.snr_db is None:
                proof.snr_db, proof.hops = snr_db, hops

    def of(self, numbers: Iterable[int]) -> list[Proof]:
        """Those of `numbers` that are still known."""
        return [self._proofs[number] for number in numbers if number in self._proofs]

    def running(self, link: str, now_s: float) -> list[int]:
        """The numbers of the test of `link` that is going on; empty when none is."""
        ours = [proof for proof in self._proofs.values() if proof.link == link]
        newest = max((proof.since_s for proof in ours), default=0.0)
        ours = [proof for proof in ours if proof.since_s == newest]
        return [proof.number for proof in ours] if any(proof.is_open(now_s) for proof in ours) else []

    def _on_air(self, now_s: float) -> Iterator[Proof]:
        for proof in self._proofs.values():
            if proof.link == RADIO and proof.is_open(now_s) and proof.tries < TRIES_MAX:
                yield proof
