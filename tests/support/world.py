"""Stations and an inbox joined by a fake wire, under virtual time and one seed.

The stations and the inbox are the shipped ones, on real SQLite files. The wire loses, repeats,
reorders and delays; each end can be stopped at any moment and opened again from its files.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.core.events import Event
from relay.core.forwarder import Settings
from relay.core.log import Identity
from relay.core.message import Clock, Draft, Header, Kind, Urgency
from relay.core.radio import RadioSettings
from relay.inbox.ingest import Intake
from relay.inbox.replies import Replies
from relay.inbox.store import Arrival, Store
from relay.node.clocks import Clocks
from relay.node.room import Retention
from relay.node.station import Station

NETWORK = b"testland"
START_UNIX_S = 1_800_000_000.0


class MemoryEpochFile:
    """An epoch file that a test can look into, and make fail."""

    def __init__(self, epoch: int = 0) -> None:
        self.epoch = epoch
        self.error: Exception | None = None

    def read(self) -> int:
        return self.epoch

    def raise_to(self, epoch: int) -> None:
        if self.error:
            raise self.error
        assert epoch > self.epoch
        self.epoch = epoch


@dataclass
class Signer:
    """A key pair and its address."""

    private: Ed25519PrivateKey
    revoked: bool = False
    blocked: bool = False
    replaced_s: int = 0

    @classmethod
    def seeded(cls, name: str) -> Signer:
        return cls(Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest()))

    @property
    def public_key(self):
        return self.private.public_key()

    @property
    def address(self) -> bytes:
        return sha256(self.public_key.public_bytes_raw()).digest()[:4]


@dataclass
class Weather:
    """What the wire does to a frame."""

    loss: float = 0.0
    repeat: float = 0.0
    delay_s: tuple[float, float] = (0.01, 0.05)


@dataclass
class Node:
    """One station with what it needs to be opened again."""

    name: str
    signer: Signer
    folder: Path
    epochs: MemoryEpochFile = field(default_factory=MemoryEpochFile)
    boot: int = 1
    booted_s: float = 0.0
    has_boot_id: bool = True
    turn: int = 0  # of its steps; a later one takes the place of all that were to come
    clock: Clock = Clock.NTP
    unix_off_s: float = 0.0
    station: Station | None = None
    events: list[Event] = field(default_factory=list)


class World:
    """Everything, and the event heap that drives it."""

    def __init__(self, folder: Path, seed: int = 0, names: tuple[str, ...] = ("beilen",)) -> None:
        self.random = random.Random(seed)
        self.now_s = 1000.0
        self.weather = Weather()
        self.cut: set[str] = set()
        self.retention = Retention()
        self.radio: RadioSettings | None = None  # of stations that start from now on
        self.settings = Settings(backfill_spread_s=0.0)
        self._folder = folder
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.inbox_signer = Signer.seeded("inbox")
        self.roster = {}
        self.nodes: dict[str, Node] = {}
        self.store: Store | None = None
        self.fresh: list[tuple[Header, bytes]] = []
        self.inbox_clock = Clock.NTP
        for name in names:
            self.add(name)
        self.start_inbox()

    # --- the ends ---

    def add(self, name: str, signer: Signer | None = None, folder: Path | None = None) -> Node:
        """A station; `folder` when it is not to be made here. Two with one signer are clones."""
        folder = folder or self._folder / name
        folder.mkdir(exist_ok=True)
        node = Node(name, signer or Signer.seeded(name), folder)
        self.nodes[name] = node
        self.roster[node.signer.address] = node.signer
        self.start(name)
        return node

    def start(self, name: str) -> Station:
        node = self.nodes[name]
        private = node.signer.private
        identity = Identity(
            node.signer.address,
            NETWORK,
            private.sign,
            {self.inbox_signer.address: self.inbox_signer.public_key},
        )
        clocks = Clocks(
            f"{name}-{node.boot}" if node.has_boot_id else "",
            lambda: self.now_s - node.booted_s,
            lambda: START_UNIX_S + self.now_s + node.unix_off_s,
            lambda: node.clock,
        )
        node.station = Station(
            node.folder,
            identity,
            node.epochs,
            clocks,
            self.random,
            settings=self.settings,
            retention=self.retention,
            radio=self.radio,
        )
        node.station.link_changed("mqtt", name not in self.cut)
        self._wake(name)
        return node.station

    def kill(self, name: str) -> None:
        """As by SIGKILL: what was not committed is gone."""
        node = self.nodes[name]
        assert node.station
        node.station._outbox.abandon()
        node.station = None

    def reboot(self, name: str, off_s: float = 60.0) -> Station:
        """Power is lost; it comes back after `off_s`."""
        node = self.nodes[name]
        if node.station:
            self.kill(name)
        self.run(off_s)
        node.boot, node.booted_s = node.boot + 1, self.now_s
        return self.start(name)

    def start_inbox(self) -> None:
        folder = self._folder / "inbox"
        folder.mkdir(exist_ok=True)
        self.store = Store(folder)
        epoch = self.store.next_epoch(int(START_UNIX_S - 1_735_689_600 + self.now_s))
        signer = self.inbox_signer
        replies = Replies(self.store, signer.address, NETWORK, signer.private.sign, epoch)
        self.intake = Intake(self.store, NETWORK, self.roster.get, replies)
        presence = replies.presence(self._arrival(), self.inbox_clock)
        for name in self.nodes:
            self._deliver(name, presence)

    def kill_inbox(self) -> None:
        if self.store:
            self.store.close()
        self.store = None

    def set_link(self, name: str, up: bool) -> None:
        (self.cut.discard if up else self.cut.add)(name)
        station = self.nodes[name].station
        if station:
            station.link_changed("mqtt", up)
            self._wake(name)

    # --- the wire ---

    def _after(self, delay_s: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (self.now_s + delay_s, self._count, what))

    def _carry(self, what: Callable[[], None]) -> None:
        times = 1 + (self.random.random() < self.weather.repeat)
        for _ in range(times):
            if self.random.random() >= self.weather.loss:
                self._after(self.random.uniform(*self.weather.delay_s), what)

    def _wake(self, name: str) -> None:
        self._after(0.0, lambda: self._step(name))

    def _step(self, name: str) -> None:
        station = self.nodes[name].station
        if station is None:
            return
        station.housekeeping()
        if name not in self.cut:
            for frame in station.frames_for("mqtt", 4):
                self._carry(lambda frame=frame: self._arrive(name, frame))
        self.nodes[name].turn += 1
        turn = self.nodes[name].turn
        self._after(max(0.01, station.wait_s()), lambda: self._step_if_due(name, turn))

    def _step_if_due(self, name: str, turn: int) -> None:
        if self.nodes[name].turn == turn:
            self._step(name)

    def _arrival(self) -> Arrival:
        return Arrival(int(START_UNIX_S + self.now_s), "inbox", self.now_s)

    def _arrive(self, name: str, frame: bytes) -> None:
        if self.store is None or name in self.cut:
            return
        self.feed(self.nodes[name].signer.address.hex(), frame)

    def feed(self, publisher: str, frame: bytes) -> None:
        """A frame at the inbox, as if `publisher` had sent it."""
        parcel = self.intake.open_frame(publisher, frame, self.now_s)
        if parcel is None:
            return
        self.intake.verify(parcel.items)
        outcome = self.intake.store([parcel], self._arrival(), self.inbox_clock)
        self.fresh += outcome.fresh
        for to, reply in outcome.replies:
            for node in self.nodes.values():  # clones hear what is meant for the other, too
                if node.signer.address.hex() == to:
                    self._carry(lambda name=node.name, reply=reply: self._deliver(name, reply))

    def _deliver(self, name: str, frame: bytes) -> None:
        node = self.nodes[name]
        if node.station is None or name in self.cut:
            return
        node.events += node.station.receive("mqtt", frame)
        self._wake(name)

    # --- what tests say ---

    def run(self, seconds: float) -> None:
        """Let `seconds` pass."""
        end_s = self.now_s + seconds
        while self._heap and self._heap[0][0] <= end_s:
            at_s, _, what = heapq.heappop(self._heap)
            self.now_s = max(self.now_s, at_s)
            what()
        self.now_s = end_s

    def say(self, name: str, text: str, urgency: Urgency = Urgency.ROUTINE, **values) -> None:
        station = self.nodes[name].station
        assert station
        station.submit([Draft(kind=Kind.REPORT, values={"text": text, **values}, urgency=urgency)])
        self._wake(name)

    def status(self, name: str, **values) -> None:
        station = self.nodes[name].station
        assert station
        station.submit([Draft(kind=Kind.STATUS, values=values, next_due_min=1)])
        self._wake(name)

    def station(self, name: str = "beilen") -> Station:
        station = self.nodes[name].station
        assert station
        return station

    def texts(self) -> list[str]:
        """The texts that the inbox took as new, in order of arrival."""
        from relay.core.payloads import decode

        decoded = [decode(envelope) for header, envelope in self.fresh if header.kind == Kind.REPORT]
        return [str(message.values["text"]) for message in decoded]
