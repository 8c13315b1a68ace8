"""What was sent from here: the list, and one message with its four steps, undo and withdrawal."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.core.message import Urgency
from relay.errors import NaoberError, Text
from relay.node.desk import checking
from relay.node.desk.facts import Sent, Step
from relay.node.desk.page_words import PAGE
from relay.node.desk.render import Pages

MISTAKE_S = 600  # how long an emergency asks whether it was a mistake
LIST_MAX = 100
NOTES = {"al": "repeated", "laat": "too_late"}  # ?n= of one message


def routes(pages: Pages) -> list[Route]:
    """See the modules' pattern in render.py."""
    here = _Messages(pages)
    return [
        Route("/verstuurd", here.all),
        Route("/verstuurd/{id}", here.one),
        Route("/verstuurd/{id}/ongedaan", here.undo, methods=["POST"]),
        Route("/verstuurd/{id}/intrekken", here.ask),
        Route("/verstuurd/{id}/intrekken", here.withdraw, methods=["POST"]),
    ]


class _Messages:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def all(self, request: Request) -> Response:
        sent = await self._pages.desk.sent(LIST_MAX)
        return self._pages.render(
            request, "sent.html", sent=sent, live=self._pages.url(request, "/verstuurd")
        )

    async def one(self, request: Request) -> Response:
        sent = await self._found(request)
        note = NOTES.get(request.query_params.get("n", ""))
        return self._shown(request, sent, note=PAGE[note] if note else None)

    async def undo(self, request: Request) -> Response:
        await self._pages.form_of(request)
        try:
            sent = await self._pages.desk.undo(request.path_params["id"], self._pages.device(request))
        except NaoberError as error:
            return self._pages.trouble(request, error, 409)
        if sent is None:
            raise HTTPException(404)
        return self._pages.to(request, f"/verstuurd/{sent.id}" + ("" if sent.undone else "?n=laat"))

    async def ask(self, request: Request) -> Response:
        """The first of two taps."""
        sent = await self._found(request)
        if not can_withdraw(sent):
            return self._pages.to(request, f"/verstuurd/{sent.id}")
        return self._asked(request, sent)

    async def withdraw(self, request: Request) -> Response:
        sent = await self._found(request)
        form = await self._pages.form_of(request)
        reason = checking.tidy(form.get("reason", ""))
        refused = checking.too_long(reason)
        if refused:
            return self._asked(request, sent, reason, refused, 422)
        if can_withdraw(sent):
            try:
                await self._pages.count_message(request, form.get("form", ""))
                device = self._pages.device(request)
                await self._pages.desk.withdraw(form.get("form", ""), sent.id, reason, device)
            except NaoberError as error:
                return self._asked(request, sent, reason, error.what, 409)
        return self._pages.to(request, f"/verstuurd/{sent.id}")

    async def _found(self, request: Request) -> Sent:
        sent = await self._pages.desk.one(request.path_params["id"])
        if sent is None:
            raise HTTPException(404)
        return sent

    def _shown(self, request: Request, sent: Sent, note: Text | None) -> Response:
        fresh = sent.age_s is not None and sent.age_s < MISTAKE_S
        mistake = fresh and sent.urgency == Urgency.EMERGENCY and can_withdraw(sent)
        return self._pages.render(
            request,
            "message.html",
            sent=sent,
            note=note,
            mistake=mistake,
            can_withdraw=can_withdraw(sent),
            steps=Step,
            live=self._pages.url(request, f"/verstuurd/{sent.id}"),
        )

    def _asked(
        self, request: Request, sent: Sent, reason: str = "", refused: Text | None = None, status: int = 200
    ) -> Response:
        return self._pages.render(
            request,
            "withdraw.html",
            status,
            sent=sent,
            reason=reason,
            refused=refused,
            reason_max=checking.TEXT_CHARACTERS_MAX,
            form=self._pages.new_form(),
        )


def can_withdraw(sent: Sent) -> bool:
    """Whether there is something to take back: it left, and nobody took it back yet."""
    return not (sent.undone or sent.withdrawn or sent.expired or sent.hold_s > 0)
