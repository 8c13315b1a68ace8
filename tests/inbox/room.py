"""The operators' pages over real stores, served on loopback to a test that asks as a browser does."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import urlencode

import msgspec

from relay.cli.ports import free_port
from relay.inbox.operators.people import Account
from relay.inbox.pages.app import application
from relay.inbox.pages.geography import load_outline
from relay.inbox.pages.room import Options, Room
from relay.web.serving import server
from tests.inbox.desk import Writer
from tests.inbox.test_watch import Vrd

if TYPE_CHECKING:
    from relay.inbox.oidc import Provider

PASSWORD = "vier woorden op een rij"
TIMEOUT_S = 15.0


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    text: str


class Browser:
    """One person: keeps cookies, sends an Origin, posts forms with the token of the last page."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.csrf = ""

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} | (
            headers or {}
        )
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        if 'name="csrf" value="' in text:
            self.csrf = text.partition('name="csrf" value="')[2].partition('"')[0]
        return Answer(answer.status, answer.headers, text)

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Answer:
        body = urlencode({"csrf": self.csrf, **fields}).encode()
        sent = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self.port}",
            "Sec-Fetch-Site": "same-origin",
        }
        return self.ask("POST", path, body, sent | (headers or {}))

    def log_in(self, name: str, password: str = PASSWORD) -> Answer:
        answer = self.post("/inloggen", name=name, password=password)
        if answer.status == 303:
            self.get("/")
        return answer


class OpenRoom:
    """A room with a running server; `look` is what the watch does each second."""

    def __init__(
        self, folder: Path, sites: int = 3, provider: Callable[[int], Provider] | None = None
    ) -> None:
        """`provider` makes VRD's identity provider, of a room at that port."""
        self.writers = [Writer(f"node {at}") for at in range(sites)]
        self.vrd = Vrd(folder, *self.writers)
        self.trouble = ""
        self.room = Room(
            self.vrd.operators,
            self.vrd.watch,
            self.vrd.desk.reader,
            lambda: self.trouble,
            Options(("GHOR", "Bevolkingszorg")),
        )
        for name, role in (("els", "operator"), ("jan", "operator"), ("lees", "reader"), ("muur", "wall")):
            self.vrd.operators.save_account(Account(name, role), PASSWORD, "test")
        self.vrd.operators.save_account(Account("beheer", "administrator"), PASSWORD, "test")
        self.vrd.watch.look()
        self.port = free_port()
        made = provider(self.port) if provider else None
        self.room.options = msgspec.structs.replace(self.room.options, oidc=made is not None)
        pages = application(self.room, load_outline(Path("none")), made)
        self._server = server(pages, "127.0.0.1", self.port)
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(15)
        self.vrd.close()
        assert not self._thread.is_alive()

    def browser(self, name: str = "") -> Browser:
        browser = Browser(self.port)
        if name:
            assert browser.log_in(name).status == 303
        return browser
