"""The inbox's read-only JSON pages, on loopback, until the operators' pages come."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.errors import StorageError
from relay.inbox.facts import address_of, message_facts, site_facts
from relay.inbox.queries import MESSAGES_MAX, Reader
from relay.inbox.store import Arrival
from relay.trust.roster import Roster

STOP_TIMEOUT_S = 2
NUMBER_MAX = 2**62
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}


class Pages:
    """Handlers over a reader, the present roster, and the service's own health."""

    def __init__(
        self,
        reader: Reader,
        roster: Callable[[], Roster],
        now: Callable[[], Arrival],
        health: Callable[[], dict[str, Any]],
    ) -> None:
        self._reader = reader
        self._roster = roster
        self._now = now
        self._health = health

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/healthz", self.healthz),
                Route("/api/sites", self.sites),
                Route("/api/messages", self.messages),
            ],
            exception_handlers={StorageError: self._no_storage},  # type: ignore[dict-item]
        )

    async def healthz(self, request: Request) -> Response:
        """200 when messages are stored and receipted, else 503; why stands in it."""
        health = self._health()
        return _json(health, 200 if health["ok"] else 503)

    async def sites(self, request: Request) -> Response:
        """Every node of the roster with its newest state."""
        roster, now = self._roster(), self._now()
        nodes, missing, findings = (
            self._reader.nodes(),
            self._reader.missing_reports(),
            self._reader.findings(),
        )
        return _json(
            [
                site_facts(
                    node,
                    nodes.get(node.address),
                    missing.get(node.address, []),
                    findings.get(node.address, []),
                    now,
                )
                for node in roster.nodes
            ]
        )

    async def messages(self, request: Request) -> Response:
        """Newest first: `after`, `before` (ids), `statuses=1`, `address`, `limit`."""
        asked = request.query_params
        try:
            after, limit = _number(asked.get("after", "0")), _number(asked.get("limit", "100"))
            before = _number(asked["before"]) if "before" in asked else None
            address = address_of(asked["address"]) if "address" in asked else None
            if "address" in asked and address is None:
                raise ValueError
        except ValueError:
            return _json({"error": "after, before and limit are numbers; address is 8 hex digits"}, 400)
        found = self._reader.messages(
            after_id=after,
            before_id=before,
            statuses=asked.get("statuses") == "1",
            address=address,
            limit=min(max(1, limit), MESSAGES_MAX),
        )
        roster = self._roster()
        return _json([message_facts(each, roster.entry(each.address)) for each in found])

    async def _no_storage(self, request: Request, error: StorageError) -> Response:
        return _json({"error": error.what.en}, 503)


def _number(text: str) -> int:
    number = int(text)
    if not 0 <= number < NUMBER_MAX:
        raise ValueError(text)
    return number


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, _HEADERS, "application/json")


class _Server(uvicorn.Server):
    """Signals are the service's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server(application: Starlette, host: str, port: int) -> uvicorn.Server:
    """A server to `serve()`; set `should_exit` to stop it. Open streams don't hold it up."""
    return _Server(
        uvicorn.Config(
            application,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_TIMEOUT_S,
            server_header=False,
            loop="asyncio",
            http="h11",
        )
    )
