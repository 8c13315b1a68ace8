"""Who asks: the session of a request, its language, and whether a form is really ours."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from relay.inbox.operators import people
from relay.inbox.operators.people import Session
from relay.inbox.operators.store import Operators
from relay.inbox.pages import lanes
from relay.inbox.pages.words import LANGUAGES

COOKIE = "naober"
LANGUAGE_COOKIE = "naober-lang"
FORM_BYTES_MAX = 16 * 1024
FORM_FIELDS_MAX = 50
FIELD_LENGTH_MAX = 2000


class Visit(msgspec.Struct, frozen=True):
    """One request by somebody who is logged in."""

    session: Session
    token: str
    language: str
    locked: bool
    lane: str = lanes.REAL

    @property
    def name(self) -> str:
        """Of the account."""
        return self.session.account.name


def language_of(request: Request) -> str:
    """As the cookie says; Dutch otherwise."""
    asked = request.cookies.get(LANGUAGE_COOKIE, "nl")
    return asked if asked in LANGUAGES else "nl"


def visit_of(request: Request, operators: Operators) -> Visit | None:
    """The session of `request`; None when a login is needed."""
    token = request.cookies.get(COOKIE, "")
    session = operators.session(token) if token else None
    if session is None:
        return None
    locked = session.is_locked(operators.now_s())
    return Visit(session, token, language_of(request), locked, lanes.lane_of(request))


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form; raises HTTPException for one that is too large or not a form."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > FORM_BYTES_MAX:
                raise HTTPException(413)
    except ClientDisconnect:
        raise HTTPException(400) from None  # nobody reads this
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="strict"
        )
    except ValueError:
        raise HTTPException(400) from None
    if any(len(value) > FIELD_LENGTH_MAX for _, value in pairs):
        raise HTTPException(413)
    return {name: clean(value) for name, value in pairs}


def clean(text: str) -> str:
    """Without the characters that no person types: they could hide or turn what stands beside them."""
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n").strip()


def same_origin(request: Request) -> bool:
    """Whether a form came from our own pages, as far as the browser says."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin in (None, "null"):
        return origin is None
    return urlsplit(origin or "").netloc == request.headers.get("host")


def must_be_ours(request: Request, form: dict[str, str], csrf: str) -> None:
    """Raises HTTPException unless the form came from a page of this session."""
    if not same_origin(request) or not people.same(form.get("csrf", ""), csrf):
        raise HTTPException(403)
