"""The picture that operators look at, made from what the stores hold: one snapshot for all pages.

A value that is too old is shown as unknown, with what it was; a site that can't be judged is neither well
nor silent. What is known of each site comes from `site_views`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from relay.inbox.alarms.engine import CALL_RULES, Engine
from relay.inbox.alarms.facts import Own, Site
from relay.inbox.alarms.rules import HOUR_S, SCARCE
from relay.inbox.facts import OVERDUE_FACTOR
from relay.inbox.operators.handling import Handling
from relay.inbox.operators.reports import Report

VALUE_AGE_MAX_S = 4 * HOUR_S  # an older value is "unknown (was ...)"
# In the order in which a state hides the ones after it.
SILENT, OVERDUE, NEVER, UNJUDGED = "silent", "overdue", "never", "not_judged"
EXERCISING = "exercise"  # in the real lane: what it says is not meant
NO_NODE = "no_node"  # its only node was revoked or blocked


class SiteView(msgspec.Struct, frozen=True, kw_only=True):
    """One site as pages show it."""

    key: str
    name: str
    municipality: str
    addresses: tuple[str, ...]  # of its nodes, the current one first
    state: str  # opening, or SILENT, OVERDUE, NEVER, UNJUDGED, unknown
    opening: str  # as last told, however old
    facts: Site
    link: str
    publisher: str
    status_age_s: float | None
    exercise: bool = False  # its newest status is of an exercise
    spoken_age_s: float | None = None  # since VRD was told something by other means than its node
    spoken_via: str = ""
    alarms: tuple[tuple[str, int, float], ...] = ()  # rule, level, since (running seconds)
    open_calls: int = 0
    lat: float | None = None
    lon: float | None = None

    @property
    def heard_age_s(self) -> float | None:
        """Seconds since anything new of it was heard."""
        return self.facts.heard_age_s

    def fresh(self, name: str) -> int | str | None:
        """The value of `name` if it is not too old."""
        reading = self.facts.values.get(name)
        return reading.value if reading and reading.age_s <= VALUE_AGE_MAX_S else None

    @property
    def short_of(self) -> list[tuple[str, int | str]]:
        """What it has little or nothing of: why there is an alarm of a shortage."""
        known = [(name, self.fresh(name)) for name in SCARCE]
        return [(name, value) for name, value in known if value is not None and value in ("low", "out")]


class Attention(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what needs attention."""

    level: int
    rule: str
    subject: str
    site: str  # key; empty: no single site
    name: str
    since_s: float  # ago
    who: str
    count: int = 1
    report: Report | None = None
    handling: Handling = Handling()
    names: tuple[str, ...] = ()


