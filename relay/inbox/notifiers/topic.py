"""On a topic of VRD's own broker, for whatever listens there: a lamp, a display, another system."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from relay.inbox.alarms.state import Change
from relay.inbox.notifiers.base import NotTold
from relay.inbox.notifiers.webhook import body

TOPIC = "naober/1/alarm"


class Topic:
    """One message for all changes of a moment."""

    name = "mqtt"

    def __init__(self, publish: Callable[[str, bytes], Awaitable[bool]]) -> None:
        self._publish = publish

    async def tell(self, changes: Sequence[Change]) -> None:
        """Publish it; raises NotTold without a broker."""
        if not await self._publish(TOPIC, body(changes)):
            raise NotTold("no broker")
