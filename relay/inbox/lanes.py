"""Two lanes that never mix: what is meant, and what is an exercise (experience.md section 3, "Exercise").

A site is exercising while its newest status says so, and no longer than an exercise lasts. Until then what it
measures, enters and leaves unsaid belongs to the exercise's lane; the real lane says only that it exercises.
What VRD was told by other means lies over what the node says, each value with its own age.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from relay.inbox.alarms.engine import Engine
from relay.inbox.alarms.facts import Call, Own, Picture, Reading, Site
from relay.inbox.alarms.sounds import Sounds
from relay.inbox.alarms.state import Change, Mute, State
from relay.inbox.alarms.thresholds import Thresholds
from relay.inbox.board import EXERCISING, Board, SiteView, make_board
from relay.inbox.operators.handling import Handling
from relay.inbox.operators.manual import Spoken
from relay.inbox.operators.reports import Report

EXERCISE_S_MAX = 12 * 3600.0  # no exercise lasts longer (design.md, trust)
Pair = tuple[Site, SiteView]


def split(
    pairs: Iterable[Pair], spoken: Sequence[Spoken], began_s: dict[str, float], now_s: float, unix_s: int
) -> tuple[list[Pair], list[Pair]]:
    """The sites of the real lane, and those of the exercise's.

    `began_s` is kept up to date: per exercising site the running seconds when that was first seen.
    """
    real, exercise = [], []
    practised = {each.site for each in spoken if each.exercise and unix_s - each.told_s < EXERCISE_S_MAX}
    for facts, view in pairs:
        bare = msgspec.structs.replace(facts, values={})
        if view.exercise:
            is_over = now_s - began_s.setdefault(view.key, now_s) >= EXERCISE_S_MAX
            state = view.state if is_over else EXERCISING
            quiet = bare if is_over else msgspec.structs.replace(bare, judged=False)
            real.append((quiet, msgspec.structs.replace(view, facts=quiet, opening="", state=state)))
            if not is_over:
                exercise.append((msgspec.structs.replace(facts, security=()), view))  # that is never practice
                continue
        else:
            began_s.pop(view.key, None)
            real.append((facts, view))
        if view.key in practised:  # an exercise by telephone only: its node is not in it
            unjudged = msgspec.structs.replace(bare, judged=False, security=())
            exercise.append((unjudged, msgspec.structs.replace(view, facts=unjudged, opening="")))
    return (
        _with_spoken(real, [each for each in spoken if not each.exercise], unix_s),
        _with_spoken(exercise, [each for each in spoken if each.exercise], unix_s),
    )


def _with_spoken(pairs: Sequence[Pair], spoken: Sequence[Spoken], unix_s: int) -> list[Pair]:
    """The newest of each value, by whichever means it came; never does a call count as hearing the node."""
    of: dict[str, list[Spoken]] = {}
    for each in spoken:
        of.setdefault(each.site, []).append(each)
    return [_spoken_to(pair, of[pair[0].key], unix_s) if pair[0].key in of else pair for pair in pairs]


def _spoken_to(pair: Pair, told: Sequence[Spoken], unix_s: int) -> Pair:
    facts, view = pair
    values = dict(facts.values)
    for each in told:
        age_s = float(max(0, unix_s - each.told_s))
        for name, value in each.values.items():
            if name not in values or age_s <= values[name].age_s:
                values[name] = Reading(value, age_s, each.via)
    facts = msgspec.structs.replace(facts, values=values)
    opening = values.get("opening")
    return facts, msgspec.structs.replace(
        view,
        facts=facts,
        opening=str(opening.value) if opening else "",
        spoken_age_s=float(max(0, unix_s - told[-1].told_s)),
        spoken_via=told[-1].via,
    )


@dataclass
class Look:
    """What both lanes are looked at with, at one moment."""

    version: int
    now_s: float
    unix_s: int
    own: Own
    mutes: list[Mute]
    reports: int


class Lane:
    """The alarms and the board of one lane."""

    def __init__(self, thresholds: Thresholds, state: State, *, exercise: bool) -> None:
        self.engine = Engine(thresholds, state)
        self.board: Board | None = None
        self._storm, self._exercise = thresholds.storm, exercise

    def step(
        self, look: Look, pairs: Sequence[Pair], calls: list[tuple[Report, Handling]], told: Sequence[Call]
    ) -> list[Change]:
        """Judge and paint; returns what operators must be told now."""
        self.engine.mutes = look.mutes
        picture = Picture(
            now_s=look.now_s, sites=tuple(site for site, _ in pairs), calls=tuple(told), own=look.own
        )
        changes = self.engine.step(picture)
        self.board = make_board(
            look.version,
            look.unix_s,
            look.now_s,
            [view for _, view in pairs],
            self.engine,
            look.own,
            calls,
            sum(not handling.is_acknowledged for _, handling in calls),
            flood=Sounds(self._storm, self.engine.state, (), look.now_s).is_flood,
            reports=look.reports,
            exercise=self._exercise,
        )
        return [self._marked(change) for change in changes if not self._is_doubled(change)]

    def acknowledge(self, rule: str, subject: str, by: str, now_s: float) -> Change | None:
        """See Engine.acknowledge."""
        change = self.engine.acknowledge(rule, subject, by, now_s)
        return change and self._marked(change)

    def _marked(self, change: Change) -> Change:
        return msgspec.structs.replace(change, exercise=True) if self._exercise else change

    def _is_doubled(self, change: Change) -> bool:
        """The real lane tells of our own faults; here they only keep sites from being blamed."""
        return self._exercise and change.rule.startswith("own_")
