"""Somebody who keeps sending reports from one site, and notes what was acknowledged."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from relay.errors import NaoberError
from tests.support.stack import Node

PAUSE_S = 0.005
JOIN_S = 40.0


class Reporter(threading.Thread):
    """Sends until `finish`; goes on while the node is away."""

    def __init__(self, node: Node) -> None:
        super().__init__(name=node.name, daemon=True)
        self.acknowledged: list[str] = []
        self.unsure: list[str] = []  # the node died over it, and may have kept it
        self._node = node
        self._over = threading.Event()

    def run(self) -> None:
        count = 0
        while not self._over.wait(PAUSE_S):
            count += 1
            text = f"{self._node.name} {count}"
            try:
                self._node.submit(text)
                self.acknowledged.append(text)
            except (NaoberError, ValueError):
                self.unsure.append(text)

    def finish(self) -> None:
        """No more; what was under way has its answer when this returns."""
        self._over.set()
        self.join(JOIN_S)
        assert not self.is_alive()


def check(reporters: Iterable[Reporter], shown: list[str], why: str = "") -> None:
    """What was acknowledged is shown once; what was not, once at most; and nothing else."""
    count, known = Counter(shown), set[str]()
    for each in reporters:
        lost = [text for text in each.acknowledged if not count[text]]
        assert not lost, f"{why}: lost {lost}"
        twice = [text for text in each.acknowledged + each.unsure if count[text] > 1]
        assert not twice, f"{why}: shown twice {twice}"
        known.update(each.acknowledged, each.unsure)
    assert count.keys() <= known, f"{why}: nobody said {count.keys() - known}"
