"""The inbox's read-only JSON pages, on loopback, until the operators' pages come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.core.message import Address
from relay.errors import StorageError
from relay.inbox.facts import address_of, message_facts, site_facts
from relay.inbox.queries import ID_MAX, MESSAGES_MAX, Reader
from relay.inbox.store import Arrival
from relay.trust.roster import Node, Roster

PARAMETERS = ("after", "before", "statuses", "address", "site", "limit")
LIMIT = 100
DIGITS_MAX = 19
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}


class Pages:
    """Handlers over a reader, the present roster, and the service's own health.

    They read the disk, so they run on threads: intake must not wait for a page.
    """

    def __init__(
        self,
        reader: Reader,
        roster: Callable[[], Roster],
        now: Callable[[], Arrival],
        health: Callable[[], dict[str, Any]],
        radio: Callable[[Address], dict[str, Any] | None] = lambda _: None,
        bell: Callable[[str, int], dict[str, Any]] = lambda _run, _after: {},
    ) -> None:
        self._reader = reader
        self._roster = roster
        self._now = now
        self._health = health
        self._radio = radio
        self._bell = bell

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/healthz", self.healthz),
                Route("/api/bell", self.bell),
                Route("/api/sites", self.sites),
                Route("/api/messages", self.messages),
            ],
            exception_handlers={StorageError: _no_storage, HTTPException: _refused},  # type: ignore[dict-item]
        )

    async def healthz(self, request: Request) -> Response:
        """200 when messages are stored and receipted, else 503; why stands in it."""
        health = self._health()
        return _json(health, 200 if health["ok"] else 503)

    async def bell(self, request: Request) -> Response:
        """What the bell on this machine is to sound: `run` and `after` as its last answer said."""
        after = request.query_params.get("after", "-1")
        if not (after.removeprefix("-").isdecimal() and after.isascii() and len(after) <= DIGITS_MAX):
            return _json({"error": "after"}, 400)
        return _json(self._bell(request.query_params.get("run", ""), int(after)))

    def sites(self, request: Request) -> Response:
        """Every node of the roster with its newest state."""
        roster, now, listening_s = self._roster(), self._now(), self._health()["listening_s"]
        nodes, held, findings = self._reader.nodes(), self._reader.held_reports(), self._reader.findings()
        return _json(
            [
                site_facts(
                    node,
                    nodes.get(node.address),
                    held.get(node.address),
                    findings.get(node.address, []),
                    now,
                    listening_s,
                    self._radio(node.address),
                    _earlier(roster, node),
                )
                for node in roster.nodes
            ]
        )

    def messages(self, request: Request) -> Response:
        """Newest first: `after`, `before` (ids), `statuses=1`, `address` or `site`, `limit`."""
        try:
            asked = _question(request.query_params)
        except ValueError as error:
            return _json({"error": str(error)}, 400)
        roster = self._roster()
        site = request.query_params.get("site")
        if site is None:
            found = self._reader.messages(**asked)
        else:
            del asked["address"]
            found = self._reader.messages_of(_at(roster, site), **asked)
        return _json(
            [
                message_facts(each, roster.entry(each.address), _publisher(roster, each.publisher))
                for each in found
            ]
        )


def _at(roster: Roster, site: str) -> list[Address]:
    """All nodes that a site ever had, by its number or its name."""
    return [node.address for node in roster.nodes if site in (node.site_id, node.site) and site]


def _earlier(roster: Roster, node: Node) -> list[Node]:
    """Who was at the site of `node` before it; none for one that is not there any more itself."""
    if not node.site_id or node.revoked or node.replaced_s:
        return []
    return [
        each for each in roster.nodes if each.site_id == node.site_id and (each.revoked or each.replaced_s)
    ]


def _publisher(roster: Roster, publisher: str) -> Node | None:
    address = address_of(publisher)
    return roster.entry(address) if address else None


def _question(asked: Mapping[str, str]) -> dict[str, Any]:
    """Arguments for Reader.messages; raises ValueError with one line that says what fits."""
    for name in asked:
        if name not in PARAMETERS:
            raise ValueError(f"parameters are {', '.join(PARAMETERS)}")
    address = address_of(asked["address"]) if "address" in asked else None
    if "address" in asked and address is None:
        raise ValueError("address is 8 hex digits")
    if "address" in asked and "site" in asked:
        raise ValueError("address or site, not both")
    if asked.get("statuses", "0") not in ("0", "1"):
        raise ValueError("statuses is 0 or 1")
    return {
        "after_id": _number(asked, "after", 0),
        "before_id": _number(asked, "before", ID_MAX),
        "statuses": asked.get("statuses") == "1",
        "address": address,
        "limit": min(max(1, _number(asked, "limit", LIMIT)), MESSAGES_MAX),
    }


def _number(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX and int(text) <= ID_MAX):
        raise ValueError(f"{name} is a number from 0 to 2^62")
    return int(text)


def _no_storage(request: Request, error: StorageError) -> Response:
    return _json({"error": error.what.en}, 503)


def _refused(request: Request, error: HTTPException) -> Response:
    return _json({"error": error.detail}, error.status_code, error.headers)


def _json(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, {**(headers or {}), **_HEADERS}, "application/json")
