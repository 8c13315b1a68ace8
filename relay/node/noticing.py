"""What VRD said, for whoever asks at this node; and the answers that go back.

Everything here comes from notices whose signature was verified before they were kept: the word "read" is
never said of a report without one.
"""

from __future__ import annotations

from typing import Any

from relay.core import payloads, wire
from relay.core.message import Clock, Draft, Kind, Notice, Urgency
from relay.core.notices import CANNOT, DONE, READ, buttons
from relay.errors import NaoberError, Text, ValueRefused, WireError
from relay.node.notice_rows import HeardNotice
from relay.node.station import Station

VERBS = ("notices", "answer")
UNREAD_TOLD_MAX = 3  # in `status`
HANDLED_TOLD_MAX = 3


def answer_verb(station: Station, request: dict[str, Any]) -> dict[str, Any]:
    """`notices`: all of them, which counts as looking. `answer`: tell VRD. Raises NaoberError."""
    rows = station.notices
    if request["verb"] == "notices":
        found = [facts_of(row, station) for row in rows.notices()]
        if request.get("looked"):
            for row in rows.notices():
                rows.note_seen(row.kept.epoch, row.kept.number)
        return {"notices": found, "handled": handled_facts(station, int(request.get("limit", 50)))}
    row = _named(rows.notices(), int(request["number"]))
    given = int(request.get("answer", READ))
    _check(_said(row), given)
    values: dict[str, Any] = {
        "about_epoch": row.kept.epoch,
        "about_number": row.kept.number,
        "answer": given,
    }
    # never urgent, whatever it answers: an urgent notice to all must not bring as many urgent reports
    exercise = wire.parse_header(row.kept.envelope).exercise
    draft = Draft(kind=Kind.ANSWER, values=values, urgency=Urgency.ROUTINE, exercise=exercise)
    sent = station.submit([draft])
    rows = station.notices  # the disk may have failed meanwhile
    rows.note_seen(row.kept.epoch, row.kept.number, given)
    return {
        "epoch": station.forwarder.state.epoch,
        "numbers": [each.number for each in sent],
        "safe": station.storage is None,
        "answered": answer_text(_said(row), given)._asdict(),
    }


def status_facts(station: Station) -> dict[str, Any]:
    """For `naober status`: what nobody has looked at yet, and the last that VRD said of our reports."""
    unread = [row for row in station.notices.notices() if not row.seen]
    return {
        "unread": len(unread),
        "newest": [facts_of(row, station) for row in unread[:UNREAD_TOLD_MAX]],
        "handled": handled_facts(station, HANDLED_TOLD_MAX),
        "old": station.forwarder.old_notices,
        "refused": station.forwarder.junk,
    }


def facts_of(row: HeardNotice, station: Station) -> dict[str, Any]:
    """One notice, as plain values."""
    said, moment = _said(row), station.moment()
    header, values = said.header, said.values
    here_s = moment.elapsed_s - row.kept.elapsed_s
    offered = buttons(values)
    return {
        "number": row.kept.number,
        "epoch": row.kept.epoch,
        "kind": str(values.get("notice", "information")),
        "text": str(values.get("text", "")),
        "urgency": header.urgency,
        "exercise": header.exercise,
        "answers": offered,
        "said_s": header.time + wire.EPOCH_2025_UNIX_S if header.clock != Clock.NONE else None,
        "age_s": max(0, int(here_s)) if row.kept.boot == moment.boot else None,
        "seen": row.seen,
        "answer": None if row.answer is None else answer_text(said, row.answer)._asdict(),
    }


def handled_facts(station: Station, most: int) -> list[dict[str, Any]]:
    """What VRD said of our reports, newest first, with the words of the report where they are still here."""
    found = []
    for row in station.notices.newest_handling(most):
        facts = facts_of(row, station)
        values = _said(row).values
        about = station.report_text(row.kept.epoch, row.kept.number)
        found.append(facts | {"handling": str(values.get("handling", "seen")), "about": about})
    return found


def handling_of(station: Station, epoch: int, numbers: list[int]) -> list[str | None]:
    """How far VRD is with each of these reports, as far as it said so."""
    rows = station.notices.handling(epoch, numbers)
    return [
        str(_said(rows[number]).values.get("handling", "seen")) if number in rows else None
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


def _named(rows: list[HeardNotice], number: int) -> HeardNotice:
    """The newest with that number."""
    for row in rows:
        if row.kept.number == number:
            return row
    raise NaoberError(
        Text(f"Er is geen bericht {number} van VRD", f"There is no notice {number} of VRD"),
        Text("Kijk met naober notices", "See naober notices"),
    )


def _said(row: HeardNotice) -> Notice:
    try:
        said = payloads.decode(row.kept.envelope)
    except WireError:  # a later version wrote it
        said = None
    if not isinstance(said, Notice):
        return Notice(wire.parse_header(row.kept.envelope), (), {"notice": "information"})
    return said
