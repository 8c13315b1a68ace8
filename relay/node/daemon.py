"""The node as a process: links, sensors, timers and signals around one station.

The station is synchronous and lives on a thread of its own, since a card may take seconds to sync.
Everything else is on the event loop: receive, decide, transmit, re-arm. What fails here fails alone: a
link, a sensor or the control socket that breaks is logged and tried again, and the rest goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from relay import systemd
from relay.config import NodeConfig
from relay.core.events import EpochRaised, Event, Proven
from relay.core.fields import parse
from relay.core.log import Identity, Row
from relay.core.message import Confidence, Draft, Kind, Numbering, Urgency
from relay.core.parts import split
from relay.errors import LinkError, NaoberError, StorageError, Text, ValueRefused, WireError
from relay.links.base import LinkFacts
from relay.links.mqtt import MqttLink
from relay.node import control, lock
from relay.node.compose import identity_of, make_link, open_station, sensors_of
from relay.node.reporting import link_state, log_events, queue_facts, status_draft
from relay.node.station import Station
from relay.sensors.base import SensorBoard
from relay.trust import keys

T = TypeVar("T")

LINK = "mqtt"
FIRST_READING_S = 3.0
CHANGE_SETTLES_S = 0.2  # several sensors may tell of one event
FRAMES_RECEIVED_MAX = 256
SEND_KINDS = {"report": Kind.REPORT, "request": Kind.REQUEST, "offer": Kind.OFFER}

log = logging.getLogger("naober.node")


class Daemon:
    """One running node."""

    def __init__(self, config: NodeConfig, identity: Identity, link: MqttLink) -> None:
        self._config = config
        self._identity = identity
        self._link = link
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="station")
        self._kick = asyncio.Event()
        self._change = asyncio.Event()
        self._received: asyncio.Queue[bytes] = asyncio.Queue(FRAMES_RECEIVED_MAX)
        self._sends: set[asyncio.Task[None]] = set()
        self._board = SensorBoard(sensors_of(config))
        self._facts = link.facts
        self._last_status_s: float | None = None
        self._said_storage = ""
        self._overrun = 0
        self._station: Station

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; then tidy up. Raises only when the station can't be opened at all."""
        self._station = await self._call(lambda: open_station(self._config, self._identity))
        self._tell_storage()
        await self._call(lambda: self._station.link_changed(LINK, False))
        server = await self._serve_control()
        tasks = [
            asyncio.create_task(self._guard(name, work), name=name)
            for name, work in (
                ("link", lambda: self._link.run(self._on_frame, self._on_link)),
                ("sensors", lambda: self._board.run(self._change.set)),
                ("statuses", self._statuses),
                ("frames in", self._frames_in),
                ("frames out", self._frames_out),
                ("watchdog", self._watchdog),
            )
        ]
        log.info(
            "node %s (%s) started, epoch %d",
            keys.show(self._identity.address),
            self._config.node.site or "no site name",
            self._station.forwarder.state.epoch,
        )
        systemd.notify("READY=1", "STATUS=started")
        await stop.wait()
        systemd.notify("STOPPING=1")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._sends, return_exceptions=True)
        if server:
            server.close()
        with contextlib.suppress(StorageError):
            await self._call(self._station.close)
        self._thread.shutdown()
        log.info("stopped; what is not receipted is kept")

    async def _call(self, work: Callable[[], T]) -> T:
        """Run `work` on the station's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _guard(self, name: str, work: Callable[[], Any]) -> None:
        """Start `work` again when it fails by a mistake of ours: the rest must go on."""
        while True:
            try:
                await work()
                return
            except Exception:
                log.exception("%s failed and is started again in 5 s", name)
                await asyncio.sleep(5)

    # --- the link ---

    def _on_link(self, facts: LinkFacts) -> None:
        was, self._facts = self._facts, facts
        level = logging.INFO if facts.code in ("connected", "connecting") else logging.WARNING
        log.log(level, "%s: %s%s", LINK, facts.what.en, f" ({facts.do.en})" if facts.do.en else "")
        if facts.connected != was.connected:
            self._spawn(self._link_changed(facts.connected))

    async def _link_changed(self, connected: bool) -> None:
        await self._call(lambda: self._station.link_changed(LINK, connected))
        self._kick.set()
        if not connected:
            self._change.set()  # the broker is lost: news for the other links and for the history

    def _on_frame(self, kind: str, frame: bytes) -> None:
        if not frame:
            if kind == "inbox":  # its last will, or its goodbye: worth no belief, but a question
                self._spawn(self._link_changed(self._facts.connected))
            return
        try:
            self._received.put_nowait(frame)
        except asyncio.QueueFull:
            self._overrun += 1  # receipts are said again when asked

    async def _frames_in(self) -> None:
        while True:
            frames = [await self._received.get()]
            while not self._received.empty():
                frames.append(self._received.get_nowait())
            events = await self._call(partial(self._receive, frames))
            log_events(events)
            if any(isinstance(event, Proven | EpochRaised) for event in events):
                self._change.set()  # the status before says that the broker is out, or is of an old epoch
            self._kick.set()

    def _receive(self, frames: list[bytes]) -> list[Event]:
        return [event for frame in frames for event in self._station.receive(LINK, frame)]

    async def _frames_out(self) -> None:
        while True:
            self._kick.clear()
            frames, wait_s = await self._call(partial(self._next, self._link.room()))
            self._tell_storage()
            for frame in frames:
                self._spawn(self._send(frame))
            if not frames:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.05, wait_s)):  # wait_for loses a cancel (Python 3.11)
                        await self._kick.wait()

    def _next(self, room: int) -> tuple[list[bytes], float]:
        self._station.housekeeping()
        return self._station.frames_for(LINK, room), self._station.wait_s()

    async def _send(self, frame: bytes) -> None:
        try:
            await self._link.send(frame)
        except LinkError as error:
            if error.code == "publish_refused":
                await self._call(lambda: self._station.refused(LINK))
        self._kick.set()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    # --- statuses ---

    async def _statuses(self) -> None:
        await self._board.all_answered(FIRST_READING_S)
        interval_s = self._config.status.interval_s
        while True:
            self._change.clear()
            await self._call(self._submit_status)
            self._last_status_s = time.monotonic()
            self._kick.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval_s):
                    await self._change.wait()
                await asyncio.sleep(CHANGE_SETTLES_S)

    def _submit_status(self) -> None:
        measured = self._board.values(time.monotonic())
        sessions = self._station.forwarder.sessions
        draft = status_draft(measured, self._station, sessions, self._config.status.interval_s)
        try:
            self._station.submit([draft])
        except (ValueRefused, WireError, StorageError) as error:
            log.error("this status could not be kept: %s", error)

    def _tell_storage(self) -> None:
        """Say once that messages are in memory only, and once that they are safe again."""
        notes, self._station.notes = self._station.notes, []
        for note in notes:
            log.error("%s", note.en)
        problem = self._station.storage
        code = problem.code if problem else ""
        if code != self._said_storage:
            if problem:
                log.error("S01 %s: new messages are kept in memory only", problem)
            else:
                log.warning("storage works again: messages are safe on disk")
            self._said_storage = code

    async def _watchdog(self) -> None:
        interval_s = systemd.watchdog_interval_s()
        while interval_s:
            await self._call(lambda: None)  # alive is: the station's thread answers, too
            systemd.notify("WATCHDOG=1", f"STATUS={self._link_state()[1].en}")
            await asyncio.sleep(interval_s)

    # --- questions from this machine ---

    async def _serve_control(self) -> asyncio.Server | None:
        try:
            return await control.serve(self._config.node.state, self._answer)
        except OSError as error:
            log.error("no control socket, so `naober status` and `send` can't reach this node: %s", error)
            return None

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        verb = request.get("verb")
        if verb == "status":
            return await self._call(self._status_facts)
        if verb == "submit":
            drafts = drafts_of(request)
            rows = await self._call(lambda: self._station.submit(drafts))
            self._kick.set()
            return submitted(rows, self._station)
        if verb == "where":
            return await self._call(lambda: self._where(request))
        raise NaoberError(Text(f"Onbekende vraag: {verb}", f"Unknown question: {verb}"))

    def _where(self, request: dict[str, Any]) -> dict[str, Any]:
        """Where reports of one epoch stand; `reissued`: they have other numbers now."""
        epoch, numbers = int(request["epoch"]), list(map(int, request["numbers"]))
        if epoch != self._station.forwarder.state.epoch:
            return {"states": ["reissued"] * len(numbers)}
        ledger = self._station.forwarder.log.ledger(Numbering.REPORT)
        return {"states": [ledger.state_of(number).name.lower() for number in numbers]}

    def _link_state(self) -> tuple[str, Text, Text]:
        return link_state(self._facts, self._station.forwarder.sessions.get(LINK))

    def _status_facts(self) -> dict[str, Any]:
        station, session = self._station, self._station.forwarder.sessions[LINK]
        now = time.monotonic()
        code, what, do = self._link_state()
        moment = station.moment()
        heard_s = None if session.heard_s is None else round(moment.elapsed_s - session.heard_s, 1)
        return {
            "address": self._identity.address.hex(),
            "site": self._config.node.site,
            "pid": os.getpid(),
            "epoch": station.forwarder.state.epoch,
            "storage": station.storage.what._asdict() if station.storage else None,
            "storage_code": station.storage.code if station.storage else "ok",
            "dropped": station.dropped,
            "queue": queue_facts(station),
            "outbox_bytes": station.size_bytes,
            "links": {
                LINK: {
                    "code": code,
                    "what": what._asdict(),
                    "do": do._asdict(),
                    "connected": self._facts.connected,
                    "broker": f"{self._config.mqtt.host}:{self._config.mqtt.port}",
                    "last_receipt_age_s": heard_s,
                }
            },
            "inbox_epoch": station.forwarder.state.inbox.epoch,
            "clock": station.forwarder.state.inbox.time(moment)[1].name.lower(),
            "last_status_age_s": None if self._last_status_s is None else round(now - self._last_status_s, 1),
            "sensors": [
                {
                    "name": each.name,
                    "state": each.state,
                    "values": each.values,
                    "age_s": None if each.age_s is None else round(each.age_s, 1),
                    "reason": each.reason._asdict(),
                }
                for each in self._board.readings(now)
            ],
        }


def drafts_of(request: dict[str, Any]) -> list[Draft]:
    """What `naober send` asked for; raises ValueRefused. Values come as the texts that were typed.

    A text that one packet can't hold becomes several drafts, in order.
    """
    kind = SEND_KINDS.get(str(request.get("kind")))
    if kind is None:
        raise ValueRefused(Text("Onbekende soort bericht", "Unknown kind of message"))
    typed = dict(request["values"])
    text = str(typed.pop("text", ""))
    values = {name: parse(name, str(value)) for name, value in typed.items()}
    urgency = Urgency(int(request.get("urgency", Urgency.ROUTINE)))
    exercise = bool(request.get("exercise"))
    return [
        Draft(kind=kind, values=part, urgency=urgency, confidence=Confidence.UNCONFIRMED, exercise=exercise)
        for part in split(values, text)
    ]


def submitted(rows: list[Row], station: Station) -> dict[str, Any]:
    """The answer to `submit`."""
    return {
        "epoch": station.forwarder.state.epoch,
        "numbers": [row.number for row in rows],
        "safe": station.storage is None,
    }


async def main(config: NodeConfig) -> None:
    """Run a node until SIGTERM or SIGINT; raises AlreadyOwned when another one runs on this state."""
    identity = identity_of(config)
    link = make_link(config, identity)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    with lock.hold(config.node.state):
        await Daemon(config, identity, link).run(stop)
