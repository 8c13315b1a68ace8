"""A node's work on its radio: what it hears, the one packet that should go now, and how the radio is.

The radio's own facts come from its link, and the link does not tell of each change of a measurement. So they
are looked at before each packet, and each measurement is passed on once: read again later it would count the
same airtime in another hour.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from relay.core.events import EpochRaised, Event
from relay.core.fields import Value
from relay.core.message import Urgency
from relay.core.radio import RadioReport, Transmission
from relay.errors import LinkError, NaoberError, Text
from relay.links.base import LinkFacts
from relay.links.radio import NOT_TRANSMITTED, Difference, HeardFrame, RadioFacts, RadioLink
from relay.node.radio_facts import channel_use_pct, radio_facts, radio_values
from relay.node.reporting import log_events
from relay.node.shell import Gate, Shell, open_gate

LINK = "radio"
FRAMES_HEARD_MAX = 256
UNREADY_WAIT_S = 60.0
HANDING_WAIT_S = 0.5  # the radio soon answers that it has the packet: then an urgent one may follow

LENT_S_MAX = 600.0

STARTING = LinkFacts(False, "connecting", Text("Verbinden met de radio", "Connecting to the radio"))
LENT = LinkFacts(False, "lent", Text("Radio wordt ingesteld", "The radio is being set"))
SPOKEN = ("R01", "R02", "R03", "R04")
FINE = ("connected", "connecting", "lent")

log = logging.getLogger("naober.node")


class RadioWork:
    """Both directions of the radio link. `submit_status` is called on the station's thread."""

    def __init__(
        self, shell: Shell, link: RadioLink, submit_status: Callable[[], None], gate: Gate = open_gate
    ) -> None:
        self.facts = STARTING
        self._shell = shell
        self._link = link
        self._gate = gate
        self._submit_status = submit_status
        self._heard: asyncio.Queue[HeardFrame] = asyncio.Queue(FRAMES_HEARD_MAX)
        self.overrun = 0  # frames that found the queue full
        self._news = shell.listener()
        self._differences: tuple[Difference, ...] = ()
        self._notification = ""
        self._told = RadioReport()
        self._measured_s: float | None = None  # of the measurement that was passed on last
        self._sends: set[asyncio.Task[None]] = set()  # a routine one, and an urgent one beside it
        self._ours = asyncio.Event()  # nobody else has borrowed the radio
        self._ours.set()
        self._return: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._shell.start("radio link", lambda: self._gate(LINK, self._run_link, self._on_link))
        self._shell.start("radio in", self._frames_in)
        self._shell.start("radio out", self._frames_out)

    def values(self, now_s: float) -> dict[str, Value]:
        """What a status says of the radio; `now_s` is the event loop's time."""
        return radio_values(self.facts, self._link.radio, now_s)

    def set_to(self) -> dict[str, Any]:
        """What the radio is set to, for `naober radio`."""
        facts = self.facts
        return {
            "facts": msgspec.to_builtins(self._link.radio),
            "connected": facts.connected,
            "code": facts.code,
            "what": facts.what,
            "do": facts.do,
        }

    def told(self, where: str, now_s: float) -> dict[str, Any] | None:
        """What `naober status` says of it; on the station's thread."""
        facts = radio_facts(where, self.facts, self._link.radio, self._shell.station, now_s)
        return facts and facts | {"frames_dropped": self.overrun}

    def trouble(self) -> str:
        """The spoken code of what keeps it from sending; empty when nothing does."""
        if self.facts.code in SPOKEN:
            return self.facts.code
        return next((each.code for each in self._link.radio.differences if each.withholds), "")

    # --- lending the radio ---

    async def let_go(self, seconds: float) -> None:
        """Leave the radio alone, so that another program can set it; no longer than LENT_S_MAX.

        Raises NaoberError when it is lent already.
        """
        if not self._ours.is_set():
            raise NaoberError(LENT.what, Text("wacht even en herhaal dit", "wait a little and repeat this"))
        self._ours.clear()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        self._on_link(LENT)
        self._return = asyncio.get_running_loop().call_later(min(seconds, LENT_S_MAX), self.take_back)

    def take_back(self) -> None:
        """Use it again; harmless when it was not lent."""
        if self._return is not None:
            self._return.cancel()
        if not self._ours.is_set():
            self._on_link(STARTING)
        self._ours.set()

    async def _run_link(self) -> None:
        while True:
            await self._ours.wait()
            run = self._running = asyncio.create_task(self._link.run(self._on_heard, self._on_link))
            try:
                await asyncio.wait([run])
            finally:
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)
            if not run.cancelled():
                run.result()  # what it raised is a mistake of ours, and told as such

    # --- what the link says ---

    def _on_link(self, facts: LinkFacts) -> None:
        was, self.facts = self.facts, facts
        radio = self._link.radio
        if facts.connected and not was.connected:
            log.info(
                "%s: !%08x, firmware %s, %s %s, %s",
                LINK,
                radio.node_number,
                radio.firmware,
                radio.region,
                radio.preset,
                radio.role,
            )
        self._log_differences(radio)
        if facts.what not in [each.what for each in radio.differences]:  # those have their own lines
            level = logging.INFO if facts.code in FINE else logging.WARNING
            log.log(level, "%s: %s", LINK, _line(facts.what, facts.do))
        if radio.notification != self._notification:
            self._notification = radio.notification
            log.info("%s says: %r", LINK, radio.notification)
        self._news.set()

    def _log_differences(self, radio: RadioFacts) -> None:
        """One line for each that is new."""
        for each in radio.differences:
            if each not in self._differences:
                level = logging.ERROR if each.withholds else logging.WARNING
                log.log(level, "%s: %s %s", LINK, each.code, _line(each.what, each.do))
        self._differences = radio.differences

    def _report(self) -> RadioReport | None:
        """What the core should know of the radio, if that is not what it knows."""
        radio = self._link.radio
        withheld = any(each.withholds for each in radio.differences)
        ready = self.facts.connected and not withheld and self.facts.code != "duty_cycle"
        now_s = time.monotonic()
        most_bytes = radio.payload_bytes_max or RadioReport().payload_bytes_max
        report = RadioReport(
            ready=ready, channel_pct=channel_use_pct(radio, now_s), payload_bytes_max=most_bytes
        )
        if radio.measured_s is not None and radio.measured_s != self._measured_s:
            age_s, self._measured_s = now_s - radio.measured_s, radio.measured_s
            uptime_s = None if radio.uptime_s is None else radio.uptime_s + age_s
            self._told = report
            return replace(report, air_util_tx_pct=radio.air_util_tx_pct, uptime_s=uptime_s)
        if report == self._told:
            return None
        self._told = report
        return report

    # --- in ---

    def _on_heard(self, frame: HeardFrame) -> None:
        try:
            self._heard.put_nowait(frame)
        except asyncio.QueueFull:
            self.overrun += 1  # its origin says it again

    async def _frames_in(self) -> None:
        while True:
            frames = [await self._heard.get()]
            while not self._heard.empty():
                frames.append(self._heard.get_nowait())
            events = await self._shell.call(partial(self._hear, frames))
            log_events(events)
            if any(isinstance(event, EpochRaised) for event in events):
                self._shell.status_changed.set()  # the status before is of an old epoch
            self._shell.news()

    def _hear(self, frames: list[HeardFrame]) -> list[Event]:
        station = self._shell.station
        return [
            event
            for frame in frames
            for event in station.radio_heard(frame.payload, frame.snr_db, frame.hops, frame.hop_limit)
        ]

    # --- out ---

    async def _frames_out(self) -> None:
        try:
            await self._hand_out()
        finally:
            for task in self._sends:
                task.cancel()

    async def _hand_out(self) -> None:
        while True:
            self._news.clear()
            room, urgent_room = self._link.room(), self._link.room(Urgency.URGENT)
            transmission, wait_s, events = await self._shell.call(
                partial(self._next, self._report(), room, urgent_room)
            )
            log_events(events)
            if transmission is None:
                await self._shell.rest(self._news, wait_s)
                continue
            task = asyncio.create_task(self._send(transmission))
            self._sends.add(task)
            task.add_done_callback(self._sent)
            await asyncio.sleep(0)  # it has begun, and the link has no room

    def _next(
        self, report: RadioReport | None, room: int, urgent_room: int
    ) -> tuple[Transmission | None, float, list[Event]]:
        """What should go now; beside a routine packet that waits in the radio's queue, something urgent."""
        station = self._shell.station
        if report is not None:
            station.radio_report(report)
        if not urgent_room:
            return None, HANDING_WAIT_S if self._sends else UNREADY_WAIT_S, station.take_news()
        if room and station.status_wanted():
            self._submit_status()
        transmission = station.radio_frame(urgent_only=not room)
        wait_s = 0.0 if transmission else station.radio_wait_s()
        return transmission, wait_s, station.take_news()

    async def _send(self, transmission: Transmission) -> None:
        use, ms = transmission.use.name.lower(), transmission.airtime_ms
        try:
            await self._link.send(transmission.frame, transmission.urgency)
        except LinkError as error:
            if error.code in NOT_TRANSMITTED:
                await self._shell.call(lambda: self._shell.station.radio_not_sent(transmission))
            log.warning("%s: %s was not taken: %s", LINK, use, error.what.en)
        else:
            log.debug("%s: %s of %d bytes sent, %.0f ms", LINK, use, len(transmission.frame), ms)

    def _sent(self, task: asyncio.Task[None]) -> None:
        """There is room again; what it raised is a mistake of ours."""
        self._sends.discard(task)
        self._news.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("sending by radio failed", exc_info=error)


def _line(what: Text, do: Text) -> str:
    return f"{what.en} ({do.en})" if do.en else what.en
