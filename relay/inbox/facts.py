"""What the inbox knows, in the form of its JSON pages: plain values, each with its age."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from relay.core import payloads, wire
from relay.core.message import Address, Clock, Confidence, Header, Heard, Kind, Message
from relay.core.ranges import Run
from relay.inbox.queries import Finding, Held, NodeState, StoredMessage
from relay.inbox.store import REVOKED, UNCOUNTED, Arrival, decode_heard
from relay.trust.roster import Node

OVERDUE_FACTOR = 1.5
SILENT_FACTOR = 3.0
INTERVAL_UNTOLD_S = 900.0  # of a node that has not said when its next status is due
MISSING_RUNS_MAX = 100  # shown of one node
STATUS_TAIL_MAX = 127  # a status has one byte of the last report number: more than half is behind


def site_facts(
    node: Node,
    state: NodeState | None,
    held: Held | None,
    findings: Iterable[Finding],
    now: Arrival,
    listening_s: float,
    radio: Mapping[str, Any] | None = None,
    earlier: Iterable[Node] = (),
) -> dict[str, Any]:
    """One node of the roster: who it is, how it is, and what should be known of it.

    `earlier` are the nodes that were at its site before it: what they said is the site's history.

    `listening_s` is for how long without a break this inbox could have heard it; `radio` is how it is
    heard by radio, if it is.
    """
    facts: dict[str, Any] = {
        "site": node.site,
        "site_id": node.site_id,
        "municipality": node.municipality,
        "address": node.address.hex(),
        "role": node.role,
        "standing": standing_of(node),
        "reason": node.reason or node.blocked,
        "revoked": node.revoked,
        "replaced_s": node.replaced_s or None,
        "earlier": [{"address": each.address.hex(), "standing": standing_of(each)} for each in earlier],
        "radio": radio,
        "heard": "never",
        "missing_reports": held.reports.missing(1, held.reports.last)[-MISSING_RUNS_MAX:] if held else [],
        "findings": [
            {"code": each.code, "count": each.count, "last_s": each.last_s, "detail": each.detail}
            for each in findings
        ],
    }
    if state is None:
        return facts
    heard_age_s = since(now, state.heard_boot, state.heard_at, state.heard_s)
    status = payloads.message_of(state.status) if state.status else None
    interval_s = status.next_due_min * 60 if status else INTERVAL_UNTOLD_S
    facts |= {
        "heard": punctuality(heard_age_s, interval_s, listening_s),
        "heard_age_s": heard_age_s,
        "link": state.link,
        "publisher": state.publisher,
        "epoch": state.epoch,
        "number": state.state,
    }
    if state.status is None or status is None:
        return facts | ({"status": "undecodable", "undecodable": state.status.hex()} if state.status else {})
    if held and held.epoch == state.epoch:
        facts["missing_reports"] += _unheard(held, status)
    return facts | {
        "values": status.values,
        "unknown_fields": _shown(status),
        "status_age_s": _status_age_s(state, now),
        "next_due_min": round(status.next_due_min, 1),
        **_time(status.header, state.status_age, state.status_s),
    }


def standing_of(node: Node | None) -> str:
    """What a key's word is worth now: valid, or revoked, blocked, replaced, unknown."""
    if node is None:
        return "unknown"
    if node.revoked:
        return "revoked"
    if node.blocked:
        return "blocked"
    return "replaced" if node.replaced_s else "valid"


def _unheard(held: Held, status: Message) -> list[Run]:
    """Reports behind the last that is held, which a status says were written."""
    more = (status.report_low - held.reports.last) & 0xFF
    last = held.reports.last
    return [(last + 1, last + more)] if 0 < more <= STATUS_TAIL_MAX else []


def punctuality(heard_age_s: float, interval_s: float, listening_s: float) -> str:
    """on_time, overdue or silent, by the interval that the node itself announced.

    not_judged when this inbox itself has not listened for long enough: then it may be to blame.
    """
    if heard_age_s <= OVERDUE_FACTOR * interval_s:
        return "on_time"
    if listening_s <= OVERDUE_FACTOR * interval_s:
        return "not_judged"
    return "silent" if heard_age_s > SILENT_FACTOR * interval_s else "overdue"


def since(now: Arrival, boot_id: str | None, at_s: float | None, unix_s: int | None) -> float:
    """Seconds since then: by the clock that does not step, or if that began anew since, as well as known."""
    if boot_id == now.boot_id and at_s is not None:
        return round(max(0.0, now.boottime_s - at_s), 1)
    return round(max(now.boottime_s, float(now.unix_s - (unix_s or 0))), 1)


def _status_age_s(state: NodeState, now: Arrival) -> float | None:
    if state.status_age is None:
        return None
    return round(state.status_age + since(now, state.status_boot, state.status_at, state.status_s), 1)


def message_facts(stored: StoredMessage, node: Node | None, relay: Node | None = None) -> dict[str, Any]:
    """One message; what can't be decoded is shown as such. `relay`: the node that brought it."""
    header = wire.parse_header(stored.envelope)
    heard = decode_heard(stored.heard)
    facts: dict[str, Any] = {
        "id": stored.id,
        "site": node.site if node else None,
        "address": stored.address.hex(),
        "epoch": stored.epoch,
        "number": stored.number,
        "kind": kind_name(header.kind),
        "urgency": header.urgency,
        "exercise": header.exercise,
        "sealed": header.sealed,
        "received_s": stored.received_s,
        "age_s": stored.age_s,
        "link": heard.link if heard else "mqtt",
        "publisher": stored.publisher,
        "heard": _heard(heard, stored.publisher, relay),
        "standing": "revoked" if stored.standing == REVOKED else standing_of(node),
        "revoked": stored.standing == REVOKED or bool(node and node.revoked),
        "uncounted": stored.standing == UNCOUNTED,
        "clone": stored.variant > 0,
        **_time(header, stored.age_s, stored.received_s),
    }
    message = payloads.message_of(stored.envelope)
    if message is None:
        return facts | {"undecodable": stored.envelope.hex()}
    confidence = Confidence(header.confidence).name.lower()
    return facts | {
        "values": message.values,
        "unknown_fields": _shown(message),
        "confidence": confidence,
    }


def _heard(heard: Heard | None, publisher: str, relay: Node | None) -> dict[str, Any] | None:
    """How a neighbour heard it; None for what came by its own node's MQTT."""
    if heard is None:
        return None
    via = relay.site if relay else publisher
    return {"via": via, "snr_db": heard.snr_db, "hops": heard.hops}


def kind_name(kind: int) -> str:
    """As in docs/wire.md; a number for what this version does not know."""
    try:
        return Kind(kind).name.lower()
    except ValueError:
        return str(kind)


def _shown(message: Message) -> dict[str, Any]:
    return {
        str(number): value.hex() if isinstance(value, bytes) else value
        for number, value in message.unknown.items()
    }


def _time(header: Header, age: int | None, received_s: int | None = None) -> dict[str, Any]:
    """When it was composed: by the node's clock, or estimated from its age, or not known."""
    clock = Clock(header.clock)
    if clock is not Clock.NONE:
        return {"composed_s": header.time + wire.EPOCH_2025_UNIX_S, "clock": clock.name.lower()}
    if age is not None and received_s is not None:
        return {"composed_s": received_s - age, "clock": "estimated"}
    return {"composed_s": None, "clock": "none"}


def address_of(text: str) -> Address | None:
    """An address as people write it; None when it is none."""
    try:
        address = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    return address if len(address) == 4 else None
