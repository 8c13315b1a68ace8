"""Frames and envelopes on their way through intake."""

from __future__ import annotations

from typing import Protocol

import msgspec

from relay.core import wire
from relay.core.message import Entry, Header


class Known(Protocol):
    """What the roster says of a signer."""

    @property
    def public_key(self) -> wire.PublicKey:
        """Its Ed25519 key."""

    @property
    def revoked(self) -> bool:
        """Whether an authority took its admission back."""


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
