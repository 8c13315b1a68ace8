"""The MQTT link of a node: frames to its own `up` topic, frames from `down` and what is said to all.

It stays connected, and says at each change why it is not. A connection that ends is tried again after
1 s, doubling to `retry_max_s`, each time spread by chance so that all sites do not return in the same second;
one that held for 30 s starts the count again. Where VRD has more than one broker the next is tried at once,
and the pause comes after the last; a connection that ends begins with the first again, and one that is left
because no inbox answers there with the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from relay import mqtt
from relay.errors import LinkError, Text
from relay.links.base import Changed, LinkFacts, Receive

RETRY_MIN_S = 1.0
RETRY_MAX_S = 60.0
HELD_S = 30.0  # a connection that lasted this long was a good one
CLIENT_ID_DIGITS = 8

CONNECTING = LinkFacts(False, "connecting", Text("Verbinden met de broker", "Connecting to the broker"))
CONNECTED = LinkFacts(True, "connected", Text("Verbonden met de broker", "Connected to the broker"))
UNHEARD = LinkFacts(
    True,
    "unheard",
    Text("Verbonden met de broker, maar de inbox luistert niet", "Connected, but the inbox does not listen"),
    Text("Meld VRD dat de inbox niet aan de broker hangt", "Tell VRD that the inbox has left its broker"),
)
LEFT = LinkFacts(
    False, "inbox_silent", Text("Achter deze broker antwoordt niemand", "Nobody answers behind this broker")
)


class MqttLinkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Whose link, to which broker. `broker.client_id` is replaced by one of this link's own."""

    address: str  # of the node: 8 hex digits, the common name of its certificate
    broker: mqtt.Options
    others: tuple[tuple[str, int], ...] = ()  # host and port of brokers that do as well
    kinds: tuple[str, ...] = (
        "down",
        "inbox",
    )  # what to subscribe to; `air` too with a radio
    retry_max_s: float = RETRY_MAX_S  # between two tries


class MqttLink:
    """A Link; `chance` gives numbers from 0 to 1."""

    def __init__(self, options: MqttLinkOptions, chance: Callable[[], float]) -> None:
        self.facts = CONNECTING
        self._options = options
        self._chance = chance
        self._topics = {mqtt.topic(kind, options.address): kind for kind in options.kinds}
        self._up = mqtt.topic("up", options.address)
        self._connection: mqtt.Connection | None = None
        self._changed: Changed | None = None
        self._at = 0  # which broker is tried, the first being 0
        self._left = asyncio.Event()

    async def run(self, receive: Receive, changed: Changed) -> None:
        """See Link. Raises what `receive` or `changed` raises, and nothing else."""
        self._changed = changed
        wait_s = RETRY_MIN_S
        loop = asyncio.get_running_loop()
        while True:
            self._set(CONNECTING if self.facts.connected else self.facts)
            opened_s = loop.time()
            try:
                error = await self._hold(receive)
                self._at = self._at if self._left.is_set() else -1
            except LinkError as failure:
                error = failure
            if loop.time() - opened_s >= HELD_S:
                wait_s = RETRY_MIN_S
            self._set(LinkFacts.failed(error))
            self._at = (self._at + 1) % (1 + len(self._options.others))
            if self._at:
                continue
            await asyncio.sleep(wait_s * (0.5 + self._chance()))
            wait_s = min(2 * wait_s, self._options.retry_max_s)

    async def send(self, frame: bytes) -> None:
        """See Link. The facts change when the broker refuses, or when nobody listens at the other end."""
        connection = self._connection
        if connection is None:
            raise LinkError(self.facts.what, self.facts.do, code=self.facts.code)
        try:
            heard = await connection.publish(self._up, frame)
        except LinkError as error:
            if connection is self._connection and connection.error is None:
                self._set(LinkFacts.failed(error, connected=True))
            raise
        if connection is self._connection:
            self._set(CONNECTED if heard else UNHEARD)

    def leave(self) -> None:
        """Let go of this broker, and try the next; nothing happens where there is no other."""
        if self._connection is not None and self._options.others:
            self._left.set()

    @property
    def where(self) -> str:
        """The broker that is tried or connected, as host:port."""
        broker = self._broker()
        return f"{broker.host}:{broker.port}"

    def room(self) -> int:
        """See Link."""
        return 0 if self._connection is None else self._connection.room()

    async def _hold(self, receive: Receive) -> LinkError:
        """One connection from beginning to end; says why it ended, or raises why it did not begin."""

        def received(message: mqtt.Message) -> None:
            kind = self._topics.get(message.topic)
            if kind is not None:
                receive(kind, message.payload)
            message.ack()

        self._left.clear()
        connection = await mqtt.open(self._broker(), received)
        try:
            await connection.subscribe(*self._topics)
            self._connection = connection
            self._set(CONNECTED)
            ended = asyncio.ensure_future(connection.wait_ended())
            left = asyncio.ensure_future(self._left.wait())
            try:
                await asyncio.wait((ended, left), return_when=asyncio.FIRST_COMPLETED)
                return await ended if ended.done() else LinkError(LEFT.what, LEFT.do, code=LEFT.code)
            finally:
                ended.cancel()
                left.cancel()
        finally:
            self._connection = None
            await connection.close()

    def _broker(self) -> mqtt.Options:
        """A client id for this connection only: clones of one card must not throw each other out."""
        tail = int(self._chance() * 16**CLIENT_ID_DIGITS) % 16**CLIENT_ID_DIGITS
        client_id = f"{self._options.address}-{tail:0{CLIENT_ID_DIGITS}x}"
        broker = msgspec.structs.replace(self._options.broker, client_id=client_id)
        if not self._at:
            return broker
        host, port = self._options.others[self._at - 1]
        return msgspec.structs.replace(broker, host=host, port=port)

    def _set(self, facts: LinkFacts) -> None:
        if facts != self.facts:
            self.facts = facts
            if self._changed is not None:
                self._changed(facts)
