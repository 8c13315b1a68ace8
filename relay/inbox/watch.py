"""Looks at the stores every second, and at once when a report arrives: follows, judges, makes the board.

It runs on a thread of its own and reads the messages read-only, so intake never waits for it. What it
remembers (alarms, counts, running time) is written together with what changed; after a restart it goes
on where it was, and nothing sounds again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from relay.core.message import Address
from relay.errors import StorageError
from relay.inbox.alarms.facts import Call, Own
from relay.inbox.alarms.state import Change, State
from relay.inbox.alarms.thresholds import Thresholds
from relay.inbox.board import Board
from relay.inbox.facts import standing_of
from relay.inbox.lanes import Lane, Look, split
from relay.inbox.operators.handling import Handling
from relay.inbox.operators.reports import Report, needed_within_s, report_of
from relay.inbox.operators.store import Operators
from relay.inbox.queries import MESSAGES_MAX, NodeState, Reader
from relay.inbox.site_views import heard_age_s, key_of, sites_of
from relay.inbox.store import Arrival
from relay.inbox.suspicion import SECURITY, STRANGER
from relay.trust.keys import show
from relay.trust.roster import Node, Roster

KEEP_EVERY_S = 30.0  # what changed without being told: a restart may forget this much of it
GAP_S_MAX = 7 * 86_400.0  # a clock that jumped further than this says nothing of how long we were away
CLOCK_STEP_S = 120.0
UNKEPT_MAX, UNTOLD_MAX = 2_000, 1_000  # while the operators' file takes nothing
FOLLOW_UNTOLD_MAX = 5_000  # statuses that may be looked at again after a restart: no commit for each


class Memory(msgspec.Struct):
    """What the watch keeps on disk between two looks."""

    alarms: State
    running_s: float = 0.0  # in all its life, time switched off included
    unix_s: float = 0.0  # when it was kept
    heard: dict[str, tuple[str, int]] = {}  # per site: mark of the newest message, and how many
    in_service: dict[str, float] = {}  # per site: running seconds when the roster first named it
    exercise: State = msgspec.field(default_factory=State)  # the alarms of that lane
    exercising: dict[str, float] = {}  # per site: running seconds when its exercise was first seen


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What the service says of itself."""

    listening_s: float
    own: Own


