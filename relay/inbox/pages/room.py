"""What the pages share: the stores, the watch, the templates, and answers that many of them give."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from relay.inbox.board import Board, SiteView
from relay.inbox.operators import people
from relay.inbox.operators.store import Operators
from relay.inbox.pages.live import Live
from relay.inbox.pages.render import Renderer
from relay.inbox.pages.visit import Visit
from relay.inbox.queries import Reader, StoredMessage
from relay.inbox.watch import Watch

HASHING_AT_ONCE = 4
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
        self.look_soon: Callable[[], None] = lambda: (
            None
        )  # asks the watch for a look before its second is over
        self._renderer = Renderer()
        self._hashing = asyncio.Semaphore(HASHING_AT_ONCE)

    async def check_password(self, name: str, password: str) -> bool:
        """Whether it is the one of that account; a few at once, since each takes 19 MiB."""
        async with self._hashing:
            return await run_in_threadpool(
                lambda: people.is_right(password, self.operators.password_of(name))
            )

    def board(self) -> Board:
        """The newest snapshot; raises LookupError before the first look."""
        if self.watch.board is None:
            raise LookupError("nobody has looked yet")
        return self.watch.board

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
        text = self._renderer.page(
            name,
            visit.language,
            visit=visit,
            here=request.url.path,
            options=self.options,
            read_only=bool(self.storage_trouble()),
            now_s=self.operators.now_s(),
            muted=self.operators.alarms.mutes(),
            **values,
        )
        return HTMLResponse(text, status)

    def plain(self, template: str, language: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page for anybody."""
        return HTMLResponse(
            self._renderer.page(template, language, visit=None, options=self.options, here="/", **values),
            status,
        )

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
