"""The site's page as one application: its doors, its routes, and what every request gets."""

from __future__ import annotations

import logging
from mimetypes import guess_type
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relay.config import PageSection
from relay.errors import NaoberError
from relay.node.desk import (
    courier_page,
    drafts,
    help_form,
    home,
    messages,
    notices,
    paper,
    report_form,
    status_form,
)
from relay.node.desk.access import Access
from relay.node.desk.page_words import TROUBLE
from relay.node.desk.portal import LOOKING, Portal
from relay.node.desk.render import ENGLISH, STATIC, Pages
from relay.web.headers import Headers

if TYPE_CHECKING:
    from relay.node.desk.work import DeskWork

UNGUARDED = ("/pin", "/static/", "/favicon.ico")
METHODS = (*LOOKING, "POST")
AGAIN_S = 10  # what a browser that asks too often is told

log = logging.getLogger("naober.desk")


def application(desk: DeskWork, page: PageSection, access: Access) -> Starlette:
    """The ASGI application of one site's page; `access` says who needs no PIN."""
    pages = Pages(desk, page, access)
    modules = (home, messages, notices, drafts, status_form, help_form, report_form, paper, courier_page)

    async def failed(request: Request, error: NaoberError) -> Response:
        return pages.trouble(request, error, 503)

    async def refused(request: Request, error: HTTPException) -> Response:
        return _refused(pages, request, error.status_code)

    return Starlette(
        routes=[
            *(route for module in modules for route in module.routes(pages)),
            *_static(),
        ],
        middleware=[Middleware(Headers), Middleware(Portal), Middleware(_Door, pages=pages)],
        exception_handlers={
            NaoberError: failed,  # type: ignore[dict-item]
            HTTPException: refused,  # type: ignore[dict-item]
        },
    )


def _static() -> list[Route]:
    """The few small files beside the pages, from memory: no thread and no path of the disk is asked for."""
    files = {each.name: (each.read_bytes(), guess_type(each.name)[0]) for each in STATIC.iterdir()}

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in files:
            raise HTTPException(404)
        content, kind = files[name]
        return Response(content, media_type=kind)

    async def no_icon(request: Request) -> Response:
        return Response(status_code=204)

    return [Route("/static/{name}", static), Route("/favicon.ico", no_icon)]


def _refused(pages: Pages, request: Request, status: int) -> Response:
    return pages.trouble(request, TROUBLE.get(status, TROUBLE[400]), status)


class _Door:
    """Language, PIN and rate of each request; and the first screen's facts: every page shows some of them."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self._app, self._pages = app, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = _in_language(scope)
        request, begun = Request(scope, receive), False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            refused = await self._refusal(request)
            await (refused or self._app)(scope, receive, noting)
        except Exception:
            log.exception("the page at %s failed", scope["path"])
            if not begun:
                await _refused(self._pages, request, 500)(scope, receive, send)

    async def _refusal(self, request: Request) -> Response | None:
        """Why `request` goes no further; None when it does, with `state.home` filled in."""
        scope, access, device = request.scope, self._pages.access, self._pages.device(request)
        if scope["method"] not in METHODS:
            return PlainTextResponse("", 405)
        if scope["method"] in LOOKING and not access.may_look(scope, device):
            return PlainTextResponse("Wacht even. / Wait a moment.", 429, {"Retry-After": str(AGAIN_S)})
        if scope["method"] == "POST" and not access.may_post(device):
            return _refused(self._pages, request, 429)
        if scope["path"].startswith(UNGUARDED):
            return None
        if not access.is_inside(scope):
            return RedirectResponse(self._pages.url(request, "/pin"), 303)
        try:
            scope["state"]["home"] = await self._pages.desk.home(device)
        except NaoberError as error:
            return self._pages.trouble(request, error, 503)
        return None


def _in_language(scope: Scope) -> Scope:
    """`/en/hulp` as `/hulp` in English."""
    path, language = scope["path"], "nl"
    if path == ENGLISH or path.startswith(f"{ENGLISH}/"):
        path, language = path.removeprefix(ENGLISH) or "/", "en"
    path = f"/{path.lstrip('/')}"  # a link to "//other" would leave this page
    state = {**scope.get("state", {}), "language": language, "path": path}
    return {**scope, "path": path, "raw_path": path.encode(), "state": state}
