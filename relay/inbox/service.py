"""The inbox as a process: one broker connection, the pipe of intake, the roster, retention.

What is said to the broker, and whether this inbox may say anything: line.py and standby.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay import mqtt, systemd
from relay.config import InboxConfig
from relay.core import wire
from relay.core.airtime import Preset
from relay.core.message import Address, Clock
from relay.errors import StorageError
from relay.inbox.air import Air
from relay.inbox.courier import Courier
from relay.inbox.facts import address_of
from relay.inbox.ingest import Intake, Outcome
from relay.inbox.line import BrokerLine
from relay.inbox.pipe import Pipe
from relay.inbox.replies import Replies, announced_epoch
from relay.inbox.retention import forget_old
from relay.inbox.roster_work import RosterWork
from relay.inbox.standby import Standby
from relay.inbox.store import Arrival, Store
from relay.kernel_clock import clock_is_synchronised
from relay.trust import keys
from relay.trust.roster import Roster, RosterFile

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
        public_key = keys.public_bytes(key)
        self._address = address = keys.address_of(public_key)
        self._roster = RosterWork(
            config, roster, broker, self._judge_again, lambda *said: self.line.send(*said), public_key
        )
        self._store = Store(config.inbox.state)
        self._standby = Standby(self._store, max(0, int(time.time()) - wire.EPOCH_2025_UNIX_S))
        epoch = self._standby.epoch
        self._replies = Replies(self._store, self._address, config.network_id, key.sign, epoch)
        self._replies.muted = bool(self._standby.why)
        self.air = Air(Preset(config.radio.preset), random.SystemRandom(), self._sites)
        look_up = self._roster.look_up
        self._intake = Intake(
            self._store, config.network_id, look_up, self._replies, self.air, self._roster.shown
        )
        self._heard = asyncio.Event()
        self._pipe = self._roster.pipe = Pipe(self._intake, now, self._send_replies)
        self._roster.air = self.air
        self._roster.may_speak = lambda: not self._replies.muted
        self.courier = Courier(
            self._store, self._intake, self._pipe, self._replies, look_up, now, self._send_replies
        )
        others = (each.rpartition(":") for each in config.mqtt.others)
        self.line = BrokerLine(
            (
                broker,
                *(msgspec.structs.replace(broker, host=host, port=int(port)) for host, _, port in others),
            ),
            lambda frame: announced_epoch(frame, address, config.network_id, key.public_key()),
            self._replies,
            self._standby,
            self._roster,
            self._pipe,
            now,
        )
        self.on_taken: Callable[[Outcome], None] = lambda outcome: None  # told what was stored
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
                ("broker", self.line.stay_connected),
                ("intake", self._pipe.run),
                ("roster", self._roster.run),
                ("air", self._order_in_time),
                ("retention", self._retain),
                ("watchdog", self._watchdog),
            )
        ]
        desk = await self.courier.serve(self._config.inbox.state, self._asked)
        systemd.notify("READY=1", "STATUS=started")
        await stop.wait()
        systemd.notify("STOPPING=1")
        if desk:
            desk.close()
        await self.line.leave()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, self.line.stop(), self._roster.stop(), return_exceptions=True)
        self._pipe.close()
        self._store.close()
        log.info("stopped")

    async def _guard(self, name: str, work: Callable[[], Any]) -> None:
        while True:
            try:
                await work()
                return
            except Exception:
                log.exception("%s failed and is started again in 2 s", name)
                await asyncio.sleep(2)

    def _send_replies(self, outcome: Outcome) -> None:
        self._heard.set()
        self.line.answer(outcome)
        self.on_taken(outcome)

    async def _asked(self, request: dict[str, Any]) -> dict[str, Any]:
        """By a command on this machine; raises NaoberError, ValueError, TypeError or KeyError."""
        if request["verb"] == "take_over":
            return {"epoch": await self.line.take_over(), "broker": self.line.state}
        return await self.courier.answer(request)

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
            systemd.notify(
                "WATCHDOG=1", f"STATUS=broker {self.line.state}, {len(self._roster.signers)} nodes"
            )
            await asyncio.sleep(interval_s)

    def health(self) -> dict[str, Any]:
        """What `/healthz` says."""
        since = None if self._pipe.trouble else self.line.listening_since_s
        return {
            "ok": self.line.state == "connected" and not self._pipe.trouble and not self._replies.muted,
            "broker": self.line.state,
            "storage": self._pipe.trouble or "ok",
            "muted": self._replies.muted,
            "standby": self._standby.why,
            "trusted": self._roster.trusted,
            "epoch": self._replies.epoch,
            "address": self._address.hex(),
            "nodes_known": len(self._roster.signers),
            "frames_waiting": len(self._pipe),
            "listening_s": 0.0 if since is None else round(time.monotonic() - since, 1),
            "uptime_s": round(time.monotonic() - self._started_s, 1),
            "counts": self._intake.counts,
        }
