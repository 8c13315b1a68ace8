"""What must work when no screen does: the blank form, and the picture of each hour on one sheet."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from relay.core.fields import paper_number
from relay.core.paper_form import FORM_FIELDS
from relay.inbox.board import Board
from relay.inbox.pages import render
from relay.inbox.pages.picture import LINES_MAX
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit

STYLE = Path(__file__).parent / "static" / "paper.css"


class Printed:
    """These pages."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def form(self, request: Request, visit: Visit) -> Response:
        """A blank form on A4, its fields numbered as they are read out."""
        return self._room.page("form.html", visit, request, fields=FORM_FIELDS, paper_number=paper_number)

    def picture(self, request: Request, visit: Visit) -> Response:
        """The picture of now, to print; a policy of its own, since its style stands in it."""
        text = picture(self._room, self._room.board(visit.lane))
        digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
        return HTMLResponse(text, headers={"Content-Security-Policy": policy})


def picture(room: Room, board: Board) -> str:
    """One sheet in Dutch that needs nothing beside itself."""
    return room.text(
        "stand.html",
        board=board,
        stamp=render.stamp(board.unix_s),
        style=_style(),
        lines_max=LINES_MAX,
        banner=room.options.banner,
    )


@cache
def _style() -> str:
    return STYLE.read_text(encoding="utf-8")
