"""What a node tells of its radio: in its statuses, and to who asks on this machine."""

from __future__ import annotations

from typing import Any

from relay.core.airtime import LIMIT_MS, Use
from relay.core.fields import BY_NAME, Value
from relay.core.radio import Radio
from relay.links.base import LinkFacts
from relay.links.radio import RadioFacts
from relay.node.station import Station

HEARD_LIFE_S = 7200.0  # as long as a radio counts as a neighbour
MEASURED_LIFE_S = 600.0  # the radio measures every minute


def radio_values(facts: LinkFacts, radio: RadioFacts, now_s: float) -> dict[str, Value]:
    """Fields of a status; what is not known is not in it. `now_s` is the event loop's time."""
    if not facts.connected:
        return {}
    values: dict[str, Value] = {"radio_neighbours": _within("radio_neighbours", radio.neighbours)}
    if radio.last_heard_s is not None and now_s < radio.last_heard_s + HEARD_LIFE_S:
        if radio.last_snr_db is not None:
            values["radio_snr_db"] = _within("radio_snr_db", radio.last_snr_db)
        if radio.last_hops is not None:
            values["radio_hops"] = _within("radio_hops", radio.last_hops)
    if (channel_pct := channel_use_pct(radio, now_s)) is not None:
        values["radio_channel_pct"] = _within("radio_channel_pct", channel_pct)
    return values


def channel_use_pct(radio: RadioFacts, now_s: float) -> float | None:
    """How busy the channel is, by a measurement that still says something."""
    if radio.measured_s is None or now_s >= radio.measured_s + MEASURED_LIFE_S:
        return None
    return radio.channel_utilization_pct


def _within(name: str, number: float) -> int:
    """What the radio claims, as its field has room for it."""
    field = BY_NAME[name]
    return int(min(field.high, max(field.low, round(number))))


def radio_facts(
    where: str, facts: LinkFacts, radio: RadioFacts, station: Station, now_s: float
) -> dict[str, Any] | None:
    """For `naober status --json`; None on a node without a radio."""
    if station.radio is None:
        return None
    channel_pct = channel_use_pct(radio, now_s)
    return {
        "where": where,
        "code": facts.code,
        "what": facts.what._asdict(),
        "do": facts.do._asdict(),
        "connected": facts.connected,
        "node_number": f"!{radio.node_number:08x}" if radio.node_number else "",
        "firmware": radio.firmware,
        "model": radio.model,
        "region": radio.region,
        "preset": radio.preset,
        "role": radio.role,
        "channel_name": radio.channel_name,
        "channel_key": radio.channel_key,
        "hop_limit": radio.hop_limit,
        "differences": [
            {
                "code": each.code,
                "setting": each.setting,
                "what": each.what._asdict(),
                "do": each.do._asdict(),
                "withholds": each.withholds,
            }
            for each in radio.differences
        ],
        "channel_pct": None if channel_pct is None else round(channel_pct, 1),
        "air_util_tx_pct": None if radio.air_util_tx_pct is None else round(radio.air_util_tx_pct, 2),
        "neighbours_direct": radio.neighbours,
        "unreadable": radio.unreadable,
        "implicit_acks": radio.implicit_acks,
        "false_naks": radio.false_naks,
        "queue_waits": radio.queue_waits,
        "notification": radio.notification,
        "payload_bytes_max": radio.payload_bytes_max,
        **_core_facts(station.radio, station),
    }


def _core_facts(radio: Radio, station: Station) -> dict[str, Any]:
    now_s = station.moment().elapsed_s
    used_ms, limit_ms = radio.budget.used_ms(now_s), LIMIT_MS
    next_s = radio.status_due_s
    return {
        "taken_over": radio.taken_over,
        "active": radio.active,
        "interval_s": round(radio.interval_s),
        "next_status_s": max(0, round(next_s - now_s)) if radio.active else None,
        "budget": {
            "limit_ms": round(limit_ms),
            "used_ms": round(used_ms),
            "used_by": {use.name.lower(): round(radio.budget.used_ms(now_s, use)) for use in Use},
            "left_ms": round(radio.budget.left_ms(Use.SPEECH, False, now_s)),
            "left_urgent_ms": round(radio.budget.left_ms(Use.SPEECH, True, now_s)),
        },
        "sent": dict(radio.counts),
        "orders_waiting": len(radio.orders),
        "orders_dropped": radio.orders.dropped,
        "neighbours": [
            {
                "address": each.address.hex(),
                "snr_db": round(each.snr_db, 1),
                "hops": each.hops,
                "age_s": round(now_s - each.at_s),
            }
            for each in radio.neighbours(now_s)
        ],
        "heard_waiting": len(station.forwarder.heard),
        "heard_dropped": station.forwarder.heard.dropped,
    }
