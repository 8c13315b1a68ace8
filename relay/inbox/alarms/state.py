"""What the engine remembers between two pictures, as it is kept on disk, and what it tells."""

from __future__ import annotations

import msgspec

from relay.inbox.alarms.rules import CALM

EMERGENCY, URGENT, SYSTEM, CHIME, QUIET = "emergency", "urgent", "system", "chime", ""

AlarmKey = tuple[str, str]  # rule and subject


class Alarm(msgspec.Struct, kw_only=True):
    """One rule about one subject, alarming or about to."""

    rule: str
    subject: str  # key of the site, id of the report, name of the gateway
    name: str  # of the site, for people
    level: int = CALM
    since_s: float = 0.0  # it has been this alarm
    rising_s: float | None = None  # since when it is about to be
    falling_s: float | None = None  # since when it is about to end
    heard_count: int = 0
    opened: list[float] = []
    hovering: bool = False
    told: bool = False  # an operator was told of it, alone or in a group
    group: str = ""
    acknowledged_by: str = ""
    escalated: bool = False

    @property
    def key(self) -> AlarmKey:
        """By which it is known."""
        return self.rule, self.subject

    @property
    def is_up(self) -> bool:
        """Whether it alarms now."""
        return self.level != CALM


class Group(msgspec.Struct, kw_only=True):
    """One alarm made of many: the same rule at many sites within minutes."""

    key: str
    rule: str
    since_s: float
    level: int
    members: list[str]  # keys of sites
    told_s: float | None = None
    told_count: int = 0
    acknowledged_by: str = ""
    most: int = 0  # members it ever had


class Mute(msgspec.Struct, frozen=True, kw_only=True):
    """A person switched the sound of a rule off: never without name, reason and end."""

    rule: str
    by: str
    reason: str
    until_s: float


class State(msgspec.Struct, kw_only=True):
    """Everything that must survive a restart."""

    alarms: list[Alarm] = []
    groups: list[Group] = []
    blind_all_s: float | None = None  # when the own system was last in doubt
    blind_radio_s: float | None = None
    told_s: list[float] = []  # of late, to know a flood
    chimed_s: float | None = None
    held_back: int = 0  # sounds that a flood swallowed since the last chime


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell: a row that a notifier claims."""

    at_s: float
    # raised, worse, cleared, hovering, escalated, grouped, grown, repeated, remain, acknowledged, flood
    kind: str
    rule: str
    subject: str
    name: str
    level: int
    sound: str = QUIET
    count: int = 1
    names: tuple[str, ...] = ()
    exercise: bool = False  # of that lane: nobody outside the operators' room hears of it
