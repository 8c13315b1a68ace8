"""`/concept`: what is being typed, kept by our script while it is typed; without a script each step is kept.

Storage of the browser is no help: sign-in windows of phones have none. What was sent is never kept again.
"""

from __future__ import annotations

import contextlib

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.errors import StorageError
from relay.node.desk.render import Pages
from relay.node.desk.steps import is_form

NAMES = ("hulp", "melden", "stand", "papier")
NAME = "concept"  # the field that says which
BYTES_MAX = 4096  # of one draft


def routes(pages: Pages) -> list[Route]:
    """For app.py."""

    async def keep(request: Request) -> Response:
        given = await pages.form_of(request)
        name = given.pop(NAME, "")
        if name not in NAMES or not is_form(given.get("form", "")):
            raise HTTPException(400)
        if sum(len(key) + len(value.encode()) for key, value in given.items()) > BYTES_MAX:
            raise HTTPException(413)
        if await pages.desk.one(given["form"]) is None:
            with contextlib.suppress(StorageError):  # told when it is sent
                await pages.desk.keep_draft(pages.device(request), name, given)
        return Response(status_code=204)

    async def drop(request: Request) -> Response:
        name = (await pages.form_of(request)).get(NAME, "")
        if name not in NAMES:
            raise HTTPException(400)
        with contextlib.suppress(StorageError):
            await pages.desk.drop_draft(pages.device(request), name)
        return pages.to(request, f"/{name}")

    return [
        Route("/concept", keep, methods=["POST"]),
        Route("/concept/weg", drop, methods=["POST"]),
    ]
