"""The inbox's one connection to its broker: made anew whenever it ends, and who speaks on it.

Before an inbox says anything it hears who else has its key:

1. It subscribes to its own topic, where whoever is in charge stands retained.
2. One that stands by goes on listening. One that runs already and finds a higher epoch than its own has been
   taken over from: it stands by.
3. One that has just started and finds a higher epoch than that of its last life wipes the topic. Whoever is
   alive writes it again within ANSWER_S, and then this one stands by. Else it was an inbox that is no more
   (this one was restored from a backup), and this one goes on above it.

Source: design, rule 5.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from relay import mqtt
from relay.core import wire
from relay.core.message import Clock
from relay.errors import LinkError, StorageError
from relay.inbox.ingest import Outcome
from relay.inbox.pipe import Pipe
from relay.inbox.replies import Replies
from relay.inbox.roster_work import RosterWork
from relay.inbox.sessions import TOPICS
from relay.inbox.standby import TAKEN_OVER, Standby
from relay.inbox.store import Arrival

RETRY_MIN_S, RETRY_MAX_S = 0.5, 15.0
ANSWER_S = 5.0  # until an inbox that is alive has said so
COME_BACK_S = 5.0  # for who waits to hear whether it took over

log = logging.getLogger("naober.inbox")


class BrokerLine:
    """Of one running inbox."""

    def __init__(
        self,
        brokers: tuple[mqtt.Options, ...],
        presence_of: Callable[[bytes], int],
        replies: Replies,
        standby: Standby,
        roster: RosterWork,
        pipe: Pipe,
        now: Callable[[], tuple[Arrival, Clock]],
    ) -> None:
        """`brokers`: the one to be on, and where to go when it can't be reached.

        `presence_of`: the epoch in which an inbox with our key says that it is there; 0: none does.
        """
        self.connection: mqtt.Connection | None = None
        self.state = "connecting"
        self.listening_since_s: float | None = None
        self._brokers, self._presence_of, self._now = brokers, presence_of, now
        self._replies, self._standby, self._roster, self._pipe = replies, standby, roster, pipe
        self._is_first = True  # this inbox has just started: it does not know yet who speaks
        self._other = 0  # the highest epoch that was heard since the topic was last wiped
        self._wiped = False
        self._spoke = asyncio.Event()
        self._up = asyncio.Event()
        self._stopping = False
        self._sends: set[asyncio.Task[Any]] = set()

    # --- coming and going ---

    async def stay_connected(self) -> None:
        """Until `leave`."""
        wait_s, at = RETRY_MIN_S, 0
        while True:
            broker = self._brokers[at]
            try:
                error = await self._hold(broker)
                wait_s, at = RETRY_MIN_S, 0
            except LinkError as failure:
                error, at = failure, (at + 1) % len(self._brokers)
            if self._stopping:
                return
            self.state = error.code
            log.warning("mqtt: %s: %s", broker.host, error)
            if at:
                continue  # the pause comes after the last one
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))  # noqa: S311
            wait_s = min(RETRY_MAX_S, 2 * wait_s)

    async def _hold(self, options: mqtt.Options) -> LinkError:
        if self._standby.why:
            options = msgspec.structs.replace(options, will=None)  # it would wipe the other's presence
        connection = await mqtt.open(options, self._on_message)
        try:
            await self._find_turn(connection)
            if connection.error is not None:
                return connection.error  # it gave way
            await connection.subscribe(mqtt.topic("up", "+"))
            self.connection, self.state = connection, "connected"
            self.listening_since_s = time.monotonic()
            self._up.set()
            log.info("mqtt: connected to the broker")
            await self._announce(connection)
            await self._roster.connected(connection, options)
            return await connection.wait_ended()
        finally:
            self.connection = self.listening_since_s = None
            self._up.clear()
            # what waits came over this connection: nobody can be told, and the nodes send it again
            await connection.close()

    async def leave(self) -> None:
        """Gone, in so many words; but for one that stands by: the topic is another's."""
        self._stopping = True
        if self.connection is None:
            return
        if not self._replies.muted:
            with contextlib.suppress(LinkError, TimeoutError):
                async with asyncio.timeout(2):
                    await self.connection.publish(mqtt.topic("inbox"), b"", retain=True)
        await self.connection.close()

    async def stop(self) -> None:
        """Wait for what is on its way."""
        await asyncio.gather(*self._sends, return_exceptions=True)

    # --- who speaks ---

    async def _find_turn(self, connection: mqtt.Connection) -> None:
        """The steps of this module's description."""
        self._other = 0
        for _ in range(2):  # the second is a round trip: what is retained came before its answer
            await connection.subscribe(mqtt.topic("inbox"))
        if self._standby.why:
            await connection.subscribe(mqtt.topic("roster"))
            return
        known = self._standby.before if self._is_first else self._replies.epoch
        if self._other > known and (not self._is_first or await self._answers(connection, known)):
            await self._give_way(connection)
        elif self._standby.heard >= self._replies.epoch:
            await self._rise(connection)
        self._is_first = False

    async def _rise(self, connection: mqtt.Connection) -> None:
        """Go on above whoever was heard of; where nothing is above that one, a thief has the key."""
        if not self._standby.can_rise:
            await self._give_way(connection)
            return
        await self._pipe.on_store_thread(lambda: self._standby.rise(self._since_2025_s(), self._replies))

    async def _answers(self, connection: mqtt.Connection, known: int) -> bool:
        """Whether an inbox above epoch `known` is alive: it writes its topic again when that is wiped."""
        self._wiped = False
        await connection.publish(mqtt.topic("inbox"), b"", retain=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                while not self._wiped or self._other <= known:
                    self._spoke.clear()
                    await self._spoke.wait()
        return self._wiped and self._other > known

    async def _give_way(self, connection: mqtt.Connection) -> None:
        """An inbox with our own key and a higher epoch has taken over: fall silent, and say so."""
        self._replies.muted = True
        told = "another inbox with this key is at epoch %d, this one at %d: no more receipts from here"
        log.error(told, self._standby.heard, self._replies.epoch)
        try:
            await self._pipe.on_store_thread(lambda: self._standby.begin(TAKEN_OVER, self._replies))
        except StorageError as error:
            log.error("that this inbox stands by is not on disk: %s", error)
        await connection.close()  # and come back without a will

    async def take_over(self) -> int:
        """This inbox speaks from now on; its epoch. Comes back to the broker first, where there is one.

        Raises NaoberError when it speaks already, StorageError.
        """
        epoch = await self._pipe.on_store_thread(
            lambda: self._standby.end(self._since_2025_s(), self._replies)
        )
        log.warning("this inbox has taken over, epoch %d", epoch)
        self._is_first = False
        if self.connection is not None:
            await self.connection.close()  # and come back with a will
            self._up.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COME_BACK_S):
                    await self._up.wait()
        return epoch

    def _since_2025_s(self) -> int:
        return max(0, self._now()[0].unix_s - wire.EPOCH_2025_UNIX_S)

    async def _announce(self, connection: mqtt.Connection) -> None:
        """Say, retained, that this inbox is here, and in which epoch."""
        if self._replies.muted or self._stopping:
            return
        presence = await self._pipe.on_store_thread(lambda: self._replies.presence(*self._now()))
        with contextlib.suppress(LinkError):  # the connection ended: the next one says it
            await connection.publish(mqtt.topic("inbox"), presence, retain=True)

    def _judge_presence(self, frame: bytes) -> None:
        epoch = self._presence_of(frame) if frame else 0
        self._wiped |= not frame
        self._other = max(self._other, epoch) if frame else 0
        is_ours = epoch == self._replies.epoch and not self._is_first  # before, nothing was said in it
        if epoch and not is_ours and self._standby.hears(epoch):
            self._soon(self._keep_heard())
        self._spoke.set()
        connection = self.connection
        if connection is None or self._replies.muted:
            return
        if epoch > self._replies.epoch:
            self._replies.muted = True
            self._soon(self._give_way(connection))
        elif epoch != self._replies.epoch:  # a will, perhaps of our own, or one that does not know of us yet
            self._soon(self._announce(connection))

    async def _keep_heard(self) -> None:
        with contextlib.suppress(StorageError):  # its clock will do
            await self._pipe.on_store_thread(self._standby.keep_heard)

    # --- what comes and goes ---

    def _on_message(self, message: mqtt.Message) -> None:
        kind, publisher = mqtt.split_topic(message.topic)
        if kind == "up":
            self._roster.spoke(publisher)
            self._pipe.feed(publisher, message)
            return
        if kind == "inbox":
            self._judge_presence(message.payload)
        elif kind == "roster":
            self._roster.overhear(message.payload)
        elif message.topic in TOPICS:
            self._roster.broker_said(message.payload)
        message.ack()

    def answer(self, outcome: Outcome) -> None:
        """Replies to nodes, and orders to gateways."""
        if connection := self.connection:
            for publisher, frame in outcome.replies:
                self._soon(self._reply(connection, "down", publisher, frame))
            for gateway, frame in outcome.orders:
                self._soon(self._reply(connection, "air", gateway, frame))

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def _reply(
        self, connection: mqtt.Connection, kind: str, node: str, frame: bytes, retain: bool = False
    ) -> None:
        with contextlib.suppress(LinkError):  # a receipt that is lost is asked for
            await connection.publish(mqtt.topic(kind, node), frame, retain=retain)

    async def say(self, work: Callable[[Replies], Any]) -> Any:
        """What `work` signs, on the store's thread; None while this inbox may not speak."""

        def sign() -> Any:
            self._replies.begin(*self._now())
            return None if self._replies.muted else work(self._replies)

        return await self._pipe.on_store_thread(sign) if self.connection is not None else None

    def send(self, kind: str, node: str, frame: bytes, retain: bool) -> None:
        """Say it to one node, if there is a connection; what is lost is asked for."""
        if self.connection is not None and not self._replies.muted:
            self._soon(self._reply(self.connection, kind, node, frame, retain))

    async def publish(self, topic: str, content: bytes) -> bool:
        """Say it on a topic of our own broker; whether the broker has it."""
        if self.connection is None or self._replies.muted:
            return False
        try:
            await self.connection.publish(topic, content)
        except LinkError:
            return False
        return True
