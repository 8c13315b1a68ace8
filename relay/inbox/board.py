"""The picture that operators look at, made from what the stores hold: one snapshot for all pages.

`sites_of` says what is known of each site, with the age of every value; the alarm engine and the pages see
the same. A value that is too old is shown as unknown, with what it was; a site that can't be judged is
neither well nor silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from relay.core import payloads
from relay.core.fields import BY_NAME, LEVEL_FIELDS
from relay.core.message import Address, Message
from relay.errors import WireError
from relay.inbox.alarms.engine import CALL_RULES, Engine
from relay.inbox.alarms.facts import Own, Reading, Site
from relay.inbox.alarms.rules import HOUR_S, MINUTE_S
from relay.inbox.facts import INTERVAL_UNTOLD_S, OVERDUE_FACTOR, since
from relay.inbox.operators.handling import Handling
from relay.inbox.operators.reports import Report
from relay.inbox.queries import NodeState
from relay.inbox.store import Arrival
from relay.trust.roster import Node

ENTERED = {
    field.name for field in (*BY_NAME.values(), *LEVEL_FIELDS) if field.by == "person"
}  # ages from when somebody typed it
VALUE_AGE_MAX_S = 4 * HOUR_S  # an older value is "unknown (was ...)"
BY_RADIO = "radio"
# In the order in which a state hides the ones after it.
SILENT, OVERDUE, NEVER, UNJUDGED = "silent", "overdue", "never", "not_judged"


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

    def site(self, key: str) -> SiteView | None:
        """The site with that key."""
        return next((site for site in self.sites if site.key == key), None)

    def count(self, *states: str) -> int:
        """How many sites are in one of `states`."""
        return sum(site.state in states for site in self.sites)

    @property
    def visitors(self) -> int:
        """Of all sites, as far as known; silent sites are not counted."""
        return sum(_visitors(site) for site in self.sites)

    @property
    def calls(self) -> int:
        """Reports and requests that somebody must take up or finish."""
        return sum(site.open_calls for site in self.sites)


def key_of(node: Node) -> str:
    """By which a site is known for ever: its number in VRD's register, else its name."""
    return node.site_id or node.site


def sites_of(
    nodes: Iterable[Node],
    states: Mapping[Address, NodeState],
    now: Arrival,
    listening_s: float,
    heard_count: Callable[[str, NodeState], int],
    in_service_s: Callable[[str], float],
    findings: Mapping[Address, Sequence[str]],
) -> list[tuple[Site, SiteView]]:
    """What is known of each site: by the node that was heard last, when it has more than one."""
    of_site: dict[str, list[Node]] = {}
    for node in nodes:
        counts = not (node.revoked or node.blocked or node.replaced_s)
        if node.role in ("node", "spare") and node.site and counts:
            of_site.setdefault(key_of(node), []).append(node)
    found = []
    for key, theirs in of_site.items():
        theirs.sort(key=lambda node: _age(states.get(node.address), now))
        node = theirs[0]
        state = states.get(node.address)
        status = _status(state)
        values = _readings(state, status, now) if state and status else {}
        interval_s = status.next_due_min * MINUTE_S if status else INTERVAL_UNTOLD_S
        facts = Site(
            key=key,
            name=node.site,
            in_service_s=in_service_s(key),
            heard_age_s=_age(state, now) if state else None,
            heard_count=heard_count(key, state) if state else 0,
            interval_s=interval_s,
            by_radio=bool(state and state.link == BY_RADIO),
            judged=listening_s > OVERDUE_FACTOR * interval_s,
            values=values,
            capacity=(node.place.capacity or 0) if node.place else 0,
            security=tuple(findings.get(node.address, ())),
        )
        opening = values.get("opening")
        view = SiteView(
            key=key,
            name=node.site,
            municipality=node.municipality,
            addresses=tuple(each.address.hex() for each in theirs),
            state="unknown",
            opening=str(opening.value) if opening else "",
            facts=facts,
            link=state.link if state else "",
            publisher=state.publisher if state else "",
            status_age_s=_status_age_s(state, now) if state else None,
            lat=node.place.lat if node.place else None,
            lon=node.place.lon if node.place else None,
        )
        found.append((facts, view))
    return sorted(found, key=lambda pair: pair[1].name)


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
        attention=tuple(_attention(engine, sites, calls, unix_s, now_s)),
        municipalities=tuple(_municipalities(sites)),
        own=own,
        unread=unread,
        flood=flood,
    )


def _state(view: SiteView, rules: set[str]) -> str:
    """Silence hides what was told before it: a board must not look fine while a site is silent."""
    facts = view.facts
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
    value = site.fresh("visitors")
    return value if isinstance(value, int) and site.state not in (SILENT, NEVER, UNJUDGED) else 0


def _is_old(site: SiteView, name: str, age_s: float) -> bool:
    reading = site.facts.values.get(name)
    return reading is not None and reading.age_s > age_s


def heard_age_s(state: NodeState | None, now: Arrival) -> float | None:
    """Seconds since anything new of a node was heard; None: never."""
    return None if state is None else _age(state, now)


def _age(state: NodeState | None, now: Arrival) -> float:
    return float("inf") if state is None else since(now, state.heard_boot, state.heard_at, state.heard_s)


def _status_age_s(state: NodeState, now: Arrival) -> float | None:
    if state.status is None:
        return None
    return (state.status_age or 0) + since(now, state.status_boot, state.status_at, state.status_s)


def _status(state: NodeState | None) -> Message | None:
    if state is None or state.status is None:
        return None
    try:
        decoded = payloads.decode(state.status)
    except WireError:
        return None
    return decoded if isinstance(decoded, Message) else None


def _readings(state: NodeState, status: Message, now: Arrival) -> dict[str, Reading]:
    """Every value with its age; what a person typed is older than the status that repeats it."""
    age_s = _status_age_s(state, now) or 0.0
    entered_min = status.values.get("entered_min", 0)
    entered_s = age_s + (entered_min * MINUTE_S if isinstance(entered_min, int) else 0.0)
    return {
        name: Reading(value, entered_s if name in ENTERED else age_s)
        for name, value in status.values.items()
        if name != "entered_min"
    }
