"""What the pages share: the stores, the watch, the templates, and answers that many of them give."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from relay.inbox.board import Board, SiteView
from relay.inbox.operators import people
from relay.inbox.operators.reports import Report
from relay.inbox.operators.store import Operators
from relay.inbox.pages import lanes
from relay.inbox.pages.live import Live
from relay.inbox.pages.render import Renderer
from relay.inbox.pages.visit import Visit
from relay.inbox.queries import Finding, Reader, StoredMessage
from relay.inbox.watch import Watch

HASHING_AT_ONCE = 4
LOOK_WAIT_S, LOOK_WAITS = 0.03, 20  # at most this long and often: the watch looks after a tenth of a second
NEAR = 50
RENDERED_MAX = 100  # parts of pages in memory
HISTORY_S = 24 * 3600
HISTORY_ROWS = 3_000  # a status every half minute
_REFUSED = {
    403: "forbidden",
    404: "not_found",
    405: "not_found",
    413: "expired",
    415: "expired",
    400: "expired",
}


class Options(msgspec.Struct, frozen=True):
    """How this room is set up."""

    teams: tuple[str, ...] = ()
    banner: str = ""  # in the place of "ECHT": a demo, an exercise range
    secure: bool = False  # cookies over TLS only
    oidc: bool = False  # there is an identity provider


class Post(msgspec.Struct, frozen=True):
    """What carries to sites what operators say; the empty one carries nothing."""

    posted: Callable[[Iterable[str]], None] = lambda sites: None  # to these sites there is a new notice
    step_taken: Callable[..., None] = lambda *addresses: None  # with reports of these nodes
    epoch: Callable[[], int] = lambda: 0  # of the inbox


def _nobody() -> None:
    """There is no watch that could look."""


async def _no_courier(question: dict[str, Any]) -> dict[str, Any]:
    """There is no intake that could take in what a courier brings."""
    raise HTTPException(503)


class Room:
    """The operators' room."""

    def __init__(
        self,
        operators: Operators,
        watch: Watch,
        reader: Reader,
        trouble: Callable[[], str],
        options: Options | None = None,
    ) -> None:
        self.operators, self.watch, self.storage_trouble = operators, watch, trouble
        self._reader = reader
        self.options = options or Options()
        self.live = Live()
        self.look_soon: Callable[[], None] = _nobody  # asks the watch for a look before its second is over
        self.post = Post()
        self.courier: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]] = _no_courier
        self.standby: Callable[[], str] = lambda: ""  # why this inbox says nothing; empty: it speaks
        self._renderer = Renderer()
        self._rendering = threading.Lock()
        self._rendered: dict[tuple[object, ...], tuple[object, str]] = {}
        self._blank = secrets.token_hex(16)  # stands where the token of a session will
        self._hashing = asyncio.Semaphore(HASHING_AT_ONCE)

    async def check_password(self, name: str, password: str) -> bool:
        """Whether it is the one of that account; a few at once, since each takes 19 MiB."""
        async with self._hashing:
            return await run_in_threadpool(
                lambda: people.is_right(password, self.operators.password_of(name))
            )

    async def look_now(self) -> None:
        """A look at what was just stored; waited for, so that the page that follows shows it."""
        seen = self.board().version
        self.look_soon()
        for _ in range(LOOK_WAITS if self.look_soon is not _nobody else 0):
            if self.board().version != seen:
                return
            await asyncio.sleep(LOOK_WAIT_S)

    def board(self, lane: str = lanes.REAL) -> Board:
        """The newest snapshot of a lane (of both: the real one); raises LookupError before the first look."""
        watched = self.watch.exercise if lanes.is_exercise(lane) else self.watch.real
        if watched.board is None:
            raise LookupError("nobody has looked yet")
        return watched.board

    def reports(self, lane: str, *, site: str | None = None, limit: int = 200) -> list[Report]:
        """The newest of a lane, newest first."""
        found = [
            report
            for exercise in lanes.flags(lane)
            for report in self.operators.reports(exercise=exercise, site=site, limit=limit)
        ]
        return sorted(found, key=lambda report: -report.received_s)[:limit]

    def reports_near(self, report: Report) -> list[Report]:
        """Of the same site and lane, the newest first: among them it is looked for who said the same."""
        return self.operators.reports(exercise=report.exercise, site=report.site, limit=NEAR)

    def site(self, report: Report) -> SiteView | None:
        """Where a report comes from, in its own lane; in the real one for a site that only spoke there."""
        lane = lanes.EXERCISE if report.exercise else lanes.REAL
        return self.board(lane).site(report.site) or self.board().site(report.site)

    def findings(self) -> list[Finding]:
        """What should be known of nodes beside what they say, of all that ever spoke."""
        return [each for theirs in self._reader.findings().values() for each in theirs]

    def history(self, site: SiteView) -> list[StoredMessage]:
        """The statuses of the last 24 hours of a site's present node."""
        if not site.addresses:
            return []
        since_s = self.operators.now_s() - HISTORY_S
        return self._reader.statuses(bytes.fromhex(site.addresses[0]), since_s, HISTORY_ROWS)

    def page(
        self, name: str, visit: Visit, request: Request, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """A whole page for somebody who is logged in."""
        return HTMLResponse(self._text(name, visit, request, values), status)

    def _text(self, name: str, visit: Visit, request: Request, values: dict[str, Any]) -> str:
        return self._renderer.page(
            name,
            visit.language,
            visit=visit,
            here=request.url.path,
            options=self.options,
            read_only=bool(self.storage_trouble()),
            standby=self.standby(),
            now_s=self.operators.now_s(),
            muted=self.operators.alarms.mutes(),
            drills=self.operators.exercises.running(),
            lane=visit.lane,
            part="" if visit.lane == lanes.REAL else f"-{visit.lane}",
            real=self.board(),
            practice=self.board(lanes.EXERCISE),
            **values,
        )

    def fragment(self, name: str, visit: Visit, request: Request) -> HTMLResponse:
        """A part that says the same to all who have one language and role."""
        return HTMLResponse(self.shared(name, visit, request))

    def shared(
        self,
        name: str,
        visit: Visit,
        request: Request,
        values: Callable[[], dict[str, Any]] = dict,
        *,
        of: object = None,
        made_from: object = None,
    ) -> str:
        """A part that is made once for each look, for all who have one language and role.

        `of`: what else it is of, for which `values` are looked up; `made_from`: made anew, too, when that
        changes. The token of the session stands in its forms; it is put in afterwards.
        """
        versions = (
            made_from,
            self.board().version,
            self.board(lanes.EXERCISE).version,
            self.storage_trouble(),
            self.standby(),
        )
        role, locked = visit.session.account.role, visit.locked
        key = name, visit.lane, visit.language, role, locked, of
        with self._rendering:  # fifty browsers ask at once
            made, text = self._rendered.pop(key, (None, ""))
            if made != versions:
                account = msgspec.structs.replace(visit.session.account, name="")
                session = msgspec.structs.replace(visit.session, account=account, csrf=self._blank)
                nobody = msgspec.structs.replace(visit, session=session, token="")
                board = self.board(visit.lane)
                text = self._text(name, nobody, request, {"board": board, **values()})
            self._rendered[key] = versions, text
            if len(self._rendered) > RENDERED_MAX:
                del self._rendered[next(iter(self._rendered))]  # not asked for the longest
        return text.replace(self._blank, visit.session.csrf)

    def plain(self, template: str, language: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page for anybody."""
        return HTMLResponse(
            self._renderer.page(template, language, visit=None, options=self.options, here="/", **values),
            status,
        )

    def text(self, template: str, **values: Any) -> str:
        """In Dutch, for paper."""
        return self._renderer.page(template, "nl", **values)

    def refused(self, language: str, status: int) -> Response:
        """A refusal in one sentence."""
        return self.trouble(language, _REFUSED.get(status, "not_found"), status)

    def trouble(self, language: str, word: str, status: int) -> Response:
        """A page of one sentence."""
        return self.plain("trouble.html", language, status, word=word)

    def to_login(self, request: Request) -> Response:
        """The login page, which leads back to here."""
        here = request.url.path if request.method == "GET" else "/"
        return RedirectResponse(f"/inloggen?terug={quote(here)}", 303)
