"""How often reports were given to a link since this process began. In memory only: it proves nothing."""

from __future__ import annotations

import msgspec

from relay.node.desk.rows import Place

PLACES_MAX = 2000  # the one that was tried longest ago is forgotten first


class Try(msgspec.Struct, frozen=True):
    """The last of some."""

    count: int
    link: str
    elapsed_s: float


class Tries:
    """Of one station."""

    def __init__(self) -> None:
        self._tries: dict[Place, Try] = {}
        self._before: dict[Place, Try | None] = {}  # by radio: until it is known whether it went

    def went(self, place: Place, link: str, elapsed_s: float) -> None:
        """It left."""
        before = self._tries.pop(place, None)
        if link == "radio":
            self._before[place] = before
        self._tries[place] = Try(before.count + 1 if before else 1, link, elapsed_s)
        for kept in (self._tries, self._before):
            while len(kept) > PLACES_MAX:
                del kept[next(iter(kept))]

    def came_back(self, place: Place) -> None:
        """It did not leave after all."""
        if place in self._before and place in self._tries:
            before = self._before.pop(place)
            if before:
                self._tries[place] = before
            else:
                del self._tries[place]

    def of(self, places: tuple[Place, ...]) -> Try | None:
        """All tries of one message, under whichever of its numbers."""
        found = [self._tries[place] for place in places if place in self._tries]
        if not found:
            return None
        last = max(found, key=lambda each: each.elapsed_s)
        return Try(sum(each.count for each in found), last.link, last.elapsed_s)
