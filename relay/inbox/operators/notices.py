"""What VRD says to its sites, and who has it: notices that operators write, and how far it is with a report.

Nothing is told here: each row waits until a site is known to have it. A step with a report has no row of
its own; what waits is the difference between its handling and what its site was told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from relay.core import payloads
from relay.core.fields import Value
from relay.core.message import ADDRESS_BYTES, Address
from relay.core.notices import ANSWERS_MAX, ANSWERS_MIN, ANSWERS_SEPARATOR, EXERCISE
from relay.core.wire import NUMBER_MAX, PAYLOAD_BYTES_MAX
from relay.errors import Text, ValueRefused
from relay.inbox.operators import exercises, replacing
from relay.inbox.operators.disk import Disk
from relay.inbox.operators.handling import ReportId, State
from relay.inbox.operators.reports import Report

LIFE_S = 7 * 86_400  # what a site has not heard by then is told to it no more
UNTOLD_MAX = 500  # at one reading
KINDS = ("order", "information", "question", "time")
SITE, MUNICIPALITY, ALL = SCOPES = ("site", "municipality", "all")
SEVERAL = "several"  # sites that were picked one by one, for an exercise
ANSWER_LENGTH_MAX = 24

_NOTICE = "id, epoch, made_s, by, kind, text, answers, urgency, exercise, scope, aim"
_COLUMNS = ", ".join(f"n.{column}" for column in _NOTICE.split(", ")) + (
    f", {replacing.REPLACES}, {replacing.REPLACED_BY}, x.until_s, x.began"
)
_OF_EXERCISE = "LEFT JOIN exercise AS x ON x.notice = n.id"


class NoticeDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A notice before it is sent."""

    kind: str
    text: str = ""
    answers: tuple[str, ...] = ()
    urgency: int = 3
    exercise: bool = False
    scope: str = SITE
    aim: str = ""  # key of the site, name of the municipality
    minutes: int = 0  # an exercise goes on for; none: it is over
    ends: int = 0  # the notice that began that exercise
    replaces: int = 0  # the notice in whose place it stands from now on

    def values(self, epoch: int = NUMBER_MAX, number: int = NUMBER_MAX) -> dict[str, Value]:
        """As they go on the wire, under this name."""
        said: dict[str, Value] = {"notice": self.kind, "about_epoch": epoch, "about_number": number}
        if self.text:
            said["text"] = self.text
        if self.answers:
            said["answers"] = ANSWERS_SEPARATOR.join(self.answers)
        if self.kind == EXERCISE:
            said["exercise_min"] = self.minutes
        if self.replaces:
            said["replaces"] = self.replaces
        return said

    @property
    def size_bytes(self) -> int:
        """Of its payload at the most, to one site: a long name and a long number are counted in."""
        to = [] if self.scope == ALL else [bytes(ADDRESS_BYTES)]
        return len(payloads.notice_payload(to, self.values()))

    def check(self) -> None:
        """Raises ValueRefused for what no radio packet can hold, or what nobody could answer."""
        known = self.kind in (*KINDS, EXERCISE) and self.scope in (*SCOPES, SEVERAL)
        if not known or not 1 <= self.urgency <= 3:
            raise ValueRefused(Text("Onbekende soort bericht", "Unknown kind of notice"))
        if not self.text and self.kind != "time":
            raise ValueRefused(
                Text("Er is geen tekst", "There is no text"), Text("Vul de tekst in", "Add it")
            )
        if self.kind == EXERCISE:
            exercises.check_minutes(self.minutes, self.ends)
        wrong = any(ANSWERS_SEPARATOR in each or len(each) > ANSWER_LENGTH_MAX for each in self.answers)
        most = ANSWERS_MAX if self.kind == "question" else 0
        least = ANSWERS_MIN if self.kind == "question" else 0
        if wrong or not least <= len(self.answers) <= most:
            raise ValueRefused(
                Text("De antwoorden kloppen niet", "The answers are not right"),
                Text(
                    f"Een vraag heeft {ANSWERS_MIN}-{ANSWERS_MAX} korte antwoorden, andere berichten geen",
                    f"A question has {ANSWERS_MIN}-{ANSWERS_MAX} short answers, other notices none",
                ),
            )
        over = self.size_bytes - PAYLOAD_BYTES_MAX
        if over > 0:
            raise ValueRefused(
                Text(f"{over} bytes te lang voor een radiopakket", f"{over} bytes too long for a packet"),
                Text("Maak tekst of antwoorden korter", "Shorten the text or the answers"),
            )