class Municipality(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table of municipalities."""

    name: str
    sites: int
    open: int
    silent: int
    help: int
    power_out: int
    visitors: int
    visitors_old: int  # sites whose count is older than two hours


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one moment, of one lane."""

    version: int
    unix_s: int
    sites: tuple[SiteView, ...]
    attention: tuple[Attention, ...]
    municipalities: tuple[Municipality, ...]
    own: Own
    unread: int
    flood: bool = False
    exercise: bool = False  # the lane
    reports: int = 0  # how often more came in, or what a key is worth changed: then pages are painted anew

    def site(self, key: str) -> SiteView | None:
        """The site with that key."""
        return next((site for site in self.sites if site.key == key), None)

    def count(self, *states: str) -> int:
        """How many sites are in one of `states`."""
        return sum(site.state in states for site in self.sites)

    @property
    def visitors(self) -> int:
        """Of all sites, as far as known; of silent ones what was told by other means."""
        return sum(_visitors(site) for site in self.sites)

    @property
    def calls(self) -> int:
        """Reports and requests that somebody must take up or finish."""
        return sum(site.open_calls for site in self.sites)


def make_board(
    version: int,
    unix_s: int,
    now_s: float,
    views: Iterable[SiteView],
    engine: Engine,
    own: Own,
    calls: list[tuple[Report, Handling]],
    unread: int,
    *,
    flood: bool,
    reports: int = 0,
    exercise: bool = False,
) -> Board:
    """The snapshot of what `engine` and the stores say now."""
    asking: dict[str, int] = {}
    for report, _ in calls:
        asking[report.site] = asking.get(report.site, 0) + 1
    alarms: dict[str, list[tuple[str, int, float]]] = {}
    for alarm in engine.alarms:
        alarms.setdefault(alarm.subject, []).append((alarm.rule, alarm.level, alarm.since_s))
    sites = tuple(
        msgspec.structs.replace(
            view,
            state=_state(view, {rule for rule, _, _ in alarms.get(view.key, ())}),
            alarms=tuple(alarms.get(view.key, ())),
            open_calls=asking.get(view.key, 0),
        )
        for view in views
    )
    return Board(
        version=version,
        unix_s=unix_s,
        sites=sites,
        attention=tuple(
            line
            for line in _attention(engine, sites, calls, unix_s, now_s)
            if not (exercise and line.rule.startswith("own_"))  # our own faults are never of an exercise
        ),
        municipalities=tuple(_municipalities(sites)),
        own=own,
        unread=unread,
        flood=flood,
        reports=reports,
        exercise=exercise,
    )


def _state(view: SiteView, rules: set[str]) -> str:
    """Silence hides what was told before it: a board must not look fine while a site is silent."""
    facts = view.facts
    if view.state in (EXERCISING, NO_NODE):
        return view.state
    if facts.heard_age_s is None:
        return NEVER
    if rules & {"silent", "expected_silent"}:
        return SILENT
    if facts.heard_age_s > OVERDUE_FACTOR * facts.interval_s:
        return OVERDUE if "overdue" in rules else UNJUDGED
    return str(view.fresh("opening") or "unknown")


def _attention(
    engine: Engine,
    sites: tuple[SiteView, ...],
    calls: list[tuple[Report, Handling]],
    unix_s: int,
    now_s: float,
) -> list[Attention]:
    """Calls first by urgency, then alarms; the members of a group are one line."""
    names = {site.key: site.name for site in sites}
    lines = [
        Attention(
            level=report.urgency if report.urgency <= 2 else 2,
            rule="call",
            subject=str(report.id),
            site=report.site,
            name=names.get(report.site, report.site),
            since_s=max(0.0, float(unix_s - report.received_s)),
            who=handling.assignee or handling.team or handling.by,
            report=report,
            handling=handling,
        )
        for report, handling in calls
    ]
    for group in engine.state.groups:
        members = tuple(names.get(key, key) for key in group.members)
        lines.append(
            Attention(
                level=group.level,
                rule=group.rule,
                subject=group.key,
                site="",
                name="",
                since_s=max(0.0, now_s - group.since_s),
                who=group.acknowledged_by,
                count=len(members),
                names=members,
            )
        )
    for alarm in engine.alarms:
        if alarm.told and not alarm.group and alarm.rule not in CALL_RULES and alarm.level < 4:
            own = alarm.rule.startswith("own_")
            lines.append(
                Attention(
                    level=alarm.level,
                    rule=alarm.rule,
                    subject=alarm.subject,
                    site="" if own else alarm.subject,
                    name=alarm.name,
                    since_s=max(0.0, now_s - alarm.since_s),
                    who=alarm.acknowledged_by,
                )
            )
    return sorted(lines, key=lambda line: (line.level, bool(line.who), line.since_s))


def _municipalities(sites: tuple[SiteView, ...]) -> list[Municipality]:
    """The worst first."""
    of: dict[str, list[SiteView]] = {}
    for site in sites:
        of.setdefault(site.municipality or "?", []).append(site)
    rows = [
        Municipality(
            name=name,
            sites=len(theirs),
            open=sum(site.state in ("open", "limited", "full") for site in theirs),
            silent=sum(site.state in (SILENT, NEVER) for site in theirs),
            help=sum(site.open_calls for site in theirs),
            power_out=sum(site.fresh("power") in ("battery", "generator", "none") for site in theirs),
            visitors=sum(_visitors(site) for site in theirs),
            visitors_old=sum(_is_old(site, "visitors", 2 * HOUR_S) for site in theirs),
        )
        for name, theirs in of.items()
    ]
    return sorted(rows, key=lambda row: (-row.silent, -row.help, -row.power_out, row.name))


def _visitors(site: SiteView) -> int:
    value, reading = site.fresh("visitors"), site.facts.values.get("visitors")
    told = site.state not in (SILENT, NEVER, UNJUDGED) or bool(reading and reading.via)
    return value if isinstance(value, int) and told else 0


def _is_old(site: SiteView, name: str, age_s: float) -> bool:
    reading = site.facts.values.get(name)
    return reading is not None and reading.age_s > age_s
