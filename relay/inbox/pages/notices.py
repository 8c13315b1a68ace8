"""VRD speaks to its sites: one form, and of each notice who has it, who answered and who did not."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.core.notice_words import NOTICE_KIND
from relay.core.notices import ANSWERS_MAX, CANNOT, DONE, READ
from relay.core.wire import PAYLOAD_BYTES_MAX
from relay.errors import Text, ValueRefused
from relay.inbox.board import Board, SiteView
from relay.inbox.operators.notices import (
    ALL,
    ANSWER_LENGTH_MAX,
    KINDS,
    MUNICIPALITY,
    SCOPES,
    SITE,
    Delivery,
    NoticeDraft,
    SentNotice,
)
from relay.inbox.pages import lanes, notice_words, words
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit, must_be_ours
from relay.web.forms import form_of

TEXT_LENGTH_MAX = 120
SENT_SHOWN = 30
NUMBER_DIGITS_MAX = 9
TO_MANY = "coordinator"  # who may speak to more than one site


class Row(msgspec.Struct, frozen=True):
    """One notice as the list shows it."""

    notice: SentNotice
    aim: str
    has: list[str]
    missing: list[str]
    answers: list[tuple[str, str, int]]  # site, what it answered, when

    @property
    def total(self) -> int:
        """How many sites it is for."""
        return len(self.has) + len(self.missing)


class NoticePages:
    """The page /berichten."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def show(self, request: Request, visit: Visit) -> Response:
        """The form, empty or aimed at one site, and what was sent."""
        aim, older = request.query_params.get("punt", ""), request.query_params.get("vervangt", "")
        draft = NoticeDraft(kind="order", aim=aim, exercise=lanes.is_exercise(visit.lane))
        return self._page(request, visit, self._anew(older) or draft)

    def _anew(self, number: str) -> NoticeDraft | None:
        """What stands in the place of a notice begins as that one was."""
        for notice in self._room.operators.notices.newest(SENT_SHOWN):
            if str(notice.id) == number and may_be_replaced(notice):
                fields = {name: getattr(notice, name) for name in NoticeDraft.__struct_fields__}
                return NoticeDraft(**fields | {"replaces": notice.id})
        return None

    async def send(self, request: Request, visit: Visit) -> Response:
        """Look at it once more, or send it: an operator to one site, a coordinator to many."""
        form = await form_of(request)
        must_be_ours(request, form, visit.session.csrf)
        draft = _draft(form)
        if draft.scope != SITE and not visit.session.account.may(TO_MANY):
            raise HTTPException(403)
        sites = _sites_of(draft, self._room.board())
        problem, is_check = None if sites else notice_words.PAGE["nobody"], form.get("do") != "send"
        notices = self._room.operators.notices
        try:
            draft.check()
            await run_in_threadpool(notices.check_replacing, draft, sites)
            if not (problem or is_check):
                await run_in_threadpool(notices.make, draft, sites, visit.name, self._room.post.epoch())
        except ValueRefused as error:
            problem = problem or Text(f"{error.what.nl}. {error.do.nl}", f"{error.what.en}. {error.do.en}")
        if problem or is_check:
            status = 200 if is_check else 400
            return await run_in_threadpool(self._page, request, visit, draft, problem, True, status)
        self._room.post.posted(sites)
        self._room.look_soon()
        return RedirectResponse("/berichten", 303)

    def _page(
        self,
        request: Request,
        visit: Visit,
        draft: NoticeDraft,
        problem: Text | None = None,
        checked: bool = False,
        status: int = 200,
    ) -> Response:
        board, language = self._room.board(), visit.language
        names = {site.key: site.name for site in board.sites}
        rows = [
            self._row(notice, names, language) for notice in self._room.operators.notices.newest(SENT_SHOWN)
        ]
        return self._room.page(
            "notices.html",
            visit,
            request,
            status,
            board=self._room.board(visit.lane),
            n={key: words.pick(text, language) for key, text in notice_words.PAGE.items()},
            names={kind: words.pick(text, language) for kind, text in NOTICE_KIND.items()},
            kinds=[(kind, words.pick(NOTICE_KIND[kind], language)) for kind in KINDS],
            scopes=[(scope, words.pick(notice_words.SCOPE[scope], language)) for scope in SCOPES],
            replaceable=[row.notice.id for row in rows if may_be_replaced(row.notice)],
            may_all=visit.session.account.may(TO_MANY),
            sites=sorted(board.sites, key=lambda site: site.name),
            towns=sorted({site.municipality for site in board.sites if site.municipality}),
            draft=draft,
            buttons=[*draft.answers, *[""] * (ANSWERS_MAX - len(draft.answers))],
            size=_size(draft) if checked else None,
            room_bytes=PAYLOAD_BYTES_MAX,
            problem=words.pick(problem, language) if problem else "",
            rows=rows,
            text_max=TEXT_LENGTH_MAX,
            answer_max=ANSWER_LENGTH_MAX,
        )

    def _row(self, notice: SentNotice, names: dict[str, str], language: str) -> Row:
        deliveries = self._room.operators.notices.deliveries(notice.id)
        aim = names.get(notice.aim, notice.aim)
        if not aim:
            aim = words.pick(notice_words.SCOPE[notice.scope], language)
        return Row(
            notice,
            aim,
            [names.get(each.site, each.site) for each in deliveries if each.had_s is not None],
            [names.get(each.site, each.site) for each in deliveries if each.had_s is None],
            [
                (names.get(each.site, each.site), _answer(notice, each, language), each.answered_s or 0)
                for each in deliveries
                if each.answer is not None
            ],
        )


