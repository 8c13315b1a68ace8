"""The inbox of a simulation: the shipped store, intake, replies and air planner under virtual time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from random import Random
from typing import Protocol

from relay.core import payloads, wire
from relay.core.airtime import Preset
from relay.core.message import Address, Clock, Kind, Message
from relay.errors import WireError
from relay.inbox.air import Air
from relay.inbox.ingest import Intake, Outcome
from relay.inbox.parcel import Known
from relay.inbox.replies import Replies
from relay.inbox.standby import SET_UP, TAKEN_OVER, Standby, mark
from relay.inbox.store import Arrival, Store
from relay.sim.record import Record
from relay.sim.timeline import Timeline

GROUP_S = 0.1  # the shipped pipe takes together what comes while it commits
START_UNIX_S = 1_800_000_000.0
Deliver = Callable[[str, str, bytes], None]  # topic kind, address as text, frame


class InboxKey(Protocol):
    """What the inbox signs with."""

    @property
    def address(self) -> Address:
        """See core.message."""

    def sign(self, data: bytes) -> bytes:
        """See wire.Sign."""


class Hub:
    """One inbox. `deliver` carries its frames; `names` tells whose address is whose."""

    def __init__(
        self,
        folder: Path,
        timeline: Timeline,
        preset: Preset,
        network: bytes,
        key: InboxKey,
        roster: Mapping[Address, Known],
        names: Mapping[Address, str],
        record: Record,
        seed: int,
        deliver: Deliver,
    ) -> None:
        self._folder, self._timeline, self._preset = folder, timeline, preset
        self._network, self._key, self._roster, self._names = network, key, roster, names
        self._record, self._chance, self._deliver = record, Random(f"hub {seed}"), deliver  # noqa: S311
        self._address = key.address
        self._planned_s = float("inf")
        self._waiting: list[tuple[str, bytes]] = []
        self.store: Store | None = None
        self.intake: Intake
        self.has_taken_over = False
        self.spare: Hub | None = None  # with the same key: hears what comes by MQTT, and says nothing
        self.start()

    def start(self) -> None:
        """Begin an inbox epoch, and say so to all; one that stands by does neither."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.store = Store(self._folder)
        self.standby = Standby(self.store, self._since_2025_s())
        self.replies = Replies(self.store, self._address, self._network, self._key.sign, self.standby.epoch)
        self.replies.muted = bool(self.standby.why)
        self.air = Air(self._preset, self._chance, lambda: len(self._roster))
        self.intake = Intake(self.store, self._network, self._roster.get, self.replies, self.air)
        self._announce()

    def _announce(self) -> None:
        if self.replies.muted:
            return
        presence = self.replies.presence(self._arrival(), Clock.NTP)
        for address in self._names:
            self._deliver("down", address.hex(), presence)

    def stand_by(self, folder: Path) -> None:
        """From now on a second inbox with the same key hears what this one hears; there is one at most."""
        if self.spare is not None:
            return
        self.spare = copy(self)
        self.spare._folder, self.spare._waiting, self.spare._planned_s = folder, [], float("inf")
        self.back_up(folder)
        store = Store(folder)
        mark(store, SET_UP)
        store.close()
        self.spare.start()

    def hand_over(self) -> None:
        """This one failed, and the spare takes over: it is this inbox from now on. Once in a world."""
        spare = self.spare
        if spare is None or spare.store is None or self.has_taken_over:
            self.start()
            return
        self.stop()
        self.has_taken_over = True
        spare.standby.end(self._since_2025_s(), spare.replies)
        self._folder, spare._folder = spare._folder, self._folder
        self.store, self.standby, self.replies = spare.store, spare.standby, spare.replies
        self.air, self.intake, spare.store = spare.air, spare.intake, None
        self._announce()

    def first_returns(self) -> None:
        """The one that failed is back, hears a higher epoch than that of its last life, and stands by."""
        spare = self.spare
        if spare is None or spare.store is not None:
            return
        store = Store(spare._folder)
        assert self.standby.epoch > int(store.fact("epoch") or 0)
        mark(store, TAKEN_OVER)
        store.close()
        spare.start()

    def stop(self) -> None:
        """It is not there any more."""
        if self.store:
            self.store.close()
        self.store = None

    def store_files(self) -> list[Path]:
        """What it takes of its disk."""
        return [path for path in self._folder.iterdir() if path.is_file()]

    def back_up(self, where: Path) -> None:
        """A copy of the store, between two transactions."""
        shutil.copytree(self._folder, where, dirs_exist_ok=True)

    def restore(self, where: Path) -> None:
        """Yesterday's store takes the place of today's."""
        self.stop()
        shutil.rmtree(self._folder)
        shutil.copytree(where, self._folder)
        self.start()

    def newest(self, address: Address) -> tuple[int, int] | None:
        """Epoch and number of the state that is current by the inbox's own disk; None for none."""
        current = self.store.current(address) if self.store else None
        return (current.epoch, current.state) if current else None

    def feed(self, publisher: str, frame: bytes) -> None:
        """A frame that `publisher` sent by MQTT; stored with those that come at the same moment."""
        if not self._waiting:
            self._timeline.after(GROUP_S, self._take)
        self._waiting.append((publisher, frame))
        if self.spare is not None:
            self.spare.feed(publisher, frame)

    def _take(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self.store is None:
            return
        now_s = self._timeline.now_s
        opened = [self.intake.open_frame(publisher, frame, now_s) for publisher, frame in waiting]
        parcels = [parcel for parcel in opened if parcel is not None]
        for parcel in parcels:
            self.intake.verify(parcel.items)
        ways = {id(item.header): item.entry.heard for parcel in parcels for item in parcel.items}
        outcome = self.intake.store(parcels, self._arrival(), Clock.NTP)
        if self.replies.muted:
            assert not (outcome.replies or outcome.orders), "one that stands by speaks"
            return
        for header, envelope in outcome.fresh:
            self._note(header.address, header.kind, envelope, "radio" if ways.get(id(header)) else "mqtt")
        self._answer(outcome)

    def _answer(self, outcome: Outcome) -> None:
        for publisher, frame in outcome.replies:
            self._deliver("down", publisher, frame)
        for gateway, frame in outcome.orders:
            self._deliver("air", gateway, frame)
        due_s = self.intake.next_due_s()
        if due_s < self._planned_s:
            self._planned_s = due_s
            self._timeline.at(due_s, self._look)

    def _look(self) -> None:
        self._planned_s = float("inf")
        if self.store is not None:
            self._answer(self.intake.due(self._arrival(), Clock.NTP))

    def _note(self, address: Address, kind: int, envelope: bytes, link: str) -> None:
        """What an operator would see of it."""
        record, now_s, site = self._record, self._timeline.now_s, self._names.get(address, "?")
        try:
            said = payloads.decode(envelope)
        except WireError:
            return
        if not isinstance(said, Message):
            return
        if kind == Kind.STATUS:
            record.counts[f"status_{link}"] += 1
            self._note_state(site, said)
            return
        text = str(said.values.get("text", ""))
        report = record.said.get(text)
        if report is None:
            if kind != Kind.GAP:
                record.strangers[text] += 1
            return
        report.shown += 1
        if report.arrived_s is None:
            report.arrived_s, report.link = now_s, link

    def _note_state(self, site: str, said: Message) -> None:
        header, record = said.header, self._record
        mine = (header.epoch, header.number)
        record.state_best[site] = max(mine, record.state_best.get(site, mine))
        known = record.state_known.get(site)
        if known is None or mine > known[:2]:
            made = (each[2] for each in reversed(record.states_made[site]) if each[:2] == mine)
            newest = (*mine, next(made, self._timeline.now_s))
            record.state_known[site] = newest

    def _since_2025_s(self) -> int:
        return self._arrival().unix_s - wire.EPOCH_2025_UNIX_S

    def _arrival(self) -> Arrival:
        return Arrival(int(START_UNIX_S + self._timeline.now_s), "hub", self._timeline.now_s)
