"""The node as a process: links, sensors, timers and signals around one station.

Everything but the station is on the event loop: receive, decide, transmit, re-arm. What fails here fails
alone: a link, a sensor or the control socket that breaks is logged and tried again, and the rest goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from relay import __version__, systemd
from relay.config import NodeConfig
from relay.core.events import Dismissed
from relay.core.fields import by_radio
from relay.core.log import Identity
from relay.core.message import Numbering
from relay.errors import NaoberError, StorageError, Text, ValueRefused, WireError
from relay.links.mqtt import MqttLink
from relay.node import control, exercise_work, lock, mqtt_work, noticing, proving
from relay.node.compose import (
    identity_of,
    make_link,
    make_page,
    make_radio,
    open_station,
    radio_settings,
    satellites_of,
    sensors_of,
)
from relay.node.courier_work import CourierWork
from relay.node.entered import Entered
from relay.node.exercise_work import ExerciseWork
from relay.node.mqtt_work import MqttWork
from relay.node.reporting import clock_off_s, log_events, queue_facts, status_draft
from relay.node.shell import Shell
from relay.node.submitting import drafts_of, marked, submitted
from relay.node.waiting import emergencies
from relay.sensors.base import SensorBoard
from relay.trust import keys

if TYPE_CHECKING:
    from relay.links.radio import RadioLink

FIRST_READING_S = 3.0
CHANGE_SETTLES_S = 0.2  # several sensors may tell of one event
LEDS = Path("/sys/class/leds")
STATUS_DARK_S = 300  # without MQTT statuses are for the history only: fewer writes to the card

log = logging.getLogger("naober.node")


class Daemon:
    """One running node."""

    def __init__(
        self, config: NodeConfig, identity: Identity, link: MqttLink, radio: RadioLink | None = None
    ) -> None:
        self._config = config
        self._identity = identity
        self._shell = Shell()
        self._exercise = ExerciseWork(self._shell, config.node.state)
        self._mqtt = MqttWork(self._shell, link, self._exercise.gate)
        self._radio = None
        if radio is not None:
            from relay.node.radio_work import RadioWork

            self._radio = RadioWork(self._shell, radio, self._submit_status, self._exercise.gate)
        links = ("mqtt", "radio") if radio else ("mqtt",)
        self._proving = proving.Proving(self._shell, config.node.state, links)
        self._courier = CourierWork(self._shell, link, config.node.state, identity.address)
        self._entered = Entered(config.node.state)
        sensors = sensors_of(config)
        self._board, self._satellites = SensorBoard(sensors), satellites_of(sensors)
        parts = (self._exercise, self._board, self._entered, self._courier, self._radio)
        self._page = make_page(self._shell, config, identity.address, *parts)
        self._last_status_s: float | None = None
        self._started_s = time.monotonic()

    async def run(self, stop: asyncio.Event) -> bool:
        """Work until `stop`; then tidy up. True: begin anew. Raises only when the station can't be opened."""
        shell, anew = self._shell, asyncio.Event()

        def begin_anew() -> None:
            anew.set()
            stop.set()

        shell.station = await shell.call(lambda: open_station(self._config, self._identity, self._satellites))
        shell.tell_storage()
        if (reason := shell.station.forwarder.papers.dismissed) is not None:
            log_events([Dismissed(reason)])
        await self._exercise.begin()
        await self._mqtt.start()
        if self._radio:
            from relay.node.channel_work import ChannelWork

            self._radio.start()
            shell.start("channel", ChannelWork(shell, self._config, self._radio, begin_anew).run)
        await self._courier.start()
        if self._page:
            await self._page.start()
        shell.start("sensors", lambda: self._board.run(shell.status_changed.set))
        shell.start("statuses", self._statuses)
        shell.start("proofs", self._proving.run)
        shell.start("exercise", self._exercise.run)
        shell.start("watchdog", self._watchdog)
        self._start_lamp()
        server = await self._serve_control()
        log.info(
            "node %s (%s) started, epoch %d",
            keys.show(self._identity.address),
            self._config.node.site or "no site name",
            shell.station.forwarder.state.epoch,
        )
        systemd.notify("READY=1", "STATUS=started")
        await stop.wait()
        if not anew.is_set():
            systemd.notify("STOPPING=1")
        await shell.stop()
        if server:
            server.close()
        with contextlib.suppress(StorageError):
            await shell.call(shell.station.close)
        shell.shutdown()
        log.info("stopped; what is not receipted is kept")
        return anew.is_set()

    def _start_lamp(self) -> None:
        """Where there is one that this service may set."""
        if not LEDS.exists():
            return
        from relay.node import lamp

        async def sign() -> lamp.Sign:
            facts = await self._shell.call(self._status_facts)
            return lamp.sign_of(facts, self._proving.values().get("proven"))

        if (folder := lamp.find(LEDS)) is not None:
            self._shell.start("lamp", lambda: lamp.Lamp(folder, sign).run())

    # --- statuses ---

    async def _statuses(self) -> None:
        await self._board.all_answered(FIRST_READING_S)
        changed = self._shell.status_changed
        while True:
            changed.clear()
            await self._shell.call(self._submit_status)
            self._shell.news()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s()):
                    await changed.wait()
                await asyncio.sleep(CHANGE_SETTLES_S)

    def _interval_s(self) -> float:
        """Until the next status that is made whatever happens."""
        interval_s = self._config.status.interval_s
        return interval_s if self._mqtt.session.proven else max(interval_s, STATUS_DARK_S)

    def _submit_status(self) -> None:
        """On the station's thread: `RadioWork` asks for a fresh status, too."""
        now_s, station = time.monotonic(), self._shell.station
        measured = self._board.values(now_s)
        if self._radio:
            measured |= self._radio.values(now_s)
        measured |= self._proving.values()
        measured |= self._entered.values(station.moment(), station.forwarder.state.inbox, measured)
        if self._radio and not self._mqtt.session.proven:
            measured = by_radio(measured)  # one value that may not go by radio keeps the whole status from it
        due_s = station.status_interval_s(self._interval_s())
        draft = status_draft(measured, station, station.forwarder.sessions, due_s)
        try:
            station.submit([replace(draft, exercise=self._exercise.runs())])
        except (ValueRefused, WireError, StorageError) as error:
            log.error("this status could not be kept: %s", error)
            return
        self._last_status_s = now_s

    async def _watchdog(self) -> None:
        interval_s = systemd.watchdog_interval_s()
        while interval_s:
            await self._shell.call(lambda: None)  # alive is: the station's thread answers, too
            systemd.notify("WATCHDOG=1", f"STATUS={self._mqtt.state()[1].en}")
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
            return await self._shell.call(self._status_facts)
        if str(verb).startswith("stick_"):
            return await self._courier.answer(request)
        if verb in proving.VERBS:
            return await self._proving.answer(request)
        if verb in exercise_work.VERBS:
            return await self._exercise.answer(request)
        if verb == "submit":
            drafts = drafts_of(await self._marked(request))
            rows = await self._shell.call(lambda: self._shell.station.submit(drafts))
            self._shell.news()
            return submitted(rows, self._shell.station)
        if verb in noticing.VERBS:
            told = await self._shell.call(lambda: noticing.answer_verb(self._shell.station, request))
            self._shell.news()
            return told
        if verb == "enter":
            told = await self._shell.call(lambda: self._enter(request))
            self._shell.status_changed.set()
            return {"entered": told}
        if verb == "where":
            return await self._shell.call(lambda: self._where(request))
        if verb == "emergencies":  # asked by `naober upgrade`
            return {"open": await self._shell.call(lambda: emergencies(self._shell.station.forwarder.log))}
        if verb in ("radio", "radio_let_go", "radio_take_back"):
            return await self._lend(verb, request)
        raise NaoberError(Text(f"Onbekende vraag: {verb}", f"Unknown question: {verb}"))

    def _enter(self, request: dict[str, Any]) -> dict[str, Any]:
        """What a person says of the site, and all that is known of it then."""
        station = self._shell.station
        now = station.moment(), station.forwarder.state.inbox
        if request.get("same"):
            self._entered.same(*now)
        if request.get("values"):
            self._entered.put(request["values"], *now)
        return self._entered.facts(*now)

    async def _lend(self, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        """What the radio is set to, or leave to set it."""
        if self._radio is None:
            return {"held": False, "facts": None}
        if verb == "radio_let_go":
            await self._radio.let_go(float(request["seconds"]))
        elif verb == "radio_take_back":
            self._radio.take_back()
        return {"held": True, **self._radio.set_to()}

    async def _marked(self, request: dict[str, Any]) -> dict[str, Any]:
        """What is sent during an exercise is of it, unless it is said to be real: then no link stays cut."""
        if request.get("real"):
            await self._exercise.real()
        return marked(request, runs=await self._shell.call(self._exercise.runs))

    def _where(self, request: dict[str, Any]) -> dict[str, Any]:
        """Where reports of one epoch stand; `reissued`: they have other numbers now."""
        epoch, numbers = int(request["epoch"]), list(map(int, request["numbers"]))
        if epoch != self._shell.station.forwarder.state.epoch:
            return {"states": ["reissued"] * len(numbers)}
        ledger = self._shell.station.forwarder.log.ledger(Numbering.REPORT)
        states = [ledger.state_of(number).name.lower() for number in numbers]
        return {"states": states, "handling": noticing.handling_of(self._shell.station, epoch, numbers)}

    def _status_facts(self) -> dict[str, Any]:
        station, session = self._shell.station, self._mqtt.session
        now = time.monotonic()
        code, what, do = self._mqtt.state()
        moment = station.moment()
        heard_s = None if session.heard_s is None else round(moment.elapsed_s - session.heard_s, 1)
        return {
            "address": self._identity.address.hex(),
            "site": self._config.node.site,
            "pid": os.getpid(),
            "version": __version__,
            "started_age_s": round(now - self._started_s),
            "exercise": self._exercise.facts(),
            "epoch": station.forwarder.state.epoch,
            "storage": station.storage.what._asdict() if station.storage else None,
            "storage_code": station.storage.code if station.storage else "ok",
            "dropped": station.dropped,
            "queue": queue_facts(station),
            "outbox_bytes": station.size_bytes,
            "carried": self._courier.carried(),
            "page": self._page.facts() if self._page else None,
            "links": {
                mqtt_work.LINK: {
                    "code": code,
                    "what": what._asdict(),
                    "do": do._asdict(),
                    "connected": self._mqtt.facts.connected,
                    "broker": self._mqtt.broker,
                    "last_receipt_age_s": heard_s,
                    "frames_dropped": self._mqtt.overrun,
                }
            },
            "radio": self._radio_facts(),
            "notices": noticing.status_facts(station),
            "roster": station.forwarder.papers.version,
            "revoked": station.forwarder.papers.dismissed,
            "inbox_epoch": station.forwarder.state.inbox.epoch,
            "clock": station.forwarder.state.inbox.time(moment)[1].name.lower(),
            "clock_off_s": clock_off_s(station.forwarder.state.inbox, moment),
            "last_status_age_s": None if self._last_status_s is None else round(now - self._last_status_s, 1),
            "mains": asdict(self._board.mains(now)),
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

    def _radio_facts(self) -> dict[str, Any] | None:
        if self._radio is None:
            return None
        radio = self._config.radio
        return self._radio.told(radio.device or f"{radio.host}:{radio.port}", time.monotonic())


async def main(config: NodeConfig) -> bool:
    """Run a node until SIGTERM or SIGINT; raises AlreadyOwned when another one runs on this state.

    True: something that counts from the start has changed on disk, and it wants to be run again.
    """
    if config.radio.is_configured:
        from relay.node.channel_work import by_grant

        config = by_grant(config)
    identity = identity_of(config)
    link = make_link(config, identity)
    settings = radio_settings(config)
    radio = make_radio(config, settings) if settings else None
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    with lock.hold(config.node.state):
        return await Daemon(config, identity, link, radio).run(stop)
