"""What VRD was told by telephone, portofoon, DARES or courier, and which reports say the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from relay.core.fields import Value
from relay.errors import Text, ValueRefused
from relay.inbox.operators.disk import Disk
from relay.inbox.operators.handling import ReportId
from relay.inbox.operators.listing import note_words
from relay.inbox.operators.reports import BY_HAND, Report, Shown

NOBODY = bytes(4)  # no key has this address: such a report is as good as who wrote it down
VIAS = ("telephone", "portofoon", "dares", "courier", "other")
SAID_LENGTH_MAX = 1000
SPOKEN_S = 24 * 3600  # what was told before that is in the lists only
SAME_S = 6 * 3600  # two reports of one thing don't lie further apart
_SHORT_WORD = 3


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that VRD was told."""

    site: str
    told_s: int
    via: str
    values: dict[str, Value]
    exercise: bool = False
    kind: str = "status"  # status, report, request
    urgency: int = 3
    confidence: str = "unconfirmed"
    said: str = ""


class Spoken(msgspec.Struct, frozen=True):
    """The values that a site told by other means than its node."""

    site: str
    exercise: bool
    told_s: int
    via: str
    values: dict[str, Value]


class Origin(msgspec.Struct, frozen=True):
    """Who wrote it down, when, as it came by which means, and in which words."""

    by: str
    entered_s: int
    via: str
    said: str


class ManualRows:
    """Every method may raise StorageError."""

    def __init__(self, disk: Disk, report: Callable[[ReportId], Report | None]) -> None:
        self._disk, self._report = disk, report

    def add(self, told: Told, by: str) -> ReportId:
        """Keep it: a report in all lists, and values that the site spoke."""
        facts = {name: value for name, value in told.values.items() if name != "text"}
        now_s = self._disk.now_s()
        shown = Shown(
            values=told.values,
            confidence=told.confidence,
            composed_s=told.told_s,
            clock="ntp",
            late_s=None,
            link=BY_HAND,
            via=told.via,
        )
        with self._disk.write() as db:
            cursor = db.execute(
                "INSERT INTO manual (site, exercise, told_s, entered_s, by, via, said, facts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(told.site, told.exercise, told.told_s, now_s, by, told.via),
                    *(told.said[:SAID_LENGTH_MAX], msgspec.msgpack.encode(facts)),
                ),
            )
            identity = ReportId(NOBODY, 0, int(cursor.lastrowid or 0))
            db.execute(
                "INSERT INTO report VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?)",
                (
                    *(NOBODY, 0, identity.number, told.site, told.kind, told.urgency, told.exercise),
                    *(told.told_s, msgspec.msgpack.encode(shown)),
                ),
            )
            note_words(db)
            self._disk.append(db, by, "entered by hand", f"{identity} {told.site} {told.via}")
        return identity

    def origin(self, report: ReportId) -> Origin | None:
        """Of a report that was entered by hand; None of another."""
        if report.address != NOBODY:
            return None
        rows = self._disk.all(
            "SELECT by, entered_s, via, said FROM manual WHERE number = ?", (report.number,)
        )
        return Origin(*rows[0]) if rows else None

    def spoken(self) -> list[Spoken]:
        """What was told of late, the oldest first."""
        rows = self._disk.all(
            "SELECT site, exercise, told_s, via, facts FROM manual WHERE told_s > ? ORDER BY told_s, number",
            (self._disk.now_s() - SPOKEN_S,),
        )
        return [
            Spoken(site, bool(exercise), told_s, via, msgspec.msgpack.decode(facts, type=dict[str, Value]))
            for site, exercise, told_s, via, facts in rows
        ]

    # --- the same report by two ways ---

    def merge(self, one: ReportId, other: ReportId, by: str) -> ReportId:
        """They say the same: lists show one of them, which has the handling of both. Returns that one.

        What came from a node is shown rather than what was written down; of two that were written down the
        first. Raises ValueRefused for two that can't be the same.
        """
        pair = self._report(one), self._report(other)
        if not (pair[0] and pair[1] and may_be_same(pair[0], pair[1])):
            raise _not_the_same()
        hidden, into = sorted((one, other), key=lambda each: (each.address != NOBODY, -each.number))
        with self._disk.write() as db:
            taken = db.execute(
                "SELECT 1 FROM merged WHERE (address, epoch, number) IN (VALUES (?, ?, ?), (?, ?, ?))",
                (*_key(one), *_key(other)),
            ).fetchone()
            if taken:
                raise _not_the_same()
            db.execute(
                "INSERT INTO merged VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*_key(hidden), *_key(into), by, self._disk.now_s()),
            )
            db.execute(
                "UPDATE merged SET into_address = ?, into_epoch = ?, into_number = ?"
                " WHERE into_address = ? AND into_epoch = ? AND into_number = ?",
                (*_key(into), *_key(hidden)),
            )
            # whoever took up the one has taken up the other
            db.execute(
                "INSERT OR IGNORE INTO handling SELECT ?, ?, ?, state, version, by, at_s, assignee, team,"
                " result FROM handling WHERE address = ? AND epoch = ? AND number = ?",
                (*_key(into), *_key(hidden)),
            )
            self._disk.append(db, by, "merged", f"{hidden} {into}")
        return into

    def part(self, hidden: ReportId, by: str) -> None:
        """They are two reports after all."""
        with self._disk.write() as db:
            done = db.execute(
                "DELETE FROM merged WHERE address = ? AND epoch = ? AND number = ?", _key(hidden)
            )
            if done.rowcount:
                self._disk.append(db, by, "parted", str(hidden))

    def merged_into(self, hidden: ReportId) -> ReportId | None:
        """The report that lists show in its place; None when it has its own."""
        rows = self._disk.all(
            "SELECT into_address, into_epoch, into_number FROM merged"
            " WHERE address = ? AND epoch = ? AND number = ?",
            _key(hidden),
        )
        return ReportId(*rows[0]) if rows else None

    def merged(self, into: ReportId) -> list[ReportId]:
        """Those that it stands for as well."""
        rows = self._disk.all(
            "SELECT address, epoch, number FROM merged"
            " WHERE into_address = ? AND into_epoch = ? AND into_number = ?",
            _key(into),
        )
        return [ReportId(*row) for row in rows]


