"""What a broker brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias


class Message:
    """One received publish."""

    __slots__ = ("_forget", "payload", "retained", "topic")

    def __init__(self, topic: str, payload: bytes, retained: bool, forget: Callable[[], None] | None) -> None:
        self.topic = topic
        self.payload = payload
        self.retained = retained
        self._forget = forget

    def ack(self) -> None:
        """Tells the broker that it may forget the message. Harmless twice, or after the connection ended."""
        forget, self._forget = self._forget, None
        if forget is not None:
            forget()


OnMessage: TypeAlias = Callable[[Message], None]