class SentNotice(NoticeDraft, frozen=True, kw_only=True):
    """One that was sent."""

    id: int
    epoch: int
    made_s: int
    by: str
    replaced_by: int = 0  # the notice that stands in its place


class Delivery(msgspec.Struct, frozen=True):
    """What is known of one notice at one site."""

    notice: int
    site: str
    had_s: int | None
    answer: int | None
    answered_s: int | None


class Untold(msgspec.Struct, frozen=True):
    """A step with a report that its site has not been told."""

    report: ReportId
    state: State
    version: int
    at_s: int
    team: str
    result: str
    urgency: int
    is_request: bool
    exercise: bool


class Notices:
    """Every method may raise StorageError."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def now_s(self) -> int:
        """Unix time."""
        return self._disk.now_s()

    def make(self, draft: NoticeDraft, sites: Iterable[str], by: str, epoch: int) -> SentNotice:
        """Keep it, to be told to `sites`; raises ValueRefused."""
        draft.check()
        with self._disk.write() as db:
            now_s = self._disk.now_s()
            values = (
                epoch, now_s, by, draft.kind, draft.text, ANSWERS_SEPARATOR.join(draft.answers),
                draft.urgency, draft.exercise, draft.scope, draft.aim,
            )  # fmt: skip
            made = db.execute(
                f"INSERT INTO notice ({_NOTICE.removeprefix('id, ')}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            number = int(made.lastrowid or 0)
            meant = set(sites)
            db.executemany(
                "INSERT INTO delivery (notice, site) VALUES (?, ?)", [(number, site) for site in meant]
            )
            if draft.replaces:
                aimed = None if draft.scope == ALL else meant
                replacing.note(db, number, draft.replaces, aimed, exercise=draft.exercise)
            if draft.kind == EXERCISE:
                exercises.note(db, number, draft.minutes, draft.ends, by, now_s)
            self._disk.append(db, by, "notice", _journalled(number, draft))
        fields = msgspec.structs.asdict(draft)
        return SentNotice(**fields, id=number, epoch=epoch, made_s=now_s, by=by)

    def newest(self, limit: int = 50) -> list[SentNotice]:
        """The newest first."""
        rows = self._disk.all(
            f"SELECT {_COLUMNS} FROM notice AS n {_OF_EXERCISE} ORDER BY n.id DESC LIMIT ?", (limit,)
        )
        return [_notice(row, self._disk.now_s()) for row in rows]

    def check_replacing(self, draft: NoticeDraft, sites: Iterable[str]) -> None:
        """Raises ValueRefused where `draft`, to `sites`, can't stand in the place of that which it names."""
        if draft.replaces:
            aimed = None if draft.scope == ALL else sites
            replacing.check(self._disk.all, draft.replaces, aimed, exercise=draft.exercise)

    def deliveries(self, notice: int) -> list[Delivery]:
        """Of one notice, by site."""
        rows = self._disk.all(
            "SELECT notice, site, had_s, answer, answered_s FROM delivery WHERE notice = ? ORDER BY site",
            (notice,),
        )
        return [Delivery(*row) for row in rows]

    def waiting(self, site: str) -> list[SentNotice]:
        """What a site is not known to have, the oldest first."""
        now_s = self._disk.now_s()
        rows = self._disk.all(
            f"SELECT {_COLUMNS} FROM delivery AS d JOIN notice AS n ON n.id = d.notice {_OF_EXERCISE}"
            f" WHERE d.site = ? AND d.had_s IS NULL AND n.made_s > ?"
            f" AND {exercises.WORTH_TELLING} AND {replacing.STILL_HOLDS}"
            " ORDER BY n.id LIMIT ?",
            (site, now_s - LIFE_S, now_s, now_s, UNTOLD_MAX),
        )
        return [_notice(row, now_s) for row in rows]

    def note_had(self, site: str, notices: Sequence[int], steps: Sequence[tuple[ReportId, int]]) -> None:
        """A site has these notices, and knows of these steps with its reports."""
        with self._disk.write() as db:
            db.executemany(
                "UPDATE delivery SET had_s = ? WHERE notice = ? AND site = ? AND had_s IS NULL",
                [(self._disk.now_s(), notice, site) for notice in notices],
            )
            db.executemany(
                "INSERT INTO told VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " version = max(version, excluded.version)",
                [(report.address, report.epoch, report.number, version) for report, version in steps],
            )

    def untold(self, address: Address) -> list[Untold]:
        """Steps with the reports of a node that it has not been told, the most urgent first."""
        rows = self._disk.all(
            "SELECT h.address, h.epoch, h.number, h.state, h.version, h.at_s, h.team, h.result,"
            " r.urgency, r.kind, r.exercise FROM handling AS h"
            " JOIN report AS r ON r.address = h.address AND r.epoch = h.epoch AND r.number = h.number"
            " LEFT JOIN told AS t ON t.address = h.address AND t.epoch = h.epoch AND t.number = h.number"
            " WHERE h.address = ? AND h.version > coalesce(t.version, 0) AND h.at_s > ?"
            " ORDER BY r.urgency, h.at_s LIMIT ?",
            (address, self._disk.now_s() - LIFE_S, UNTOLD_MAX),
        )
        return [_untold(row) for row in rows]


