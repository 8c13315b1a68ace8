"""The inbox as a process: one broker connection, the pipe of intake, the roster, retention.

There is one inbox identity. It says on a retained topic that it is there, and in which epoch; one that
hears a higher epoch of its own key has been taken over from: it stores on, signs nothing, and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay import mqtt, systemd
from relay.config import InboxConfig
from relay.core import wire
from relay.core.airtime import Preset
from relay.core.message import Address, Clock
from relay.errors import LinkError, StorageError
from relay.inbox.air import Air
from relay.inbox.courier import Courier
from relay.inbox.facts import address_of
from relay.inbox.ingest import Intake, Outcome
from relay.inbox.pipe import Pipe
from relay.inbox.replies import Replies, announced_epoch
from relay.inbox.retention import forget_old
from relay.inbox.roster_work import RosterWork
from relay.inbox.sessions import TOPICS
from relay.inbox.store import Arrival, Store
from relay.kernel_clock import clock_is_synchronised
from relay.trust import keys
from relay.trust.roster import Roster, RosterFile

RETRY_MIN_S, RETRY_MAX_S = 0.5, 15.0
ORDERS_POLL_S = 60.0
RETENTION_S = 3600.0

log = logging.getLogger("naober.inbox")


def arrival() -> Arrival:
    """Now, by both clocks."""
    return Arrival(int(time.time()), _boot_id(), time.clock_gettime(time.CLOCK_BOOTTIME))


def _boot_id() -> str:
    global _boot
    if not _boot:
        with contextlib.suppress(OSError):
            _boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return _boot


_boot = ""


def clock_quality() -> Clock:
    """NTP when the kernel says that its clock is kept right."""
    return Clock.NTP if clock_is_synchronised() else Clock.NONE


def now() -> tuple[Arrival, Clock]:
    """Now, and what this machine's clock is worth."""
    return arrival(), clock_quality()


