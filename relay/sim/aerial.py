"""The radio half of a simulated node: what the daemon does between its station and its radio link.

One packet at a time, the next when the radio's queue is empty, an urgent one beside a routine one; a fresh
status just before one goes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from relay.core import payloads, wire
from relay.core.events import Event, MessageHeard
from relay.core.message import Message, Urgency
from relay.core.radio import RadioReport, Transmission
from relay.errors import WireError
from relay.node.station import Station
from relay.sim.keys import Key
from relay.sim.mesh import MeshRadio
from relay.sim.packets import BROADCAST, PRIVATE_PORT, Packet
from relay.sim.record import Record, Sent
from relay.sim.scenario import Scenario
from relay.sim.sender import OK
from relay.sim.timeline import Timeline

CHANNEL_KEY = b"naober"
REPORT_EVERY_S = 60.0
QUEUE_AIRTIMES, URGENT_AIRTIMES = 16, 2
STEP_MIN_S = 0.01


class Aerial(ABC):
    """Implements mesh.Client. The other half is SimNode."""

    channel_keys = frozenset((CHANNEL_KEY,))
    name: str
    key: Key
    station: Station | None
    mesh: MeshRadio
    mqtt: str
    is_deaf: bool
    _scenario: Scenario
    _timeline: Timeline
    _record: Record
    _boot: int
    _booted_s: float
    _radio_turn: int
    _under_way: list[int]  # urgencies of what is in the radio's queue, as far as the link knows

    @abstractmethod
    def submit_status(self) -> None:
        """Compose a status."""

    @abstractmethod
    def kick(self) -> None:
        """Something changed: look what goes."""

    @abstractmethod
    def look_at_mqtt(self) -> None:
        """Something may go by MQTT."""

    @abstractmethod
    def _note(self, events: list[Event]) -> None:
        """Write down what the station tells."""

    def heard(self, packet: Packet, rssi_dbm: float) -> None:
        """See mesh.Client."""
        if self.station is None or self.is_deaf or packet.port != PRIVATE_PORT:
            return
        hops = packet.hop_start - packet.hop_limit
        events = self.station.radio_heard(packet.payload, packet.snr_db, hops, packet.hop_limit)
        self._note(events)
        # the daemon looks after every frame; here only where there can be something to do
        routine = (isinstance(each, MessageHeard) and each.urgency > Urgency.URGENT for each in events)
        if not all(routine):
            self.kick()
        elif self.mqtt == "up":
            self.look_at_mqtt()

    def refused(self, packet: Packet, minutes: int) -> None:
        """See mesh.Client."""
        self._record.counts["over_duty"] += 1

    def _report_radio(self, boot: int, *, again: bool = True) -> None:
        if boot != self._boot or self.station is None:
            return
        busy_pct = self.mesh.busy_percent
        now_s = self._timeline.now_s
        if again:
            self._record.channel[self.name].add(busy_pct)
            self._record.channel_over_time[int(now_s // 600)].add(busy_pct)
            self._timeline.after(REPORT_EVERY_S, self._report_radio, boot)
        uptime_s = now_s - self._booted_s
        self.station.radio_report(RadioReport(True, busy_pct, self.mesh.tx_percent, uptime_s))

    def _radio_step(self, turn: int) -> None:
        station = self.station
        if station is None or turn != self._radio_turn or min(self._under_way, default=9) <= Urgency.URGENT:
            return
        beside = bool(self._under_way)
        if not beside and station.status_wanted():
            self.submit_status()
        transmission = station.radio_frame(urgent_only=beside)
        self._note(station.take_news())
        if transmission is not None:
            self._transmit(station, transmission)
            return
        assert station.radio
        moment = station.moment()
        wake_s = min(station.radio.wake_s(station.forwarder.log, moment), station.radio.take_over_wake_s())
        if wake_s != float("inf"):
            pause_s = max(STEP_MIN_S, wake_s - moment.elapsed_s)
            self._timeline.after(pause_s, self._radio_step, turn)

    def _transmit(self, station: Station, transmission: Transmission) -> None:
        packet = Packet(
            source=0,
            target=BROADCAST,
            id=self.mesh.new_id(),
            port=PRIVATE_PORT,
            payload=transmission.frame,
            key=CHANNEL_KEY,
            hop_limit=self._scenario.hop_limit,
            priority=(0, 100, 100, 64, 64)[transmission.urgency],
        )
        if self.mesh.send(packet) != OK:
            self._record.counts["radio_refused"] += 1
            station.radio_not_sent(transmission)
            self._timeline.after(10.0, self._free, self._boot)
            return
        self._record.sent.append(self._sent(transmission))
        urgency = transmission.urgency
        self._under_way.append(urgency)
        airtime_s = transmission.airtime_ms / 1000
        airtimes = URGENT_AIRTIMES if urgency <= Urgency.URGENT else QUEUE_AIRTIMES
        deadline_s = self._timeline.now_s + airtimes * airtime_s
        self._timeline.after(airtime_s, self._poll, self._boot, airtime_s, deadline_s, urgency)
        self._timeline.after(0.0, self.kick)

    def _poll(self, boot: int, airtime_s: float, deadline_s: float, urgency: int) -> None:
        """The next packet when the radio's queue is empty, as the link does it."""
        if boot != self._boot:
            return
        if self.mesh.sender.queue.packets and self._timeline.now_s < deadline_s:
            self._timeline.after(max(0.1, airtime_s / 2), self._poll, boot, airtime_s, deadline_s, urgency)
            return
        self._under_way.remove(urgency)
        self.kick()

    def _free(self, boot: int) -> None:
        if boot == self._boot:
            self.kick()

    def _sent(self, transmission: Transmission) -> Sent:
        text = ""
        if transmission.use.name == "SPEECH":
            try:
                envelope = wire.decode_radio_frame(transmission.frame).envelope
                header = wire.parse_header(envelope)
                said = payloads.decode(envelope, header) if header.address == self.key.address else None
                text = str(said.values.get("text", "")) if isinstance(said, Message) else ""
            except WireError:
                text = ""
        use = transmission.use.name.lower()
        return Sent(self.name, self._timeline.now_s, transmission.urgency, use, transmission.airtime_ms, text)
