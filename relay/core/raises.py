"""How often a node begins a new epoch because of what the inbox says: two cards must not race."""

from __future__ import annotations

RAISES_AT_ONCE = 3
RAISE_TOKEN_S = 3600.0
NO_EPOCHS_LEFT = "the last epochs were used with this card's key, so it needs a new one"


class RaiseTokens:
    """Three at once, then one an hour."""

    def __init__(self) -> None:
        self._tokens = float(RAISES_AT_ONCE)
        self._at_s = 0.0

    def take(self, now_s: float) -> bool:
        """Spend one if there is one."""
        passed_s = max(0.0, now_s - self._at_s)
        self._tokens = min(RAISES_AT_ONCE, self._tokens + passed_s / RAISE_TOKEN_S)
        self._at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
