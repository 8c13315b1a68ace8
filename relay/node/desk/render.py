"""`Pages`: what every module of the desk's pages works with. Templates, languages, forms.

A module exports `routes(pages) -> list[Route]`; its paths are the Dutch ones. `/en` before any of them gives
the same page in English (`url` puts it there), so that no cookie is needed: sign-in windows keep none.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from relay.config import PageSection
from relay.core.notice_words import NOTICE_KIND
from relay.errors import NaoberError, Text
from relay.node.desk import words
from relay.node.desk.access import Access
from relay.node.desk.facts import Home
from relay.node.desk.live import key_of
from relay.node.desk.page_words import PAGE, TOO_MANY, TOO_MANY_DO
from relay.web import forms

if TYPE_CHECKING:
    from relay.node.desk.work import DeskWork

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
ENGLISH = "/en"
LIVE = "x-naober"  # the header of a page that was taken anew by our script, not by a person


class TooMany(NaoberError):
    """Whoever asks said too much of late."""


class Pages:
    """The desk, its section of node.toml, and how answers are made."""

    def __init__(self, desk: DeskWork, page: PageSection, access: Access) -> None:
        self.desk, self.page, self.access = desk, page, access
        self._stamp = f"{zlib.crc32(b''.join(each.read_bytes() for each in sorted(STATIC.iterdir()))):08x}"
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            auto_reload=False,  # one version of all pages, also while an upgrade replaces the files
            trim_blocks=True,
            lstrip_blocks=True,
        )

    # --- who asks ---

    def language(self, request: Request) -> str:
        """ "nl" or "en", by the path."""
        return str(getattr(request.state, "language", "nl"))

    def device(self, request: Request) -> str:
        """Who asks, by its address."""
        return request.client.host if request.client else ""

    def home(self, request: Request) -> Home | None:
        """What the first screen shows, as it was when `request` came; None for who is not let in."""
        return getattr(request.state, "home", None)

    def by_hand(self, request: Request) -> bool:
        """Whether a person asks: a page that only renews itself has been looked at by nobody."""
        return LIVE not in request.headers

    async def form_of(self, request: Request) -> dict[str, str]:
        """The fields of a posted form; raises HTTPException for one that is not ours, or too large."""
        if not forms.same_origin(request):
            raise HTTPException(403)
        form = await forms.form_of(request)
        if not self.access.is_ours(request.scope, form.pop("csrf", "")):
            raise HTTPException(403)
        return form

    async def count_message(self, request: Request, form: str) -> None:
        """Count one message to VRD, unless `form` was posted before; raises TooMany for one too many."""
        if await self.desk.one(form) is None and not self.access.may_say(request.scope, self.device(request)):
            raise TooMany(TOO_MANY, TOO_MANY_DO)

    def new_form(self) -> str:
        """A one-time form id."""
        return self.desk.new_form()

    # --- answers ---

    def url(self, request: Request, path: str) -> str:
        """`path` in the language of `request`."""
        return f"{ENGLISH}{path}" if self.language(request) == "en" else path

    def to(self, request: Request, path: str) -> Response:
        """After a form: the page at `path`, which may be taken anew without posting again."""
        return RedirectResponse(self.url(request, path), 303)

    def text(self, request: Request, text: Text) -> str:
        """`text` in the language of `request`."""
        return words.pick(text, self.language(request))

    def render(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page. Besides `values` every template has what `_common` gives."""
        page = self._environment.get_template(template).render(**{**self._common(request), **values})
        return HTMLResponse(page, status)

    def trouble(self, request: Request, error: NaoberError | Text, status: int) -> Response:
        """A page that says what is the matter and what to do."""
        what, do = (error.what, error.do) if isinstance(error, NaoberError) else (error, Text("", ""))
        return self.render(
            request, "trouble.html", status, what=self.text(request, what), do=self.text(request, do)
        )

    def _common(self, request: Request) -> dict[str, Any]:
        """What all templates may use.

        lang; w.<word> of page_words; say(Text); url(path); static(name); home (Home or None); page (config);
        csrf_field (within every form); drill (within every button: the word OEFENING while one runs);
        ago, span (seconds); clock (unix s); words (the module); notice_kind (their names); here (this path
        without language);
        other (this page in the other language); live (where the script renews it from); key (see live.py).
        """
        language, home = self.language(request), self.home(request)
        path = str(getattr(request.state, "path", "/"))
        query = request.scope.get("query_string", b"").decode("latin-1")
        here = quote(path) + (f"?{query}" if query and request.method == "GET" else "")
        csrf = self.access.csrf(request.scope)
        exercise = home.exercise if home else None
        drill = words.pick(PAGE["drill"], language) if exercise else ""
        return {
            "lang": language,
            "w": {key: words.pick(text, language) for key, text in PAGE.items()},
            "notice_kind": NOTICE_KIND,
            "say": lambda text: words.pick(text, language),
            "url": lambda to: self.url(request, to),
            "static": lambda name: f"/static/{name}?{self._stamp}",
            "home": home,
            "page": self.page,
            "csrf_field": Markup('<input type="hidden" name="csrf" value="{}">').format(csrf) if csrf else "",
            "drill": Markup('<b class="drill">{}</b> ').format(drill) if drill else "",
            "ago": lambda seconds: words.ago(seconds, language),
            "span": lambda seconds: words.span(seconds, language),
            "clock": lambda unix_s: words.clock(unix_s, home.time_s if home else None),
            "words": words,
            "here": path,
            "other": here if language == "en" else f"{ENGLISH}{here}",
            "live": self.url(request, "/") if home else "",
            "key": key_of(home) if home else "",
        }
