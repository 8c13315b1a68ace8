"""Paper: the form to print (`/formulier`), and what was written on one (`/papier`), sent with its age.

The numbers on the form are those of the field table, so that it can be read out; the form at VRD has the same
(core/paper_form). What the node measures by itself is on the paper, for the day that the node is dark, but
is not entered here. Source: experience.md, section 2 (Paper).
"""

from __future__ import annotations

import contextlib
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.core.fields import BY_NAME, Field, paper_number
from relay.core.paper_form import FORM_FIELDS, MEASURED_BUT_SEEN, understand
from relay.errors import NaoberError, StorageError, Text
from relay.node.desk import checking, entry_words, privacy
from relay.node.desk.entry_words import PAGE, URGENCY
from relay.node.desk.paper_entry import (
    MESSAGE_FIELDS,
    OWN,
    SITE_FIELDS,
    Paper,
    newer_than,
    not_taken,
    paper_of,
    problems_of,
    taken_over,
)
from relay.node.desk.render import Pages
from relay.node.desk.status_form import AGAIN, GROUPS, differs
from relay.node.desk.steps import EMERGENCY, WRONG, Problems, forget, may_send, other, status_of
from relay.node.desk.words import ago

NAME = "papier"  # of its draft


def routes(pages: Pages) -> list[Route]:
    """For app.py."""
    here = _PaperPages(pages)
    return [
        Route("/formulier", here.blank, methods=["GET"]),
        Route("/papier", here.form, methods=["GET"]),
        Route("/papier", here.take, methods=["POST"]),
        Route("/papier/controle", here.last_look, methods=["GET"]),
        Route("/papier/controle", here.send, methods=["POST"]),
    ]


