"""What is known of each site, with the age of every value; the alarm engine and the pages see the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from relay.core import payloads
from relay.core.fields import entered_names
from relay.core.message import Address, Message
from relay.inbox.alarms.facts import Reading, Site
from relay.inbox.alarms.rules import MINUTE_S
from relay.inbox.board import NO_NODE, SiteView
from relay.inbox.facts import INTERVAL_UNTOLD_S, OVERDUE_FACTOR, since
from relay.inbox.queries import NodeState
from relay.inbox.store import Arrival
from relay.inbox.suspicion import OF_A_FALLEN_NODE, OF_A_NODE
from relay.trust.roster import Node

BY_RADIO = "radio"


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
    nodes = list(nodes)
    of_site: dict[str, list[Node]] = {}
    refused: dict[str, Node] = {}
    for node in nodes:
        if node.role in ("node", "spare") and node.site and not node.replaced_s:
            if node.revoked or node.blocked:
                refused[key_of(node)] = node
            else:
                of_site.setdefault(key_of(node), []).append(node)
    suspect = _suspect(nodes, findings)
    found = [
        _without_node(key, node, suspect.get(key, set()))
        for key, node in refused.items()
        if key not in of_site
    ]
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
            security=tuple(sorted(suspect.get(key, ()))),
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
            exercise=bool(status and status.header.exercise),
            lat=node.place.lat if node.place else None,
            lon=node.place.lon if node.place else None,
        )
        found.append((facts, view))
    return sorted(found, key=lambda pair: pair[1].name)


def _suspect(nodes: Iterable[Node], findings: Mapping[Address, Sequence[str]]) -> dict[str, set[str]]:
    """Per site, what is wrong with a key of its: with one that counts, or that must not speak any more."""
    found: dict[str, set[str]] = {}
    for node in nodes:
        has_fallen = bool(node.revoked or node.blocked or node.replaced_s)
        codes = OF_A_FALLEN_NODE if has_fallen else OF_A_NODE
        theirs = {code for code in findings.get(node.address, ()) if code in codes}
        if theirs:
            found.setdefault(key_of(node), set()).update(theirs)
    return found


def _without_node(key: str, node: Node, suspect: set[str]) -> tuple[Site, SiteView]:
    """A site whose only node was revoked or blocked: still there, and nothing is known of it."""
    facts = Site(
        key=key,
        name=node.site,
        in_service_s=0.0,
        heard_age_s=None,
        judged=False,
        security=tuple(sorted(suspect)),
    )
    view = SiteView(
        key=key,
        name=node.site,
        municipality=node.municipality,
        addresses=(),
        state=NO_NODE,
        opening="",
        facts=facts,
        link="",
        publisher="",
        status_age_s=None,
        lat=node.place.lat if node.place else None,
        lon=node.place.lon if node.place else None,
    )
    return facts, view


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
    return payloads.message_of(state.status)


def _readings(state: NodeState, status: Message, now: Arrival) -> dict[str, Reading]:
    """Every value with its age; what a person typed is older than the status that repeats it."""
    age_s = _status_age_s(state, now) or 0.0
    entered_min = status.values.get("entered_min", 0)
    entered_s = age_s + (entered_min * MINUTE_S if isinstance(entered_min, int) else 0.0)
    entered = entered_names(status.values)
    return {
        name: Reading(value, entered_s if name in entered else age_s, entered=name in entered)
        for name, value in status.values.items()
        if name not in ("entered_min", "entered_too")
    }
