"""`/stand`: how it is here. One screen per group of fields; only what was changed is sent.

A form carries what it showed when it was opened (`was_...`), so that a value which another device changed
since is noticed, and one that nobody touched is not sent again as if it were new. What the node measures is
shown with its age and not asked. "Weet ik niet" makes a value absent, never zero.
Source: experience.md, section 2; V1, V9.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.core.fields import BY_NAME, Field
from relay.errors import NaoberError, StorageError, ValueRefused
from relay.node.desk import checking, entry_words
from relay.node.desk.facts import Known, Outcome
from relay.node.desk.render import Pages
from relay.node.desk.steps import AT, WRONG, Problems, forget, is_form, other, status_of

GROUPS: dict[str, tuple[str, ...]] = {
    "openstelling": ("opening", "access"),
    "mensen": (
        "visitors", "inflow", "overnight", "less_self_reliant", "staff",
        "casualties_t1", "casualties_t2", "casualties_t3",
    ),
    "voorraad": ("water", "food", "blankets", "sanitation", "charging", "first_aid"),
    "stroom": ("generator", "fuel_pct", "fuel_h", "heating", "indoor_c"),
    "verbindingen": ("internet", "mobile", "landline", "c2000"),
}  # fmt: skip
RARE = ("casualties_t1", "casualties_t2", "casualties_t3")  # behind one tap more
MEASURED = {  # what only the node knows, shown where it belongs
    "stroom": ("power", "mains_lost_min", "battery_pct", "runtime_min"),
    "verbindingen": ("broker",),
}
NAME = "stand"  # of its draft
UNKNOWN = "?"
VALUE_LENGTH_MAX = 40
SURE = "zeker"
AGAIN = "opnieuw"  # in an address: this form was saved before


class Filled(msgspec.Struct, frozen=True):
    """A form of one group: what stands in it, and what stood in it when it was opened."""

    group: str
    form: str
    typed: dict[str, str]
    was: dict[str, str]

    def query(self) -> str:
        """As it stands in an address."""
        was = {f"was_{name}": value for name, value in self.was.items()}
        return urlencode({"form": self.form, **self.typed, **was})

    def changed(self) -> dict[str, str]:
        """The fields that somebody touched, as wire words."""
        words = {name: value or UNKNOWN for name, value in checking.wire_words(self.typed).items()}
        return {name: word for name, word in words.items() if word != (self.was.get(name) or UNKNOWN)}


def routes(pages: Pages) -> list[Route]:
    """For app.py."""
    here = _Status(pages)
    return [
        Route("/stand", here.groups, methods=["GET"]),
        Route("/stand/{group}", here.group, methods=["GET"]),
        Route("/stand/{group}", here.take, methods=["POST"]),
    ]


def asked(group: str, known: Mapping[str, Known]) -> list[Field]:
    """The fields of `group` that a person is asked for: not what the node measures now."""
    fields = [BY_NAME[name] for name in GROUPS[group]]
    return [field for field in fields if field.name not in known or known[field.name].entered]


class _Status:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def groups(self, request: Request) -> Response:
        """The groups, each with what is known of it."""
        draft = await self._pages.desk.draft(self._pages.device(request), NAME)
        if draft.get(AT) in GROUPS and "verder" in request.query_params:
            filled = _filled(draft[AT], draft)
            return self._pages.to(request, f"/stand/{filled.group}?{filled.query()}")
        saved = request.query_params.get("bewaard", "")
        return await self._overview(request, saved if saved in GROUPS else "", drafted=bool(draft))

    async def _overview(
        self, request: Request, saved: str = "", outcome: Outcome | None = None, *, drafted: bool = False
    ) -> Response:
        known = await self._pages.desk.known()
        return self._pages.render(
            request,
            "stand.html",
            **self._words(request),
            group="",
            groups={name: _shown(name, known) for name in GROUPS},
            known=known,
            saved=saved,
            same="gelijk" in request.query_params,
            unsafe=outcome is not None and not outcome.safe,
            elsewhere=outcome.elsewhere if outcome else {},
            drafted=drafted,
            form=self._pages.new_form(),
        )

    def _words(self, request: Request) -> dict[str, Any]:
        return {
            "e": entry_words.words_of(self._pages.language(request)),
            "ew": entry_words,
            "fields": BY_NAME,
        }

    async def group(self, request: Request) -> Response:
        """A form with the last values, or as it was left."""
        group = _group(request)
        known = await self._pages.desk.known()
        filled = _filled(group, request.query_params)
        now = {field.name: _word(known.get(field.name)) for field in asked(group, known)}
        form = filled.form or self._pages.new_form()
        filled = Filled(group, form, now | filled.typed, now | filled.was)
        problems, questions = Problems(), Problems()
        if WRONG in request.query_params:
            problems, questions = judge(filled.changed(), filled.was, self._pages.page.capacity)
        return self._show(request, filled, known, problems, {} if problems else questions)

    def _show(
        self,
        request: Request,
        filled: Filled,
        known: Mapping[str, Known],
        problems: Problems,
        questions: Problems,
        error: NaoberError | None = None,
    ) -> Response:
        names = [name for name in (*MEASURED.get(filled.group, ()), *GROUPS[filled.group]) if name in known]
        return self._pages.render(
            request,
            "stand.html",
            status_of(error),
            **self._words(request),
            group=filled.group,
            filled=filled,
            asked=asked(filled.group, known),
            known=known,
            rare=RARE,
            opened=any(name in known or filled.typed.get(name) for name in RARE),
            measured={name: known[name] for name in names if not known[name].entered},
            problems={name: self._pages.text(request, text) for name, text in problems.items()},
            questions={name: self._pages.text(request, text) for name, text in questions.items()},
            again=AGAIN in request.query_params,
            error=error,
            other=other(self._pages, request, f"/stand/{filled.group}?{filled.query()}"),
        )

    async def take(self, request: Request) -> Response:
        """What was filled in: a number one up or down, a question about a strange one, or saved."""
        given, group = await self._pages.form_of(request), _group(request)
        desk, device = self._pages.desk, self._pages.device(request)
        filled = _filled(group, given)
        if not filled.form:
            raise HTTPException(400)
        with contextlib.suppress(StorageError):  # told when it is saved, not at each step
            await desk.keep_draft(device, NAME, {AT: group, **_as_form(filled)})
        name, _, by = given.get("stap", "").partition(":")
        if name in filled.typed:
            _step(filled, name, by)
        if name or given.get("naar") == "hier":
            return self._pages.to(request, f"/stand/{group}?{filled.query()}#{name[:20]}")
        return await self._save(request, filled, sure=given.get(SURE) == "1")

    async def _save(self, request: Request, filled: Filled, *, sure: bool) -> Response:
        desk = self._pages.desk
        changed = filled.changed()
        problems, questions = judge(changed, filled.was, self._pages.page.capacity)
        if problems or (questions and not sure):
            return self._pages.to(request, f"/stand/{filled.group}?{filled.query()}&{WRONG}=1")
        if not changed:
            await forget(self._pages, request, NAME, filled.form)
            return self._pages.to(request, f"/stand?gelijk={filled.group}")
        was = {name: filled.was.get(name) or UNKNOWN for name in changed}
        try:
            outcome = await desk.enter(filled.form, changed, was, device=self._pages.device(request))
        except NaoberError as error:
            return self._show(request, filled, await desk.known(), {}, {}, error)
        await forget(self._pages, request, NAME, filled.form)
        if outcome.repeated and (anew := self._anew(filled, changed, await desk.known())):
            return self._pages.to(request, f"/stand/{filled.group}?{anew.query()}&{AGAIN}=1")
        if outcome.elsewhere or not outcome.safe:
            return await self._overview(request, filled.group, outcome)
        return self._pages.to(request, f"/stand?bewaard={filled.group}")

    def _anew(self, filled: Filled, changed: Mapping[str, str], known: Mapping[str, Known]) -> Filled | None:
        """The form once more, for who went back to a saved one and changed it; None after a double tap."""
        if not differs(changed, known):
            return None
        now = {name: _word(known.get(name)) for name in filled.typed}
        return Filled(filled.group, self._pages.new_form(), filled.typed, now)


def judge(changed: Mapping[str, str], was: Mapping[str, str], capacity: int) -> tuple[Problems, Problems]:
    """What is wrong with what was changed, and what should be asked about it, by field."""
    problems: Problems = {}
    questions: Problems = {}
    for name, typed in changed.items():
        field = BY_NAME[name]
        if field.kind != "integer":
            if typed != UNKNOWN and typed not in field.choices:
                problems[name] = entry_words.PAGE["choose"]
            continue
        try:
            value = None if typed == UNKNOWN else checking.number(field, typed)
        except ValueRefused as error:
            problems[name] = error.what
            continue
        last = int(was[name]) if was.get(name, "").isdecimal() else None
        question = checking.doubt(field, value, last, capacity) if value is not None else None
        if question:
            questions[name] = question
    return problems, questions


def differs(told: Mapping[str, str], known: Mapping[str, Known]) -> bool:
    """Whether something else is known now than `told`, in wire words."""
    return any((_word(known.get(name)) or UNKNOWN) != word for name, word in told.items())


def _group(request: Request) -> str:
    group = str(request.path_params["group"])
    if group not in GROUPS:
        raise HTTPException(404)
    return group


def _filled(group: str, given: Mapping[str, str]) -> Filled:
    """A form as it was posted, or stands in an address or a draft; a field that is not in it is not asked."""
    names = [name for name in GROUPS[group] if name in given]
    return Filled(
        group,
        given["form"] if is_form(given.get("form", "")) else "",
        {name: given[name][:VALUE_LENGTH_MAX] for name in names},
        {name: given.get(f"was_{name}", "")[:VALUE_LENGTH_MAX] for name in names},
    )


def _as_form(filled: Filled) -> dict[str, str]:
    was = {f"was_{name}": value for name, value in filled.was.items()}
    return {"form": filled.form, **filled.typed, **was}


def _step(filled: Filled, name: str, said: str) -> None:
    """A stepper's button without a script; "?" empties the box."""
    if said == UNKNOWN:
        filled.typed[name] = ""
    elif BY_NAME[name].kind == "integer" and (by := checking.step_by(said)) is not None:
        filled.typed[name] = checking.stepped(BY_NAME[name], filled.typed[name], by)


def _shown(group: str, known: Mapping[str, Known]) -> dict[str, Known]:
    names = (*MEASURED.get(group, ()), *GROUPS[group])
    return {name: known[name] for name in names if name in known}


def _word(known: Known | None) -> str:
    return "" if known is None else str(known.value)
