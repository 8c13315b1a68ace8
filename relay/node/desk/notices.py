"""What VRD says: its messages with their answers, and the large screen for visitors."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.core.notices import CANNOT, DONE, READ
from relay.errors import NaoberError, Text
from relay.node.desk.facts import VrdNotice
from relay.node.desk.page_words import PAGE
from relay.node.desk.render import Pages

NUMBER_DIGITS_MAX = 10
LONG_TEXT, SHORT_TEXT = 90, 40  # characters: how large the large screen can show it


def routes(pages: Pages) -> list[Route]:
    """See the modules' pattern in render.py."""
    here = _Notices(pages)
    return [
        Route("/berichten", here.all),
        Route("/berichten/{number}", here.one),
        Route("/berichten/{number}/antwoord", here.answer, methods=["POST"]),
        Route("/berichten/{number}/groot", here.show, methods=["POST"]),
        Route("/berichten/{number}/klein", here.hide, methods=["POST"]),
        Route("/publiek", here.public),
    ]


class _Notices:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def all(self, request: Request) -> Response:
        notices = await self._pages.desk.notices()
        return self._pages.render(
            request, "notices.html", notices=notices, live=self._pages.url(request, "/berichten")
        )

    async def one(self, request: Request) -> Response:
        """Somebody reads it, so it counts as looked at, unless it was the script that asked."""
        notice = await self._found(request)
        if not notice.seen and self._pages.by_hand(request):
            await self._pages.desk.looked(notice.number)
        return await self._shown(request, notice)

    async def answer(self, request: Request) -> Response:
        notice = await self._found(request)
        form = await self._pages.form_of(request)
        given = form.get("answer", "")
        if given not in {str(number) for number, _ in buttons(notice)}:
            raise HTTPException(400)
        try:
            await self._pages.count_message(request, form.get("form", ""))
            await self._pages.desk.answer(form.get("form", ""), notice.number, int(given))
        except NaoberError as error:
            return await self._shown(request, notice, error.what, 409)
        return self._pages.to(request, f"/berichten/{notice.number}?n=antwoord")

    async def show(self, request: Request) -> Response:
        """Onto the large screen."""
        await self._pages.form_of(request)
        notice = await self._found(request)
        if notice.kind != "information":
            raise HTTPException(400)
        await self._pages.desk.show_public(notice.number)
        return self._pages.to(request, f"/berichten/{notice.number}")

    async def hide(self, request: Request) -> Response:
        """The large screen shows nothing."""
        await self._pages.form_of(request)
        notice = await self._found(request)
        await self._pages.desk.show_public(None)
        return self._pages.to(request, f"/berichten/{notice.number}")

    async def public(self, request: Request) -> Response:
        notice = await self._pages.desk.public()
        length = len(notice.text) if notice else 0
        size = "s" if length > LONG_TEXT else "l" if length <= SHORT_TEXT else "m"
        return self._pages.render(
            request, "publiek.html", notice=notice, size=size, live=self._pages.url(request, "/publiek")
        )

    async def _found(self, request: Request) -> VrdNotice:
        wanted = request.path_params["number"]
        if not (wanted.isascii() and wanted.isdecimal() and len(wanted) <= NUMBER_DIGITS_MAX):
            raise HTTPException(404)
        for notice in await self._pages.desk.notices():
            if notice.number == int(wanted):
                return notice
        raise HTTPException(404)

    async def _shown(
        self, request: Request, notice: VrdNotice, refused: Text | None = None, status: int = 200
    ) -> Response:
        public = await self._pages.desk.public() if notice.kind == "information" else None
        answered = request.query_params.get("n") == "antwoord" and notice.answer is not None
        return self._pages.render(
            request,
            "notice.html",
            status,
            notice=notice,
            buttons=buttons(notice),
            done=PAGE["answer_done"] if answered else None,
            refused=refused,
            is_public=public is not None and public.number == notice.number,
            form=self._pages.new_form(),
            live=self._pages.url(request, f"/berichten/{notice.number}"),
        )


def buttons(notice: VrdNotice) -> list[tuple[int, Text]]:
    """What can be answered: the number that is sent, and what the button says."""
    if notice.kind == "question" and notice.answers:
        return [(number, Text(word, word)) for number, word in enumerate(notice.answers, 1)]
    read = [(READ, PAGE["seen_button"])]
    if notice.kind == "order":
        return [*read, (DONE, PAGE["done_button"]), (CANNOT, PAGE["cannot_button"])]
    return read
