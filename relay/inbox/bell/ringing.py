"""When the bell rings. Pure: answers of the inbox and the time go in, tones come out.

Silence must not look like calm: an inbox that does not answer, or whose watch stands still, is heard too.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from relay.inbox.alarms.state import EMERGENCY, SYSTEM
from relay.inbox.bell.tones import TONES

SILENT_S = 30.0
SILENT_AGAIN_S = 120.0
NAG_S = 30.0  # an emergency that nobody acknowledged (experience.md section 3)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the inbox says to its bell."""

    run: str  # another one after each start of the inbox
    newest: int  # number of its last sound in this run
    sounds: tuple[str, ...] = ()  # those after the number that was asked for
    emergencies: Annotated[int, msgspec.Meta(ge=0)] = 0  # that nobody acknowledged
    looked_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0  # since its watch last looked


class Ringing:
    """Of one bell, which begins in silence: what sounded before it began is over."""

    def __init__(self, now_s: float, silent_s: float = SILENT_S) -> None:
        self._silent_s = silent_s
        self._run, self._newest = "", -1
        self._good_s = now_s  # when the inbox last answered well
        self._silent_rung_s: float | None = None
        self._nagged_s = now_s - NAG_S

    @property
    def asked(self) -> tuple[str, int]:
        """The run and the number after which sounds are wanted; -1: only what comes from now on."""
        return self._run, self._newest

    def heard(self, answer: Answer, now_s: float) -> list[str]:
        """The tones for an answer, the worst first, each once."""
        began = not self._run
        self._run, self._newest = answer.run, answer.newest
        if answer.looked_s >= self._silent_s:
            return self.silent(now_s)
        self._good_s, self._silent_rung_s = now_s, None
        wanted = set() if began else set(answer.sounds)
        if answer.emergencies and now_s - self._nagged_s >= NAG_S:
            wanted.add(EMERGENCY)
        if EMERGENCY in wanted:
            self._nagged_s = now_s
        return [name for name in TONES if name in wanted]

    def silent(self, now_s: float) -> list[str]:
        """The tones for no answer, or for one of an inbox that stands still."""
        last_s = self._silent_rung_s
        if now_s - self._good_s < self._silent_s or (last_s is not None and now_s - last_s < SILENT_AGAIN_S):
            return []
        self._silent_rung_s = now_s
        return [SYSTEM]
