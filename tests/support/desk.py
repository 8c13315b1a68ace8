"""The pages of a site over a desk without a node, served on loopback, in the middle of an outage."""

from __future__ import annotations

import http.client
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, cast
from urllib.parse import urlencode

from starlette.applications import Starlette

from relay.config import PageSection
from relay.node.desk.access import Access
from relay.node.desk.app import application
from relay.node.desk.facts import Handling, Known, MessageKind, Received, Sent, Step, VrdNotice
from relay.node.desk.work import DeskWork
from relay.web.serving import server
from tests.support.desk_double import NOW_S, Desk

TIMEOUT_S = 15.0


def outage_desk() -> Desk:
    """The story of the screenshots: everything that a page can show, at once."""
    desk = Desk()
    desk.values = {
        "opening": Known(value="open", age_s=2520, entered=True),
        "visitors": Known(value=42, age_s=2520, entered=True),
        "water": Known(value="low", age_s=2520, entered=True),
        "battery_pct": Known(value=62, age_s=20, entered=False),
    }
    water = {
        "need": "water",
        "amount": 200,
        "amount_unit": "litres",
        "text": "vóór 16:00, voor 140 bezoekers",
    }
    road = {"incident": "blocked_road", "text": "boom over de weg bij de brink"}
    desk.messages = [
        _message("m4", "report", {"incident": "other", "text": "Wij krijgen morgen soep van de bakker"},
                 Step.UNDER_WAY, 720, sent_count=3, sent_age_s=300, sent_link="radio"),
        _message("m3", "request", water, Step.RECEIVED, 2400, urgency=2, sent_count=1,
                 received=Received(age_s=1000, time_s=NOW_S - 1000, link="radio")),
        _message("m2", "report", road, Step.READ, 5000,
                 received=Received(age_s=4800, time_s=NOW_S - 4800, link="mqtt"),
                 handling=Handling(state="forwarded", text="Bevolkingszorg", age_s=400, time_s=NOW_S - 400)),
        _message("m1", "report", {"incident": "fire", "text": "Rook in hal"}, Step.RECEIVED, 9000, urgency=1,
                 received=Received(age_s=8990, time_s=NOW_S - 8990, link="mqtt"),
                 withdrawn=True, withdrawn_age_s=8900, withdrawal_received=True),
        _message("m0", "offer", {"need": "staff", "amount": 4, "amount_unit": "people"}, Step.KEPT, 9900,
                 undone=True),
    ]  # fmt: skip
    desk.heard = [
        _notice(13, "question", "Hoeveel aggregaten zijn er over?", 900, urgency=2, seen=False,
                answers=("Geen", "Een", "Meer")),
        _notice(12, "information", "De stroom is om 18 uur terug. Blijf binnen als dat kan.", 3000, answer=0),
        _notice(11, "order", "Houd het noodsteunpunt vannacht open.", 7000, urgency=2, answer=1),
        _notice(10, "information", "De stroom is om 15 uur terug.", 9000, replaced_by=12),
    ]  # fmt: skip
    return desk


def _message(
    id: str,
    kind: MessageKind,
    values: dict[str, Any],
    step: Step,
    age_s: int,
    *,
    urgency: int = 3,
    **rest: Any,
) -> Sent:
    return Sent(
        id=id, kind=kind, values=values, urgency=urgency, exercise=False, step=step, age_s=age_s, **rest
    )


def _notice(
    number: int,
    kind: str,
    text: str,
    age_s: int,
    *,
    urgency: int = 3,
    answers: tuple[str, ...] = (),
    seen: bool = True,
    answer: int | None = None,
    replaced_by: int | None = None,
) -> VrdNotice:
    return VrdNotice(
        number=number,
        kind=kind,
        text=text,
        urgency=urgency,
        exercise=False,
        answers=answers,
        age_s=age_s,
        time_s=NOW_S - age_s,
        seen=seen,
        answer=answer,
        replaced_by=replaced_by,
    )


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    text: str


class DeskStage:
    """Pages on 127.0.0.1 (trusted, as the Wi-Fi is) and 127.0.0.2 (asks for the PIN), both on one port."""

    def __init__(self, folder: Path, desk: Desk | None = None, **page: Any) -> None:
        self.desk = desk or outage_desk()
        self.page = PageSection(**{"host": "127.0.0.1", "lan_host": "127.0.0.2", "capacity": 120, **page})
        self.pin_file = folder / "page-pin"
        self.access = Access(self.page, self.pin_file)
        self.application: Starlette = application(cast(DeskWork, self.desk), self.page, self.access)
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port: int = self._sockets[0].getsockname()[1]
        self._sockets.append(socket.create_server(("127.0.0.2", self.port)))
        self._server = server(self.application, "127.0.0.1", self.port)
        self._thread = threading.Thread(target=self._server.run, args=(self._sockets,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(TIMEOUT_S)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        host: str = "127.0.0.1",
    ) -> Answer:
        connection = http.client.HTTPConnection(host, self.port, timeout=TIMEOUT_S)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return Answer(answer.status, answer.headers, text)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Answer:
        """As a browser posts a form of a page of ours."""
        sent = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self.port}",
        }
        return self.ask("POST", path, urlencode(fields).encode(), sent | (headers or {}))
