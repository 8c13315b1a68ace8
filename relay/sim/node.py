"""One node of a simulation: the shipped station, driven by virtual time, with a radio and an MQTT line.

It does what the daemon does and in the same order: commit, then transmit; one packet at a time for the radio;
a fresh status just before one goes by radio.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from relay.core import wire
from relay.core.events import Event, Receipted, TookOver
from relay.core.fields import Value
from relay.core.forwarder import Settings
from relay.core.log import Identity, Row
from relay.core.message import (
    Address,
    Clock,
    Confidence,
    Draft,
    Kind,
    Numbering,
    Urgency,
)
from relay.core.radio import RadioSettings
from relay.core.wire import PublicKey
from relay.node.clocks import Clocks
from relay.node.room import Retention
from relay.node.station import Station
from relay.sim.aerial import REPORT_EVERY_S, STEP_MIN_S, Aerial
from relay.sim.hub import START_UNIX_S
from relay.sim.keys import Key, MemoryEpochFile
from relay.sim.mesh import MeshRadio
from relay.sim.places import Place
from relay.sim.record import Record, Said
from relay.sim.scenario import Scenario
from relay.sim.timeline import Timeline

GATEWAY_STATUS_S = 600.0
HOUSEKEEPING_S = 3600.0
MQTT_ROOM = 4
LATENCY_S = (0.05, 0.3)
KEEPALIVE_S = 45.0  # a hole shows as a lost connection after this
RECONNECT_S = (1.0, 30.0)
TORN_BYTES = 700  # of a commit that power cut short


class SimNode(Aerial):
    """A site or a gateway. `carry` takes its MQTT frames to the inbox."""

    def __init__(
        self,
        name: str,
        place: Place,
        folder: Path,
        scenario: Scenario,
        timeline: Timeline,
        radio: Callable[[SimNode], MeshRadio],
        inboxes: Mapping[Address, PublicKey],
        network: bytes,
        record: Record,
        carry: Callable[[SimNode, bytes], None],
        *,
        is_gateway: bool,
    ) -> None:
        self.name, self.place, self.is_gateway = name, place, is_gateway
        self.key = Key(f"{name} {scenario.seed}")
        self.folder = folder
        self.chance = Random(f"{name} {scenario.seed}")  # noqa: S311
        self.clock, self.clock_off_s = Clock.NTP, 0.0
        self.epochs = MemoryEpochFile()
        self.station: Station | None = None
        self.is_deaf = False  # it hears no radio
        self.mqtt_since_s = 0.0  # when that last changed
        self.mqtt = "up"  # or "down", or "hole": accepts and swallows
        self.mesh = radio(self)
        self._scenario, self._timeline, self._record, self._carry = scenario, timeline, record, carry
        self._network, self._inboxes = network, inboxes
        self._boot, self._booted_s = 0, 0.0
        self._turn = self._radio_turn = 0
        self._under_way = []
        self._texts: dict[tuple[int, int], str] = {}
        self._said = 0
        folder.mkdir(parents=True, exist_ok=True)

    # --- power ---

    def power_on(self) -> None:
        """The machine starts; everything that was in memory is new."""
        self._boot += 1
        self._booted_s = self.mqtt_since_s = self._timeline.now_s
        identity = Identity(self.key.address, self._network, self.key.sign, self._inboxes)
        clocks = Clocks(
            f"{self.name} {self._boot}",
            lambda: self._timeline.now_s - self._booted_s,
            lambda: START_UNIX_S + self._timeline.now_s + self.clock_off_s,
            lambda: self.clock,
        )
        scenario = self._scenario
        sites = scenario.settled_sites or len(scenario.map())
        self.station = Station(
            self.folder,
            identity,
            self.epochs,
            clocks,
            self.chance,
            settings=Settings(backfill_spread_s=600.0),
            retention=Retention(),
            radio=RadioSettings(preset=scenario.preset, sites=sites),
        )
        self.mesh.switch(True)
        self._under_way = []
        self.station.link_changed("mqtt", False)
        boot = self._boot
        self._timeline.after(self.chance.uniform(*RECONNECT_S), self._connect, boot)
        self._timeline.after(self.chance.uniform(0, REPORT_EVERY_S), self._report_radio, boot)
        self._timeline.after(self.chance.uniform(0, 5.0), self._status, boot)
        self._timeline.after(HOUSEKEEPING_S, self._keep_house, boot)
        self._report_radio(boot, again=False)

    def power_off(self) -> None:
        """Power is lost, perhaps in the middle of a commit: what was not committed is gone."""
        if self.station is None:
            return
        kept = {
            path: path.read_bytes() for path in (self.folder / "outbox.db", self.folder / "outbox.db-wal")
            if path.exists()
        }  # fmt: skip
        self.station._outbox.abandon()
        self.station = None
        for path, data in kept.items():
            torn = (
                self.chance.randbytes(self.chance.randrange(TORN_BYTES))
                if path.suffix.endswith("wal")
                else b""
            )
            path.write_bytes(data + torn)
        self.mesh.switch(False)
        self._boot += 1
        self._record.lost_power.add(self.name)

    def restore_card(self, where: Path) -> None:
        """An old image of the card takes the place of this one; key and epoch file stay as they are."""
        self.power_off()
        shutil.rmtree(self.folder)
        shutil.copytree(where, self.folder)
        self.power_on()

    # --- what is said ---

    def say(self, urgency: Urgency) -> Said | None:
        """A report of a person; None when the machine is off."""
        if self.station is None:
            return None
        self._said += 1
        text = f"{self.name} #{self._said}"
        rows = self.station.submit([Draft(kind=Kind.REPORT, values={"text": text}, urgency=urgency)])
        self._remember(rows, text)
        said = self._record.said[text] = Said(self.name, text, urgency, self._timeline.now_s)
        self.kick()
        return said

    def _remember(self, rows: list[Row], text: str) -> None:
        for row in rows:
            header = wire.parse_header(row.envelope)
            self._texts[header.epoch, header.number] = text

    def submit_status(self) -> None:
        """What the daemon composes of its sensors: twelve fields or so."""
        station = self.station
        if station is None or self.is_gateway:
            return
        now_s = self._timeline.now_s
        values: dict[str, Value] = {
            "internet": "out" if self.mqtt != "up" else "works", "router": "works", "broker": "out",
            "power": "battery", "battery_pct": 50 + self._said % 50, "runtime_min": 95, "cpu_c": 48,
            "disk_free_pct": 81, "memory_free_pct": 64, "load_pct": 7, "boots": self._boot,
            "radio_channel_pct": min(100, int(self.mesh.busy_percent)),
        }  # fmt: skip
        interval_s = station.status_interval_s(self._scenario.status_interval_s)
        draft = Draft(
            kind=Kind.STATUS,
            values=values,
            urgency=Urgency.INFORMATION,
            confidence=Confidence.MEASURED,
            next_due_min=interval_s / 60,
        )
        (row,) = station.submit([draft])
        header = wire.parse_header(row.envelope)
        self._record.states_made[self.name].append((header.epoch, header.number, now_s))

    def _status(self, boot: int) -> None:
        if boot != self._boot or self.station is None:
            return
        self.submit_status()
        self.kick()
        session = self.station.forwarder.sessions["mqtt"]
        scenario = self._scenario
        pause_s = scenario.status_interval_s if session.proven else scenario.status_dark_s
        if self.is_gateway:
            self._gateway_status()
            pause_s = GATEWAY_STATUS_S
        self._timeline.after(pause_s, self._status, boot)

    def _gateway_status(self) -> None:
        """A gateway measures its channel for VRD."""
        assert self.station
        values: dict[str, Value] = {
            "power": "mains",
            "radio_channel_pct": min(100, int(self.mesh.busy_percent)),
        }
        self.station.submit([Draft(kind=Kind.STATUS, values=values, next_due_min=10)])

    def _keep_house(self, boot: int) -> None:
        if boot != self._boot or self.station is None:
            return
        self.station.housekeeping()
        self._record.most("outbox_bytes", self.station.size_bytes)
        self._record.most("heard_bytes", self.station.forwarder.heard.size_bytes)
        self._timeline.after(HOUSEKEEPING_S, self._keep_house, boot)

    # --- MQTT ---

    def set_mqtt(self, state: str) -> None:
        """The line changes: up, down, or hole."""
        if state == self.mqtt:
            return
        was, self.mqtt, self.mqtt_since_s = self.mqtt, state, self._timeline.now_s
        if self.station is None:
            return
        if state == "down":
            self._line(False)
        elif state == "hole":
            self._timeline.after(KEEPALIVE_S, self._lost_in_hole, self._boot)
        elif was in ("down", "hole"):
            self._timeline.after(self.chance.uniform(*RECONNECT_S), self._connect, self._boot)

    def _lost_in_hole(self, boot: int) -> None:
        if boot == self._boot and self.mqtt == "hole" and self.station:
            self._line(False)

    def _connect(self, boot: int) -> None:
        if boot == self._boot and self.mqtt == "up" and self.station:
            self._line(True)

    def _line(self, connected: bool) -> None:
        assert self.station
        self.station.link_changed("mqtt", connected)
        self.kick()

    def deliver(self, kind: str, frame: bytes) -> None:
        """A frame of the inbox's; it arrives if the line is up."""
        if self.station is None or self.mqtt != "up":
            return
        if not self.station.forwarder.sessions["mqtt"].connected:
            return
        events = self.station.order(frame) if kind == "air" else self.station.receive("mqtt", frame)
        self._note(events)
        self.kick()

    def kick(self) -> None:
        """Something changed: look what goes."""
        self.look_at_mqtt()
        self._radio_turn += 1
        self._timeline.after(0.0, self._radio_step, self._radio_turn)

    def look_at_mqtt(self) -> None:
        """Something may go by MQTT."""
        self._turn += 1
        self._timeline.after(0.0, self._step, self._turn)

    def _step(self, turn: int) -> None:
        station = self.station
        if station is None or turn != self._turn:
            return
        if station.forwarder.sessions["mqtt"].connected:
            for frame in station.frames_for("mqtt", MQTT_ROOM):
                if self.mqtt == "up":
                    self._timeline.after(self.chance.uniform(*LATENCY_S), self._carry, self, frame)
            self._timeline.after(max(STEP_MIN_S, station.wait_s()), self._step, turn)
        else:
            wake_s = station.radio.take_over_wake_s() if station.radio else float("inf")
            if wake_s != float("inf"):
                self._timeline.after(max(STEP_MIN_S, wake_s - station.moment().elapsed_s), self._look, turn)
        self._note(station.take_news())

    def _look(self, turn: int) -> None:
        station = self.station
        if station is None or turn != self._turn:
            return
        station.frames_for("mqtt", 0)
        self._note(station.take_news())
        self.kick()

    def _note(self, events: list[Event]) -> None:
        record, now_s = self._record, self._timeline.now_s
        for event in events:
            record.counts[type(event).__name__] += 1
            if isinstance(event, TookOver):
                record.took_over.append((now_s, self.name, event.reason))
            elif isinstance(event, Receipted) and event.numbering is Numbering.REPORT and self.station:
                epoch = self.station.forwarder.state.epoch
                for number in range(event.first, event.last + 1):
                    said = record.said.get(self._texts.get((epoch, number), ""))
                    if said and said.receipted_s is None:
                        said.receipted_s = now_s
