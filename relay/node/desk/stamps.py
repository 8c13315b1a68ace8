"""When something was, so that its age can be told later: by running time, and by a clock if there is one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from relay.core.message import Clock, Moment
from relay.core.receipts import InboxView


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """One moment of this node."""

    boot: int
    elapsed_s: float
    time: int  # s since 2025; 0: there was no clock


def stamp_of(moment: Moment, inbox: InboxView, ago_s: float = 0.0) -> Stamp:
    """`ago_s` before now."""
    time = time_of(moment, inbox)
    return Stamp(moment.boot, moment.elapsed_s - ago_s, max(0, time - int(ago_s)))


def time_of(moment: Moment, inbox: InboxView) -> int:
    """Now by the best clock there is, s since 2025; 0 without one."""
    time, clock = inbox.time(moment)
    return 0 if clock is Clock.NONE else time


def age_s(stamp: Stamp, moment: Moment, inbox: InboxView) -> int | None:
    """Seconds since; None after a restart of the machine that no clock bridges: a guess is no fact."""
    ran_s = int(moment.elapsed_s - stamp.elapsed_s)
    if stamp.boot == moment.boot:
        return max(0, ran_s)
    time = time_of(moment, inbox)
    if not stamp.time or not time:
        return None
    return max(0, ran_s, time - stamp.time)


def mover(boot: int, ours: int, shift_s: float) -> Callable[[Stamp], Stamp]:
    """How moments of another outbox's `boot` are told in our count; of those before it nothing is known."""

    def moved(stamp: Stamp) -> Stamp:
        now = ours if stamp.boot == boot else 0
        return Stamp(now, stamp.elapsed_s + shift_s, stamp.time)

    return moved


def at_least_s(stamp: Stamp, moment: Moment, inbox: InboxView) -> float:
    """The same, where time that nobody counted is left out."""
    known = age_s(stamp, moment, inbox)
    return max(0.0, moment.elapsed_s - stamp.elapsed_s) if known is None else float(known)
