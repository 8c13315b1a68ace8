"""How often each site may speak, so that all of them together leave room on the channel.

One place for the node and the inbox ("Radio: what goes when" of the design). `sites` share the channel;
each message costs `TRANSMISSIONS` packets in everyone's earshot; the plan fills PLAN of the time.
"""

from __future__ import annotations

from relay.core.airtime import Preset, airtime_ms

TRANSMISSIONS = 6.5  # in earshot per message, by managed flooding with 20 neighbours
PLAN = 0.22  # of the channel's time
STATUS_PART = 0.6  # of the plan
WINDOW_PART = 0.6  # of the channel, while all say their first word
USUAL_BYTES = 101  # a frame with a status of twelve fields
INTERVAL_MIN_S = 900.0
RECEIPT_WAIT_LONG_FAST_S = 300.0  # a receipt that is not urgent waits for others so long


def airtime_s(preset: Preset) -> float:
    """Of a usual message, in seconds."""
    return airtime_ms(preset, USUAL_BYTES) / 1000


def interval_s(sites: int, preset: Preset) -> float:
    """Between two statuses of one site."""
    return max(INTERVAL_MIN_S, sites * TRANSMISSIONS * airtime_s(preset) / (PLAN * STATUS_PART))


def window_s(sites: int, preset: Preset) -> float:
    """In which all sites say their first word."""
    return sites * TRANSMISSIONS * airtime_s(preset) / WINDOW_PART


def receipt_wait_s(preset: Preset) -> float:
    """How long a receipt that is not urgent waits for others to share its packet."""
    return RECEIPT_WAIT_LONG_FAST_S * airtime_s(preset) / airtime_s(Preset.LONG_FAST)
