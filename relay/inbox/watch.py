"""Looks at the stores every second, and at once when a report arrives: follows, judges, makes the board.

It runs on a thread of its own and reads the messages read-only, so intake never waits for it. What it
remembers (alarms, counts, running time) is written together with what changed; after a restart it goes
on where it was, and nothing sounds again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from relay.core.message import Address
from relay.inbox.alarms.engine import Engine
from relay.inbox.alarms.facts import Call, Own, Picture
from relay.inbox.alarms.sounds import Sounds
from relay.inbox.alarms.state import Change, State
from relay.inbox.alarms.thresholds import Thresholds
from relay.inbox.board import Board, heard_age_s, key_of, make_board, sites_of
from relay.inbox.operators.handling import Handling
from relay.inbox.operators.reports import Report, needed_within_s, report_of
from relay.inbox.operators.store import Operators
from relay.inbox.queries import MESSAGES_MAX, NodeState, Reader
from relay.inbox.store import Arrival
from relay.trust.roster import Roster

KEEP_EVERY_S = 30.0  # what changed without being told: a restart may forget this much of it
GAP_S_MAX = 7 * 86_400.0  # a clock that jumped further than this says nothing of how long we were away
CLOCK_STEP_S = 120.0
SECURITY = ("clone", "revoked", "replaced_speaks")  # findings that an operator must hear of
FOLLOW_UNTOLD_MAX = 5_000  # statuses that may be looked at again after a restart: no commit for each


class Memory(msgspec.Struct):
    """What the watch keeps on disk between two looks."""

    alarms: State
    running_s: float = 0.0  # in all its life, time switched off included
    unix_s: float = 0.0  # when it was kept
    heard: dict[str, tuple[str, int]] = {}  # per site: mark of the newest message, and how many
    in_service: dict[str, float] = {}  # per site: running seconds when the roster first named it


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What the service says of itself."""

    listening_s: float
    own: Own


class Watch:
    """One lane of operators' work: the real one, or the exercise's."""

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
        self._health, self._thresholds, self._now = health, thresholds, now
        self._memory = self._recall()
        self._engine = Engine(thresholds, self._memory.alarms)
        self._base_s = self._memory.running_s - now().boottime_s + self._away_s()
        self._wall_s = now().unix_s - now().boottime_s
        self._kept_s = -KEEP_EVERY_S
        self._followed = operators.followed()
        self._version = 0
        self.board: Board | None = None

    def look(self) -> list[Change]:
        """Take in what is new; returns what operators must be told now. Raises StorageError."""
        self._follow()
        now, health = self._now(), self._health()
        now_s = self._base_s + now.boottime_s
        states = self._reader.nodes()
        pairs = sites_of(
            self._roster().nodes,
            states,
            now,
            health.listening_s,
            self._heard_count,
            lambda key: now_s - self._memory.in_service.setdefault(key, now_s),
            self._findings(),
        )
        calls, names = self._calls(), {site.key: site.name for site, _ in pairs}
        self._engine.mutes = [
            msgspec.structs.replace(mute, until_s=now_s + mute.until_s - now.unix_s)
            for mute in self._operators.alarms.mutes()
        ]
        picture = Picture(
            now_s=now_s,
            sites=tuple(site for site, _ in pairs),
            calls=tuple(_call(report, handling, names, now.unix_s) for report, handling in calls),
            own=self._own(health.own, states, now),
        )
        changes = self._engine.step(picture)
        self._keep(changes, now_s, now.unix_s)
        self._version += 1
        self.board = make_board(
            self._version,
            now.unix_s,
            now_s,
            [view for _, view in pairs],
            self._engine,
            picture.own,
            calls,
            sum(not handling.is_acknowledged for _, handling in calls),
            flood=Sounds(self._thresholds.storm, self._engine.state, (), now_s).is_flood,
        )
        return changes

    def acknowledge(self, rule: str, subject: str, by: str) -> str | None:
        """`by` has seen an alarm; the name of who was first when that was somebody else."""
        now = self._now()
        now_s = self._base_s + now.boottime_s
        change = self._engine.acknowledge(rule, subject, by, now_s)
        if change is None:
            return self._engine.acknowledged_by(rule, subject)
        self._keep([change], now_s, now.unix_s)
        return None

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

    def _calls(self) -> list[tuple[Report, Handling]]:
        handlings = self._operators.handlings()
        return [
            (report, handlings.get(report.id, Handling()))
            for report in self._operators.open_reports()
            if not report.shown.standing
        ]

    def _heard_count(self, key: str, state: NodeState) -> int:
        """How many times anything new of a site was heard, as far as looks can tell."""
        mark = f"{state.heard_boot} {state.heard_at}"
        before, count = self._memory.heard.get(key, ("", 0))
        if mark != before:
            count += 1
            self._memory.heard[key] = (mark, count)
        return count

    def _findings(self) -> dict[Address, list[str]]:
        """Per node, what points to a second card or a stolen key."""
        return {
            address: [each.code for each in theirs if each.code in SECURITY]
            for address, theirs in self._reader.findings().items()
        }

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
        if not changes and now_s - self._kept_s < KEEP_EVERY_S:
            return
        self._kept_s = now_s
        self._memory.alarms = self._engine.state
        self._memory.running_s, self._memory.unix_s = now_s, float(unix_s)
        self._operators.alarms.keep(msgspec.msgpack.encode(self._memory), changes)

    def facts(self) -> dict[str, Any]:
        """For `/healthz`."""
        return {"alarms": len(self._engine.alarms), "version": self._version}


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
