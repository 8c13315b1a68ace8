"""What must work when no screen does: the blank form, and the picture of each hour on one sheet."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
from datetime import datetime
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from relay import files
from relay.core.fields import paper_number
from relay.inbox.board import Board
from relay.inbox.pages import render
from relay.inbox.pages.pasting import FORM_FIELDS
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit

LINES_MAX = 15
STYLE = Path(__file__).parent / "static" / "paper.css"
FILE = re.compile(r"stand-\d{8}-\d{4}\.html")


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


def kept_pictures(folder: Path) -> list[Path]:
    """The oldest first."""
    try:
        return sorted(each for each in folder.iterdir() if FILE.fullmatch(each.name))
    except OSError:
        return []


def keep_picture(room: Room, folder: Path, keep: int) -> Path:
    """The picture of now, beside those of the hours before, of which `keep` stay; raises StorageError."""
    board = room.board()
    files.make_folder(folder, 0o700)
    when = datetime.fromtimestamp(board.unix_s).astimezone().strftime("%Y%m%d-%H%M")
    path = folder / f"stand-{when}.html"
    files.replace(path, picture(room, board).encode(), files.PRIVATE)
    for each in kept_pictures(folder)[:-keep]:
        with contextlib.suppress(OSError):
            each.unlink()
    return path
