"""What it does to messages to be carried by hand: how old they are by then, and who may be told so.

A batch on a stick is a batch as on MQTT. The ages in it are as of its writing. How long it lay is known only
when both the writer's clock and the reader's are good; else the age is absent: a guess would be shown as a
fact (rule 7). Whoever reads a stick marks what is on it, so that nobody takes it for a sign of life now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from relay.core.message import AGE_S_MAX, Entry, Heard, History, Receipt

COURIER = "courier"  # the link
CARRIED = Heard(COURIER, 0, 0)
CLOCKS_APART_S_MAX = 120  # two good clocks may differ by this
WORDS_MAX = 64

Word = tuple[bytes, Receipt | History]


def waited_s(written_s: int | None, now_s: int | None) -> int | None:
    """How long a batch lay; both in seconds since 2025 by good clocks, or None. None: not known."""
    if written_s is None or now_s is None or now_s < written_s - CLOCKS_APART_S_MAX:
        return None
    return max(0, now_s - written_s)


def as_carried(entries: Iterable[Entry], waited: int | None) -> list[Entry]:
    """`entries` as whoever read them passes them on, from a stick on which they lay `waited` seconds."""
    return [Entry(entry.envelope, aged(entry.age_s, waited), CARRIED) for entry in entries]


def aged(age_s: int | None, more_s: int | None) -> int | None:
    """An age after some more time; None when either is not known."""
    return None if age_s is None or more_s is None else min(AGE_S_MAX, age_s + more_s)


class Words:
    """What the inbox said of late, as it signed it: for whoever carries others' messages. In memory only."""

    def __init__(self) -> None:
        self._words: deque[Word] = deque(maxlen=WORDS_MAX)

    def note(self, envelope: bytes, said: object) -> None:
        """Keep a receipt or history; of too many the oldest goes, and is asked for by sending again."""
        if isinstance(said, History) or (isinstance(said, Receipt) and said.entries):
            self._words.append((envelope, said))

    def take(self) -> list[Word]:
        """All of them, once."""
        words = list(self._words)
        self._words.clear()
        return words
