"""What notifiers have in common: what they are told, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from relay.errors import Text
from relay.inbox.alarms.labels import LABELS
from relay.inbox.alarms.state import Change

URGENCY = {1: "NOOD", 2: "SPOED", 3: "normaal", 4: "technisch"}
KINDS = {
    "raised": Text("", ""),
    "worse": Text("erger: ", "worse: "),
    "escalated": Text("niet bevestigd: ", "not acknowledged: "),
    "grouped": Text("tegelijk: ", "at once: "),
    "grown": Text("meer punten: ", "more sites: "),
    "repeated": Text("nog niet bevestigd: ", "not acknowledged yet: "),
    "remain": Text("blijven stil: ", "remain silent: "),
}
NAMES_MAX = 10


class NotTold(Exception):
    """It could not be delivered now; another try may do."""


class Notifier(Protocol):
    """One way to tell."""

    name: str

    async def tell(self, changes: Sequence[Change]) -> None:
        """Deliver these, together or not at all; raises NotTold."""


def is_told(change: Change, level_max: int) -> bool:
    """Whether a notifier is told: what sounds, of a level that matters enough."""
    return bool(change.sound) and not change.exercise and change.kind in KINDS and change.level <= level_max


def line(change: Change) -> str:
    """One line in Dutch. It names places and alarms, and never what people wrote."""
    rule = LABELS[change.rule].nl if change.rule in LABELS else change.rule
    names = ", ".join(change.names[:NAMES_MAX]) or change.name or "VRD"
    more = f" en {len(change.names) - NAMES_MAX} meer" if len(change.names) > NAMES_MAX else ""
    count = f"{change.count} punten: " if change.count > 1 else ""
    return f"{change.level} {URGENCY[change.level]} {KINDS[change.kind].nl}{rule} - {count}{names}{more}"
