"""What a courier brings to VRD as photos of codes, or as their text: read in, and what became of it.

A photo is a stranger's: its size is limited while it comes, and it is read in a process of its own.
Source: experience, section 2, V14.
"""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message

from relay import pictures
from relay.errors import NaoberError, Text
from relay.inbox.courier_codes import Taken
from relay.inbox.pages import words
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit, must_be_ours
from relay.web.forms import clean, form_of, same_origin

TEXT_BYTES_MAX = 192 * 1024  # of a form; its separators are three bytes each there
TEXT_LENGTH_MAX = 128 * 1024
PHOTOS_MAX = 8
PHOTOS_BYTES_MAX = 32 * 1024 * 1024  # all of one form
FIELDS_MAX, FIELD_BYTES_MAX = 4, 1024
NAME_LENGTH_MAX = 80
TOO_LARGE = 413
MUCH = Text(
    "Dit is te veel tegelijk: hoogstens 8 foto's, samen 32 MB. Neem ze in meer keren.",
    "This is too much at once: 8 photos at most, 32 MB together. Take them in several turns.",
)


def takes_photos() -> bool:
    """Whether this inbox can read them."""
    return pictures.is_possible() and find_spec("python_multipart") is not None


class CourierPages:
    """The two forms."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._reading = asyncio.Lock()

    def page(self, request: Request, visit: Visit) -> Response:
        """Empty."""
        return self._show(request, visit, None, [])

    async def text(self, request: Request, visit: Visit) -> Response:
        """The codes as text."""
        form = await form_of(request, bytes_max=TEXT_BYTES_MAX, length_max=TEXT_LENGTH_MAX)
        must_be_ours(request, form, visit.session.csrf)
        return await self._take(request, visit, [form.get("codes", "")], [])

    async def photos(self, request: Request, visit: Visit) -> Response:
        """Photos of them."""
        if not takes_photos():
            raise HTTPException(415)
        if not same_origin(request):
            raise HTTPException(403)  # before anything of it is read
        limited = Request(request.scope, _limited(request))
        texts: list[str] = []
        problems: list[Text] = []
        try:
            async with limited.form(
                max_files=PHOTOS_MAX, max_fields=FIELDS_MAX, max_part_size=FIELD_BYTES_MAX
            ) as form:
                must_be_ours(request, {"csrf": str(form.get("csrf", ""))}, visit.session.csrf)
                for photo in form.getlist("photos"):
                    if isinstance(photo, UploadFile) and photo.size:
                        await self._read(photo, texts, problems)
        except ClientDisconnect:
            raise HTTPException(400) from None  # nobody reads this
        except HTTPException as error:
            if error.status_code != TOO_LARGE:
                raise
            problems.append(MUCH)
        return await self._take(request, visit, texts, problems)

    async def _read(self, photo: UploadFile, texts: list[str], problems: list[Text]) -> None:
        data, name = await photo.read(), clean(photo.filename or "?")[:NAME_LENGTH_MAX]
        try:
            async with self._reading:  # each may take a hundred megabytes
                texts += await run_in_threadpool(pictures.apart, data, name)
        except NaoberError as error:
            problems.append(error.what)

    async def _take(self, request: Request, visit: Visit, texts: list[str], problems: list[Text]) -> Response:
        await run_in_threadpool(self._room.operators.touch, visit.token, visit.session)
        taken = Taken()
        for question in taken.questions(texts):
            taken.add(await self._room.courier(question))
        if taken.codes:
            detail = f"{taken.codes} codes, {taken.new} new, {taken.known} known, {taken.apart} apart"
            await run_in_threadpool(self._room.operators.log, visit.name, "courier", detail)
            await self._room.look_now()
        return await run_in_threadpool(self._show, request, visit, taken, problems)

    def _show(self, request: Request, visit: Visit, taken: Taken | None, problems: list[Text]) -> Response:
        values: dict[str, Any] = {
            "taken": taken,
            "problems": [words.pick(each, visit.language) for each in problems],
            "takes_photos": takes_photos(),
            "text_length_max": TEXT_LENGTH_MAX,
        }
        status = 200 if taken is None or taken.codes else 422
        return self._room.page(
            "courier.html", visit, request, status, board=self._room.board(visit.lane), **values
        )


def _limited(request: Request) -> Any:
    """What `request` receives, up to PHOTOS_BYTES_MAX; raises HTTPException beyond."""
    receive, left = request.receive, PHOTOS_BYTES_MAX

    async def limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(TOO_LARGE)
        return message

    return limited