class Service:
    """One running inbox."""

    def __init__(
        self,
        config: InboxConfig,
        key: Ed25519PrivateKey,
        roster: RosterFile,
        broker: mqtt.Options,
    ) -> None:
        """Opens the store and begins an inbox epoch; raises StorageError."""
        self._config = config
        self._roster = RosterWork(
            config, roster, broker, self._judge_again, self.send, keys.public_bytes(key)
        )
        self._broker = broker
        self._key = key
        self._address = keys.address_of(keys.public_bytes(key))
        self._store = Store(config.inbox.state)
        epoch = self._store.next_epoch(max(0, int(time.time()) - wire.EPOCH_2025_UNIX_S))
        self._replies = Replies(self._store, self._address, config.network_id, key.sign, epoch)
        self.air = Air(Preset(config.radio.preset), random.SystemRandom(), self._sites)
        look_up = self._roster.look_up
        self._intake = Intake(
            self._store, config.network_id, look_up, self._replies, self.air, self._roster.shown
        )
        self._heard = asyncio.Event()
        self._pipe = self._roster.pipe = Pipe(self._intake, now, self._send_replies)
        self._roster.air = self.air
        self._courier = Courier(
            self._store, self._intake, self._pipe, self._replies, look_up, now, self._send_replies
        )
        self._connection: mqtt.Connection | None = None
        self._sends: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self.on_taken: Callable[[Outcome], None] = lambda outcome: None  # told what was stored
        self._link = "connecting"
        self._started_s = time.monotonic()
        self._listening_since_s: float | None = None

    @property
    def roster(self) -> Roster:
        """The present one."""
        return self._roster.roster

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; then tidy up."""
        log.info("inbox %s started, epoch %d", keys.show(self._address), self._replies.epoch)
        tasks = [
            asyncio.create_task(self._guard(name, work), name=name)
            for name, work in (
                ("broker", self._stay_connected),
                ("intake", self._pipe.run),
                ("roster", self._roster.run),
                ("air", self._order_in_time),
                ("retention", self._retain),
                ("watchdog", self._watchdog),
            )
        ]
        desk = await self._courier.serve(self._config.inbox.state)
        systemd.notify("READY=1", "STATUS=started")
        await stop.wait()
        systemd.notify("STOPPING=1")
        if desk:
            desk.close()
        await self._leave()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._sends, self._roster.stop(), return_exceptions=True)
        self._pipe.close()
        self._store.close()
        log.info("stopped")

    async def _leave(self) -> None:
        """Gone, in so many words; but for one that has been taken over from: its topic is another's."""
        self._stopping = True
        if self._connection is None:
            return
        if not self._replies.muted:
            with contextlib.suppress(LinkError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._connection.publish(mqtt.topic("inbox"), b"", retain=True)
        await self._connection.close()

    async def _guard(self, name: str, work: Callable[[], Any]) -> None:
        while True:
            try:
                await work()
                return
            except Exception:
                log.exception("%s failed and is started again in 2 s", name)
                await asyncio.sleep(2)

    # --- the broker ---

    async def _stay_connected(self) -> None:
        wait_s = RETRY_MIN_S
        while True:
            try:
                error = await self._hold_connection()
                wait_s = RETRY_MIN_S
            except LinkError as failure:
                error = failure
            if self._stopping:
                return
            self._link = error.code
            log.warning("mqtt: %s", error)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))  # noqa: S311
            wait_s = min(RETRY_MAX_S, 2 * wait_s)

    async def _hold_connection(self) -> LinkError:
        options = self._broker
        if self._replies.muted:
            options = msgspec.structs.replace(options, will=None)
        connection = await mqtt.open(options, self._on_message)
        try:
            await connection.subscribe(mqtt.topic("up", "+"), mqtt.topic("inbox"))
            self._connection, self._link = connection, "connected"
            self._listening_since_s = time.monotonic()
            log.info("mqtt: connected to the broker")
            await self._announce(connection)
            await self._roster.connected(connection)
            return await connection.wait_ended()
        finally:
            self._connection = self._listening_since_s = None
            # what waits came over this connection: nobody can be told, and the nodes send it again
            await connection.close()

    async def _announce(self, connection: mqtt.Connection) -> None:
        """Say, retained, that this inbox is here, and in which epoch."""
        if self._replies.muted or self._stopping:
            return
        presence = await self._pipe.on_store_thread(lambda: self._replies.presence(*now()))
        with contextlib.suppress(LinkError):  # the connection ended: the next one says it
            await connection.publish(mqtt.topic("inbox"), presence, retain=True)

    def _on_message(self, message: mqtt.Message) -> None:
        kind, publisher = mqtt.split_topic(message.topic)
        if kind == "up":
            self._roster.spoke(publisher)
            self._pipe.feed(publisher, message)
            return
        if kind == "inbox":
            self._judge_presence(message.payload)
        elif message.topic in TOPICS:
            self._roster.broker_said(message.payload)
        message.ack()

    def _judge_presence(self, frame: bytes) -> None:
        """An inbox with our own key and a higher epoch has taken over: fall silent, and say so."""
        connection = self._connection
        if connection is None or self._replies.muted:
            return
        if not frame:  # the will of a connection that is no more, perhaps of our own
            self._soon(self._announce(connection))
            return
        public = self._key.public_key()
        epoch = announced_epoch(frame, self._address, self._config.network_id, public)
        if epoch <= self._replies.epoch:
            return
        self._replies.muted = True
        told = "another inbox with this key is at epoch %d, this one at %d: no more receipts"
        log.error(told, epoch, self._replies.epoch)
        self._soon(connection.close())  # and come back without a will: it would wipe the other's presence

    def _send_replies(self, outcome: Outcome) -> None:
        self._heard.set()
        if connection := self._connection:
            for publisher, frame in outcome.replies:
                self._soon(self._reply(connection, "down", publisher, frame))
            for gateway, frame in outcome.orders:
                self._soon(self._reply(connection, "air", gateway, frame))
        self.on_taken(outcome)

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
            self._replies.begin(*now())
            return None if self._replies.muted else work(self._replies)

        return await self._pipe.on_store_thread(sign) if self._connection is not None else None

    def send(self, kind: str, node: str, frame: bytes, retain: bool) -> None:
        """Say it to one node, if there is a connection; what is lost is asked for."""
        if self._connection is not None and not self._replies.muted:
            self._soon(self._reply(self._connection, kind, node, frame, retain))

    async def publish(self, topic: str, content: bytes) -> bool:
        """Say it on a topic of our own broker; whether the broker has it."""
        if self._connection is None or self._replies.muted:
            return False
        try:
            await self._connection.publish(topic, content)
        except LinkError:
            return False
        return True

    # --- the air ---

    def _sites(self) -> int:
        """How many nodes there may be."""
        return sum(not each.revoked and not each.replaced_s for each in self._roster.signers.values())

    def radio_facts(self, address: Address) -> dict[str, Any] | None:
        """How a site is heard by radio; None when it was not of late."""
        facts = self.air.facts(address, time.clock_gettime(time.CLOCK_BOOTTIME))
        relay = address_of(facts["through"]) if facts else None
        node = self.roster.entry(relay) if relay else None
        return facts | {"through": node.site} if facts and node else facts

    async def _order_in_time(self) -> None:
        """Receipts by radio that have waited long enough go, whether or not anything more is heard."""
        while True:
            self._heard.clear()
            left_s = self._intake.next_due_s() - time.clock_gettime(time.CLOCK_BOOTTIME)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(ORDERS_POLL_S, max(0.0, left_s))):
                    await self._heard.wait()
            if self._intake.next_due_s() <= time.clock_gettime(time.CLOCK_BOOTTIME):
                self._send_replies(await self._pipe.on_store_thread(lambda: self._intake.due(*now())))

    # --- now and then ---

    async def _judge_again(self) -> None:
        try:
            outcome = await self._pipe.until_stored(lambda: self._intake.judge_again(*now()))
        except Exception:
            log.exception("what is in quarantine could not be judged again")
            return
        self._send_replies(outcome or Outcome([], []))

    async def _retain(self) -> None:
        while True:
            if clock_quality() is not Clock.NONE:  # a clock that runs ahead would forget what is new
                with contextlib.suppress(StorageError):
                    days = self._config.store.retention_days
                    await forget_old(self._pipe, self._store, days, int(time.time()))
            await asyncio.sleep(RETENTION_S)

    async def _watchdog(self) -> None:
        interval_s = systemd.watchdog_interval_s()
        while interval_s:
            await self._pipe.on_store_thread(lambda: None)
            systemd.notify("WATCHDOG=1", f"STATUS=broker {self._link}, {len(self._roster.signers)} nodes")
            await asyncio.sleep(interval_s)

    def health(self) -> dict[str, Any]:
        """What `/healthz` says."""
        since = None if self._pipe.trouble else self._listening_since_s
        return {
            "ok": self._link == "connected" and not self._pipe.trouble and not self._replies.muted,
            "broker": self._link,
            "storage": self._pipe.trouble or "ok",
            "muted": self._replies.muted,
            "trusted": self._roster.trusted,
            "epoch": self._replies.epoch,
            "address": self._address.hex(),
            "nodes_known": len(self._roster.signers),
            "frames_waiting": len(self._pipe),
            "listening_s": 0.0 if since is None else round(time.monotonic() - since, 1),
            "uptime_s": round(time.monotonic() - self._started_s, 1),
            "counts": self._intake.counts,
        }
