"""In and out."""

from __future__ import annotations

import asyncio
import time

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.inbox.operators import people
from relay.inbox.operators.people import SESSION_S, WALL_SESSION_S, Throttle
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import COOKIE, Visit, form_of, language_of, must_be_ours, same_origin


class Login:
    """The login page, and what it does."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._throttle = Throttle(time.monotonic)

    async def page(self, request: Request) -> Response:
        """The form."""
        return self._form(request)

    def _form(self, request: Request, *, wrong: bool = False, name: str = "") -> Response:
        back = _back(request.query_params.get("terug", "/"))
        status = 401 if wrong else 200
        return self._room.plain("login.html", language_of(request), status, wrong=wrong, name=name, back=back)

    async def enter(self, request: Request) -> Response:
        """Name and password; each failure beyond five makes the next answer slower."""
        if not same_origin(request):
            raise HTTPException(403)
        form = await form_of(request)
        name, password = form.get("name", ""), form.get("password", "")
        place = request.client.host if request.client else ""
        await asyncio.sleep(self._throttle.wait_s(f"name {name}", f"place {place}"))
        if not await self._room.check_password(name, password):
            self._throttle.failed(f"name {name}", f"place {place}")
            await run_in_threadpool(self._room.operators.log, "?", "login refused", f"{name[:64]} {place}")
            return self._form(request, wrong=True, name=name)
        self._throttle.succeeded(f"name {name}")
        old = request.cookies.get(COOKIE, "")
        token, session = await run_in_threadpool(self._enter, name, old)
        start = "/wand" if session.account.role == "wall" else _back(request.query_params.get("terug", "/"))
        answer = RedirectResponse(start, 303)
        answer.set_cookie(
            COOKIE,
            token,
            max_age=WALL_SESSION_S if session.account.role == "wall" else SESSION_S,
            httponly=True,
            samesite="strict",
            secure=self._room.options.secure,
        )
        return answer

    def _enter(self, name: str, old: str) -> tuple[str, people.Session]:
        """A new session, never one that the browser brought along."""
        if old:
            self._room.operators.log_out(old)
        return self._room.operators.log_in(name)

    async def leave(self, request: Request, visit: Visit) -> Response:
        """The session is over, here and on the server."""
        must_be_ours(request, await form_of(request), visit.session.csrf)
        await run_in_threadpool(self._room.operators.log_out, visit.token)
        answer = RedirectResponse("/inloggen", 303)
        answer.delete_cookie(COOKIE)
        return answer


def _back(path: str) -> str:
    """A path of ours, whatever was asked for."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
