"""Whether the site has mains: one rule over all that measure it. docs/decisions.md says why.

1. A source's word changes when two of its readings in a row say so (the second follows within a second). A
   source that fails, hangs or is too old has no word.
2. Who measures nearest to the meter decides: the building (a contact, the AC input of an inverter, a
   program), else the input of a UPS, else this machine's own supply. Those further away are heard only when
   nobody nearer speaks: a UPS whose plug was pulled is no outage, and a charger behind a UPS sees none.
3. Of equals, one that says "lost" is enough.
4. While the mains is lost and the generator runs, a UPS or charger that is fed again is fed by the generator:
   only the building's own measurement, or the generator's end, ends the outage.
5. Without mains this machine runs on the generator if that runs, else on a battery.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import msgspec

from relay.core.fields import Value

CONFIRM_AFTER_S = 1.0  # the second reading follows so soon
READINGS_TO_CHANGE = 2
MAINS, GENERATOR, RUNNING = "mains", "generator", "running"


class Rank(IntEnum):
    """Where a source measures; the lowest is nearest to the meter."""

    SITE = 0
    UPS = 1
    OWN = 2


class Claim(msgspec.Struct, frozen=True):
    """What one source says feeds its place: a value of the field `power`."""

    source: str
    rank: Rank
    power: str


class Verdict(msgspec.Struct, frozen=True):
    """What feeds the site by the rule above."""

    power: str | None  # a value of the field `power`; None when nobody knows
    by: tuple[str, ...] = ()  # the sources that decided
    against: tuple[str, ...] = ()  # those that say the opposite of the mains, and should not


class Word:
    """What one source says, once two readings agree."""

    def __init__(self) -> None:
        self.power: str | None = None
        self._other = ""
        self._times = 0

    @property
    def doubtful(self) -> bool:
        """Whether the next reading decides."""
        return self._times > 0

    def take(self, power: Value | None) -> None:
        """The newest reading; None: it failed, or does not tell. After silence the first word counts."""
        if power is None or self.power is None or power == self.power:
            self.power, self._times = None if power is None else str(power), 0
            return
        self._times = self._times + 1 if power == self._other else 1
        self._other = str(power)
        if self._times >= READINGS_TO_CHANGE:
            self.power, self._times = self._other, 0


class Mains:
    """Remembers whether there is an outage, and since when."""

    def __init__(self) -> None:
        self._lost: bool | None = None  # None: mains was neither seen nor seen to go
        self._since_s: float | None = None  # of an outage whose beginning was seen

    def judge(self, claims: Sequence[Claim], generator: Value | None) -> Verdict:
        """The rule; `generator` is the value of that field, or None. Remembers nothing."""
        if not claims:
            return Verdict(None)
        rank = min(claim.rank for claim in claims)
        deciding = [claim for claim in claims if claim.rank == rank]
        lost = [claim for claim in deciding if claim.power != MAINS]
        runs = generator == RUNNING or any(claim.power == GENERATOR for claim in lost)
        if lost:
            power = GENERATOR if runs else lost[0].power
        elif runs and rank is not Rank.SITE and self._lost is not False:
            return Verdict(GENERATOR, (GENERATOR,))  # what is fed now is fed by it: nobody contradicts
        else:
            power = MAINS
        against = [
            claim.source
            for claim in claims
            if (claim.power == MAINS) != (power == MAINS) and not _fed_by_another(claim, runs)
        ]
        by = [claim.source for claim in lost or deciding]
        return Verdict(power, tuple(by), tuple(against))

    def remember(self, power: str | None, now_s: float) -> None:
        """What feeds the site at `now_s`, of a clock that cannot be set. Not known: everything stays."""
        if power == MAINS:
            self._lost, self._since_s = False, None
        elif power is not None:
            if self._lost is False:
                self._since_s = now_s
            self._lost = True

    def values(self, power: str | None, now_s: float) -> dict[str, Value]:
        """power and mains_lost_min, as far as known.

        The minutes are absent for an outage that began before this node did: nobody saw when.
        """
        if power is None:
            return {}
        if power == MAINS or self._since_s is None:
            return {"power": power}
        return {"power": power, "mains_lost_min": max(0, int((now_s - self._since_s) // 60))}


def _fed_by_another(claim: Claim, generator_runs: bool) -> bool:
    """Whether it may well be fed without mains: behind a UPS, or by the generator."""
    may_be = claim.rank is Rank.OWN or (generator_runs and claim.rank is not Rank.SITE)
    return claim.power == MAINS and may_be
