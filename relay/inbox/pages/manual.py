"""What VRD is told by telephone, portofoon, DARES or courier: one form with the numbers of the paper one."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime, timedelta
from urllib.parse import quote

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.core.fields import Value, paper_number
from relay.core.paper_form import (
    FORM_FIELDS,
    REPORT_FIELDS,
    TEXT_LENGTH_MAX,
    Pasted,
    understand,
    value_of,
)
from relay.errors import Text, ValueRefused
from relay.inbox.operators.handling import ReportId
from relay.inbox.operators.manual import SAID_LENGTH_MAX, VIAS, Told
from relay.inbox.pages import lanes, words
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit, must_be_ours
from relay.web.forms import form_of

URGENCIES = ("1", "2", "3", "4")
CONFIDENCES = ("unconfirmed", "confirmed")
AHEAD_S = 120  # a clock on a wall may be fast; a later time was yesterday's
_TIME = re.compile(r"([01]?\d|2[0-3])[:.u]?([0-5]\d)$")


class _Form(msgspec.Struct):
    """A form on its way between a person and the store."""

    given: dict[str, str]
    problems: dict[str, Text] = {}
    pasted: Pasted | None = None


class Manual:
    """The form, and the question whether two reports are one."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def page(self, request: Request, visit: Visit) -> Response:
        """An empty form; after another was kept it says so."""
        kept = ReportId.parse(request.query_params.get("bewaard", ""))
        given = {"site": request.query_params.get("punt", "")}
        if lanes.is_exercise(visit.lane):
            given["exercise"] = "1"
        return self._show(request, visit, _Form(given), kept)

    def _show(
        self, request: Request, visit: Visit, form: _Form, kept: ReportId | None = None, status: int = 200
    ) -> Response:
        report = self._room.operators.report(kept) if kept else None
        return self._room.page(
            "manual.html",
            visit,
            request,
            status,
            board=self._room.board(visit.lane),
            sites=self._room.board().sites,
            fields=[field for field in FORM_FIELDS if field.name not in REPORT_FIELDS],
            report_fields=[field for field in FORM_FIELDS if field.name in REPORT_FIELDS],
            vias=VIAS,
            confidences=CONFIDENCES,
            given=defaultdict(str, form.given),
            paper_number=paper_number,
            problems={name: words.pick(text, visit.language) for name, text in form.problems.items()},
            pasted=form.pasted,
            kept=report,
            text_length_max=TEXT_LENGTH_MAX,
            said_length_max=SAID_LENGTH_MAX,
        )

    async def enter(self, request: Request, visit: Visit) -> Response:
        """Take over what was pasted and show it, or keep the whole."""
        given = await form_of(request)
        must_be_ours(request, given, visit.session.csrf)
        await run_in_threadpool(self._room.operators.touch, visit.token, visit.session)
        if given.get("paste"):
            form = _paste(given)
            return await run_in_threadpool(self._show, request, visit, form)
        form, told = self._told(given)
        if told is None:
            return await run_in_threadpool(lambda: self._show(request, visit, form, status=422))
        kept = await run_in_threadpool(self._room.operators.manual.add, told, visit.name)
        self._room.look_soon()
        return RedirectResponse(f"/handmatig?bewaard={quote(str(kept))}", 303)

    def _told(self, given: dict[str, str]) -> tuple[_Form, Told | None]:
        values, problems = _values(given)
        site, told_s = given.get("site", ""), told_at(given.get("told", ""), self._room.operators.now_s())
        if self._room.board().site(site) is None:
            problems["site"] = Text("Kies een punt", "Choose a site")
        if told_s is None:
            problems["told"] = Text("Geef uren en minuten, zoals 14:30", "Give hours and minutes, like 14:30")
        if not values and not problems:
            problems["f_text"] = Text("Vul ten minste één ding in", "Fill in one thing at least")
        urgency, via = given.get("urgency", ""), given.get("via", "")
        confidence = given.get("confidence", CONFIDENCES[0])
        if urgency not in URGENCIES or via not in VIAS or confidence not in CONFIDENCES:
            raise HTTPException(400)
        form = _Form(given, problems)
        if problems or told_s is None:
            return form, None
        return form, Told(
            site=site,
            told_s=told_s,
            via=via,
            values=values,
            exercise=given.get("exercise") == "1",
            kind=_kind(values),
            urgency=int(urgency),
            confidence=confidence,
            said=given.get("said", ""),
        )

    async def merge(self, request: Request, visit: Visit) -> Response:
        """Two reports say the same."""
        one, form = await self._report(request, visit)
        other = ReportId.parse(form.get("other", ""))
        if other is None:
            raise HTTPException(400)
        try:
            into = await run_in_threadpool(self._room.operators.manual.merge, one, other, visit.name)
        except ValueRefused:
            raise HTTPException(400) from None
        self._room.look_soon()
        return RedirectResponse(f"/melding/{into}", 303)

    async def part(self, request: Request, visit: Visit) -> Response:
        """They don't, after all."""
        hidden, _ = await self._report(request, visit)
        await run_in_threadpool(self._room.operators.manual.part, hidden, visit.name)
        self._room.look_soon()
        return RedirectResponse(f"/melding/{hidden}", 303)

    async def _report(self, request: Request, visit: Visit) -> tuple[ReportId, dict[str, str]]:
        form = await form_of(request)
        must_be_ours(request, form, visit.session.csrf)
        await run_in_threadpool(self._room.operators.touch, visit.token, visit.session)
        report = ReportId.parse(request.path_params["report"])
        if report is None:
            raise HTTPException(404)
        return report, form


def told_at(typed: str, now_s: int) -> int | None:
    """The newest moment with that time of day, in Unix time; now for none; None for what is no time."""
    if not typed:
        return now_s
    found = _TIME.match(typed.replace(" ", ""))
    if not found:
        return None
    now = datetime.fromtimestamp(now_s).astimezone()
    then = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
    if then.timestamp() > now_s + AHEAD_S:
        then -= timedelta(days=1)
    return min(int(then.timestamp()), now_s)


def _paste(given: dict[str, str]) -> _Form:
    """What was pasted goes to its places; what was not understood goes to the text. Nothing is kept yet."""
    said = given.get("said", "")
    pasted = understand(said)
    filled = dict(given)
    filled |= {f"f_{name}": str(value) for name, value in pasted.values.items()}
    rest = [part for part in pasted.rest if part not in filled.get("f_text", "")]
    filled["f_text"] = " ".join([filled.get("f_text", ""), *rest]).strip()
    return _Form(filled, pasted=pasted)


def _values(given: dict[str, str]) -> tuple[dict[str, Value], dict[str, Text]]:
    values: dict[str, Value] = {}
    problems: dict[str, Text] = {}
    for field in FORM_FIELDS:
        typed = given.get(f"f_{field.name}", "")
        if not typed:
            continue
        if field.kind == "text":
            values[field.name] = typed[:TEXT_LENGTH_MAX]
            continue
        try:
            values[field.name] = value_of(field, typed)
        except ValueRefused as error:
            problems[f"f_{field.name}"] = error.do if isinstance(error.do, Text) else error.what
    return values, problems


def _kind(values: dict[str, Value]) -> str:
    if "need" in values:
        return "request"
    return "report" if "text" in values or "incident" in values else "status"
