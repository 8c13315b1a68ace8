"""From judgements to alarms: rises and falls that last, escalation, and what an operator is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from relay.inbox.alarms import calls, own
from relay.inbox.alarms.facts import Picture, Site
from relay.inbox.alarms.groups import Grouping
from relay.inbox.alarms.rules import CALM, HOLD, MINUTE_S, RULES
from relay.inbox.alarms.sounds import Sounds
from relay.inbox.alarms.state import Alarm, AlarmKey, Change, Mute, State
from relay.inbox.alarms.thresholds import Thresholds

SITE_RULES = {rule.name: rule for rule in RULES}
CALL_RULES = frozenset(calls.LABELS)


class Engine:
    """Give it a picture every few seconds, and at once when a report arrives; store what it returns."""

    def __init__(self, limits: Thresholds, state: State | None = None) -> None:
        self.limits = limits
        self.state = state or State()
        self.mutes: Sequence[Mute] = ()
        self._alarms: dict[AlarmKey, Alarm] = {alarm.key: alarm for alarm in self.state.alarms}
        self._grouping = Grouping(limits.storm, limits.silence.floor_radio_min * MINUTE_S, self.state)

    @property
    def alarms(self) -> list[Alarm]:
        """What alarms now, the most severe first, then the longest."""
        up = (alarm for alarm in self._alarms.values() if alarm.is_up)
        return sorted(up, key=lambda alarm: (alarm.level, alarm.since_s))

    def step(self, picture: Picture) -> list[Change]:
        """Judge `picture`; returns what changed, in the order in which it must be told."""
        now_s = picture.now_s
        sounds = Sounds(self.limits.storm, self.state, self.mutes, now_s)
        changes = [*self._judge_own(picture), *self._judge_calls(picture)]
        changes += self._judge_sites(picture)
        changes += self._grouping.step(picture, self._alarms)
        self._forget(now_s)
        self.state.alarms = list(self._alarms.values())
        return sounds.give(changes)

    def acknowledge(self, rule: str, subject: str, by: str, now_s: float) -> Change | None:
        """`by` has seen it. None when somebody was first (see `acknowledged_by`) or it is over."""
        target = self._alarms.get((rule, subject)) or self._grouping.find(subject)
        if target is None or target.acknowledged_by or target.level == CALM:
            return None
        target.acknowledged_by = by
        name = target.name if isinstance(target, Alarm) else ""
        return Change(
            at_s=now_s, kind="acknowledged", rule=rule, subject=subject, name=name, level=target.level
        )

    def acknowledged_by(self, rule: str, subject: str) -> str | None:
        """Who has seen it; None when nobody has, or it is over."""
        target = self._alarms.get((rule, subject)) or self._grouping.find(subject)
        return target.acknowledged_by or None if target else None

    # --- the three kinds of subject ---

    def _judge_own(self, picture: Picture) -> Iterable[Change]:
        now_s, fall_s = picture.now_s, self.limits.own.clears_min * MINUTE_S
        for alarm in self._alarms.values():
            if alarm.is_up and own.is_gone(alarm.rule, alarm.subject, picture.own):
                yield from self._clear(alarm, now_s)
        for judged in own.judge(picture.own, self.limits.own):
            alarm = self._alarm(judged.rule, judged.subject, judged.subject)
            yield from self._move(alarm, judged.level, now_s, judged.rise_s, fall_s, tell=True)
            if alarm.is_up or alarm.rising_s is not None:
                if judged.rule in own.BLINDS_ALL:
                    self.state.blind_all_s = now_s
                if judged.rule in own.BLINDS_RADIO:
                    self.state.blind_radio_s = now_s

    def _judge_calls(self, picture: Picture) -> Iterable[Change]:
        now_s, present = picture.now_s, set()
        for call in picture.calls:
            for judged in calls.judge(call, self.limits.calls):
                alarm = self._alarm(judged.rule, call.id, call.name)
                present.add(alarm.key)
                yield from self._move(alarm, judged.level, now_s, 0.0, 0.0, tell=True)
                late = alarm.is_up and now_s - alarm.since_s >= judged.escalates_s
                if late and not (alarm.escalated or alarm.acknowledged_by):
                    alarm.escalated = True
                    yield _change("escalated", alarm, now_s)
        for alarm in self._alarms.values():
            if alarm.rule in CALL_RULES and alarm.is_up and alarm.key not in present:
                yield from self._clear(alarm, now_s)  # resolved

    def _judge_sites(self, picture: Picture) -> Iterable[Change]:
        present = {site.key for site in picture.sites}
        for alarm in self._alarms.values():
            if alarm.rule in SITE_RULES and alarm.is_up and alarm.subject not in present:
                yield from self._clear(alarm, picture.now_s)  # taken out of service
        for site in picture.sites:
            blind = self._is_blind(site, picture.now_s)
            for rule in RULES:
                alarm = self._alarm(rule.name, site.key, site.name)
                level = rule.judge(site, alarm, self.limits)
                if blind and rule.name in ("silent", "overdue", "never_heard") and level != CALM:
                    level = HOLD
                before = alarm.level
                rise_s, fall_s = rule.rise_s(self.limits), rule.fall_s(self.limits)
                tell = not rule.grouped and level != 4
                yield from self._move(alarm, level, picture.now_s, rise_s, fall_s, tell=tell)
                if before == CALM and alarm.is_up:
                    alarm.heard_count = site.heard_count

    def _is_blind(self, site: Site, now_s: float) -> bool:
        """Whether our own system is, or was within its interval, to blame for not hearing `site`."""
        moments = [self.state.blind_all_s, self.state.blind_radio_s if site.by_radio else None]
        grace_s = self.limits.silence.overdue_factor * site.interval_s
        return any(moment is not None and now_s - moment <= grace_s for moment in moments)

    # --- one alarm ---

    def _alarm(self, rule: str, subject: str, name: str) -> Alarm:
        alarm = self._alarms.get((rule, subject))
        if alarm is None:
            alarm = self._alarms[rule, subject] = Alarm(rule=rule, subject=subject, name=name, opened=[])
        return alarm

    def _move(
        self, alarm: Alarm, level: int, now_s: float, rise_s: float, fall_s: float, *, tell: bool
    ) -> Iterable[Change]:
        """Take a judgement in; `tell`: an operator is told at once rather than after the gathering."""
        if level == HOLD:
            alarm.rising_s = alarm.falling_s = None
            return
        if level == CALM:
            alarm.rising_s = None
            if not alarm.is_up:
                return
            alarm.falling_s = now_s if alarm.falling_s is None else alarm.falling_s
            wait_s = max(fall_s, self.limits.storm.hover_min * MINUTE_S if alarm.hovering else 0.0)
            if now_s - alarm.falling_s >= wait_s:
                yield from self._clear(alarm, now_s)
            return
        alarm.falling_s = None
        if alarm.is_up and level >= alarm.level:
            alarm.level, alarm.rising_s = level, None  # better, or the same: nobody needs to hear it
            return
        alarm.rising_s = now_s if alarm.rising_s is None else alarm.rising_s
        if now_s - alarm.rising_s >= rise_s:
            yield from self._raise(alarm, level, now_s, tell=tell)

    def _raise(self, alarm: Alarm, level: int, now_s: float, *, tell: bool) -> Iterable[Change]:
        worse = alarm.is_up
        alarm.level, alarm.rising_s = level, None
        if worse:
            alarm.acknowledged_by = ""  # who had seen it had seen something milder
            if alarm.told and not alarm.group:
                yield _change("worse", alarm, now_s)
            return
        storm = self.limits.storm
        alarm.since_s, alarm.escalated, alarm.told = now_s, False, tell
        alarm.opened = [at for at in alarm.opened if now_s - at < storm.hover_min * MINUTE_S] + [now_s]
        if len(alarm.opened) >= storm.hover_times:
            alarm.hovering = alarm.told = True
            yield _change("hovering", alarm, now_s)
        elif tell:
            yield _change("raised", alarm, now_s)

    def _clear(self, alarm: Alarm, now_s: float) -> list[Change]:
        """It is over; told to whoever was told that it began."""
        changes = [_change("cleared", alarm, now_s)] if alarm.told and not alarm.group else []
        alarm.level, alarm.rising_s, alarm.falling_s = CALM, None, None
        alarm.told = alarm.hovering = alarm.escalated = False
        alarm.acknowledged_by = alarm.group = ""
        return changes

    def _forget(self, now_s: float) -> None:
        """What is calm and has nothing to remember needs no row."""
        for key, alarm in list(self._alarms.items()):
            if alarm.opened and now_s - alarm.opened[-1] >= self.limits.storm.hover_min * MINUTE_S:
                alarm.opened = []
            if not (alarm.is_up or alarm.rising_s is not None or alarm.opened):
                del self._alarms[key]


def _change(kind: str, alarm: Alarm, now_s: float) -> Change:
    return Change(
        at_s=now_s, kind=kind, rule=alarm.rule, subject=alarm.subject, name=alarm.name, level=alarm.level
    )
