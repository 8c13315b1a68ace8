"""The courier in a running node: answers `naober stick`, and sends on by MQTT what was carried here.

One batch of others' messages is on its way at a time, beside the node's own window, and only while the inbox
answers: a stick that comes home must not crowd out what a site says now.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.core import wire
from relay.errors import LinkError
from relay.links.mqtt import MqttLink
from relay.node.mqtt_work import LINK
from relay.node.reporting import log_events
from relay.node.shell import Shell

if TYPE_CHECKING:
    from relay.node.courier_desk import Desk
    from relay.node.courier_qr import CourierCode

FOLDER = "courier"  # beside the outbox: what is carried for others
IDLE_S = 60.0
RECEIPT_WAIT_S = 20.0
REFUSED_PAUSE_S = 15.0

log = logging.getLogger("naober.node")


class CourierWork:
    """Of one daemon; `start` it when the station is open."""

    def __init__(self, shell: Shell, link: MqttLink, state: Path, address: bytes) -> None:
        self._desk: Desk | None = None
        self._shell, self._link, self._state, self._address = shell, link, state, address
        self._news = shell.listener()

    async def start(self) -> None:
        """Look whether anything is carried, and begin."""
        if (self._state / FOLDER).exists():
            await self._shell.call(self._made)
        self._shell.start("courier", self._upload)

    def carried(self) -> int:
        """How many messages of others wait here for a receipt."""
        return len(self._desk.carried) if self._desk else 0

    async def codes(self) -> tuple[CourierCode, ...]:
        """What waits as codes for a phone; see courier_qr. Raises StorageError."""
        from relay.node.courier_qr import courier_codes

        desk = await self._shell.call(self._made)
        return await self._shell.call(lambda: courier_codes(desk))

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """See Desk.answer."""
        desk = await self._shell.call(self._made)
        answer = await self._shell.call(lambda: desk.answer(request))
        events, desk.events = desk.events, []
        log_events(events)
        if request["verb"] == "stick_read":
            self._shell.news()
        return answer

    def _made(self) -> Desk:
        """On the station's thread. Most nodes never see a stick, and do without what it takes."""
        if self._desk is None:
            from relay.node.courier_desk import Desk

            self._desk = Desk(self._shell.station, self._state, self._address)
        return self._desk

    # --- out by MQTT ---

    async def _upload(self) -> None:
        while True:
            self._news.clear()
            found = await self._shell.call(self._next)
            if found is None:
                await self._shell.rest(self._news, IDLE_S)
                continue
            desk, name, frame = found
            try:
                await self._link.send(frame)
            except LinkError:
                await self._shell.rest(self._news, REFUSED_PAUSE_S)
                continue
            await self._await_receipt(desk, name)

    def _next(self) -> tuple[Desk, str, bytes] | None:
        """On the station's thread."""
        desk = self._desk
        if desk is None:
            self._shell.station.forwarder.heard.words.take()  # about nothing that is here
            return None
        desk.settle()
        if not self._proven():
            return None
        found = desk.carried.next_segment(self._shell.station.moment())
        return (desk, found[0], wire.encode_batch(found[1])) if found else None

    def _proven(self) -> bool:
        session = self._shell.station.forwarder.sessions.get(LINK)
        return session is not None and session.proven

    async def _await_receipt(self, desk: Desk, name: str) -> None:
        clock = self._shell.station.moment
        end_s = clock().elapsed_s + RECEIPT_WAIT_S
        while (left_s := end_s - clock().elapsed_s) > 0:
            self._news.clear()
            covered = await self._shell.call(desk.settle)
            if covered:
                log.info("courier: the inbox holds %d messages that were carried here", covered)
            if not desk.carried.has(name):
                return
            await self._shell.rest(self._news, left_s)
        if self._proven():
            await self._shell.call(lambda: desk.carried.tried(name, self._shell.station.moment()))
