"""The courier in a running node: answers `naober stick`, and sends on by MQTT what was carried here.

One batch of others' messages is on its way at a time, beside the node's own window, and only while the inbox
answers: a stick that comes home must not crowd out what a site says now.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from relay.core import wire
from relay.errors import LinkError
from relay.links.mqtt import MqttLink
from relay.node.courier_desk import Desk
from relay.node.mqtt_work import LINK
from relay.node.reporting import log_events
from relay.node.shell import Shell

IDLE_S = 60.0
RECEIPT_WAIT_S = 20.0
REFUSED_PAUSE_S = 15.0

log = logging.getLogger("naober.node")


class CourierWork:
    """Of one daemon; `start` it when the station is open."""

    def __init__(self, shell: Shell, link: MqttLink, state: Path, address: bytes) -> None:
        self.desk: Desk
        self._shell, self._link, self._state, self._address = shell, link, state, address
        self._news = shell.listener()

    async def start(self) -> None:
        """Look what is carried, and begin."""
        shell = self._shell
        self.desk = await shell.call(lambda: Desk(shell.station, self._state, self._address))
        shell.start("courier", self._upload)

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """See Desk.answer."""
        answer = await self._shell.call(lambda: self.desk.answer(request))
        events, self.desk.events = self.desk.events, []
        log_events(events)
        if request["verb"] == "stick_read":
            self._shell.news()
        return answer

    # --- out by MQTT ---

    async def _upload(self) -> None:
        while True:
            self._news.clear()
            found = await self._shell.call(self._next)
            if found is None:
                await self._shell.rest(self._news, IDLE_S)
                continue
            name, frame = found
            try:
                await self._link.send(frame)
            except LinkError:
                await self._shell.rest(self._news, REFUSED_PAUSE_S)
                continue
            await self._await_receipt(name)

    def _next(self) -> tuple[str, bytes] | None:
        """On the station's thread."""
        self.desk.settle()
        if not self._proven():
            return None
        found = self.desk.carried.next_segment(self._shell.station.moment())
        return (found[0], wire.encode_batch(found[1])) if found else None

    def _proven(self) -> bool:
        session = self._shell.station.forwarder.sessions.get(LINK)
        return session is not None and session.proven

    async def _await_receipt(self, name: str) -> None:
        clock = self._shell.station.moment
        end_s = clock().elapsed_s + RECEIPT_WAIT_S
        while (left_s := end_s - clock().elapsed_s) > 0:
            self._news.clear()
            covered = await self._shell.call(self.desk.settle)
            if covered:
                log.info("courier: the inbox holds %d messages that were carried here", covered)
            if not self.desk.carried.has(name):
                return
            await self._shell.rest(self._news, left_s)
        if self._proven():
            await self._shell.call(lambda: self.desk.carried.tried(name, self._shell.station.moment()))
