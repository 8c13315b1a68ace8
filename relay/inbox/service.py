"""The inbox as a process: one broker connection, verify threads, one store thread, the JSON pages.

Frames go through the stages of ingest.py as through a pipe: while one group is being committed, the
next is being verified. A frame is acknowledged to the broker only when its receipts are on their way,
and these are signed only after the commit. When the disk refuses, the frames at hand are tried again
until it takes them: nothing is acknowledged or receipted meanwhile, so nodes and broker hold theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from relay import mqtt, systemd
from relay.config import InboxConfig
from relay.core import payloads, wire
from relay.core.message import Address, Clock, Receipt
from relay.errors import ConfigError, LinkError, StorageError, WireError
from relay.inbox.filing import Parcel
from relay.inbox.ingest import Intake, Outcome
from relay.inbox.replies import Replies
from relay.inbox.store import Arrival, Store
from relay.kernel_clock import clock_is_synchronised
from relay.trust import keys
from relay.trust.roster import Roster, RosterFile

T = TypeVar("T")

VERIFY_THREADS = 2
VERIFY_CHUNK = 32
GROUP_ITEMS_MAX = 4096  # envelopes in one commit
RETRY_STORE_S = 2.0
RETRY_MIN_S, RETRY_MAX_S = 0.5, 15.0
ROSTER_POLL_S = 1.0
RETENTION_S = 3600.0
DAY_S = 86_400

log = logging.getLogger("naober.inbox")


class Signer:
    """A node of the roster as intake needs it."""

    __slots__ = ("public_key", "revoked")

    def __init__(self, raw: bytes, revoked: bool) -> None:
        self.public_key: wire.PublicKey = Ed25519PublicKey.from_public_bytes(raw)
        self.revoked = revoked


def signers_of(roster: Roster) -> dict[Address, Signer]:
    """Every node that may be believed, or must be known as revoked."""
    return {node.address: Signer(node.public_key, node.revoked) for node in roster.nodes}


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


class _Waiting:
    """A frame whose signatures are being judged."""

    __slots__ = ("jobs", "message", "parcel")

    def __init__(self, message: mqtt.Message, parcel: Parcel, jobs: list[Future[None]]) -> None:
        self.message, self.parcel, self.jobs = message, parcel, jobs

    async def judged(self) -> None:
        for job in self.jobs:
            await asyncio.wrap_future(job)

    def is_judged(self) -> bool:
        return all(job.done() for job in self.jobs)


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
        self._roster = roster
        self._signers = signers_of(roster.roster)
        self._broker = broker
        self._key = key
        self._address = keys.address_of(keys.public_bytes(key))
        self._store = Store(config.inbox.state)
        minutes = int(time.time() - wire.EPOCH_2025_UNIX_S) // 60
        epoch = self._store.next_epoch(max(0, minutes))
        self._replies = Replies(self._store, self._address, config.network_id, key.sign, epoch)
        self._intake = Intake(self._store, config.network_id, lambda a: self._signers.get(a), self._replies)
        self._verifiers = ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="verify")
        self._store_thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._connection: mqtt.Connection | None = None
        self._sends: set[asyncio.Task[None]] = set()
        self._trouble = ""  # why messages are not stored now
        self._link = "connecting"
        self._started_s = time.monotonic()

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
                ("intake", self._take_in),
                ("roster", self._follow_roster),
                ("retention", self._retain),
                ("watchdog", self._watchdog),
            )
        ]
        systemd.notify("READY=1", "STATUS=started")
        await stop.wait()
        systemd.notify("STOPPING=1")
        if self._connection:
            with contextlib.suppress(LinkError, TimeoutError):
                async with asyncio.timeout(2):  # gone, in so many words
                    await self._connection.publish(mqtt.topic("inbox"), b"", retain=True)
            await self._connection.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._sends, return_exceptions=True)
        self._verifiers.shutdown()
        self._store_thread.shutdown()
        self._store.close()
        log.info("stopped")

    async def _on_store_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._store_thread, work)

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
            self._link = error.code
            log.warning("mqtt: %s", error)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))  # noqa: S311
            wait_s = min(RETRY_MAX_S, 2 * wait_s)

    async def _hold_connection(self) -> LinkError:
        connection = await mqtt.open(self._broker, self._on_message)
        try:
            await connection.subscribe(mqtt.topic("up", "+"), mqtt.topic("inbox"))
            self._connection, self._link = connection, "connected"
            log.info("mqtt: connected to the broker")
            if not self._replies.muted:
                self._replies.begin(arrival(), clock_quality())
                presence = await self._on_store_thread(self._replies.presence)
                await connection.publish(mqtt.topic("inbox"), presence, retain=True)
            return await connection.wait_ended()
        finally:
            self._connection = None
            # what waits came over this connection: nobody can be told, and the nodes send it again
            await connection.close()

    def _on_message(self, message: mqtt.Message) -> None:
        kind, publisher = mqtt.split_topic(message.topic)
        if kind == "up":
            parcel = self._intake.open_frame(publisher, message.payload, time.monotonic())
            if parcel is None:
                message.ack()
                return
            items = parcel.items
            jobs = [
                self._verifiers.submit(self._intake.verify, items[start : start + VERIFY_CHUNK])
                for start in range(0, len(items), VERIFY_CHUNK)
            ]
            self._waiting.append(_Waiting(message, parcel, jobs))
            self._arrived.set()
            return
        if kind == "inbox":
            self._judge_presence(message.payload)
        message.ack()

    def _judge_presence(self, frame: bytes) -> None:
        """An inbox with our own key and a higher epoch has taken over: fall silent, and say so."""
        with contextlib.suppress(WireError):
            for entry in wire.decode_batch(frame):
                header = wire.parse_header(entry.envelope)
                said = payloads.decode(entry.envelope, header)
                ours = header.address == self._address and isinstance(said, Receipt)
                if not ours or header.epoch <= self._replies.epoch or self._replies.muted:
                    continue
                if wire.is_authentic(entry.envelope, self._config.network_id, self._key.public_key()):
                    self._replies.muted = True
                    log.error(
                        "another inbox with this key is at epoch %d, this one at %d: no more receipts",
                        header.epoch,
                        self._replies.epoch,
                    )

    # --- intake ---

    async def _take_in(self) -> None:
        while True:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            group = await self._next_group()
            await self._store_group(group)

    async def _next_group(self) -> list[_Waiting]:
        """The frame that waits longest, and those behind it that are judged by then."""
        first = self._waiting[0]
        await first.judged()
        group: list[_Waiting] = []
        items = 0
        while self._waiting and self._waiting[0].is_judged() and items < GROUP_ITEMS_MAX:
            group.append(self._waiting.popleft())
            items += len(group[-1].parcel.items)
        return group

    async def _store_group(self, group: list[_Waiting]) -> None:
        parcels = [waiting.parcel for waiting in group]
        outcome = await self._until_stored(lambda: self._intake.store(parcels, arrival(), clock_quality()))
        self._send_replies(outcome)
        for waiting in group:
            waiting.message.ack()

    async def _until_stored(self, work: Callable[[], Outcome]) -> Outcome:
        while True:
            try:
                outcome = await self._on_store_thread(work)
            except StorageError as error:
                if not self._trouble:
                    log.error("nothing is stored or receipted: %s", error)
                self._trouble = error.code
                await asyncio.sleep(RETRY_STORE_S)
                continue
            if self._trouble:
                log.warning("storage works again: intake resumed")
                self._trouble = ""
            return outcome

    def _send_replies(self, outcome: Outcome) -> None:
        connection = self._connection
        if connection is None:
            return
        for publisher, frame in outcome.replies:
            task = asyncio.ensure_future(self._reply(connection, publisher, frame))
            self._sends.add(task)
            task.add_done_callback(self._sends.discard)

    async def _reply(self, connection: mqtt.Connection, publisher: str, frame: bytes) -> None:
        with contextlib.suppress(LinkError):  # a receipt that is lost is asked for
            await connection.publish(mqtt.topic("down", publisher), frame)

    # --- now and then ---

    async def _follow_roster(self) -> None:
        while True:
            await asyncio.sleep(ROSTER_POLL_S)
            try:
                changed = self._roster.reload_if_changed()
            except ConfigError as error:
                log.error("the roster stays as it was: %s", error)
                continue
            if not changed:
                continue
            self._signers = signers_of(self.roster)
            log.info("roster changed: %d nodes", len(self._signers))
            outcome = await self._until_stored(
                lambda: self._intake.judge_again(arrival(), clock_quality()) or Outcome([], [])
            )
            self._send_replies(outcome)

    async def _retain(self) -> None:
        while True:
            days = self._config.store.retention_days
            with contextlib.suppress(StorageError):
                before_s = int(time.time()) - days * DAY_S
                await self._on_store_thread(lambda before_s=before_s: self._store.forget_statuses(before_s))  # type: ignore[misc]
            await asyncio.sleep(RETENTION_S)

    async def _watchdog(self) -> None:
        interval_s = systemd.watchdog_interval_s()
        while interval_s:
            await self._on_store_thread(lambda: None)
            systemd.notify("WATCHDOG=1", f"STATUS=broker {self._link}, {len(self._signers)} nodes")
            await asyncio.sleep(interval_s)

    def health(self) -> dict[str, Any]:
        """What `/healthz` says."""
        return {
            "ok": self._link == "connected" and not self._trouble and not self._replies.muted,
            "broker": self._link,
            "storage": self._trouble or "ok",
            "muted": self._replies.muted,
            "epoch": self._replies.epoch,
            "address": self._address.hex(),
            "nodes_known": len(self._signers),
            "frames_waiting": len(self._waiting),
            "uptime_s": round(time.monotonic() - self._started_s, 1),
            "counts": dict(self._intake.counts),
        }
