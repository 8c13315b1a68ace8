"""A whole simulation: the shipped nodes and inbox, radios on one channel, MQTT lines that fail by schedule.

One timeline and one seed: the same scenario gives the same history. Links and talk follow from the seed and
the names of nodes: one gateway more changes nothing between the others, so that two choices with one seed can
be compared. Nothing here decides anything that a real node would decide; that is all in the station and the
inbox.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from zlib import crc32

from relay.core.message import Address, Numbering, Urgency
from relay.sim.channel import Channel, Tuning
from relay.sim.hub import Hub
from relay.sim.keys import Key
from relay.sim.mesh import MeshRadio
from relay.sim.node import SimNode
from relay.sim.record import Record
from relay.sim.scenario import HOUR_S, Scenario
from relay.sim.sender import MeshOptions
from relay.sim.timeline import Timeline

NETWORK = b"simulate"
DAY_S = 24 * HOUR_S
AGES_EVERY_S = 300.0
LATENCY_S = (0.05, 0.3)
POWER_ON_S = (0.0, 20.0)
PROGRESS_S = HOUR_S
URGENT = (Urgency.EMERGENCY, Urgency.URGENT)

Progress = Callable[[float], None]  # told the hours that have passed


class World:
    """Made of a scenario, in a folder of its own; `run` lets it happen."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario, self.folder = scenario, folder
        self.timeline = Timeline()
        self.chance = Random(f"world {scenario.seed}")  # noqa: S311
        self.record = Record()
        self.channel = Channel(self.timeline, Random(f"channel {scenario.seed}"))  # noqa: S311
        self._numbers: set[int] = set()
        self._options = MeshOptions(tuning=Tuning(scenario.preset), hop_limit=scenario.hop_limit)
        inbox = Key(f"inbox {scenario.seed}")
        self.nodes: dict[str, SimNode] = {}
        for name, place, is_gateway in scenario.map():
            self.nodes[name] = SimNode(
                name,
                place,
                folder / f"node-{len(self.nodes)}",
                scenario,
                self.timeline,
                self._radio,
                {inbox.address: inbox},
                NETWORK,
                self.record,
                self._carry,
                is_gateway=is_gateway,
            )
        self._by_address: dict[str, SimNode] = {node.key.address.hex(): node for node in self.nodes.values()}
        roster: dict[Address, Key] = {node.key.address: node.key for node in self.nodes.values()}
        names = {node.key.address: node.name for node in self.nodes.values()}
        self.hub = Hub(
            folder / "inbox",
            self.timeline,
            scenario.preset,
            NETWORK,
            inbox,
            roster,
            names,
            self.record,
            scenario.seed,
            self._deliver,
        )
        self._plan()

    @property
    def sites(self) -> list[SimNode]:
        """Those that are not gateways."""
        return [node for node in self.nodes.values() if not node.is_gateway]

    @property
    def gateways(self) -> list[SimNode]:
        """Those beside the inbox."""
        return [node for node in self.nodes.values() if node.is_gateway]

    def run(self, progress: Progress | None = None) -> Record:
        """From the beginning to the end; returns what happened."""
        began_s, end_s = time.perf_counter(), self.scenario.hours * HOUR_S
        while self.timeline.now_s < end_s:
            self.timeline.run_until(min(end_s, self.timeline.now_s + PROGRESS_S))
            if progress:
                progress(self.timeline.now_s / HOUR_S)
        self._close()
        self.record.seconds = time.perf_counter() - began_s
        return self.record

    def at(self, when_s: float, what: Callable[..., object], *arguments: object) -> None:
        """Plan something, a fault for example."""
        self.timeline.at(when_s, what, *arguments)

    # --- the beginning ---

    def _plan(self) -> None:
        for node in self.nodes.values():
            self.at(self._chance("power", node).uniform(*POWER_ON_S), node.power_on)
        dark = self.scenario.dark
        for node in self.sites:
            self.at(dark.from_s, node.set_mqtt, "down")
            self.at(dark.to_s, node.set_mqtt, "up")
            self._plan_talk(node)
        self.at(AGES_EVERY_S, self._note_ages)

    def _plan_talk(self, node: SimNode) -> None:
        """People say things at any time, without regard to one another."""
        scenario, end_s = self.scenario, self.scenario.hours * HOUR_S
        chance = self._chance("talk", node)
        for per_day, urgencies in (
            (scenario.urgent_per_day, URGENT),
            (scenario.routine_per_day, (Urgency.ROUTINE, Urgency.INFORMATION)),
        ):
            at_s = 60.0
            while per_day and (at_s := at_s + chance.expovariate(per_day / DAY_S)) < end_s:
                self.at(at_s, node.say, chance.choice(urgencies))

    def _chance(self, what: str, node: SimNode) -> Random:
        return Random(f"{what} {node.name} {self.scenario.seed}")  # noqa: S311

    def _radio(self, node: SimNode) -> MeshRadio:
        number = crc32(node.name.encode())
        while number in self._numbers:
            number += 1
        self._numbers.add(number)
        chance = Random(f"radio {number} {self.scenario.seed}")  # noqa: S311
        return MeshRadio(self.channel, chance, number, node.place, node, self._options)

    # --- MQTT ---

    def _carry(self, node: SimNode, frame: bytes) -> None:
        if node.mqtt == "up":
            self.hub.feed(node.key.address.hex(), frame)

    def _deliver(self, kind: str, address: str, frame: bytes) -> None:
        node = self._by_address.get(address)
        if node is not None:
            self.timeline.after(self.chance.uniform(*LATENCY_S), node.deliver, kind, frame)

    # --- what is observed ---

    def _note_ages(self) -> None:
        now_s = self.timeline.now_s
        dark = self.scenario.dark
        for node in self.sites if dark.holds(now_s) else ():
            known = self.record.state_known.get(node.name)
            made_s = known[2] if known else dark.from_s
            self.record.ages_s.append((now_s, node.name, now_s - made_s))
        self.at(now_s + AGES_EVERY_S, self._note_ages)

    def _close(self) -> None:
        record = self.record
        record.end_s = self.timeline.now_s
        for node in self.sites:
            if node.mqtt == "up":
                record.line_good_s[node.name] = node.mqtt_since_s
        for node in self.nodes.values():
            record.duty_worst_pct[node.name] = node.mesh.chip.lawful.worst_percent
            if node.station is not None:
                log = node.station.forwarder.log
                record.ended[node.name] = sum(
                    last - first + 1 for first, last in log.ledger(Numbering.REPORT).open()
                )
                node.station.close()
        for site, (*_, made_s) in list(record.state_known.items()) if self.hub.store else ():
            record.state_known[site] = (*(self.hub.newest(self.nodes[site].key.address) or (0, 0)), made_s)
        record.most("inbox_bytes", sum(path.stat().st_size for path in self.hub.store_files()))
        self.hub.stop()
        if self.hub.spare is not None:
            self.hub.spare.stop()
