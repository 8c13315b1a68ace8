"""Give it to a courier (`/koerier`): what waits as QR codes, one on the screen at a time, or by stick.

Codes that are shown one after the other are of one making: a message that comes or goes meanwhile would move
others from a code that is still to come into one that was photographed. Source: experience, section 2
(QR-koerier); docs/wire.md.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

import msgspec
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.errors import StorageError, Text
from relay.node.courier_qr import CourierCode
from relay.node.desk.render import Pages

CODE_PIXELS = 400  # wide; a square of a code is a whole number of them, and 3 at least
SQUARE_PIXELS_MIN, SQUARE_PIXELS_MAX = 3, 6
EDGE_SQUARES = 4
SERIES_MAX = 16  # made and still to be looked through, the newest of each device
SERIES_S = 1800.0
DRAWN_MAX = 16  # about 25 kB each

WORDS = {
    "title": Text("Meegeven aan een koerier", "Give it to a courier"),
    "nothing": Text(
        "VRD heeft alles. Er is niets om mee te geven.", "VRD has all. There is nothing to give."
    ),
    "photo": Text("Maak een foto van deze code.", "Take a photo of this code."),
    "give": Text("Geef de foto aan iemand die naar", "Give the photo to somebody who goes to"),
    "or_vrd": Text("of VRD gaat.", "or VRD."),
    "vrd": Text("VRD gaat.", "VRD."),
    "own_screen": Text(
        "Staat deze code op je eigen telefoon? Maak dan een schermafdruk.",
        "Is this code on your own phone? Then take a screenshot.",
    ),
    "code": Text("Code", "Code"),
    "of": Text("van", "of"),
    "messages": Text("berichten", "messages"),
    "message": Text("bericht", "message"),
    "next": Text("Volgende code", "Next code"),
    "last": Text("Dit was de laatste code.", "This was the last code."),
    "first": Text("Opnieuw vanaf code 1", "Again from code 1"),
    "anew": Text(
        "De codes zijn vernieuwd. Begin weer bij code 1.", "The codes are new. Begin at code 1 again."
    ),
    "more": Text(
        "Niet alles past in codes. Gebruik ook een stick.", "Not all fits into codes. Use a stick, too."
    ),
    "as_text": Text("De code als tekst, om te kopiëren", "The code as text, to copy"),
    "stick": Text("Of met een stick", "Or with a stick"),
    "stick_how": Text(
        "Doe een USB-stick in dit kastje. Wacht tot het lampje dubbel knippert. Geef de stick mee.",
        "Put a USB stick into this box. Wait until the lamp blinks double. Give the stick along.",
    ),
    "stays": Text(
        "De berichten blijven ook hier wachten. VRD telt ze maar één keer. Je hoeft niets terug te krijgen: "
        'zodra dit kastje VRD weer hoort, staat er vanzelf "ontvangen".',
        "The messages wait here, too. VRD counts them once only. You need not get anything back: "
        'as soon as this box hears VRD again, it says "received" by itself.',
    ),
}


class Series(msgspec.Struct, frozen=True):
    """Codes of one making."""

    name: str
    made_s: float
    codes: tuple[CourierCode, ...]


class AllSeries:
    """The last few, so that who looks at code 1 finds code 2 of the same making."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, Series] = OrderedDict()
        self._of: dict[str, str] = {}  # device: the name of its newest

    def keep(self, codes: tuple[CourierCode, ...], device: str) -> Series:
        """A new one for `device`, instead of its last; of too many the oldest goes."""
        series = Series(secrets.token_urlsafe(9), self._clock(), codes)
        self._kept.pop(self._of.get(device, ""), None)
        self._kept[series.name] = series
        self._of = {each: name for each, name in self._of.items() if name in self._kept} | {
            device: series.name
        }
        while len(self._kept) > SERIES_MAX:
            self._kept.popitem(last=False)
        return series

    def get(self, name: str) -> Series | None:
        """None for one that is too old, or was never made."""
        found = self._kept.get(name)
        return found if found and self._clock() - found.made_s < SERIES_S else None


@lru_cache(maxsize=DRAWN_MAX)
def drawn(text: str, label: str) -> Markup:
    """The code as SVG, black on white whatever the page's colours are."""
    import segno

    code = segno.make(text, error="l", micro=False, boost_error=False)
    squares = code.symbol_size(border=EDGE_SQUARES)[0]
    pixels = squares * max(SQUARE_PIXELS_MIN, min(SQUARE_PIXELS_MAX, CODE_PIXELS // squares))
    svg = code.svg_inline(
        border=EDGE_SQUARES, light="#fff", svgclass="qr", lineclass="", omitsize=True, title=label
    )
    size = Markup('<svg role="img" shape-rendering="crispEdges" width="{0}" height="{0}" ').format(pixels)
    return Markup(svg.replace("<svg ", size, 1))  # noqa: S704 (segno's own, its title escaped)


def routes(pages: Pages) -> list[Route]:
    """See the modules' pattern in render.py."""
    return [Route("/koerier", _Courier(pages).page)]


class _Courier:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._all = AllSeries()
        self._drawing = asyncio.Lock()  # one at a time: the links' threads need the processor, too

    async def page(self, request: Request) -> Response:
        """One code, and how to go on."""
        pages, asked = self._pages, request.query_params.get("reeks", "")
        series = self._all.get(asked)
        device = pages.device(request)
        if not pages.access.may_draw(request.scope, device):
            raise HTTPException(429)
        if series is None:
            try:
                series = self._all.keep(await pages.desk.courier_codes(), device)
            except StorageError as error:
                return pages.trouble(request, error, 503)
            number = 1
        else:
            number = _number(request.query_params.get("code", ""), len(series.codes))
        words = {name: pages.text(request, text) for name, text in WORDS.items()}
        code = series.codes[number - 1] if series.codes else None
        label = f"{words['code']} {number} {words['of']} {len(series.codes)}"
        async with self._drawing:
            picture = await run_in_threadpool(drawn, code.text, label) if code else ""
        return pages.render(
            request,
            "koerier.html",
            c=words,
            code=code,
            label=label,
            picture=picture,
            number=number,
            count=len(series.codes),
            series=series.name,
            anew=bool(asked) and series.name != asked,
        )


def _number(typed: str, count: int) -> int:
    """Which code is asked for; the first for anything odd."""
    right = typed.isascii() and typed.isdecimal() and len(typed) < 4 and 1 <= int(typed) <= count
    return int(typed) if right else 1