def note_answers(db: sqlite3.Connection, reports: Iterable[Report]) -> None:
    """Answers among `reports` count for their sites, within a write. Who answers has it."""
    for report in reports:
        values = report.shown.values
        if report.kind != "answer" or report.shown.standing or report.shown.clone:
            continue
        name = (values.get("about_number"), values.get("about_epoch"))
        answer = values.get("answer")
        if not isinstance(answer, int) or not all(isinstance(each, int) for each in name):
            continue
        db.execute(
            "UPDATE delivery SET answer = ?, answered_s = ?, had_s = coalesce(had_s, ?) WHERE site = ?"
            " AND notice = (SELECT id FROM notice WHERE id = ? AND epoch = ?)",
            (answer, report.received_s, report.received_s, report.site, *name),
        )


def _notice(row: Sequence[Any], now_s: int) -> SentNotice:
    *said, replaces, replaced_by, until_s, began = row
    named = dict(zip(_NOTICE.split(", "), said, strict=True))
    answers = tuple(each for each in str(named["answers"]).split(ANSWERS_SEPARATOR) if each)
    minutes = exercises.minutes_left(until_s, began, now_s)
    more = {"answers": answers, "exercise": bool(named["exercise"]), "minutes": minutes, "ends": began or 0}
    about = {"replaces": replaces or 0, "replaced_by": replaced_by or 0}
    return msgspec.convert(named | more | about, SentNotice)


def _journalled(number: int, draft: NoticeDraft) -> str:
    replaces = f" replaces {draft.replaces}" if draft.replaces else ""
    return f"{number} {draft.kind} {draft.scope} {draft.aim}".strip() + replaces


def _untold(row: Sequence[Any]) -> Untold:
    report, (state, version, at_s, team, result), (urgency, kind, exercise) = row[:3], row[3:8], row[8:]
    return Untold(
        ReportId(*report),
        State(state),
        version,
        at_s,
        team,
        result,
        urgency,
        kind == "request",
        bool(exercise),
    )