class Watch:
    """Follows the stores, and judges both lanes: the real one, and the exercise's."""

    def __init__(
        self,
        reader: Reader,
        operators: Operators,
        roster: Callable[[], Roster],
        health: Callable[[], Health],
        thresholds: Thresholds,
        now: Callable[[], Arrival],
    ) -> None:
        """Raises StorageError when what was kept can't be read."""
        self._reader, self._operators, self._roster = reader, operators, roster
        self._health, self._now = health, now
        self._memory = self._recall()
        self.real = Lane(thresholds, self._memory.alarms, exercise=False)
        self.exercise = Lane(thresholds, self._memory.exercise, exercise=True)
        self._base_s = self._memory.running_s - now().boottime_s + self._away_s()
        self._wall_s = now().unix_s - now().boottime_s
        self._kept_s = -KEEP_EVERY_S
        self._followed = operators.followed()
        self._version = self._reports = 0
        self._standings: list[str] = []  # of every key of the roster
        self._unkept: list[Report] = []  # what asks for something, while the operators' file takes nothing
        self._untold: list[Change] = []  # likewise
        self.trouble = ""  # the code of why the operators' file takes nothing; empty: it does

    def look(self) -> list[Change]:
        """Take in what is new; returns what operators must be told now.

        What can't be written down is told all the same, and written when it can be. Raises StorageError
        when the stores can't even be read.
        """
        self.trouble = ""
        try:
            self._follow()
        except StorageError as error:
            self.trouble = error.code
            self._read_ahead()
        now, health = self._now(), self._health()
        now_s = self._base_s + now.boottime_s
        states = self._reader.nodes()
        findings = self._findings()
        pairs = sites_of(
            self._roster().nodes,
            states,
            now,
            health.listening_s,
            self._heard_count,
            lambda key: now_s - self._memory.in_service.setdefault(key, now_s),
            findings,
        )
        names = {site.key: site.name for site, _ in pairs}
        mutes = [
            msgspec.structs.replace(mute, until_s=now_s + mute.until_s - now.unix_s)
            for mute in self._operators.alarms.mutes()
        ]
        own, spoken = self._own(health.own, states, now), self._operators.manual.spoken()
        own = msgspec.structs.replace(
            own, storing=own.storing and not self.trouble, strangers=self._strangers(findings)
        )
        self._version += 1
        standings, self._standings = self._standings, [standing_of(node) for node in self._roster().nodes]
        self._reports += standings != self._standings  # pages that are open show what their word is worth
        look = Look(self._version, now_s, now.unix_s, own, mutes, self._reports)
        real, practised = split(pairs, spoken, self._memory.exercising, now_s, now.unix_s)
        changes = []
        for lane, theirs in ((self.real, real), (self.exercise, practised)):
            calls = self._calls(exercise=lane is self.exercise)
            told = [_call(report, handling, names, now.unix_s) for report, handling in calls]
            changes += lane.step(look, theirs, calls, told)
        try:
            self._keep(changes, now_s, now.unix_s)
        except StorageError as error:
            self.trouble = error.code
            self._untold = [*self._untold, *changes][-UNTOLD_MAX:]
        return changes

    @property
    def board(self) -> Board | None:
        """The newest of the real lane; None before the first look."""
        return self.real.board

    def acknowledge(self, rule: str, subject: str, by: str, *, exercise: bool = False) -> str | None:
        """`by` has seen an alarm; the name of who was first when that was somebody else."""
        now = self._now()
        now_s = self._base_s + now.boottime_s
        lane = self.exercise if exercise else self.real
        change = lane.acknowledge(rule, subject, by, now_s)
        if change is None:
            return lane.engine.acknowledged_by(rule, subject)
        self._keep([change], now_s, now.unix_s)
        return None

    def node(self, address: Address) -> Node | None:
        """Who that is, as the roster knows it now."""
        return self._roster().entry(address)

    # --- what is new ---

    def _follow(self) -> None:
        """Reports of the inbox's store become rows of the operators' lists, each once."""
        newest = self._reader.newest_id()
        if newest < self._followed:
            self._followed = 0  # an older backup was put back: everything is looked at again
        while self._followed < newest:
            stored = self._reader.messages_after(self._followed, MESSAGES_MAX)
            roster = self._roster()
            reports = [report_of(each, roster.entry, key_of) for each in stored]
            up_to = stored[-1].id if len(stored) == MESSAGES_MAX else newest
            if stored or up_to - self._operators.followed() > FOLLOW_UNTOLD_MAX:
                self._operators.follow([report for report in reports if report], up_to)
            self._followed = up_to
            self._reports += len(stored)
        self._operators.listing.read_on()
        self._unkept = []

    def _read_ahead(self) -> None:
        """What the operators' file could not take, of that what somebody must see now."""
        self._unkept, after_id, roster = [], self._followed, self._roster()
        while len(self._unkept) < UNKEPT_MAX:
            stored = self._reader.messages_after(after_id, MESSAGES_MAX)
            reports = [report_of(each, roster.entry, key_of) for each in stored]
            self._unkept += [each for each in reports if each and (each.urgency <= 2 or each.is_request)]
            if len(stored) < MESSAGES_MAX:
                break
            after_id = stored[-1].id

    def _calls(self, *, exercise: bool) -> list[tuple[Report, Handling]]:
        kept = self._operators.open_reports(exercise=exercise)
        unkept = [each for each in self._unkept if each.exercise is exercise]
        reports = [each for each in (*kept, *unkept) if not each.is_refused]
        handlings = self._operators.handlings(reports)
        return [(report, handlings.get(report.id, Handling())) for report in reports]

    def _heard_count(self, key: str, state: NodeState) -> int:
        """How many times anything new of a site was heard, as far as looks can tell."""
        mark = f"{state.heard_boot} {state.heard_at}"
        before, count = self._memory.heard.get(key, ("", 0))
        if mark != before:
            count += 1
            self._memory.heard[key] = (mark, count)
        return count

    def _findings(self) -> dict[Address, list[str]]:
        """Per address, what points to a wrong key and nobody has ended."""
        every = [each for theirs in self._reader.findings().values() for each in theirs]
        found: dict[Address, list[str]] = {}
        for each in self._operators.ended.still_open(one for one in every if one.code in SECURITY):
            found.setdefault(each.address, []).append(each.code)
        return found

    def _strangers(self, findings: Mapping[Address, list[str]]) -> tuple[str, ...]:
        """Addresses that spoke, and that no authority has admitted since."""
        roster = self._roster()
        return tuple(
            show(address)
            for address, codes in findings.items()
            if STRANGER in codes and roster.entry(address) is None
        )

    def _own(self, own: Own, states: Mapping[Address, NodeState], now: Arrival) -> Own:
        """With what only this thread can see: gateways that are heard, and a clock that jumped."""
        gateways = {
            node.site or node.address.hex(): heard_age_s(states.get(node.address), now)
            for node in self._roster().nodes
            if node.gateway and not node.revoked
        }
        wall_s = now.unix_s - now.boottime_s
        jumped = abs(wall_s - self._wall_s) > CLOCK_STEP_S
        self._wall_s = (
            wall_s if jumped else self._wall_s
        )  # from now on this is the time; its alarm ends by itself
        return msgspec.structs.replace(own, clock_jumped=jumped, gateways=gateways)

    # --- what is kept ---

    def _recall(self) -> Memory:
        kept = self._operators.alarms.state()
        return msgspec.msgpack.decode(kept, type=Memory) if kept else Memory(State())

    def _away_s(self) -> float:
        """How long nobody looked, as far as this machine's clock can tell."""
        away_s = self._now().unix_s - self._memory.unix_s
        return away_s if self._memory.unix_s and 0 <= away_s <= GAP_S_MAX else 0.0

    def _keep(self, changes: list[Change], now_s: float, unix_s: int) -> None:
        if not (changes or self._untold) and now_s - self._kept_s < KEEP_EVERY_S:
            return
        self._memory.alarms, self._memory.exercise = self.real.engine.state, self.exercise.engine.state
        self._memory.running_s, self._memory.unix_s = now_s, float(unix_s)
        self._operators.alarms.keep(msgspec.msgpack.encode(self._memory), [*self._untold, *changes])
        self._kept_s, self._untold = now_s, []


def _call(report: Report, handling: Handling, names: Mapping[str, str], unix_s: int) -> Call:
    return Call(
        id=str(report.id),
        site=report.site,
        name=names.get(report.site, report.site),
        urgency=report.urgency,
        is_request=report.is_request,
        acknowledged=handling.is_acknowledged,
        forwarded=handling.state == "forwarded",
        needed_within_s=needed_within_s(report, unix_s),
    )
