"""VRD's own system: judged first, since sites that cannot be heard are then not to blame."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from relay.errors import Text
from relay.inbox.alarms.facts import Own
from relay.inbox.alarms.rules import CALM, MINUTE_S
from relay.inbox.alarms.thresholds import OwnSystem

GATEWAY, STRANGER = "own_gateway", "own_stranger"  # rules with a subject
BROKER_DOWN_S = 15.0  # a broker that is restarted is back sooner

LABELS = {
    "own_storage": Text("postvak kan niet opslaan", "the inbox cannot store"),
    "own_broker": Text("broker weg", "broker gone"),
    GATEWAY: Text("gateway zonder hartslag", "gateway without heartbeat"),
    "own_clock": Text("klok van VRD onzeker", "clock of VRD in doubt"),
    "own_disk": Text("schijf van VRD bijna vol", "disk of VRD nearly full"),
    STRANGER: Text("onbekend apparaat meldt zich", "an unknown device speaks"),
    "own_paper": Text("stand niet op papier", "picture not on paper"),
    "own_lag": Text("postvak loopt achter", "the inbox lags behind"),
}
BLINDS_ALL = ("own_storage", "own_broker", "own_clock", "own_lag")  # while one lasts no site is called silent
BLINDS_RADIO = (GATEWAY,)


class OwnJudgement(msgspec.Struct, frozen=True):
    """One part of the own system, judged."""

    rule: str
    subject: str  # the gateway's name; else empty
    level: int
    rise_s: float = 0.0


def judge(own: Own, limits: OwnSystem) -> Iterator[OwnJudgement]:
    """Every part of VRD's own system."""
    yield OwnJudgement("own_storage", "", CALM if own.storing else 1)
    yield OwnJudgement("own_broker", "", CALM if own.broker else 2, BROKER_DOWN_S)
    yield OwnJudgement("own_clock", "", CALM if own.clock and not own.clock_jumped else 2)
    yield OwnJudgement("own_disk", "", CALM if own.disk_free_pct >= limits.disk_free_pct else 2)
    yield OwnJudgement("own_paper", "", 4 if own.paper else CALM)
    yield OwnJudgement("own_lag", "", CALM if own.lag_s <= limits.lag_s else 2)
    if own.broker:  # behind a broker that is gone no gateway can be judged
        for name, silent_s in own.gateways.items():
            late = silent_s is None or silent_s > limits.gateway_silent_min * MINUTE_S
            yield OwnJudgement(GATEWAY, name, 2 if late else CALM)
    for address in own.strangers:
        yield OwnJudgement(STRANGER, address, 2)


def is_gone(rule: str, subject: str, own: Own) -> bool:
    """Whether an alarm is about what is no more: a gateway that was taken away, a finding that was ended."""
    return (rule == GATEWAY and subject not in own.gateways) or (
        rule == STRANGER and subject not in own.strangers
    )
