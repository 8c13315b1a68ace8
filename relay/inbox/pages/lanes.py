"""Which lane a person looks at: kept in a cookie, and in the name of every part of a page that changes."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.web.forms import back_of

REAL, EXERCISE, BOTH = "echt", "oefening", "beide"
LANES = (REAL, EXERCISE, BOTH)
COOKIE = "naober-baan"


def lane_of(request: Request) -> str:
    """As the address says (a wall, a stream), else as the cookie does; the real one otherwise."""
    asked = request.query_params.get("baan") or request.cookies.get(COOKIE, REAL)
    return asked if asked in LANES else REAL


def is_exercise(lane: str) -> bool:
    """The lane that a report, a handover or an export is of: never of both."""
    return lane == EXERCISE


def flags(lane: str) -> tuple[bool, ...]:
    """Which reports a list of `lane` has, by their exercise flag."""
    return {REAL: (False,), EXERCISE: (True,), BOTH: (False, True)}[lane]


async def choose(request: Request) -> Response:
    """Choose a lane, and back to where one was."""
    chosen = request.path_params["lane"]
    answer = RedirectResponse(back_of(request), 303)
    if chosen in LANES:  # for as long as the browser is open: a new shift begins with what is real
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, chosen, samesite="strict", httponly=True, secure=secure)
    return answer
