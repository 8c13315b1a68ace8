"""Lines of the last 24 hours, with gaps where nothing was heard: a line is never drawn over silence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from relay.core import payloads, wire
from relay.core.message import Clock, Message
from relay.errors import WireError
from relay.inbox.queries import StoredMessage

HOURS = 24
SPAN_S = HOURS * 3600
WIDTH, HEIGHT = 480.0, 60.0
GAP_FACTOR = 3.0  # of the announced interval: longer is silence
NAMES = ("battery_pct", "runtime_min", "visitors", "indoor_c", "radio_snr_db")


class Line(msgspec.Struct, frozen=True):
    """One value over time, as the path of an SVG."""

    name: str
    path: str
    low: int
    high: int
    gaps: int


class Moment(msgspec.Struct, frozen=True):
    """One status: when it was composed, until when it speaks, and its values."""

    at_s: int
    interval_s: float
    values: dict[str, int | str]


def moments(stored: Iterable[StoredMessage], lanes: Collection[bool] = (False,)) -> list[Moment]:
    """The statuses among `stored` by the time when they were composed; what can't be read is left out.

    `lanes`: the exercise flags that are wanted.
    """
    found = []
    for each in stored:
        try:
            message = payloads.decode(each.envelope)
        except WireError:
            continue
        if isinstance(message, Message) and message.header.exercise in lanes:
            at_s = _composed_s(message, each)
            found.append(Moment(at_s, message.next_due_min * 60, dict(message.values)))
    return sorted(found, key=lambda moment: moment.at_s)


def _composed_s(message: Message, stored: StoredMessage) -> int:
    header = message.header
    if Clock(header.clock) is not Clock.NONE:
        return min(header.time + wire.EPOCH_2025_UNIX_S, stored.received_s)
    return stored.received_s - (stored.age_s or 0)


def lines(found: Sequence[Moment], now_s: int) -> list[Line]:
    """One line for each number that was told more than once in the last 24 hours."""
    drawn = []
    for name in NAMES:
        points = [
            (moment.at_s, value, moment.interval_s)
            for moment in found
            if now_s - SPAN_S <= moment.at_s <= now_s and isinstance(value := moment.values.get(name), int)
        ]
        if len(points) > 1:
            drawn.append(_line(name, points, now_s))
    return drawn


def _line(name: str, points: list[tuple[int, int, float]], now_s: int) -> Line:
    low, high = min(value for _, value, _ in points), max(value for _, value, _ in points)
    path, gaps, until_s = "", 0, 0.0
    for at_s, value, interval_s in points:
        x = WIDTH * (at_s - (now_s - SPAN_S)) / SPAN_S
        y = HEIGHT - 4 - (HEIGHT - 8) * ((value - low) / (high - low) if high > low else 0.5)
        broken = not path or at_s > until_s
        gaps += bool(path) and broken
        path += f"{'M' if broken else 'L'}{x:.1f} {y:.1f}" + ("h.1" if broken else "")
        until_s = at_s + GAP_FACTOR * max(interval_s, 60.0)
    return Line(name, path, low, high, gaps)
