"""What the inbox knows, in the form of its JSON pages: plain values, each with its age."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from relay.core import payloads, wire
from relay.core.message import Address, Clock, Confidence, Header, Kind, Message
from relay.errors import WireError
from relay.inbox.filing import REVOKED
from relay.inbox.queries import Finding, NodeState, StoredMessage
from relay.inbox.store import Arrival, decode_heard
from relay.trust.roster import Node

OVERDUE_FACTOR = 1.5
SILENT_FACTOR = 3.0


def site_facts(
    node: Node,
    state: NodeState | None,
    missing: list[tuple[int, int]],
    findings: Iterable[Finding],
    now: Arrival,
) -> dict[str, Any]:
    """One node of the roster: who it is, how it is, and what should be known of it."""
    facts: dict[str, Any] = {
        "site": node.site,
        "site_id": node.site_id,
        "municipality": node.municipality,
        "address": node.address.hex(),
        "revoked": node.revoked,
        "heard": "never",
        "missing_reports": missing,
        "findings": [
            {"code": each.code, "count": each.count, "last_s": each.last_s, "detail": each.detail}
            for each in findings
        ],
    }
    if state is None:
        return facts
    heard_age_s = age_s(state, now)
    facts |= {"heard_age_s": heard_age_s, "link": state.link, "publisher": state.publisher}
    facts |= {"epoch": state.epoch, "number": state.state, "heard": "on_time"}
    if state.status is None:
        return facts
    status = _decoded(state.status)
    if status is None:
        return facts | {"status": "undecodable"}
    age = None if state.status_age is None else state.status_age + now.unix_s - (state.status_s or 0)
    facts |= {"values": status.values, "unknown_fields": _shown(status), "status_age_s": age}
    facts |= {"next_due_min": round(status.next_due_min, 1), **_time(status.header, state.status_age)}
    facts["heard"] = punctuality(heard_age_s, status.next_due_min * 60)
    return facts


def punctuality(heard_age_s: float, interval_s: float) -> str:
    """on_time, overdue or silent, by the interval that the node itself announced."""
    if heard_age_s > SILENT_FACTOR * interval_s:
        return "silent"
    return "overdue" if heard_age_s > OVERDUE_FACTOR * interval_s else "on_time"


def age_s(state: NodeState, now: Arrival) -> float:
    """Seconds since a node was heard; by the clock that does not step where that goes back so far."""
    if state.heard_boot == now.boot_id:
        return round(max(0.0, now.boottime_s - state.heard_at), 1)
    return float(max(0, now.unix_s - state.heard_s))


def message_facts(stored: StoredMessage, node: Node | None) -> dict[str, Any]:
    """One message; what can't be decoded is shown as such."""
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
        "received_s": stored.received_s,
        "age_s": stored.age_s,
        "link": heard.link if heard else "mqtt",
        "publisher": stored.publisher,
        "revoked": stored.standing == REVOKED,
        "clone": stored.variant > 0,
        **_time(header, stored.age_s, stored.received_s),
    }
    message = _decoded(stored.envelope)
    if message is None:
        return facts | {"undecodable": stored.envelope.hex()}
    confidence = Confidence(header.confidence).name.lower()
    return facts | {
        "values": message.values,
        "unknown_fields": _shown(message),
        "confidence": confidence,
    }


def kind_name(kind: int) -> str:
    """As in docs/wire.md; a number for what this version does not know."""
    try:
        return Kind(kind).name.lower()
    except ValueError:
        return str(kind)


def _decoded(envelope: bytes) -> Message | None:
    try:
        decoded = payloads.decode(envelope)
    except WireError:
        return None
    return decoded if isinstance(decoded, Message) else None


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
