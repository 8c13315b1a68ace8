"""The REST API for other systems: read-only, by a token (NL API Design Rules; errors as RFC 9457).

One table says which paths there are; routes and the OpenAPI document are made from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from relay.inbox.operators.handling import Handling, ReportId
from relay.inbox.pages import exports
from relay.inbox.pages.room import Room

VERSION = "1.0.0"
BASE = "/api/v1"
PAGE_MAX = 500
PAGE = 100

Answer = Callable[[Room, Request], Any]


class Problem(Exception):
    """Refused: status and one sentence."""

    def __init__(self, status: int, detail: str) -> None:
        self.status, self.detail = status, detail
        super().__init__(detail)


class Endpoint(msgspec.Struct, frozen=True):
    """One row of the table."""

    path: str
    name: str
    summary: str
    answer: Answer
    parameters: tuple[str, ...] = ()


def _sites(room: Room, request: Request) -> Any:
    return {"punten": [exports.site_facts(site) for site in room.board().sites]}


def _site(room: Room, request: Request) -> Any:
    site = room.board().site(request.path_params["id"])
    if site is None:
        raise Problem(404, "Dit punt bestaat niet.")
    return exports.site_facts(site)


def _reports(room: Room, request: Request) -> Any:
    number = _number(request, "limiet", PAGE, PAGE_MAX)
    reports = room.operators.reports(limit=number)
    handlings, sites = room.operators.handlings(reports), {site.key: site for site in room.board().sites}
    rows = [(each, handlings.get(each.id, Handling()), sites.get(each.site)) for each in reports]
    return {"meldingen": [{"id": str(row[0].id), **exports.report_facts(row)} for row in rows]}


def _report(room: Room, request: Request) -> Any:
    identity = ReportId.parse(request.path_params["id"])
    report = room.operators.report(identity) if identity else None
    if report is None:
        raise Problem(404, "Deze melding bestaat niet.")
    handling, site = room.operators.handling(report.id), room.board().site(report.site)
    return {"id": str(report.id), **exports.report_facts((report, handling, site))}


def _alarms(room: Room, request: Request) -> Any:
    return {
        "alarmen": [
            {
                "niveau": line.level,
                "regel": line.rule,
                "punt": line.site or None,
                "punten": list(line.names),
                "sinds_s": int(line.since_s),
                "wie": line.who or None,
            }
            for line in room.board().attention
        ]
    }


ENDPOINTS = (
    Endpoint("/punten", "punten", "Alle noodsteunpunten met hun waarden en de leeftijd ervan", _sites),
    Endpoint("/punten/{id}", "punt", "Eén noodsteunpunt", _site),
    Endpoint("/meldingen", "meldingen", "Meldingen, de nieuwste eerst", _reports, ("limiet",)),
    Endpoint("/meldingen/{id}", "melding", "Eén melding", _report),
    Endpoint("/alarmen", "alarmen", "Wat aandacht vraagt, het ergste eerst", _alarms),
)


def routes(room: Room) -> list[BaseRoute]:
    """Of the API, its description and the metrics."""
    return [
        *(Route(BASE + each.path, _guarded(room, each), methods=["GET"]) for each in ENDPOINTS),
        Route(f"{BASE}/openapi.json", _description),
        Route("/metrics", _metrics(room)),
    ]


def _guarded(room: Room, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            if await run_in_threadpool(_owner, room, request) is None:
                raise Problem(401, "Geef een geldig token: Authorization: Bearer ...")
            unknown = set(request.query_params) - set(endpoint.parameters)
            if unknown:
                raise Problem(400, f"Onbekende parameter: {min(unknown)[:40]}")
            return _json(await run_in_threadpool(endpoint.answer, room, request))
        except Problem as problem:
            return _problem(problem)

    return respond


def _owner(room: Room, request: Request) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return room.operators.tokens.owner(token.strip()) if kind.lower() == "bearer" and token else None


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= most):
        raise Problem(400, f"{name} is een getal van 1 tot {most}")
    return int(text)


def _json(content: Any, status: int = 200, kind: str = "application/json") -> Response:
    return Response(msgspec.json.encode(content), status, {"API-Version": VERSION}, kind)


def _problem(problem: Problem) -> Response:
    titles = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}
    content = {"type": "about:blank", "title": titles[problem.status], "status": problem.status}
    answer = _json({**content, "detail": problem.detail}, problem.status, "application/problem+json")
    if problem.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


async def _description(request: Request) -> Response:
    """The OpenAPI document; anybody who can reach it may read how the API looks."""
    answer = _json(openapi())
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer


def openapi() -> dict[str, Any]:
    """OpenAPI 3.0 of `ENDPOINTS`."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Naober",
            "version": VERSION,
            "description": "Noodsteunpunten: stand en meldingen.",
        },
        "servers": [{"url": BASE}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
        "paths": {each.path: {"get": _operation(each)} for each in ENDPOINTS},
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": "object"}
    problem = {"description": "Geweigerd", "content": {"application/problem+json": {"schema": fields}}}
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE},
        }
        for name in endpoint.parameters
    ]
    if "{id}" in endpoint.path:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": {"type": "string"}})
    codes = ["400", "401", *(["404"] if "{id}" in endpoint.path else [])]
    good = {
        "description": endpoint.summary,
        "headers": {"API-Version": {"schema": {"type": "string"}}},
        "content": {"application/json": {"schema": fields}},
    }
    return {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {"200": good, **dict.fromkeys(codes, problem)},
    }


def _metrics(room: Room) -> Callable[[Request], Awaitable[Response]]:
    """Prometheus' text format (version 0.0.4), by a token like the API."""

    async def respond(request: Request) -> Response:
        if await run_in_threadpool(_owner, room, request) is None:
            return _problem(Problem(401, "Geef een geldig token: Authorization: Bearer ..."))
        return Response(metrics(room), media_type="text/plain; version=0.0.4; charset=utf-8")

    return respond


def metrics(room: Room) -> str:
    """What a monitoring system should know; no texts and no names of people."""
    board = room.board()
    states = sorted({site.state for site in board.sites})
    own = board.own
    lines = [
        "# HELP naober_sites Sites by state.",
        "# TYPE naober_sites gauge",
        *(f'naober_sites{{state="{state}"}} {board.count(state)}' for state in states),
        "# HELP naober_attention Lines that need attention, by level.",
        "# TYPE naober_attention gauge",
        *(
            f'naober_attention{{level="{level}"}} {sum(line.level == level for line in board.attention)}'
            for level in (1, 2, 3)
        ),
        *_gauge("naober_visitors", "Visitors of all sites, as far as known.", board.visitors),
        *_gauge("naober_unread", "Urgent reports and requests that nobody acknowledged.", board.unread),
        *_gauge("naober_storing", "1 when messages are stored and receipted.", int(own.storing)),
        *_gauge("naober_broker", "1 when the broker is connected.", int(own.broker)),
        *_gauge("naober_clock", "1 when the clock is kept right.", int(own.clock)),
        *_gauge(
            "naober_standby", "1 when this inbox only listens: another one speaks.", int(bool(room.standby()))
        ),
        *_gauge("naober_browsers", "Pages that are open.", room.live.browsers),
    ]
    return "\n".join(lines) + "\n"


def _gauge(name: str, help_: str, value: float) -> tuple[str, str, str]:
    return f"# HELP {name} {help_}", f"# TYPE {name} gauge", f"{name} {value}"
