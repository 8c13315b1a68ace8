"""When the radio takes over from MQTT, and when it gives back: for the right reason, and not all at once.

    standby ──broker gone 60 s, or inbox silent 15 min──> taken over ──3 answered hellos──> standby

A broker that comes and goes within seconds is gone; an inbox that restarts behind a broker is not, or a
hundred healthy sites would go to the radio at once (rule 10 of the design).
"""

from __future__ import annotations

from math import inf

from relay.core.events import Event, GaveBack, TookOver
from relay.core.session import Session

BROKER_GONE_S = 60.0
HELD_S = 30.0  # a connection that lasted this long was one
INBOX_SILENT_S = 900.0
ANSWERS_TO_RETURN = 3


class TakeOver:
    """Follows the MQTT link of one node. Times are elapsed seconds."""

    def __init__(self) -> None:
        self.taken_over = False
        self.proven = False  # MQTT carries everything at this moment
        self._unproven_s: float | None = None
        self._gone_s: float | None = None  # since when the broker is away, short connections aside
        self._connected_s: float | None = None

    @property
    def active(self) -> bool:
        """Whether what is not urgent goes by radio."""
        return self.taken_over and not self.proven

    def follow(self, session: Session | None, now_s: float) -> Event | None:
        """Look at the MQTT link; TookOver or GaveBack when that changes who carries."""
        self.proven = session is not None and session.proven
        if session is not None and session.proven:
            self._unproven_s = self._gone_s = None
            if self.taken_over and session.answered >= ANSWERS_TO_RETURN:
                self.taken_over = False
                return GaveBack()
            return None
        self._unproven_s = now_s if self._unproven_s is None else self._unproven_s
        self._follow_broker(session is not None and session.connected, now_s)
        if self.taken_over or now_s < self._due_s():
            return None
        self.taken_over = True
        return TookOver("broker" if now_s >= self._broker_gone_s() else "inbox")

    def wake_s(self) -> float:
        """When `follow` should look again; infinity for when something changes."""
        return inf if self.taken_over or self.proven else self._due_s()

    def _follow_broker(self, connected: bool, now_s: float) -> None:
        if not connected:
            self._connected_s = None
            self._gone_s = now_s if self._gone_s is None else self._gone_s
            return
        self._connected_s = now_s if self._connected_s is None else self._connected_s
        if now_s >= self._connected_s + HELD_S:
            self._gone_s = None

    def _due_s(self) -> float:
        silent_s = inf if self._unproven_s is None else self._unproven_s + INBOX_SILENT_S
        return min(silent_s, self._broker_gone_s())

    def _broker_gone_s(self) -> float:
        gone = self._gone_s is not None and self._connected_s is None
        return self._gone_s + BROKER_GONE_S if gone and self._gone_s is not None else inf
