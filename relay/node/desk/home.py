"""The first screen, "all still the same", the PIN, the explanation, and what the script asks for."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from relay.codes import CODES, explained
from relay.errors import NaoberError
from relay.node.desk.live import key_of
from relay.node.desk.page_words import PAGE
from relay.node.desk.render import Pages

DONE = {
    "hetzelfde": "same_done",
    "ingevoerd": "entered_done",
    "geheugen": "unsafe",
}  # ?gedaan= of the first screen


def routes(pages: Pages) -> list[Route]:
    """See the modules' pattern in render.py."""
    here = _Home(pages)
    return [
        Route("/", here.home),
        Route("/hetzelfde", here.same, methods=["POST"]),
        Route("/levend", here.alive),
        Route("/uitleg", here.explanation),
        Route("/pin", here.pin),
        Route("/pin", here.enter, methods=["POST"]),
    ]


class _Home:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def home(self, request: Request) -> Response:
        done = DONE.get(request.query_params.get("gedaan", ""))
        return self._pages.render(
            request, "home.html", done=PAGE[done] if done else None, form=self._pages.new_form()
        )

    async def same(self, request: Request) -> Response:
        """One tap: all that was entered still holds."""
        form = await self._pages.form_of(request)
        device = self._pages.device(request)
        try:
            outcome = await self._pages.desk.enter(form.get("form", ""), {}, same=True, device=device)
        except NaoberError as error:
            return self._pages.trouble(request, error, 409)
        return self._pages.to(request, "/?gedaan=hetzelfde" if outcome.safe else "/?gedaan=geheugen")

    async def alive(self, request: Request) -> Response:
        """Whether anything changed that a page shows; ages aside."""
        home = self._pages.home(request)
        if home is None:
            raise HTTPException(403)
        return JSONResponse({"key": key_of(home)})

    async def explanation(self, request: Request) -> Response:
        codes: list[Any] = [(code, explained(code).what) for code in CODES]
        return self._pages.render(request, "uitleg.html", codes=codes)

    async def pin(self, request: Request) -> Response:
        if self._pages.access.is_inside(request.scope):
            return self._pages.to(request, "/")
        return self._pages.render(request, "pin.html", wrong=False, wait_s=0)

    async def enter(self, request: Request) -> Response:
        access, device = self._pages.access, self._pages.device(request)
        form = await self._pages.form_of(request)
        wait_s = access.guard.wait_s(device)
        if wait_s > 0:
            return self._pages.render(request, "pin.html", 429, wrong=False, wait_s=int(wait_s) + 1)
        if access.enter(device, form.get("pin", "")):
            return access.let_in(self._pages.to(request, "/"))
        wait_s = access.guard.wait_s(device)
        return self._pages.render(request, "pin.html", 403, wrong=True, wait_s=int(wait_s + 0.99))
