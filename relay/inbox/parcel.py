"""Frames and envelopes on their way through intake."""

from __future__ import annotations

from typing import Protocol

import msgspec

from relay.core import wire
from relay.core.message import Entry, Header

REPLACED_LIFE_S = 30 * 86_400  # a replaced node's backlog is taken for so long


class Known(Protocol):
    """What the roster says of a signer."""

    @property
    def public_key(self) -> wire.PublicKey:
        """Its Ed25519 key."""

    @property
    def revoked(self) -> bool:
        """Whether an authority took its admission back."""

    @property
    def blocked(self) -> bool:
        """Whether an operator keeps its messages apart for now."""

    @property
    def replaced_s(self) -> int:
        """Since when (unix time) another node has its place; 0: it has it itself."""


def is_believed(known: Known | None) -> bool:
    """Whether what this signer says may be answered and acted on."""
    return known is not None and not known.revoked and not known.blocked


def is_kept_out(known: Known, now_unix_s: int) -> bool:
    """Whether what this signer says is quarantined: it is blocked, or was replaced long ago.

    What comes with a revoked key is stored, apart.
    """
    if known.revoked:
        return False
    return known.blocked or bool(known.replaced_s and now_unix_s > known.replaced_s + REPLACED_LIFE_S)


class Item(msgspec.Struct):
    """One envelope on its way through the stages."""

    header: Header
    entry: Entry
    known: Known | None
    publisher: str
    judged: bool = False
    authentic: bool = False


class Parcel(msgspec.Struct):
    """One frame on its way through the stages."""

    publisher: str
    items: list[Item]
