"""What the inbox orders this node to transmit, as a gateway: receipts and notices, for a short while."""

from __future__ import annotations

import msgspec

from relay.core.message import Address, Header, Kind, Urgency

ORDER_LIFE_S = 300.0
ORDERS_MAX = 16


class Order(msgspec.Struct, frozen=True):
    """One envelope, signed by the inbox."""

    envelope: bytes
    urgency: int
    names: frozenset[Address]  # whom a receipt names; empty for a notice
    expires_s: float


class Orders:
    """Those that have not been transmitted, in the order in which they came."""

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self.dropped = 0  # too late, or too many

    def __len__(self) -> int:
        return len(self._orders)

    def take(self, header: Header, envelope: bytes, names: frozenset[Address], now_s: float) -> None:
        """Keep an order. A receipt takes the place of older ones that name no one else."""
        if header.kind == Kind.RECEIPT:
            self._orders = [each for each in self._orders if not each.names or not each.names <= names]
        self.put_back(Order(envelope, header.urgency, names, now_s + ORDER_LIFE_S))

    def put_back(self, order: Order) -> None:
        """It was not transmitted after all."""
        self._orders.append(order)
        if len(self._orders) > ORDERS_MAX:
            routine = [each for each in self._orders if each.urgency > Urgency.URGENT]
            self.remove((routine or self._orders)[0])
            self.dropped += 1

    def remove(self, order: Order) -> None:
        """It was handed to the radio."""
        self._orders = [each for each in self._orders if each is not order]

    def waiting(self, now_s: float, *, urgent: bool) -> list[Order]:
        """Those of one class that are not too late."""
        alive = [each for each in self._orders if each.expires_s > now_s]
        self.dropped += len(self._orders) - len(alive)
        self._orders = alive
        return [each for each in alive if (each.urgency <= Urgency.URGENT) is urgent]