class _PaperPages:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def _words(self, request: Request) -> dict[str, Any]:
        return {
            "e": entry_words.words_of(self._pages.language(request)),
            "ew": entry_words,
            "fields": BY_NAME,
            "number": paper_number,
            "limits": checking,
        }

    async def blank(self, request: Request) -> Response:
        """The form to print."""
        groups = {name: [BY_NAME[each] for each in names] for name, names in GROUPS.items()}
        groups["stroom"] = [*(BY_NAME[name] for name in MEASURED_BUT_SEEN), *groups["stroom"]]
        rest = [field for field in FORM_FIELDS if field.name in MESSAGE_FIELDS]
        return self._pages.render(
            request, "formulier.html", **self._words(request), groups=groups, message=rest
        )

    # --- entering what is on it ---

    async def form(self, request: Request) -> Response:
        """Empty, or as it was left."""
        draft: dict[str, str] = {}
        paper = paper_of(request.query_params)
        if not paper.is_ours:
            draft = await self._pages.desk.draft(self._pages.device(request), NAME)
            if draft and "verder" in request.query_params:
                return self._pages.to(request, f"/papier?{paper_of(draft).query()}")
            paper = Paper(
                {**paper.given, "form": self._pages.new_form(), "form_stand": self._pages.new_form()}
            )
        said, problems = paper.given.get("said", ""), Problems()
        if WRONG in request.query_params:
            problems, _ = problems_of(paper, self._pages.page.capacity)
        return self._pages.render(
            request,
            "papier.html",
            **self._words(request),
            groups=GROUPS,
            given={**dict.fromkeys((*OWN, *SITE_FIELDS, *MESSAGE_FIELDS), ""), **paper.given},
            rest=not_taken(understand(said)) if said else None,
            problems={name: self._pages.text(request, text) for name, text in problems.items()},
            not_asked=[BY_NAME[name] for name in MEASURED_BUT_SEEN],
            drafted=bool(draft),
            again=AGAIN in request.query_params,
        )

    async def take(self, request: Request) -> Response:
        """Take over what was typed as it was read out, or go on to the last look."""
        given = await self._pages.form_of(request)
        paper = paper_of(given)
        if not paper.is_ours:
            raise HTTPException(400)
        name, _, said = given.get("stap", "").partition(":")
        if name in ("hours", "minutes") and (by := checking.step_by(said)) is not None:
            now = paper.given.get(name, "")
            paper.given[name] = str(max(0, (int(now) if now.isdecimal() else 0) + by))
        if given.get("naar") == "overnemen":
            paper = taken_over(paper)
        with contextlib.suppress(StorageError):  # told when it is saved
            await self._pages.desk.keep_draft(self._pages.device(request), NAME, paper.given)
        if name or given.get("naar"):
            return self._pages.to(request, f"/papier?{paper.query()}#{name[:20] or 'said'}")
        problems, _ = problems_of(paper, self._pages.page.capacity)
        if problems:
            return self._pages.to(request, f"/papier?{paper.query()}&{WRONG}=1")
        return self._pages.to(request, f"/papier/controle?{paper.query()}")

    # --- the last look ---

    async def last_look(self, request: Request) -> Response:
        """All of it once more, in words."""
        paper = paper_of(request.query_params)
        problems, _ = problems_of(paper, self._pages.page.capacity)
        if not paper.is_ours or problems:
            return self._pages.to(request, f"/papier?{paper.query()}&{WRONG}=1")
        return await self._check(request, paper)

    async def _check(self, request: Request, paper: Paper, error: NaoberError | None = None) -> Response:
        newer = newer_than(paper, await self._pages.desk.known())
        _, questions = problems_of(paper, self._pages.page.capacity)
        back = f"/papier?{paper.query()}"
        message = paper.message()
        return self._pages.render(
            request,
            "check.html",
            status_of(error),
            **self._words(request),
            action="/papier/controle",
            hidden=paper.given,
            lines=[(label, said, back) for label, said in self._lines(request, paper)],
            back=back,
            questions=[self._pages.text(request, text) for text in questions.values()],
            found=privacy.findings(message.get("text", "")),
            message=bool(message),
            newer=newer,
            is_emergency=bool(message) and paper.urgency == EMERGENCY,
            error=error,
            other=other(self._pages, request, f"/papier/controle?{paper.query()}"),
        )

    def _lines(self, request: Request, paper: Paper) -> list[tuple[str, str]]:
        language = self._pages.language(request)
        lines = [(self._pages.text(request, PAGE["written_ago"]), ago((paper.ago_min or 0) * 60, language))]
        for name, value in {**paper.site(), **paper.message()}.items():
            field = BY_NAME[name]
            said = value if field.kind == "text" else entry_words.choice(field, value, language)
            lines.append((f"{paper_number(field)} {self._pages.text(request, _label(field))}", said))
        if paper.message():
            lines.append(
                (
                    self._pages.text(request, PAGE["urgency"]),
                    self._pages.text(request, URGENCY[paper.urgency]),
                )
            )
        return lines

    async def send(self, request: Request) -> Response:
        """Both halves of the paper: the message, then the values of the site. Either may be empty."""
        given = await self._pages.form_of(request)
        paper, naar = paper_of(given), given.get("naar", "")
        problems, _ = problems_of(paper, self._pages.page.capacity)
        if not paper.is_ours:
            raise HTTPException(400)
        if problems:
            return self._pages.to(request, f"/papier?{paper.query()}&{WRONG}=1")
        if naar == "weghalen":
            paper.given["text"] = privacy.without(paper.given.get("text", ""))
        if (paper.message() or naar) and not may_send(self._pages, request, naar):
            return self._pages.to(request, f"/papier/controle?{paper.query()}")
        try:
            went = await self._send(request, paper, naar)
        except NaoberError as error:
            return await self._check(request, paper, error)
        await forget(self._pages, request, NAME, paper.given["form"])
        return self._pages.to(request, went)

    async def _send(self, request: Request, paper: Paper, naar: str) -> str:
        desk, device, went = self._pages.desk, self._pages.device(request), "/stand?bewaard=openstelling"
        if message := paper.message():
            await self._pages.count_message(request, paper.given["form"])
            outcome = await desk.submit(
                paper.given["form"],
                paper.kind,  # type: ignore[arg-type]
                message,
                int(paper.urgency),
                real=naar == "echt",
                exercise=naar == "oefening",
                device=device,
                ago_min=paper.ago_min or 0,
            )
            id_ = outcome.sent.id if outcome.sent else paper.given["form"]
            went = f"/verstuurd/{id_}" + ("?n=al" if outcome.repeated else "")
        newer = newer_than(paper, await desk.known())
        if site := {name: value for name, value in paper.site().items() if name not in newer}:
            form, ago_min = paper.given["form_stand"], paper.ago_min or 0
            outcome = await desk.enter(form, site, device=device, ago_min=ago_min)
            if outcome.repeated and differs(site, await desk.known()):
                anew = Paper({**paper.given, "form_stand": self._pages.new_form()})
                return f"/papier?{anew.query()}&{AGAIN}=1"
        return went


def _label(field: Field) -> Text:
    return Text(field.nl, field.en)