def may_be_replaced(notice: SentNotice) -> bool:
    """Exercises are begun and ended; of what was replaced its replacement is."""
    return notice.kind in KINDS and not notice.replaced_by


def _draft(form: dict[str, str]) -> NoticeDraft:
    """What the form says; raises HTTPException for what no form of ours sends."""
    scope, kind, urgency = form.get("scope", ""), form.get("kind", ""), form.get("urgency", "")
    replaces = form.get("replaces") or "0"
    if scope not in SCOPES or kind not in KINDS or urgency not in ("1", "2", "3"):
        raise HTTPException(400)
    if not (replaces.isascii() and replaces.isdecimal() and len(replaces) <= NUMBER_DIGITS_MAX):
        raise HTTPException(400)
    offered = (form.get(f"answer{at}", "") for at in range(1, ANSWERS_MAX + 1))
    aims = {SITE: form.get("site", ""), MUNICIPALITY: form.get("municipality", ""), ALL: ""}
    return NoticeDraft(
        kind=kind,
        text=" ".join(form.get("text", "").split())[:TEXT_LENGTH_MAX],
        answers=tuple(each for each in offered if each) if kind == "question" else (),
        urgency=int(urgency),
        exercise=form.get("exercise") == "1",
        scope=scope,
        aim=aims[scope],
        replaces=int(replaces),
    )


def _sites_of(draft: NoticeDraft, board: Board) -> list[str]:
    """The keys of the sites that it is for."""

    def is_meant(site: SiteView) -> bool:
        meant: dict[str, Any] = {SITE: site.key, MUNICIPALITY: site.municipality, ALL: draft.aim}
        return bool(meant[draft.scope] == draft.aim)

    return [site.key for site in board.sites if is_meant(site)]


def _size(draft: NoticeDraft) -> int | None:
    try:
        return draft.size_bytes
    except ValueRefused:
        return None  # its text is longer than any field: the problem says so


def _answer(notice: SentNotice, delivery: Delivery, language: str) -> str:
    given = delivery.answer or READ
    if given == READ:
        return words.pick(notice_words.ANSWER["read"], language)
    if notice.answers:
        return notice.answers[given - 1] if given <= len(notice.answers) else str(given)
    known = {DONE: "done", CANNOT: "cannot"}
    return words.pick(notice_words.ANSWER[known[given]], language) if given in known else str(given)
