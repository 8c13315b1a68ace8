"""What every link is to the rest: bytes out, bytes in, up or down. A pipe that reads no letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from relay.errors import LinkError, Text

Receive: TypeAlias = Callable[[str, bytes], None]  # kind (the channel it came by) and frame


class LinkFacts(msgspec.Struct, frozen=True):
    """How a link is now. Connected is not *up*: only an answer signed by the inbox shows that."""

    connected: bool
    code: str  # stable: `connecting`, `connected`, or why not all is well
    what: Text
    do: Text = Text("", "")

    @classmethod
    def failed(cls, error: LinkError, *, connected: bool = False) -> LinkFacts:
        """What `error` says about the link; `connected` when it did not cost the connection."""
        return cls(connected, error.code, error.what, error.do)


Changed: TypeAlias = Callable[[LinkFacts], None]  # called when the facts differ from the last ones


class Link(Protocol):
    """One way to the inbox."""

    async def run(self, receive: Receive, changed: Changed) -> None:
        """Connects, and connects again, until cancelled. Both callbacks run in the event loop, briefly."""

    async def send(self, frame: bytes) -> None:
        """Hands one frame to the other side; raises LinkError. Success is no receipt."""

    def room(self) -> int:
        """How many frames `send` would take now without waiting; 0 when not connected."""
