"""Who is heard by radio, and how well: for status and screens, never for trust."""

from __future__ import annotations

import msgspec

from relay.core.message import Address

NEIGHBOURS_MAX = 64
NEIGHBOUR_LIFE_S = 7200.0


class Neighbour(msgspec.Struct, frozen=True):
    """A site that was heard. Its name was not proven: anyone with the channel's key can say it."""

    address: Address
    snr_db: float
    hops: int | None
    at_s: float


class Neighbours:
    """The last word of each, of those heard lately."""

    def __init__(self) -> None:
        self._by_address: dict[Address, Neighbour] = {}  # the one heard last stands last

    def heard(self, address: Address, snr_db: float, hops: int | None, now_s: float) -> None:
        """It was heard now."""
        self._by_address.pop(address, None)
        self._by_address[address] = Neighbour(address, snr_db, hops, now_s)
        if len(self._by_address) > NEIGHBOURS_MAX:
            del self._by_address[next(iter(self._by_address))]

    def __call__(self, now_s: float) -> list[Neighbour]:
        """Those heard within two hours, the last one first."""
        return [each for each in reversed(self._by_address.values()) if each.at_s >= now_s - NEIGHBOUR_LIFE_S]
