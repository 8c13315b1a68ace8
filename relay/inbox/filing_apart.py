"""The part of filing that keeps apart what does not count: of strangers, of keys that lost their place."""

from __future__ import annotations

from abc import ABC, abstractmethod

from relay.core import wire
from relay.core.message import Address, Clock, Entry, Header, Kind, numbering_of
from relay.inbox.apart import Keeping
from relay.inbox.parcel import Item
from relay.inbox.store import REVOKED, Arrival, MessageRow, Store, encode_heard
from relay.inbox.suspicion import BAD_MANY, BAD_SIGNATURES, STRANGER, STRANGERS_TOLD_MAX, Suspicions

NEITHER = 2  # the numbering of what counts in none
REPLACED_SPEAKS = "replaced_speaks"
REPLACED_TOLERANCE_S = 600  # a roster's version counts minutes, and clocks differ


class FilingApart(ABC):
    """Steps of Filing."""

    _store: Store
    _arrival: Arrival
    _suspicions: Suspicions
    kept_out: set[int]  # ids of items that went into quarantine though their signer is known

    @abstractmethod
    def _count(self, publisher: str, what: str) -> None:
        """To be told after the commit."""

    @abstractmethod
    def _find(self, address: Address, code: str, detail: str) -> None:
        """Something that should be known of a node."""

    @abstractmethod
    def _row(
        self,
        publisher: str,
        header: Header,
        numbering: int,
        entry: Entry,
        standing: int = ...,
        variant: int = 0,
        copy_of: int | None = None,
    ) -> MessageRow:
        """One message as it is stored."""

    def _unsigned(self, item: Item) -> None:
        """In the name of a node that we know, and not signed by it."""
        self._count(item.publisher, "bad_signature" if item.judged else "flood")
        address = item.header.address
        if item.judged and self._suspicions.is_forged(address, self._arrival.boottime_s):
            self._find(address, BAD_SIGNATURES, f"{BAD_MANY} within 10 minutes, the last by {item.publisher}")

    def _unknown(self, item: Item) -> None:
        kept = self._quarantine(item)
        address = item.header.address
        is_told = kept is Keeping.NEW and self._suspicions.is_stranger(address)
        if is_told and self._store.has_room_for(address, STRANGER, STRANGERS_TOLD_MAX):
            self._find(address, STRANGER, f"nobody admitted it; brought by {item.publisher}")
        refused = "unknown_heard" if item.entry.heard else "unknown_signer"
        self._count(item.publisher, refused if kept is Keeping.FULL else "quarantined")

    def _kept_out(self, item: Item, why: str) -> None:
        """Signed well, by one whose word does not count now: it may again."""
        self.kept_out.add(id(item))
        kept = self._quarantine(item)
        self._count(item.publisher, f"{why}_full" if kept is Keeping.FULL else why)
        if kept is Keeping.NEW and item.known and not item.known.blocked:
            self._find(item.header.address, REPLACED_SPEAKS, "long after another node took its place")

    def _quarantine(self, item: Item) -> Keeping:
        if item.header.kind == Kind.HELLO:
            return Keeping.FULL
        return self._store.apart.quarantine(
            item.header.address,
            item.publisher,
            self._arrival.unix_s,
            item.entry.age_s,
            encode_heard(item.entry.heard),
            item.entry.envelope,
        )

    def _judge_replaced(self, item: Item, since_s: int) -> None:
        """Its backlog is welcome. What it says that is newer means that both boxes are alive."""
        header, age_s = item.header, item.entry.age_s
        if header.clock != Clock.NONE:
            composed_s = header.time + wire.EPOCH_2025_UNIX_S
        elif age_s is not None:
            composed_s = self._arrival.unix_s - age_s
        else:
            return
        if composed_s > since_s + REPLACED_TOLERANCE_S:
            self._find(header.address, REPLACED_SPEAKS, "spoke after another node took its place")

    def _revoked(self, item: Item) -> None:
        header = item.header
        numbering = numbering_of(header.kind)
        if header.kind == Kind.HELLO:
            return
        number = NEITHER if numbering is None else numbering
        kept = self._store.insert_apart(self._row(item.publisher, header, number, item.entry, REVOKED))
        self._count(item.publisher, "revoked" if kept is not Keeping.FULL else "apart_full")
        if kept is Keeping.NEW:
            self._find(header.address, "revoked", "sent with a revoked key")
