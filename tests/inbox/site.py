"""The pages of an inbox, served on loopback to a test."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any

from relay.cli.ports import free_port
from relay.inbox.store import Arrival
from relay.inbox.web import Pages
from relay.trust.judging import judge
from relay.trust.roster import Roster
from relay.web.serving import server
from tests.inbox.desk import NETWORK, Desk, Key
from tests.support.papers import AUTHORITIES, papers_of


def roster_of(*nodes: Key) -> Roster:
    named = [
        (node.public_key.public_bytes_raw(), f"Punt {number}", node.revoked)
        for number, node in enumerate(nodes, 1)
    ]
    envelopes = papers_of(*named, network_id=NETWORK)
    return Roster(judge(envelopes, AUTHORITIES, NETWORK), NETWORK)


class Site:
    """The pages of a desk, served on loopback."""

    def __init__(self, desk: Desk, *nodes: Key) -> None:
        self.health: dict[str, Any] = {"ok": True, "listening_s": 1e6}
        self.now: Arrival | None = None
        self.port = free_port()
        self._desk = desk
        self.roster = roster_of(*nodes)
        pages = Pages(desk.reader, lambda: self.roster, lambda: self.now or desk.now, lambda: self.health)
        self._server = server(pages.application(), "127.0.0.1", self.port)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()

    def ask(self, path: str, method: str = "GET") -> tuple[int, Any]:
        """Status, and what the JSON says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        connection.close()
        return answer.status, json.loads(body) if body else None

    def sites(self) -> list[dict[str, Any]]:
        status, found = self.ask("/api/sites")
        assert status == 200
        return list(found)

    def messages(self, question: str = "") -> list[dict[str, Any]]:
        status, found = self.ask(f"/api/messages{question}")
        assert status == 200
        return list(found)