def may_be_same(one: Report, other: Report) -> bool:
    """Whether an operator may call them the same report: one of them was written down by a person."""
    by_hand = NOBODY in (one.id.address, other.id.address)
    return by_hand and one.id != other.id and (one.site, one.exercise) == (other.site, other.exercise)


def looks_same(one: Report, other: Report) -> bool:
    """Whether to ask: of one kind, hours apart at most, and about one thing or in much the same words."""
    near = abs(one.received_s - other.received_s) <= SAME_S
    if not (near and may_be_same(one, other) and one.kind == other.kind and not other.is_refused):
        return False
    ours, theirs = one.shown.values, other.shown.values
    if any(name in ours and ours[name] == theirs.get(name) for name in ("incident", "need")):
        return True
    words, others = _words(ours), _words(theirs)
    return bool(words and others) and 2 * len(words & others) >= min(len(words), len(others))


def twice(reports: Sequence[Report]) -> set[ReportId]:
    """Those among a page of reports of which somebody should ask whether they are one."""
    of_site: dict[str, list[Report]] = {}
    for report in reports:
        of_site.setdefault(report.site, []).append(report)
    found: set[ReportId] = set()
    for one in reports:
        if one.id.address == NOBODY:
            for other in of_site[one.site]:
                if looks_same(one, other):
                    found |= {one.id, other.id}
    return found


def _words(values: dict[str, Value]) -> set[str]:
    spaced = "".join(letter if letter.isalnum() else " " for letter in str(values.get("text", "")).casefold())
    return {word for word in spaced.split() if len(word) >= _SHORT_WORD}


def _key(report: ReportId) -> tuple[bytes, int, int]:
    return report.address, report.epoch, report.number


def _not_the_same() -> ValueRefused:
    return ValueRefused(
        Text("Dit kan niet dezelfde melding zijn", "These can't be one report"),
        Text("Kies een melding van hetzelfde punt", "Choose a report of the same site"),
    )
