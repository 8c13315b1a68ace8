"""The routes of the operators' pages, and what every answer has in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relay.errors import StorageError
from relay.inbox.pages import api, lanes
from relay.inbox.pages.actions import Actions
from relay.inbox.pages.geography import Outline
from relay.inbox.pages.live import Live
from relay.inbox.pages.login import Login
from relay.inbox.pages.manual import Manual
from relay.inbox.pages.notices import NoticePages
from relay.inbox.pages.papers import Papers
from relay.inbox.pages.printed import Printed
from relay.inbox.pages.room import Room
from relay.inbox.pages.views import Views
from relay.inbox.pages.visit import LANGUAGE_COOKIE, Visit, language_of, visit_of
from relay.inbox.pages.words import LANGUAGES

STATIC = Path(__file__).parent / "static"
YEAR_S = 365 * 86_400
OF_ITSELF = "vanzelf"  # in the address of a page that a browser without scripts takes anew
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
    " connect-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

View = Callable[[Request, Visit], Response]
Action = Callable[[Request, Visit], Awaitable[Response]]


def application(room: Room, outline: Outline | None = None) -> Starlette:
    """The ASGI application of one operators' room."""
    views, login, actions = Views(room), Login(room), Actions(room)
    papers, notices = Papers(room, outline or Outline()), NoticePages(room)
    manual, printed = Manual(room), Printed(room)
    return Starlette(
        routes=[
            Route("/", _seen(room, views.overview), name="overview"),
            Route("/postvak", _seen(room, views.inbox)),
            Route("/punt/{key:path}", _seen(room, views.site)),
            Route("/melding/{report}", _seen(room, views.report)),
            Route("/kaart", _seen(room, papers.map)),
            Route("/tijdlijn", _seen(room, papers.timeline)),
            Route("/rapport", _seen(room, papers.report)),
            Route("/rapport", _done(room, papers.freeze_report), methods=["POST"]),
            Route("/overdracht", _seen(room, papers.handover)),
            Route("/overdracht", _done(room, papers.hand_over), methods=["POST"]),
            Route("/export/{name}", _seen(room, papers.export)),
            Route("/melding/{report}/cap", _seen(room, papers.cap)),
            Route("/berichten", _seen(room, notices.show)),
            Route("/berichten", _done(room, notices.send), methods=["POST"]),
            Route("/formulier", _seen(room, printed.form)),
            Route("/stand", _seen(room, printed.picture)),
            Route("/handmatig", _seen(room, manual.page, role="operator")),
            Route("/handmatig", _done(room, manual.enter), methods=["POST"]),
            Route("/melding/{report}/samenvoegen", _done(room, manual.merge), methods=["POST"]),
            Route("/melding/{report}/losmaken", _done(room, manual.part), methods=["POST"]),
            Route("/logboek", _seen(room, views.log)),
            Route("/beheer", _seen(room, views.accounts, role="administrator")),
            Route("/wand", _seen(room, views.wall, role="wall")),
            Route("/stuk/{name}", _seen(room, views.fragment, role="wall", by_hand=False)),
            Route("/gebeurtenissen", _events(room.live, room)),
            Route("/melding/{report}/stap", _done(room, actions.step), methods=["POST"]),
            Route("/melding/{report}/notitie", _done(room, actions.note_report), methods=["POST"]),
            Route("/notitie/{key:path}", _done(room, actions.note_site), methods=["POST"]),
            Route("/alarm/bevestigen", _done(room, actions.acknowledge), methods=["POST"]),
            Route("/alarm/dempen", _done(room, actions.mute, role="coordinator"), methods=["POST"]),
            Route(
                "/beheer/gebruiker", _done(room, actions.save_account, role="administrator"), methods=["POST"]
            ),
            Route(
                "/beheer/sluiten", _done(room, actions.close_account, role="administrator"), methods=["POST"]
            ),
            Route("/inloggen", login.page),
            Route("/inloggen", login.enter, methods=["POST"]),
            Route("/uitloggen", _done(room, login.leave, role="wall", locked=True), methods=["POST"]),
            Route("/taal/{language}", _language),
            Route("/baan/{lane}", lanes.choose),
            *api.routes(room),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(_Headers)],
        exception_handlers={
            StorageError: lambda request, error: room.trouble(language_of(request), "read_only", 503),
            HTTPException: lambda request, error: room.refused(language_of(request), error.status_code),
        },
    )


def _seen(
    room: Room, view: View, role: str = "reader", *, by_hand: bool = True
) -> Callable[[Request], Awaitable[Response]]:
    """`view` for who is logged in with the rights of `role`; the login page for others.

    `by_hand`: somebody sits there, which puts off the lock.
    """

    async def endpoint(request: Request) -> Response:
        visit = await run_in_threadpool(visit_of, request, room.operators)
        if visit is None:
            return room.to_login(request)
        if not visit.session.account.may(role):
            raise HTTPException(403)
        if by_hand and not visit.locked and OF_ITSELF not in request.query_params:
            await run_in_threadpool(room.operators.touch, visit.token, visit.session)
        return await run_in_threadpool(view, request, visit)

    return endpoint


def _done(
    room: Room, action: Action, role: str = "operator", *, locked: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """`action` for who may do it, by a form of their own session; `locked`: on a locked screen too."""

    async def endpoint(request: Request) -> Response:
        visit = await run_in_threadpool(visit_of, request, room.operators)
        if visit is None:
            return room.to_login(request)
        if not visit.session.account.may(role) or (visit.locked and not locked):
            raise HTTPException(403)
        return await action(request, visit)

    return endpoint


def _events(live: Live, room: Room) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if await run_in_threadpool(visit_of, request, room.operators) is None:
            raise HTTPException(403)
        if live.is_full:
            raise HTTPException(503)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        lane = lanes.lane_of(request)
        return StreamingResponse(
            live.stream(lane != lanes.REAL), media_type="text/event-stream", headers=headers
        )

    return endpoint


async def _language(request: Request) -> Response:
    """Choose a language, and back to where one was."""
    chosen = request.path_params["language"]
    back = request.query_params.get("terug", "/")
    here = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
    answer = RedirectResponse(here, 303)
    if chosen in LANGUAGES:
        secure = request.url.scheme == "https"
        answer.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=YEAR_S, samesite="strict", httponly=True, secure=secure
        )
    return answer


class _Headers:
    """Puts the security headers on every answer, and keeps pages out of caches."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        lasting = scope["path"].startswith("/static/")
        extra = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        extra.append((b"cache-control", b"max-age=3600" if lasting else b"no-store"))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                had = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in extra if pair[0] not in had)]
            await send(message)

        await self._app(scope, receive, with_headers)
