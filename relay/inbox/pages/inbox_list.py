"""Postvak IN: which reports a list shows, from what stands in its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.datastructures import QueryParams
from starlette.requests import Request

from relay.inbox.board import SiteView
from relay.inbox.operators.handling import Handling, ReportId, State
from relay.inbox.operators.listing import OPEN, SOUGHT_MAX, Page, Place, Sift, fits
from relay.inbox.operators.manual import twice
from relay.inbox.operators.reports import Report
from relay.inbox.pages import lanes
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit
from relay.inbox.pages.words import KIND, LINK, PAGE, pick

ROWS = 100
SMALL_MAX = 500  # of what needs attention, or of one person: these lists have no second page
SOUGHT_LENGTH_MAX = 100
URGENCIES = ("1", "2", "3", "4")
VIEWS = ("aandacht", OPEN, "mij", "alles")
KINDS = tuple(kind for kind in KIND if kind != "status")  # of statuses only the newest is shown, at its site
PARAMETERS = ("toon", "urgentie", "gemeente", "soort", "route", "toestand", "zoek")

Row = tuple[Report, Handling, SiteView | None]


def contents(room: Room, request: Request, visit: Visit) -> dict[str, Any]:
    """For the page: what can be asked for, what was, and the list itself."""
    asked = request.query_params
    given = {name: asked[name] for name in PARAMETERS if asked.get(name)}
    municipalities = {site.municipality for site in room.board().sites if site.municipality}
    return {
        "body": Markup(body(room, request, visit)),  # noqa: S704 - made by our own template, which escapes
        "view": _view(asked),
        "views": VIEWS,
        "asked": {name: asked.get(name, "") for name in PARAMETERS},
        "is_sifted": bool(given.keys() - {"toon"}),
        "urgencies": URGENCIES,
        "municipalities": sorted(municipalities),
        "kinds": KINDS,
        "links": tuple(LINK),
        "states": tuple(State),
        "query": f"?{request.url.query}" if request.url.query else "",
        "link_to": _links(given),
    }


def body(room: Room, request: Request, visit: Visit) -> str:
    """The part of the page with the rows: made once for all who look at the same list."""
    asked = request.query_params
    wanted = tuple((name, asked.get(name, "")[:SOUGHT_LENGTH_MAX]) for name in (*PARAMETERS, "voor"))
    mine = visit.name if _view(asked) == "mij" else ""
    return room.shared(
        "inbox_body.html",
        visit,
        request,
        lambda: _rows(room, asked, visit),
        of=(wanted, mine),
        made_from=room.operators.changes,
    )


def _view(asked: QueryParams) -> str:
    view = asked.get("toon", "")
    return view if view in VIEWS else "alles"


def _rows(room: Room, asked: QueryParams, visit: Visit) -> dict[str, Any]:
    """What stands in the list, and how many there are."""
    sites, view = {site.key: site for site in room.board().sites}, _view(asked)
    page = _page(room, _sift(asked, visit.lane, view, sites), view, visit, place_of(asked.get("voor", "")))
    handlings = room.operators.handlings(page.reports)
    rows: list[Row] = [
        (report, handlings.get(report.id, Handling()), sites.get(report.site)) for report in page.reports
    ]
    return {
        "rows": rows,
        "page": page,
        "same": twice([report for report, handling, _ in rows if handling.is_open]),
        "count_text": _counted(page, visit.language),
        "is_later_page": "voor" in asked,
        "link_to": _links({name: asked[name] for name in PARAMETERS if asked.get(name)}),
        "place_text": place_text,
    }


def _page(room: Room, sift: Sift, view: str, visit: Visit, before: Place | None) -> Page:
    """What needs attention and what somebody has in hand are short lists of their own."""
    if view in ("alles", OPEN):
        return room.operators.listing.page(sift, ROWS, before)
    reports: list[Report] = []
    for exercise in sift.exercise:
        if view == "aandacht":
            reports += room.operators.open_reports(exercise=exercise)
        else:
            reports += room.operators.reports_of(visit.name, exercise=exercise)
    handlings = room.operators.handlings(reports)
    found = [each for each in reports if fits(each, handlings.get(each.id, Handling()), sift)]
    return Page(found[:SMALL_MAX], len(found), False, None)


def _sift(asked: QueryParams, lane: str, view: str, sites: Mapping[str, SiteView]) -> Sift:
    """What does not exist is not asked for."""
    urgency, state = asked.get("urgentie", ""), asked.get("toestand", "")
    municipality = asked.get("gemeente", "")
    words = asked.get("zoek", "").casefold()[:SOUGHT_LENGTH_MAX].split()[:SOUGHT_MAX]
    return Sift(
        exercise=lanes.flags(lane),
        sites=_keys(sites, lambda site: site.municipality == municipality) if municipality else None,
        urgency=int(urgency) if urgency in URGENCIES else None,
        kind=asked["soort"] if asked.get("soort") in KINDS else "",
        link=asked["route"] if asked.get("route") in LINK else "",
        state=state if state in tuple(State) else OPEN if view == OPEN else "",
        sought=tuple(
            (word, _keys(sites, lambda site, word=word: word in site.name.casefold()))  # type: ignore[misc]
            for word in words
        ),
    )


def _keys(sites: Mapping[str, SiteView], is_wanted: Callable[[SiteView], bool]) -> tuple[str, ...]:
    return tuple(key for key, site in sites.items() if is_wanted(site))


def _counted(page: Page, language: str) -> str:
    """How many reports a list has; of a long one that it has more than were counted."""
    many = f"{page.count:,}".replace(",", "." if language == "nl" else ",")
    noun = "message_found" if page.count == 1 else "messages_found"
    more = f"{pick(PAGE['more_than'], language)} " if page.is_more else ""
    return f"{more}{many} {pick(PAGE[noun], language)}"


def place_text(place: Place) -> str:
    """Where a page ended, for an address."""
    return f"{place[0]}-{place[1]}"


def place_of(text: str) -> Place | None:
    """What `place_text` gave; None when it is none."""
    received_s, _, name = text.partition("-")
    report = ReportId.parse(name)
    if report is None or not (received_s.isascii() and received_s.isdecimal() and len(received_s) <= 12):
        return None
    return int(received_s), report


def _links(given: Mapping[str, str]) -> Callable[..., str]:
    """Addresses of the same list with something else asked for; empty: not asked for any more."""

    def link_to(**changes: str) -> str:
        wanted = {name: value for name, value in {**given, **changes}.items() if value}
        return f"/postvak?{urlencode(wanted)}" if wanted else "/postvak"

    return link_to
