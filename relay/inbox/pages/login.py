"""In and out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.inbox.operators import people
from relay.inbox.operators.people import SESSION_S, WALL_SESSION_S, Throttle
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import COOKIE, Visit, language_of, must_be_ours
from relay.web.forms import back_of, form_of, same_origin


class Login:
    """The login page, and what it does."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._throttle = Throttle(time.monotonic)

    async def page(self, request: Request) -> Response:
        """The form."""
        return self.form(request)

    def form(
        self, request: Request, *, wrong: bool = False, name: str = "", problem: str = "", status: int = 200
    ) -> Response:
        """The form, with what was wrong before; `problem` is a word of the pages."""
        return self._room.plain(
            "login.html",
            language_of(request),
            401 if wrong else status,
            wrong=wrong,
            name=name,
            back=back_of(request),
            problem=problem,
            oidc=self._room.options.oidc,
        )

    async def enter(self, request: Request) -> Response:
        """Name and password; each failure beyond five makes the next answer slower."""
        if not same_origin(request):
            raise HTTPException(403)
        form = await form_of(request)
        name, password = form.get("name", ""), form.get("password", "")
        wait_s, failed = self.throttle(request, name)
        await asyncio.sleep(wait_s)
        if not await self._room.check_password(name, password):
            failed()
            place = _place(request)
            await run_in_threadpool(self._room.operators.log, "?", "login refused", f"{name[:64]} {place}")
            return self.form(request, wrong=True, name=name)
        answer = RedirectResponse(back_of(request), 303)
        session = await self.let_in(request, answer, name)
        if session.account.role == "wall":
            answer.headers["location"] = "/wand"
        return answer

    def throttle(self, request: Request, name: str) -> tuple[float, Callable[[], None]]:
        """How long an answer about this name, or to this place, must wait; what to call when it failed."""
        keys = f"name {name}", f"place {_place(request)}"
        return self._throttle.wait_s(*keys), lambda: self._throttle.failed(*keys)

    async def let_in(self, request: Request, answer: Response, name: str) -> people.Session:
        """A new session for `name`, whose right to it was shown, with `answer`."""
        self._throttle.succeeded(f"name {name}")
        token, session = await run_in_threadpool(self._enter, name, request.cookies.get(COOKIE, ""))
        answer.set_cookie(
            COOKIE,
            token,
            max_age=WALL_SESSION_S if session.account.role == "wall" else SESSION_S,
            httponly=True,
            samesite="strict",
            secure=self._room.options.secure,
        )
        return session

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


def _place(request: Request) -> str:
    return request.client.host if request.client else ""
