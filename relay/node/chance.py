"""Randomness for a node, from the kernel. (`random` with what it brings is 0.2 of the 36 MB of a node.)"""

from __future__ import annotations

import os


class SystemChance:
    """What core asks of chance: core.log.Chance."""

    def random(self) -> float:
        """Evenly from 0 up to 1."""
        return int.from_bytes(os.urandom(7)) / 2**56

    def uniform(self, a: float, b: float) -> float:
        """Evenly from a to b."""
        return a + (b - a) * self.random()

    def randbytes(self, n: int) -> bytes:
        """`n` bytes."""
        return os.urandom(n)

    def randint(self, a: int, b: int) -> int:
        """Evenly from a to b, both included; b - a is far below 2^56."""
        return a + int(self.random() * (b - a + 1))
