"""Who asks: the session of a request, its language, and whether a form is really ours."""

from __future__ import annotations

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from relay.inbox.operators import people
from relay.inbox.operators.people import Session
from relay.inbox.operators.store import Operators
from relay.inbox.pages import lanes
from relay.inbox.pages.words import LANGUAGES
from relay.web.forms import same_origin

COOKIE = "naober"
LANGUAGE_COOKIE = "naober-lang"


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


def must_be_ours(request: Request, form: dict[str, str], csrf: str) -> None:
    """Raises HTTPException unless the form came from a page of this session."""
    if not same_origin(request) or not people.same(form.get("csrf", ""), csrf):
        raise HTTPException(403)
