"""What the roster means for a running inbox: whom it believes, whom the broker lets in, what all must hear.

The roster is followed within ROSTER_POLL_S, and at once when a node shows a paper. Each time it changes, in
this order: signers (from now nothing of a revoked key is believed), the broker's access list, the changes on
the retained topic, what waited in quarantine. A session of who is refused is cut as soon as the broker says
that it has read its list again.

Source: design, "Trust"; T9: in force within 5 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from relay import mqtt
from relay.config import InboxConfig
from relay.core import wire
from relay.core.message import Address, Entry
from relay.errors import ConfigError, LinkError, StorageError, WireError
from relay.inbox import broker_acl
from relay.inbox.air import Air
from relay.inbox.changes import Airings, roster_frame
from relay.inbox.pipe import Pipe
from relay.inbox.sessions import TOPICS, Sessions, cut
from relay.inbox.shown import ShownPapers
from relay.inbox.signers import Signer, signers_of
from relay.trust import keeping
from relay.trust.roster import Roster, RosterFile
from relay.trust.roster_file import Papers

ROSTER_POLL_S = 1.0
RELOAD_EXPECTED_S = 10.0  # naober-broker.path acts within one
CUTS_MAX = 256  # at one reload

log = logging.getLogger("naober.inbox")


class RosterWork:
    """One inbox's roster at work. `pipe` is set before `run`."""

    def __init__(
        self,
        config: InboxConfig,
        file: RosterFile,
        broker: mqtt.Options,
        judge_again: Callable[[], Awaitable[None]],
        publish: Callable[[str, str, bytes, bool], None],
        own_key: bytes,
    ) -> None:
        """`publish(kind, address, frame, retain)` sends when there is a connection, and else does nothing."""
        self._own_key = own_key
        self._config, self._file, self._broker = config, file, broker
        self._judge_again, self._publish = judge_again, publish
        self._came = asyncio.Event()
        self._sessions = Sessions()
        self._airings = Airings()
        self._refused: frozenset[str] = frozenset()
        self._applied = False
        self._acl_written_s: float | None = None  # and the broker has not read it since
        self._tasks: set[asyncio.Task[Any]] = set()
        self.signers: dict[Address, Signer] = signers_of(file.roster, {})
        self.shown = ShownPapers(lambda: self.roster, self._came.set, self._tell_grant)
        self.pipe: Pipe
        self.air: Air
        self.may_speak: Callable[[], bool] = lambda: True  # one that stands by ends nobody's session

    @property
    def roster(self) -> Roster:
        """The present one."""
        return self._file.roster

    def look_up(self, address: Address) -> Signer | None:
        """Who signs from there, as the roster knows it now."""
        return self.signers.get(address)

    @property
    def trusted(self) -> bool:
        """Whether nodes believe what this inbox signs, as far as papers tell."""
        return not self.roster.inbox_keys or self._own_key in self.roster.inbox_keys

    # --- following ---

    async def run(self) -> None:
        """Follow the roster for ever."""
        await self._apply()  # it may have changed while no inbox ran
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROSTER_POLL_S):
                    await self._came.wait()
            self._came.clear()
            await self._keep_shown()
            try:
                changed = self._file.reload_if_changed()
            except (ConfigError, StorageError) as error:
                log.error("the roster stays as it was: %s", error)
                continue
            if changed:
                self.signers = signers_of(self.roster, self.signers)
                log.info("roster changed: %d nodes", len(self.signers))
                await self._apply()
            self._say_on_air()
            self._warn_of_old_list()

    async def _keep_shown(self) -> None:
        """What nodes showed goes into the file; from there it is read like what came on a stick."""
        waiting = self.shown.waiting()
        if not waiting:
            return

        def keep() -> None:
            kept = Papers(self._config.roster_file)
            kept.add(waiting)
            keeping.save(kept, self._config.authority_keys, self._config.network_id)

        try:
            await self.pipe.on_store_thread(keep)
        except StorageError as error:
            log.error("papers that nodes showed can't be kept; they will show them again: %s", error)
            return
        finally:
            self.shown.kept(waiting)
        log.info("%d papers that nodes showed are in the roster", len(waiting))

    async def _apply(self) -> None:
        before, self._refused = self._refused, broker_acl.refused_of(self.roster)
        refused, state = self._refused, self._config.inbox.state
        restart = self._sessions.has_unseen(refused - before)
        anew, self._applied = not self._applied, True

        def write() -> bool:
            return broker_acl.write(state, refused, restart=restart, anew=anew)

        try:
            if await self.pipe.on_store_thread(write):
                self._acl_written_s = time.monotonic()
        except StorageError as error:
            log.error("the broker's access list can't be written: %s", error)
        if not self.trusted:
            log.error("the key of this inbox counts no more: nodes don't believe its receipts")
        self._airings.note(self.roster.changes, _boottime_s(), int(time.time()))
        self.tell_roster()
        await self._judge_again()

    # --- the broker ---

    async def connected(self, connection: mqtt.Connection, broker: mqtt.Options) -> None:
        """A new connection to this broker: hear who comes, and say what changed."""
        self._broker = broker
        self._acl_written_s = None  # one that was started anew has read it
        self._sessions.missed_some()
        if self._config.mqtt.tls:  # without it nobody has a name; and the demo's broker hangs up at "$SYS"
            with contextlib.suppress(LinkError):  # it works without
                await connection.subscribe(*TOPICS)
        self.tell_roster()

    def tell_roster(self) -> None:
        """All changes, retained."""
        if self.roster.changes:
            self._publish("roster", "", roster_frame(self.roster.changes), True)

    def overhear(self, frame: bytes) -> None:
        """What the inbox that speaks says of the roster; only one that stands by listens there."""
        with contextlib.suppress(WireError):
            self.shown.overhear([entry.envelope for entry in wire.decode_batch(frame)])

    def spoke(self, user: str) -> None:
        """A node's own MQTT brought something."""
        self._sessions.spoke(user)

    def _tell_grant(self, publisher: str, envelope: bytes) -> None:
        self._publish("down", publisher, wire.encode_batch([Entry(envelope)]), False)

    def broker_said(self, line: bytes) -> None:
        """One line of the broker's log."""
        if not self._sessions.hear(line):
            return  # it told who comes and goes
        self._acl_written_s = None
        if self.may_speak():
            for client in self._sessions.of(self._refused)[:CUTS_MAX]:
                self._spawn(self._cut(client))

    async def _cut(self, client: str) -> None:
        done = await cut(self._broker, client)
        log.warning("the session of %r, revoked or blocked, was %s", client, "cut" if done else "not cut")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _warn_of_old_list(self) -> None:
        since_s = self._acl_written_s
        if since_s is not None and self._refused and time.monotonic() > since_s + RELOAD_EXPECTED_S:
            self._acl_written_s = None
            log.error(
                "the broker has not read its access list again: is naober-broker.path enabled?"
                " By hand: sudo systemctl start naober-broker.service"
            )

    # --- the air ---

    def _say_on_air(self) -> None:
        for envelope in self._airings.due(_boottime_s()):
            frame = wire.encode_batch([Entry(envelope)])
            for gateway in sorted(self._gateways()):
                self._publish("air", gateway, frame, False)

    def _gateways(self) -> set[str]:
        """Nodes that stand high for this, and whoever hears others by radio now."""
        standing = {node.address.hex() for node in self.roster.nodes if node.gateway}
        return (standing | set(self.air.ways_to(_boottime_s()).values())) - self._refused

    # --- the end ---

    async def stop(self) -> None:
        """Wait for what is short."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _boottime_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
