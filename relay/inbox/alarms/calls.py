"""Reports and requests that someone must take up: at once, and again when time runs out."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from relay.errors import Text
from relay.inbox.alarms.facts import Call
from relay.inbox.alarms.rules import CALM, MINUTE_S
from relay.inbox.alarms.thresholds import Calls

LABELS = {
    "emergency": Text("nood", "emergency"),
    "urgent": Text("spoed of hulpvraag", "urgent, or a request"),
    "deadline": Text("hulpvraag, tijd raakt op", "request, time runs out"),
}


class CallJudgement(msgspec.Struct, frozen=True):
    """One report or request, judged."""

    rule: str
    call: Call
    level: int
    escalates_s: float


def judge(call: Call, limits: Calls) -> Iterator[CallJudgement]:
    """One that is acknowledged is quiet; one that runs out of time speaks again until it is forwarded."""
    if call.urgency == 1:
        level = CALM if call.acknowledged else 1
        yield CallJudgement("emergency", call, level, limits.emergency_escalates_min * MINUTE_S)
    elif call.urgency == 2 or call.is_request:
        level = CALM if call.acknowledged else 2
        yield CallJudgement("urgent", call, level, limits.urgent_escalates_min * MINUTE_S)
    if call.needed_within_s is not None:
        near = call.needed_within_s < limits.deadline_min * MINUTE_S and not call.forwarded
        yield CallJudgement("deadline", call, 2 if near else CALM, limits.urgent_escalates_min * MINUTE_S)
