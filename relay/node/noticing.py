"""What VRD said, for whoever asks at this node; and the answers that go back.

Everything here comes from notices whose signature was verified before they were kept: the word "read" is
never said of a report without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relay.core import payloads, wire
from relay.core.fields import Value
from relay.core.message import Clock, Draft, Kind, Notice, Urgency
from relay.core.notices import CANNOT, DONE, EXERCISE, READ, buttons
from relay.errors import NaoberError, Text, ValueRefused, WireError
from relay.node.notice_rows import HeardNotice
from relay.node.station import Station

Name = tuple[int, int]

VERBS = ("notices", "answer")
UNREAD_TOLD_MAX = 3  # in `status`
HANDLED_TOLD_MAX = 3
OVER = "exercise_over"  # the kind of a notice that ends an exercise, for screens


def answer_verb(station: Station, request: dict[str, Any]) -> dict[str, Any]:
    """`notices`: all of them, which counts as looking. `answer`: tell VRD. Raises NaoberError."""
    rows = station.notices
    if request["verb"] == "notices":
        found, replaced = [facts_of(row, station) for row in rows.notices()], replacements(rows.notices())
        for facts in found:
            newer = replaced.get((facts["epoch"], facts["number"]))
            facts["replaced_by"] = newer[1] if newer else None
        if request.get("looked"):
            for row in rows.notices():
                rows.note_seen(row.kept.epoch, row.kept.number)
        return {"notices": found, "handled": handled_facts(station, int(request.get("limit", 50)))}
    row, draft = answer_draft(station, int(request["number"]), int(request.get("answer", READ)))
    given = int(draft.values["answer"])
    sent = station.submit([draft])
    rows = station.notices  # the disk may have failed meanwhile
    rows.note_seen(row.kept.epoch, row.kept.number, given)
    return {
        "epoch": station.forwarder.state.epoch,
        "numbers": [each.number for each in sent],
        "safe": station.storage is None,
        "answered": answer_text(said_in(row), given)._asdict(),
    }


def answer_draft(station: Station, number: int, given: int) -> tuple[HeardNotice, Draft]:
    """The answer `given` to the newest notice of that number. Raises NaoberError when it is none to it."""
    row = named(station.notices.notices(), number)
    _check(said_in(row), given)
    values: dict[str, Any] = {
        "about_epoch": row.kept.epoch,
        "about_number": row.kept.number,
        "answer": given,
    }
    # never urgent, whatever it answers: an urgent notice to all must not bring as many urgent reports
    exercise = wire.parse_header(row.kept.envelope).exercise
    draft = Draft(kind=Kind.ANSWER, values=values, urgency=Urgency.ROUTINE, exercise=exercise)
    return row, draft


def status_facts(station: Station) -> dict[str, Any]:
    """For `naober status`: what nobody has looked at yet, and the last that VRD said of our reports."""
    rows = station.notices.notices()
    replaced = replacements(rows)
    unread = [row for row in rows if not row.seen and name_of(row) not in replaced]
    return {
        "unread": len(unread),
        "newest": [facts_of(row, station) for row in unread[:UNREAD_TOLD_MAX]],
        "handled": handled_facts(station, HANDLED_TOLD_MAX),
        "old": station.forwarder.old_notices,
        "refused": station.forwarder.junk,
    }


def facts_of(row: HeardNotice, station: Station) -> dict[str, Any]:
    """One notice, as plain values."""
    said, moment = said_in(row), station.moment()
    header, values = said.header, said.values
    here_s = moment.elapsed_s - row.kept.elapsed_s
    offered = buttons(values)
    return {
        "number": row.kept.number,
        "epoch": row.kept.epoch,
        "kind": kind_of(values),
        "text": str(values.get("text", "")),
        "urgency": header.urgency,
        "exercise": header.exercise,
        "answers": offered,
        "said_s": header.time + wire.EPOCH_2025_UNIX_S if header.clock != Clock.NONE else None,
        "age_s": max(0, int(here_s)) if row.kept.boot == moment.boot else None,
        "seen": row.seen,
        "answer": None if row.answer is None else answer_text(said, row.answer)._asdict(),
    }


def kind_of(values: Mapping[str, Value]) -> str:
    """What kind of notice it is, for screens."""
    kind = str(values.get("notice", "information"))
    return OVER if kind == EXERCISE and not values.get("exercise_min") else kind


def handled_facts(station: Station, most: int) -> list[dict[str, Any]]:
    """What VRD said of our reports, newest first, with the words of the report where they are still here."""
    found = []
    for row in station.notices.newest_handling(most):
        facts = facts_of(row, station)
        values = said_in(row).values
        about = station.report_text(row.kept.epoch, row.kept.number)
        found.append(facts | {"handling": str(values.get("handling", "seen")), "about": about})
    return found


def handling_of(station: Station, epoch: int, numbers: list[int]) -> list[str | None]:
    """How far VRD is with each of these reports, as far as it said so."""
    rows = station.notices.handling(epoch, numbers)
    return [
        str(said_in(rows[number]).values.get("handling", "seen")) if number in rows else None
        for number in numbers
    ]


def answer_text(said: Notice, given: int) -> Text:
    """What an answer means."""
    offered = buttons(said.values)
    if given == READ:
        return Text("Gelezen", "Read")
    if offered:
        word = offered[given - 1] if given <= len(offered) else str(given)
        return Text(word, word)
    return Text("Uitgevoerd", "Done") if given == DONE else Text("Lukt niet", "Cannot be done")


def _check(said: Notice, given: int) -> None:
    offered, kind = buttons(said.values), said.values.get("notice")
    most = len(offered) if offered else CANNOT if kind == "order" else READ
    if READ <= given <= most:
        return
    choices = [f"{number} = {answer_text(said, number).nl}" for number in range(most + 1)]
    in_english = [f"{number} = {answer_text(said, number).en}" for number in range(most + 1)]
    raise ValueRefused(
        Text(f"Antwoord {given} past niet bij dit bericht", f"Answer {given} is none to this notice"),
        Text(f"Kies uit: {', '.join(choices)}", f"One of: {', '.join(in_english)}"),
    )


def named(rows: list[HeardNotice], number: int) -> HeardNotice:
    """The newest with that number; raises NaoberError."""
    for row in rows:
        if row.kept.number == number:
            return row
    raise NaoberError(
        Text(f"Er is geen bericht {number} van VRD", f"There is no notice {number} of VRD"),
        Text("Kijk met naober notices", "See naober notices"),
    )


def name_of(row: HeardNotice) -> Name:
    """Inbox epoch and VRD's number."""
    return row.kept.epoch, row.kept.number


def replacements(
    rows: list[HeardNotice], said: Callable[[HeardNotice], Notice] | None = None
) -> dict[Name, Name]:
    """Of each of `rows` that another stands for now: which. Always a newer one: nothing goes in circles.

    What is of an exercise never stands for what is real, nor the other way.
    `said` decodes; a caller that remembers what it decoded gives its own.
    """
    by: dict[Name, Name] = {}
    for row in rows:  # the newest first, and its word counts
        number, name = (said or said_in)(row).values.get("replaces"), name_of(row)
        if number is not None:
            lane = _is_exercise(row)
            named_so = (
                name_of(each) for each in rows if each.kept.number == number and _is_exercise(each) == lane
            )
            if meant := max((each for each in named_so if each < name), default=None):
                by.setdefault(meant, name)
    return by


def _is_exercise(row: HeardNotice) -> bool:
    return wire.parse_header(row.kept.envelope).exercise


def said_in(row: HeardNotice) -> Notice:
    """What it says; of a later version's only that it is there."""
    try:
        said = payloads.decode(row.kept.envelope)
    except WireError:  # a later version wrote it
        said = None
    if not isinstance(said, Notice):
        return Notice(wire.parse_header(row.kept.envelope), (), {"notice": "information"})
    return said
