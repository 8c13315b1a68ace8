"""The routes of the operators' pages, and what every answer has in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from relay.errors import StorageError
from relay.inbox.pages import api, lanes
from relay.inbox.pages.actions import Actions
from relay.inbox.pages.courier import CourierPages
from relay.inbox.pages.exercise import ExercisePages
from relay.inbox.pages.geography import Outline
from relay.inbox.pages.live import Live
from relay.inbox.pages.login import Login
from relay.inbox.pages.manual import Manual
from relay.inbox.pages.notices import NoticePages
from relay.inbox.pages.papers import Papers
from relay.inbox.pages.printed import Printed
from relay.inbox.pages.room import Room
from relay.inbox.pages.security import Security
from relay.inbox.pages.views import Views
from relay.inbox.pages.visit import LANGUAGE_COOKIE, Visit, language_of, visit_of
from relay.inbox.pages.words import LANGUAGES
from relay.web.forms import back_of
from relay.web.headers import Headers

if TYPE_CHECKING:
    from relay.inbox.oidc import Provider

STATIC = Path(__file__).parent / "static"
YEAR_S = 365 * 86_400
OF_ITSELF = "vanzelf"  # in the address of a page that a browser without scripts takes anew

View = Callable[[Request, Visit], Response]
Action = Callable[[Request, Visit], Awaitable[Response]]


def application(room: Room, outline: Outline | None = None, provider: Provider | None = None) -> Starlette:
    """The ASGI application of one operators' room."""
    views, login, actions, security = Views(room), Login(room), Actions(room), Security(room)
    papers, notices = Papers(room, outline or Outline()), NoticePages(room)
    exercises = ExercisePages(room)
    manual, printed, courier = Manual(room), Printed(room), CourierPages(room)
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
            Route("/oefening", _seen(room, exercises.show)),
            Route("/oefening", _done(room, exercises.start, role="coordinator"), methods=["POST"]),
            Route("/oefening/einde", _done(room, exercises.end, role="coordinator"), methods=["POST"]),
            Route("/formulier", _seen(room, printed.form)),
            Route("/stand", _seen(room, printed.picture)),
            Route("/handmatig", _seen(room, manual.page, role="operator")),
            Route("/handmatig", _done(room, manual.enter), methods=["POST"]),
            Route("/handmatig/koerier", _seen(room, courier.page, role="operator")),
            Route("/handmatig/koerier", _done(room, courier.text), methods=["POST"]),
            Route("/handmatig/koerier/foto", _done(room, courier.photos), methods=["POST"]),
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
            Route(
                "/beheer/veiligheid",
                _done(room, security.end, role="administrator"),
                methods=["POST"],
            ),
            Route("/inloggen", login.page),
            Route("/inloggen", login.enter, methods=["POST"]),
            *_of_provider(room, login, provider),
            Route(
                "/uitloggen",
                _done(room, login.leave, role="wall", locked=True, standby=True),
                methods=["POST"],
            ),
            Route("/taal/{language}", _language),
            Route("/baan/{lane}", lanes.choose),
            *api.routes(room),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Headers)],
        exception_handlers={
            StorageError: lambda request, error: room.trouble(language_of(request), "read_only", 503),
            HTTPException: lambda request, error: room.refused(language_of(request), error.status_code),
        },
    )


def _of_provider(room: Room, login: Login, provider: Provider | None) -> list[Route]:
    if provider is None:
        return []
    from relay.inbox.pages.oidc import OidcLogin

    oidc = OidcLogin(room, login, provider)
    return [
        Route("/inloggen/oidc", oidc.start),
        Route("/inloggen/oidc/staat", oidc.state),
        Route("/inloggen/oidc/terug", oidc.back),
        Route("/inloggen/oidc/eerste", oidc.first, methods=["POST"]),
    ]


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
    room: Room, action: Action, role: str = "operator", *, locked: bool = False, standby: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """`action` for who may do it, by a form of their own session; `locked`: on a locked screen too.

    `standby`: also at an inbox that stands by. What VRD does is done in the one that speaks.
    """

    async def endpoint(request: Request) -> Response:
        visit = await run_in_threadpool(visit_of, request, room.operators)
        if visit is None:
            return room.to_login(request)
        if not visit.session.account.may(role) or (visit.locked and not locked):
            raise HTTPException(403)
        if not standby and (why := room.standby()):
            return room.trouble(visit.language, f"standby_{why}", 409)
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
    answer = RedirectResponse(back_of(request), 303)
    if chosen in LANGUAGES:
        secure = request.url.scheme == "https"
        answer.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=YEAR_S, samesite="strict", httponly=True, secure=secure
        )
    return answer
