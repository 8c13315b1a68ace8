"""The button to VRD's identity provider, the way back from it, and the first time that somebody comes by it.

A session's cookie is not sent along when a browser comes from another site (SameSite=Strict). So the way back
ends on a page of ours, which leads on; the try itself is bound to its browser by a cookie that is sent (Lax).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from relay.errors import ValueRefused
from relay.inbox.oidc import Flow, Person, Provider, Refused, Unreachable
from relay.inbox.operators import people
from relay.inbox.operators.linked import CLOSED, FREE
from relay.inbox.operators.people import Account
from relay.inbox.pages import words, words_login
from relay.inbox.pages.login import Login
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import language_of
from relay.web.forms import back_of, form_of, same_origin

TRY_S = 600  # from the button until the browser is back; and until a password is chosen
TRIES_MAX = 500
THREADS = 4
BOUND, FIRST = "naober-oidc", "naober-eerste"  # cookies
PATH = "/inloggen"

T = TypeVar("T")


class _Try(msgspec.Struct, frozen=True):
    """What waits for a browser."""

    at_s: float
    browser: str
    back: str
    flow: Flow | None = None
    person: Person | None = None


class OidcLogin:
    """Of one room with a provider."""

    def __init__(self, room: Room, login: Login, provider: Provider) -> None:
        self._room, self._login, self._provider = room, login, provider
        self._tries: dict[str, _Try] = {}
        # a provider that is slow must not hold the threads that all other pages need
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="oidc")

    async def _ask(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, question)

    async def state(self, request: Request) -> Response:
        """Whether the provider can be reached; the login page asks, and greys its button."""
        return JSONResponse({"ok": await self._ask(self._provider.look)})

    async def start(self, request: Request) -> Response:
        """To the provider, with secrets of this try."""
        flow, browser = Flow.new(), secrets.token_urlsafe(32)
        try:
            address = await self._ask(lambda: self._provider.address_for(flow))
        except Unreachable:
            return self._login.form(request, problem="oidc_away", status=503)
        self._keep(flow.state, _Try(time.monotonic(), browser, back_of(request), flow=flow))
        answer = RedirectResponse(address, 303)
        self._set(answer, BOUND, browser, "lax")
        return answer

    async def back(self, request: Request) -> Response:
        """With a code from the provider: in, or to the page of the first time."""
        asked = request.query_params
        began = self._take(asked.get("state", ""), request.cookies.get(BOUND, ""))
        if began is None or began.flow is None:
            return await self._refuse(request, "no such try")
        code = asked.get("code", "")
        if not code or asked.get("iss", self._provider.issuer) != self._provider.issuer:
            return await self._refuse(request, asked.get("error", "no code")[:64])
        try:
            person = await self._ask(partial(self._provider.redeem, code, began.flow))
        except Unreachable:
            return self._login.form(request, problem="oidc_away", status=503)
        except Refused as why:
            return await self._refuse(request, str(why)[:200])
        if not person.role:
            return await self._refuse(request, f"no role: {person.name}"[:200], "oidc_no_role")
        name = await run_in_threadpool(self._room.operators.linked.account, person.issuer, person.subject)
        if name is not None:
            return await self._enter(request, person, name, began.back)
        return await self._ask_password(request, person, began.back)

    async def first(self, request: Request) -> Response:
        """A password of one's own; of an account that is there already, its password."""
        if not same_origin(request):
            raise HTTPException(403)
        form = await form_of(request)
        key = request.cookies.get(FIRST, "")
        waits = self._tries.get(key)
        if waits is None or waits.person is None or time.monotonic() - waits.at_s > TRY_S:
            return await self._refuse(request, "nobody waits")
        person, password = waits.person, form.get("password", "")
        standing, account = await run_in_threadpool(self._room.operators.linked.standing, person.name)
        if standing == CLOSED or (account and account.sealed):
            return await self._refuse(request, f"closed or sealed: {person.name}"[:200])
        wrong = ""
        if standing != FREE:
            wait_s, failed = self._login.throttle(request, account.name if account else person.name)
            await asyncio.sleep(wait_s)
            if account is None or not await self._room.check_password(account.name, password):
                failed()
                wrong = words.pick(words.PAGE["wrong"], language_of(request))
        elif password != form.get("again", ""):
            wrong = words.pick(words_login.PAGE["oidc_differ"], language_of(request))
        else:
            wrong = await run_in_threadpool(self._make, person, password, language_of(request))
        if wrong:
            return self._page(request, person, waits.back, known=standing != FREE, wrong=wrong)
        del self._tries[key]
        name = account.name if account else person.name
        await run_in_threadpool(self._room.operators.linked.link, person.issuer, person.subject, name)
        return await self._enter(request, person, name, waits.back)

    def _make(self, person: Person, password: str, language: str) -> str:
        """The account; why it can't be, in words."""
        try:
            new = Account(person.name, person.role)
            self._room.operators.save_account(new, password, person.name, is_new=True)
        except ValueRefused as error:
            return words.pick(error.what, language)
        return ""

    async def _ask_password(self, request: Request, person: Person, back: str) -> Response:
        try:
            people.check_name(person.name)
        except ValueRefused:
            return await self._refuse(request, f"name: {person.name!r}"[:200])
        standing, account = await run_in_threadpool(self._room.operators.linked.standing, person.name)
        if standing == CLOSED or (account and account.sealed):
            return await self._refuse(request, f"closed or sealed: {person.name}")
        key = secrets.token_urlsafe(32)
        self._keep(key, _Try(time.monotonic(), "", back, person=person))
        answer = self._page(request, person, back, known=standing != FREE)
        self._set(answer, FIRST, key, "strict")
        return answer

    def _page(self, request: Request, person: Person, back: str, *, known: bool, wrong: str = "") -> Response:
        status = 401 if wrong else 200
        return self._room.plain(
            "first.html", language_of(request), status, name=person.name, known=known, wrong=wrong, back=back
        )

    async def _enter(self, request: Request, person: Person, name: str, back: str) -> Response:
        operators = self._room.operators
        standing, account = await run_in_threadpool(operators.linked.standing, name)
        if standing in (CLOSED, FREE) or account is None or account.sealed:
            return await self._refuse(request, f"closed or sealed: {name}")
        await run_in_threadpool(operators.linked.set_role, name, person.role)
        answer = self._room.plain("entered.html", language_of(request), name=name, back=back)
        await self._login.let_in(request, answer, name)
        answer.delete_cookie(BOUND, path=PATH)
        answer.delete_cookie(FIRST, path=PATH)
        return answer

    async def _refuse(self, request: Request, why: str, problem: str = "oidc_refused") -> Response:
        await run_in_threadpool(self._room.operators.log, "?", "login refused", f"oidc: {why}")
        return self._login.form(request, problem=problem, status=403)

    # --- what waits for a browser ---

    def _keep(self, key: str, one: _Try) -> None:
        self._tries[key] = one
        while len(self._tries) > TRIES_MAX:
            del self._tries[next(iter(self._tries))]  # the oldest

    def _take(self, key: str, browser: str) -> _Try | None:
        """Once only, by the browser that began it."""
        one = self._tries.get(key)
        if one is None or not one.browser or not people.same(browser, one.browser):
            return None
        del self._tries[key]
        return one if time.monotonic() - one.at_s <= TRY_S else None

    def _set(self, answer: Response, name: str, value: str, site: str) -> None:
        answer.set_cookie(
            name,
            value,
            max_age=TRY_S,
            path=PATH,
            httponly=True,
            samesite="lax" if site == "lax" else "strict",
            secure=self._room.options.secure,
        )
