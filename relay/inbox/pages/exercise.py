"""The page /oefening: VRD begins an exercise at its sites, with an end, and may end it before that."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.core.notices import EXERCISE
from relay.errors import Text, ValueRefused
from relay.inbox.operators.exercises import EndedBefore, Exercise
from relay.inbox.operators.notices import ALL, MUNICIPALITY, SEVERAL, NoticeDraft
from relay.inbox.pages import words, words_exercise
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit, must_be_ours
from relay.web.forms import form_of

NAME_LENGTH_MAX = 60
NUMBER_DIGITS_MAX = 9
FIELDS_MAX = 400  # a box for each site
USUAL_S = 2 * 3600
PICKED = "punt-"  # and the key of a site: the name of its box
_TIME = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)")


class Row(msgspec.Struct, frozen=True):
    """One exercise that runs, as the page shows it."""

    exercise: Exercise
    aim: str
    missing: list[str]  # sites that are not known to have heard of it


class _Typed(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the form."""

    name: str = ""
    scope: str = ALL
    municipality: str = ""
    until: str = ""
    picked: frozenset[str] = frozenset()


class ExercisePages:
    """Of one room."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def show(self, request: Request, visit: Visit) -> Response:
        """What runs, and the form."""
        usual = datetime.fromtimestamp(self._room.operators.now_s() + USUAL_S).astimezone()
        return self._page(request, visit, _Typed(until=usual.strftime("%H:%M")))

    async def start(self, request: Request, visit: Visit) -> Response:
        """Begin one at all sites, at those of a municipality, or at those that were picked."""
        form = await form_of(request, fields_max=FIELDS_MAX)
        must_be_ours(request, form, visit.session.csrf)
        typed = _typed(form)
        sites = self._sites(typed)
        minutes = minutes_until(typed.until, self._room.operators.now_s())
        wrong = "no_time" if minutes is None else _wrong(typed, sites)
        if minutes is None or wrong:
            problem = words_exercise.PAGE[wrong]
            return await run_in_threadpool(self._page, request, visit, typed, problem, 400)
        draft = NoticeDraft(
            kind=EXERCISE,
            text=typed.name,
            minutes=minutes,
            exercise=True,
            scope=typed.scope,
            aim=typed.municipality if typed.scope == MUNICIPALITY else "",
        )
        return await self._say(request, visit, draft, sites, typed)

    async def end(self, request: Request, visit: Visit) -> Response:
        """End one that runs, at all of its sites; the second who does so is told who was first."""
        form = await form_of(request)
        must_be_ours(request, form, visit.session.csrf)
        running = await run_in_threadpool(self._room.operators.exercises.running)
        digits = form.get("number", "")
        number = int(digits) if digits.isdecimal() and len(digits) <= NUMBER_DIGITS_MAX else 0
        found = next((each for each in running if each.notice == number), None)
        draft = NoticeDraft(
            kind=EXERCISE,
            text=found.name if found else "-",
            exercise=True,
            scope=found.scope if found else ALL,
            aim=found.aim if found else "",
            ends=number or -1,
        )
        sites = await run_in_threadpool(self._room.operators.exercises.sites_of, number)
        return await self._say(request, visit, draft, sites, _Typed())

    async def _say(
        self, request: Request, visit: Visit, draft: NoticeDraft, sites: list[str], typed: _Typed
    ) -> Response:
        """Keep it and let it be told; what can't be done is said above the form, with what was typed."""
        epoch = self._room.post.epoch()
        try:
            await run_in_threadpool(self._room.operators.notices.make, draft, sites, visit.name, epoch)
        except (ValueRefused, EndedBefore) as error:
            problem = Text(f"{error.what.nl}. {error.do.nl}", f"{error.what.en}. {error.do.en}")
            return await run_in_threadpool(self._page, request, visit, typed, problem, 400)
        self._room.post.posted(sites)
        self._room.look_soon()
        return RedirectResponse("/oefening", 303)

    def _sites(self, typed: _Typed) -> list[str]:
        """The keys of those that it is for."""
        known = self._room.board().sites
        if typed.scope == SEVERAL:
            return [site.key for site in known if site.key in typed.picked]
        return [site.key for site in known if typed.scope == ALL or site.municipality == typed.municipality]

    def _page(
        self, request: Request, visit: Visit, typed: _Typed, problem: Text | None = None, status: int = 200
    ) -> Response:
        sites = sorted(self._room.board().sites, key=lambda site: site.name)
        names = {site.key: site.name for site in sites}
        running = self._room.operators.exercises.running()
        return self._room.page(
            "exercise.html",
            visit,
            request,
            status,
            board=self._room.board(visit.lane),
            x={key: words.pick(text, visit.language) for key, text in words_exercise.PAGE.items()},
            scopes=[
                (scope, words.pick(text, visit.language)) for scope, text in words_exercise.SCOPE.items()
            ],
            rows=[self._row(each, names, visit.language) for each in running],
            towns=sorted({site.municipality for site in sites if site.municipality}),
            sites=sites,
            typed=typed,
            picked=PICKED,
            name_max=NAME_LENGTH_MAX,
            problem=words.pick(problem, visit.language) if problem else "",
        )

    def _row(self, exercise: Exercise, names: dict[str, str], language: str) -> Row:
        deliveries = self._room.operators.notices.deliveries(exercise.notice)
        missing = [names.get(each.site, each.site) for each in deliveries if each.had_s is None]
        scope: Any = words_exercise.SCOPE.get(exercise.scope, words_exercise.SCOPE[ALL])
        return Row(exercise, exercise.aim or words.pick(scope, language), missing)


def _typed(form: dict[str, str]) -> _Typed:
    """What the form says; raises HTTPException for what no form of ours sends."""
    if form.get("scope") not in words_exercise.SCOPE:
        raise HTTPException(400)
    return _Typed(
        name=" ".join(form.get("name", "").split())[:NAME_LENGTH_MAX],
        scope=form["scope"],
        municipality=form.get("municipality", ""),
        until=form.get("until", ""),
        picked=frozenset(name.removeprefix(PICKED) for name in form if name.startswith(PICKED)),
    )


def _wrong(typed: _Typed, sites: list[str]) -> str:
    """Which problem there is; ticks that would not count are one, since all sites would exercise."""
    if typed.picked and typed.scope != SEVERAL:
        return "which"
    return "" if sites else "nobody"


def minutes_until(typed: str, now_s: int) -> int | None:
    """From now to a time of today, or of tomorrow when that has passed; None: it is no time."""
    found = _TIME.fullmatch(typed.strip())
    if found is None:
        return None
    now = datetime.fromtimestamp(now_s).astimezone()
    end = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
    if end <= now:
        end += timedelta(days=1)
    return -int((now - end).total_seconds() // 60)
