"""A node's work on MQTT: frames in, frames out, and what its link says of itself."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from relay.core.events import Dismissed, EpochRaised, Event, Junk, Proven
from relay.core.session import Session
from relay.core.takeover import INBOX_SILENT_S
from relay.errors import LinkError, Text
from relay.links.base import LinkFacts
from relay.links.mqtt import MqttLink
from relay.node.reporting import link_state, log_events, revoked_state
from relay.node.shell import Gate, Shell, open_gate

LINK = "mqtt"
LOOK_S = 30.0  # between two looks whether the inbox answers
FRAMES_RECEIVED_MAX = 256
ROSTER_BYTES_MAX = 64 * 1024  # of the retained topic with all changes

log = logging.getLogger("naober.node")


class MqttWork:
    """Both directions of the MQTT link. `start` it when the station is open."""

    def __init__(self, shell: Shell, link: MqttLink, gate: Gate = open_gate) -> None:
        self.facts = link.facts
        self._shell = shell
        self._link = link
        self._gate = gate
        self._received: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(FRAMES_RECEIVED_MAX)
        self.overrun = 0  # frames that found the queue full
        self._news = shell.listener()

    async def start(self) -> None:
        """Begin; the link is down until it says otherwise."""
        await self._shell.call(lambda: self._shell.station.link_changed(LINK, False))
        run = partial(self._link.run, self._on_frame, self._on_link)
        self._shell.start("link", lambda: self._gate(LINK, run, self._on_link))
        self._shell.start("brokers", self._leave_the_silent)
        self._shell.start("frames in", self._frames_in)
        self._shell.start("frames out", self._frames_out)

    @property
    def session(self) -> Session:
        """The conversation with the inbox."""
        return self._shell.station.forwarder.sessions[LINK]

    @property
    def broker(self) -> str:
        """Of VRD's brokers the one that is tried or connected, as host:port."""
        return self._link.where

    def state(self) -> tuple[str, Text, Text]:
        """Code, what and what to do."""
        forwarder = self._shell.station.forwarder
        if forwarder.papers.dismissed is not None:
            return revoked_state(forwarder.papers.dismissed)
        return link_state(self.facts, forwarder.sessions.get(LINK))

    # --- what the link says ---

    def _on_link(self, facts: LinkFacts) -> None:
        was, self.facts = self.facts, facts
        level = logging.INFO if facts.code in ("connected", "connecting") else logging.WARNING
        log.log(level, "%s: %s%s", LINK, facts.what.en, f" ({facts.do.en})" if facts.do.en else "")
        if facts.connected != was.connected:
            self._shell.spawn(self._link_changed(facts.connected))

    async def _link_changed(self, connected: bool) -> None:
        await self._shell.call(lambda: self._shell.station.link_changed(LINK, connected))
        self._shell.news()
        if not connected:
            self._shell.status_changed.set()  # the broker is lost: news for other links and for the history

    async def _leave_the_silent(self) -> None:
        """Where VRD has more brokers: one that answers but brings no word of the inbox is left for the next.

        It may be cut off from VRD, or be in hands that keep all for themselves.
        """
        now_s, since_s = asyncio.get_running_loop().time, None
        while True:
            await asyncio.sleep(LOOK_S)
            session = self._shell.station.forwarder.sessions.get(LINK)
            if session is None or session.proven or not session.connected:
                since_s = None
                continue
            since_s = now_s() if since_s is None else since_s
            if now_s() - since_s >= INBOX_SILENT_S:
                self._link.leave()
                since_s = None

    # --- in ---

    def _on_frame(self, kind: str, frame: bytes) -> None:
        if not frame:
            if kind == "inbox":  # its last will, or its goodbye: worth no belief, but a question
                self._shell.spawn(self._link_changed(self.facts.connected))
            return
        try:
            self._received.put_nowait((kind, frame))
        except asyncio.QueueFull:
            self.overrun += 1  # receipts are said again when asked

    async def _frames_in(self) -> None:
        while True:
            frames = [await self._received.get()]
            while not self._received.empty():
                frames.append(self._received.get_nowait())
            events = await self._shell.call(partial(self._receive, frames))
            log_events(events)
            if any(isinstance(event, Proven | EpochRaised | Dismissed) for event in events):
                # the status before says that the broker is out, or is of an old epoch
                self._shell.status_changed.set()
            self._shell.news()

    def _receive(self, frames: list[tuple[str, bytes]]) -> list[Event]:
        return [event for kind, frame in frames for event in self._receive_one(kind, frame)]

    def _receive_one(self, kind: str, frame: bytes) -> list[Event]:
        station = self._shell.station
        if kind == "roster" and len(frame) > ROSTER_BYTES_MAX:
            return [Junk(LINK, "a roster longer than any inbox says")]
        return station.order(frame) if kind == "air" else station.receive(LINK, frame)

    # --- out ---

    async def _frames_out(self) -> None:
        while True:
            self._news.clear()
            frames, wait_s, events = await self._shell.call(partial(self._next, self._link.room()))
            self._shell.tell_storage()
            log_events(events)
            for frame in frames:
                self._shell.spawn(self._send(frame))
            if not frames:
                await self._shell.rest(self._news, wait_s)

    def _next(self, room: int) -> tuple[list[bytes], float, list[Event]]:
        station = self._shell.station
        station.housekeeping()
        return station.frames_for(LINK, room), station.wait_s(), station.take_news()

    async def _send(self, frame: bytes) -> None:
        try:
            await self._link.send(frame)
        except LinkError as error:
            if error.code == "publish_refused":
                await self._shell.call(lambda: self._shell.station.refused(LINK))
        self._news.set()
