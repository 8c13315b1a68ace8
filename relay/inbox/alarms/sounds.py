"""What may be heard of what changed. An operators' room that cries wolf is switched off by its operators."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from relay.inbox.alarms.rules import MINUTE_S
from relay.inbox.alarms.state import CHIME, EMERGENCY, QUIET, SYSTEM, URGENT, Change, Mute, State
from relay.inbox.alarms.thresholds import Storm

LEVEL_HEARD = 3  # what is worse than a technician's note
AUDIBLE_KINDS = frozenset(("raised", "worse", "escalated", "grouped", "grown", "repeated", "remain"))


class Sounds:
    """Gives each change its sound at one moment; remembers in the state how much was heard of late."""

    def __init__(self, limits: Storm, state: State, mutes: Sequence[Mute], now_s: float) -> None:
        self._limits = limits
        self._state = state
        self._muted = {mute.rule for mute in mutes if now_s < mute.until_s}
        self._now_s = now_s

    def give(self, changes: Sequence[Change]) -> list[Change]:
        """`changes` with their sounds; at the end a chime when a flood held sounds back for long enough."""
        window_s = self._limits.flood_min * MINUTE_S
        state = self._state
        state.told_s = [at for at in state.told_s if self._now_s - at < window_s]
        given = [self._one(change) for change in changes]
        if state.held_back and self._chime_is_due():
            given.append(
                Change(
                    at_s=self._now_s,
                    kind="flood",
                    rule="",
                    subject="",
                    name="",
                    level=3,
                    sound=CHIME,
                    count=state.held_back,
                )
            )
            state.chimed_s, state.held_back = self._now_s, 0
        return given

    @property
    def is_flood(self) -> bool:
        """More was told in ten minutes than people can take in."""
        return len(self._state.told_s) > self._limits.flood_alarms

    def _one(self, change: Change) -> Change:
        sound = self._sound(change)
        if sound == QUIET:
            return change
        self._state.told_s.append(self._now_s)
        if self.is_flood and sound != EMERGENCY:
            self._state.held_back += 1
            return change
        return msgspec.structs.replace(change, sound=sound)

    def _sound(self, change: Change) -> str:
        own = change.rule.startswith("own_")  # nobody may switch off the sound of our own faults
        if change.kind not in AUDIBLE_KINDS or (change.rule in self._muted and not own):
            return QUIET
        if change.level == 1:
            return EMERGENCY
        if own and change.level <= LEVEL_HEARD:
            return SYSTEM
        return URGENT if change.level == 2 else QUIET

    def _chime_is_due(self) -> bool:
        chimed_s = self._state.chimed_s
        return chimed_s is None or self._now_s - chimed_s >= self._limits.flood_chime_s
