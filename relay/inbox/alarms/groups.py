"""One alarm for what hits many sites within minutes, and the short list of those that do not recover.

Silence is known early by sites that are overdue: a province that loses its MQTT is one alarm after two
minutes, and says until when the radio may take. At that moment those that are silent still are named.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from relay.inbox.alarms.facts import Picture
from relay.inbox.alarms.rules import MINUTE_S, RULES
from relay.inbox.alarms.state import Alarm, AlarmKey, Change, Group, State
from relay.inbox.alarms.thresholds import Storm

TOO_SHORT_MIN = 60  # of runtime: such a site is told by itself
SILENCE = "silent"
OF_RULE = {"overdue": SILENCE, **{rule.name: rule.name for rule in RULES if rule.grouped}}


class Grouping:
    """Keeps the groups of a state up to date, and tells what stays alone."""

    def __init__(self, limits: Storm, radio_s: float, state: State) -> None:
        self._limits = limits
        self._radio_s = radio_s  # what the radio may take to bring a site back
        self._state = state

    def find(self, key: str) -> Group | None:
        """The group called `key`."""
        return next((group for group in self._state.groups if group.key == key), None)

    def step(self, picture: Picture, alarms: Mapping[AlarmKey, Alarm]) -> Iterable[Change]:
        """Form, grow, tell and end groups; then tell what belongs to none."""
        now_s = picture.now_s
        by_rule: dict[str, list[Alarm]] = {}
        for alarm in alarms.values():
            if alarm.is_up and alarm.rule in OF_RULE:
                by_rule.setdefault(OF_RULE[alarm.rule], []).append(alarm)
        alone = _must_stand_alone(picture)
        for rule, up in by_rule.items():
            self._gather(rule, up, alone, len(picture.sites), now_s)
        for group in list(self._state.groups):
            yield from self._tell_group(group, by_rule.get(group.rule, []), now_s)
        for up in by_rule.values():
            yield from self._tell_alone(up, alone, now_s)

    def _gather(self, rule: str, up: list[Alarm], alone: set[str], sites: int, now_s: float) -> None:
        window_s = self._limits.group_min * MINUTE_S
        group = next((each for each in self._state.groups if each.rule == rule), None)
        fresh = [alarm for alarm in up if not alarm.hovering and now_s - alarm.since_s <= window_s]
        if group is None:
            if len({alarm.subject for alarm in fresh if not alarm.told}) < self._enough(sites):
                return
            group = Group(
                key=f"{rule}@{int(now_s)}",
                rule=rule,
                since_s=min(alarm.since_s for alarm in fresh),
                level=4,
                members=[],
            )
            self._state.groups.append(group)
        members = set(group.members)
        for alarm in fresh if rule != SILENCE else up:
            joins = not alarm.told or alarm.subject in members
            if joins and not alarm.group and (alarm.subject not in alone or alarm.rule == "overdue"):
                alarm.group = group.key
                members.add(alarm.subject)
        group.members = sorted(members)

    def _enough(self, sites: int) -> int:
        share = math.ceil(sites * self._limits.group_pct / 100)
        return min(self._limits.group_sites, max(2, share))

    def _tell_group(self, group: Group, up: list[Alarm], now_s: float) -> Iterable[Change]:
        mine = [alarm for alarm in up if alarm.group == group.key]
        left = {alarm.subject: alarm.name for alarm in mine}
        group.members = sorted(left)
        group.most = max(group.most, len(left))
        if not left:
            self._state.groups.remove(group)
            if group.told_s is not None:
                yield _change("cleared", group, now_s, ())
            return
        level = 2 if group.rule == SILENCE else min(alarm.level for alarm in mine)
        worse = level < group.level
        group.level = level
        names = tuple(left[key] for key in group.members)
        if group.told_s is None:
            if now_s - group.since_s >= self._limits.gather_s:
                yield self._told("grouped", group, names, mine, now_s)
        elif now_s - group.told_s >= self._limits.group_min * MINUTE_S or worse:
            grown = len(left) >= group.told_count * (1 + self._limits.group_grows_pct / 100)
            if grown or worse:
                yield self._told("grown", group, names, mine, now_s)
            elif not group.acknowledged_by:
                yield self._told("repeated", group, names, mine, now_s)
        if group.rule == SILENCE and now_s - group.since_s >= self._radio_s:
            yield from self._name_the_rest(group, mine, now_s)

    def _told(
        self, kind: str, group: Group, names: tuple[str, ...], mine: list[Alarm], now_s: float
    ) -> Change:
        group.told_s, group.told_count = now_s, len(names)
        for alarm in mine:
            alarm.told = True
        return _change(kind, group, now_s, names)

    def _name_the_rest(self, group: Group, mine: list[Alarm], now_s: float) -> Iterable[Change]:
        """The radio had its time: who is silent still is named, once, and stands for itself from now on."""
        self._state.groups.remove(group)
        silent = [alarm for alarm in mine if alarm.rule == SILENCE]
        for alarm in mine:
            alarm.group, alarm.told = "", alarm.rule == SILENCE
        if silent:
            yield _change("remain", group, now_s, tuple(sorted(alarm.name for alarm in silent)))
        else:
            yield _change("cleared", group, now_s, ())

    def _tell_alone(self, up: list[Alarm], alone: set[str], now_s: float) -> Iterable[Change]:
        for alarm in up:
            if alarm.told or alarm.rule == "overdue":
                continue
            waited = now_s - alarm.since_s >= self._limits.gather_s
            if (waited and not alarm.group) or alarm.subject in alone:
                alarm.told, alarm.group = True, ""
                yield Change(
                    at_s=now_s,
                    kind="raised",
                    rule=alarm.rule,
                    subject=alarm.subject,
                    name=alarm.name,
                    level=alarm.level,
                )


def _must_stand_alone(picture: Picture) -> set[str]:
    """Sites that no group may hide: somebody there asks for something, or the battery is nearly empty."""
    asking = {call.site for call in picture.calls if call.is_request or call.urgency <= 2}
    short = {
        site.key
        for site in picture.sites
        if (left := site.number("runtime_min", math.inf)) is not None and left < TOO_SHORT_MIN
    }
    return asking | short


def _change(kind: str, group: Group, now_s: float, names: tuple[str, ...]) -> Change:
    return Change(
        at_s=now_s,
        kind=kind,
        rule=group.rule,
        subject=group.key,
        name="",
        level=group.level,
        count=len(names) or group.most,
        names=names,
    )
