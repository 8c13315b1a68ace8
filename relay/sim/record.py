"""What happened in a simulation, seen from outside. The checkers and the tables read nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict

import msgspec


class Said(msgspec.Struct):
    """One report that a node accepted."""

    site: str
    text: str  # unique
    urgency: int
    at_s: float
    arrived_s: float | None = None
    link: str = ""  # by which it arrived first
    shown: int = 0  # how often the inbox calls it new
    receipted_s: float | None = None


class Sent(msgspec.Struct, frozen=True):
    """One packet that a node handed to its radio."""

    site: str
    at_s: float
    urgency: int
    use: str
    airtime_ms: float
    text: str = ""  # of a report of its own


class Mean(msgspec.Struct):
    """A mean and a maximum that grow."""

    total: float = 0.0
    count: int = 0
    most: float = 0.0

    def add(self, value: float) -> None:
        """One more."""
        self.total += value
        self.count += 1
        self.most = max(self.most, value)

    @property
    def mean(self) -> float:
        """0 for none."""
        return self.total / self.count if self.count else 0.0


class Record:
    """Grows while the simulation runs. Times are seconds since its beginning."""

    def __init__(self) -> None:
        self.said: dict[str, Said] = {}
        self.sent: list[Sent] = []
        self.states_made: dict[str, list[tuple[int, int, float]]] = defaultdict(list)  # epoch, number, when
        self.state_known: dict[str, tuple[int, int, float]] = {}  # at the inbox, and when composed
        self.state_best: dict[str, tuple[int, int]] = {}  # the newest that the inbox ever took in
        self.ages_s: list[tuple[float, str, float]] = []  # when, site, age of its newest state at the inbox
        self.channel: dict[str, Mean] = defaultdict(Mean)  # channel use in percent, by site
        self.channel_over_time: dict[int, Mean] = defaultdict(Mean)  # by ten minutes
        self.took_over: list[tuple[float, str, str]] = []
        self.faults: list[tuple[float, str]] = []
        self.ended: dict[str, int] = {}  # reports that are open at the end, by site
        self.counts: Counter[str] = Counter()
        self.bytes_most: dict[str, int] = {}  # memory and disk, by what
        self.lost_power: set[str] = set()
        self.excused: set[str] = set()  # sites whose card was exchanged: what only that card held is gone
        self.inbox_restored = 0  # how often the inbox went back to a backup
        self.only_the_inbox_failed = False
        self.line_good_s: dict[str, float] = {}  # from when to the end a site's own line worked
        self.end_s = 0.0
        self.strangers: Counter[str] = Counter()  # texts at the inbox that nobody said
        self.duty_worst_pct: dict[str, float] = {}
        self.seconds = 0.0  # of computing

    def most(self, what: str, size: int) -> None:
        """Remember the largest."""
        self.bytes_most[what] = max(self.bytes_most.get(what, 0), size)
