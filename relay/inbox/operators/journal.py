"""The log of who did what: append-only, each row bound to the one before it by a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

HASH_BYTES = 32
BEGIN = bytes(HASH_BYTES)


class Entry(msgspec.Struct, frozen=True):
    """One row."""

    id: int
    at_s: int
    who: str
    what: str
    detail: str
    hash: bytes


def link(before: bytes, number: int, at_s: int, who: str, what: str, detail: str) -> bytes:
    """The hash of a row that follows one with the hash `before`."""
    said = msgspec.msgpack.encode((number, at_s, who, what, detail))
    return hashlib.sha256(before + said).digest()


def first_broken(entries: Iterable[Entry], before: bytes = BEGIN, after_id: int = 0) -> int | None:
    """The number of the first row that was changed, or that follows one that was taken out; None: whole."""
    for entry in entries:
        right = link(before, entry.id, entry.at_s, entry.who, entry.what, entry.detail)
        if entry.id != after_id + 1 or entry.hash != right:
            return after_id + 1
        before, after_id = entry.hash, entry.id
    return None
