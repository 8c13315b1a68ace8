"""Going step by step through a message that is sent: what, how much, how urgent, a last look.

Each step is a plain page with an address of its own, and what was chosen so far stands in that address: the
back button, the other language and a browser without scripts lose nothing. Every step that is posted is kept
as a draft too, for who closes the window. The one-time form id is made at the first step, so that a form that
is sent twice is one message. Source: experience.md, section 2 (what can go wrong; V1, V5, V7, V13).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.core.fields import BY_NAME
from relay.errors import NaoberError, StorageError, Text
from relay.node.desk import checking, entry_words, privacy
from relay.node.desk.entry_words import URGENCY
from relay.node.desk.render import ENGLISH, Pages

KEYS = ("form", "kind", "need", "incident", "amount", "amount_unit", "text", "urgency")
KEY_LENGTH_MAX = 600  # of what is passed on; a text of that length is refused, but not lost
CHECK = "controle"
WRONG = "let"  # in an address: say what is wrong with this step
AT = "at"  # in a draft that our script kept: on which step
EMERGENCY = "1"
SENDING = ("versturen", "oefening", "echt")  # buttons of the last look
NOT_ASKED = "3"  # the urgency of what is not asked for one

_FORM = re.compile(r"[A-Za-z0-9_-]{1,64}")

State = dict[str, str]
Problems = dict[str, Text]


class Step(NamedTuple):
    """One page of the way."""

    name: str  # the last part of its address; empty for the first
    keys: tuple[str, ...]  # what it fills in
    problems: Callable[[State], Problems]  # what is wrong with that, by key


class Way(msgspec.Struct, frozen=True):
    """One of the ways through: of a request, of a report."""

    path: str  # of its first page; the draft has its name
    template: str
    kinds: tuple[str, ...]  # of message; the first is meant when none is said
    steps: Callable[[State], tuple[Step, ...]]
    values: Callable[[State], dict[str, str]]  # what is sent, as wire words
    more: Callable[[State], dict[str, Any]]  # what else its template shows
    labels: Callable[[State], dict[str, Text]]  # of each line of the last look, by key

    @property
    def name(self) -> str:
        """Of its drafts."""
        return self.path.strip("/")


def state_of(given: Mapping[str, str], way: Way) -> State:
    """What was chosen so far; anything else that is given is left out."""
    state = {key: given[key][:KEY_LENGTH_MAX] for key in KEYS if key in given}
    if not is_form(state.get("form", "")):
        state.pop("form", None)
    if state.get("kind") not in way.kinds:
        state["kind"] = way.kinds[0]
    return state


def is_form(form: str) -> bool:
    """Whether this can be a one-time form id of ours."""
    return _FORM.fullmatch(form) is not None


def query(state: Mapping[str, str]) -> str:
    """`state` as it stands in an address."""
    return urlencode({key: state[key] for key in KEYS if key in state})


def urgency_problems(state: State) -> Problems:
    """None when an urgency was chosen."""
    chosen = state.get("urgency") in URGENCY
    return {} if chosen else {"urgency": entry_words.PAGE["choose"]}


class Walk:
    """The pages of one way."""

    def __init__(self, pages: Pages, way: Way) -> None:
        self._pages, self._way = pages, way

    def routes(self) -> list[Route]:
        """For app.py."""
        path = self._way.path
        return [
            Route(path, self._look, methods=["GET"]),
            Route(path, self._take, methods=["POST"]),
            Route(f"{path}/{CHECK}", self._last_look, methods=["GET"]),
            Route(f"{path}/{CHECK}", self._send, methods=["POST"]),
            Route(f"{path}/{{step}}", self._look, methods=["GET"]),
            Route(f"{path}/{{step}}", self._take, methods=["POST"]),
        ]

    # --- looking at a step ---

    async def _look(self, request: Request) -> Response:
        """A step as it was left; the first that was skipped instead of a later one."""
        desk, device = self._pages.desk, self._pages.device(request)
        draft = {}
        if "form" not in request.query_params:
            draft = await desk.draft(device, self._way.name)
            if draft and "verder" in request.query_params:
                return self._resume(request, draft)
        state = state_of(request.query_params, self._way)
        if "form" in state:
            if await desk.one(state["form"]):
                return self._sent(request, state["form"], again=True)
        else:
            state["form"] = self._pages.new_form()
        step = self._step(request, state)
        open_ = self._open(state)
        if step.name and open_ and self._place(state, open_) < self._place(state, step):
            return self._go(request, state)
        problems = step.problems(state) if WRONG in request.query_params else {}
        return self._pages.render(
            request,
            self._way.template,
            **self._common(request, state, problems),
            **self._way.more(state),
            step=step,
            hidden={key: value for key, value in state.items() if key not in step.keys},
            before=self._before(state, step),
            drafted=bool(draft),
        )

    def _common(self, request: Request, state: State, problems: Problems) -> dict[str, Any]:
        return {
            "e": entry_words.words_of(self._pages.language(request)),
            "ew": entry_words,
            "state": {**dict.fromkeys(KEYS, ""), **state},
            "query": query(state),
            "problems": {key: self._pages.text(request, text) for key, text in problems.items()},
            "fields": BY_NAME,
            "limits": checking,
        }

    # --- taking a step ---

    async def _take(self, request: Request) -> Response:
        """What was filled in at a step: kept as a draft, then the next step."""
        given = await self._pages.form_of(request)
        state = _changed(given, state_of(given, self._way))
        if "form" not in state:
            raise HTTPException(400)
        step = self._step(request, state)
        await self._keep(request, state)
        if "stap" in given or given.get("naar") == "hier":
            return self._pages.to(
                request, f"{self._address(step)}?{query(state)}#{given.get('stap', '')[:20]}"
            )
        if step.problems(state):
            return self._pages.to(request, f"{self._address(step)}?{query(state)}&{WRONG}=1")
        return self._go(request, state)

    async def _keep(self, request: Request, state: State) -> None:
        """The draft; a disk that takes none is told when something is sent, not at each step."""
        with contextlib.suppress(StorageError):
            await self._pages.desk.keep_draft(self._pages.device(request), self._way.name, state)

    # --- the last look ---

    async def _last_look(self, request: Request) -> Response:
        state = state_of(request.query_params, self._way)
        if "form" in state and await self._pages.desk.one(state["form"]):
            return self._sent(request, state["form"], again=True)
        if "form" not in state or self._open(state):
            return self._go(request, state)
        return self._show_check(request, state)

    def _show_check(self, request: Request, state: State, error: NaoberError | None = None) -> Response:
        return self._pages.render(
            request,
            "check.html",
            status_of(error),
            **self._common(request, state, {}),
            action=f"{self._way.path}/{CHECK}",
            hidden=state,
            lines=self._lines(request, state),
            back=f"{self._address(self._steps(state)[-1])}?{query(state)}",
            questions=[],
            found=privacy.findings(state.get("text", "")),
            message=True,
            newer={},
            is_emergency=self._urgency(state) == EMERGENCY,
            error=error,
            other=other(self._pages, request, f"{self._way.path}/{CHECK}?{query(state)}"),
        )

    def _lines(self, request: Request, state: State) -> list[tuple[str, str, str]]:
        """Label, what was chosen, and where to change it."""
        language = self._pages.language(request)
        said = self._way.values(state)
        lines = []
        for key, label in self._way.labels(state).items():
            step = next(each for each in self._steps(state) if key in each.keys)
            if key == "urgency":
                text = self._pages.text(request, URGENCY[state[key]])
            else:
                text = entry_words.said(key, said, language)
            lines.append((self._pages.text(request, label), text, f"{self._address(step)}?{query(state)}"))
        return lines

    async def _send(self, request: Request) -> Response:
        """The button of the last look."""
        given = await self._pages.form_of(request)
        state = state_of(given, self._way)
        if "form" not in state:
            raise HTTPException(400)
        if self._open(state):
            return self._go(request, state)
        naar = given.get("naar", "")
        if naar == "weghalen":
            state["text"] = privacy.without(state.get("text", ""))
            await self._keep(request, state)
        if not may_send(self._pages, request, naar):
            return self._pages.to(request, f"{self._way.path}/{CHECK}?{query(state)}")
        return await self._submit(request, state, naar)

    async def _submit(self, request: Request, state: State, naar: str) -> Response:
        desk, device = self._pages.desk, self._pages.device(request)
        try:
            await self._pages.count_message(request, state["form"])
            outcome = await desk.submit(
                state["form"],
                state["kind"],  # type: ignore[arg-type]
                self._way.values(state),
                int(self._urgency(state)),
                real=naar == "echt",
                exercise=naar == "oefening",
                device=device,
            )
        except NaoberError as error:
            return self._show_check(request, state, error)
        await forget(self._pages, request, self._way.name, state["form"])
        return self._sent(request, outcome.sent.id if outcome.sent else state["form"], again=outcome.repeated)

    # --- where one is ---

    def _steps(self, state: State) -> tuple[Step, ...]:
        return self._way.steps(state)

    def _urgency(self, state: State) -> str:
        """As it was chosen; where it is not asked, an address that gives one changes nothing."""
        asked = any("urgency" in step.keys for step in self._steps(state))
        return state["urgency"] if asked else NOT_ASKED

    def _step(self, request: Request, state: State) -> Step:
        name = request.path_params.get("step", "")
        for step in self._steps(state):
            if step.name == name:
                return step
        raise HTTPException(404)

    def _place(self, state: State, step: Step) -> int:
        return self._steps(state).index(step)

    def _open(self, state: State) -> Step | None:
        """The first step that was not taken, or not well."""
        for step in self._steps(state):
            if not all(key in state for key in step.keys) or step.problems(state):
                return step
        return None

    def _before(self, state: State, step: Step) -> Step | None:
        place = self._place(state, step)
        return self._steps(state)[place - 1] if place else None

    def _address(self, step: Step) -> str:
        return f"{self._way.path}/{step.name}" if step.name else self._way.path

    def _go(self, request: Request, state: State) -> Response:
        """To the first step that is open, with what is wrong if it was taken; else to the last look."""
        step = self._open(state)
        path = self._address(step) if step else f"{self._way.path}/{CHECK}"
        taken = step is not None and any(key in state for key in step.keys)
        return self._pages.to(request, f"{path}?{query(state)}" + (f"&{WRONG}=1" if taken else ""))

    def _resume(self, request: Request, draft: Mapping[str, str]) -> Response:
        """Where a draft was left: on the page that was being filled in, else at the first open step."""
        state = state_of(draft, self._way)
        for step in self._steps(state):
            if step.name == draft.get(AT):
                return self._pages.to(request, f"{self._address(step)}?{query(state)}")
        return self._go(request, state)

    def _sent(self, request: Request, id_: str, *, again: bool) -> Response:
        return self._pages.to(request, f"/verstuurd/{id_}" + ("?n=al" if again else ""))


def may_send(pages: Pages, request: Request, naar: str) -> bool:
    """Whether a button of the last look sends; once an exercise runs, only one that says which it is."""
    home = pages.home(request)
    runs = home is not None and home.exercise is not None
    return naar in SENDING and not (runs and naar == SENDING[0])


def status_of(error: NaoberError | None) -> int:
    """Of a page that shows `error`."""
    return 200 if error is None else 503 if isinstance(error, StorageError) else 422


def other(pages: Pages, request: Request, path: str) -> str:
    """`path` in the language that `request` is not in."""
    return path if pages.language(request) == "en" else f"{ENGLISH}{path}"


async def forget(pages: Pages, request: Request, name: str, form: str) -> None:
    """Drop the draft of a form that was sent; another's under the same name stays."""
    device = pages.device(request)
    with contextlib.suppress(StorageError):
        if (await pages.desk.draft(device, name)).get("form") == form:
            await pages.desk.drop_draft(device, name)


def _changed(given: Mapping[str, str], state: State) -> State:
    """After a button that changes a number or gives one at once; another need asks its own amount."""
    amount, equals, unit = given.get("keuze", "").partition(" ")
    if equals:
        state |= {"amount": amount, "amount_unit": unit}
    name, _, said = given.get("stap", "").partition(":")
    if name == "amount" and (by := checking.step_by(said)) is not None:
        state["amount"] = checking.stepped(BY_NAME["amount"], state.get("amount", ""), by)
    if "had" in given and given["had"] != state.get("need", ""):
        state.pop("amount", None)
        state.pop("amount_unit", None)
    return state
