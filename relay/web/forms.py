"""A posted form, taken in with limits; and whether it came from a page of ours."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

FORM_BYTES_MAX = 16 * 1024
FORM_FIELDS_MAX = 50
FIELD_LENGTH_MAX = 2000


async def form_of(
    request: Request,
    *,
    bytes_max: int = FORM_BYTES_MAX,
    length_max: int = FIELD_LENGTH_MAX,
    fields_max: int = FORM_FIELDS_MAX,
) -> dict[str, str]:
    """The fields of a posted form; raises HTTPException for one that is too large or not a form."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > bytes_max:
                raise HTTPException(413)
    except ClientDisconnect:
        raise HTTPException(400) from None  # nobody reads this
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=fields_max, errors="strict"
        )
    except ValueError:
        raise HTTPException(400) from None
    if any(len(value) > length_max for _, value in pairs):
        raise HTTPException(413)
    return {name: clean(value) for name, value in pairs}


def clean(text: str) -> str:
    """Without the characters that no person types: they could hide or turn what stands beside them."""
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n").strip()


def back_of(request: Request) -> str:
    """Where to go afterwards: a path of ours, whatever was asked for in `terug`.

    Browsers take a backslash for a slash, and leave tabs and line ends out before they look.
    """
    path = request.query_params.get("terug", "/")
    is_ours = path.startswith("/") and not path.startswith("//") and path.isprintable() and "\\" not in path
    return path if is_ours else "/"


def same_origin(request: Request) -> bool:
    """Whether a form came from our own pages, as far as the browser says."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin in (None, "null"):
        return origin is None
    return urlsplit(origin or "").netloc == request.headers.get("host")
