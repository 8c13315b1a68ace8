"""Notifiers: who is told, once, by mail, webhook and topic; and what happens when they can't be reached."""

from __future__ import annotations

import asyncio
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from relay.config import NotifySection
from relay.errors import KeyFileError
from relay.inbox.alarms.state import Change
from relay.inbox.notifiers import work
from relay.inbox.notifiers.base import NotTold, is_told, line
from relay.inbox.notifiers.email import Email, message
from relay.inbox.notifiers.topic import TOPIC, Topic
from relay.inbox.notifiers.webhook import Webhook
from relay.inbox.notifiers.work import NotifierWork, notifiers_of
from relay.inbox.operators.store import Operators


def change(kind: str = "raised", level: int = 1, sound: str = "emergency", **more: Any) -> Change:
    fields = {"rule": "emergency", "subject": "x-1-1", "name": "Kazerne Beilen", "at_s": 1.0, **more}
    return Change(kind=kind, level=level, sound=sound, **fields)


MANY = change(
    "grouped", 2, "urgent", rule="silent", name="", count=12, names=tuple(f"Punt {n}" for n in range(12))
)


class Mailbox(socketserver.ThreadingTCPServer):
    """As much of an SMTP server as a client asks for."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        super().__init__(("127.0.0.1", 0), _Smtp)


class _Smtp(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while command := self.rfile.readline():
            verb = command[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                said = b""
                while (each := self.rfile.readline()) not in (b".\r\n", b""):
                    said += each
                self.server.mails.append(said.decode())
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
            if verb == b"QUIT":
                return


class Hook(HTTPServer):
    """Takes what is posted; answers `status`."""

    def __init__(self) -> None:
        self.status = 204
        self.posts: list[tuple[str, str | None, Any]] = []
        super().__init__(("127.0.0.1", 0), _Hook)


class _Hook(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.posts.append((self.path, self.headers["authorization"], json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_mail_says_in_its_subject_what_is_worst(mailbox: Mailbox) -> None:
    settings = NotifySection(
        email_to=("piket@vrd.example",), email_from="naober@vrd.example", smtp_port=mailbox.server_address[1]
    )
    asyncio.run(Email(settings, "").tell([MANY, change()]))
    (mail,) = mailbox.mails
    assert "Subject: Naober: 1 NOOD nood - Kazerne Beilen (+1)" in mail
    assert "en 2 meer" in mail


def test_what_a_site_is_called_cannot_add_a_header_to_a_mail() -> None:
    settings = NotifySection(email_to=("a@b.example",), email_from="c@d.example")
    mail = message(settings, [change(name="Beilen\r\nBcc: evil@example.com")])
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]


def test_a_webhook_gets_the_alarms_and_its_token(hook: Hook) -> None:
    url = f"http://127.0.0.1:{hook.server_address[1]}/pager?team=1"
    asyncio.run(Webhook(url, "geheim").tell([MANY]))
    path, token, said = hook.posts[0]
    assert (path, token) == ("/pager?team=1", "Bearer geheim")
    assert said["alarms"][0]["count"] == 12 and said["alarms"][0]["level"] == 2


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_that_is_no_yes_is_not_told(hook: Hook, status: int) -> None:
    hook.status = status
    with pytest.raises(NotTold):
        asyncio.run(Webhook(f"http://127.0.0.1:{hook.server_address[1]}/").tell([MANY]))


def test_nobody_there_is_not_told() -> None:
    with pytest.raises(NotTold):
        asyncio.run(Webhook("http://127.0.0.1:9/").tell([MANY]))
    with pytest.raises(NotTold):
        asyncio.run(Email(NotifySection(email_to=("a@b.c",), smtp_port=9), "").tell([MANY]))


def test_only_what_sounds_and_matters_is_told() -> None:
    assert is_told(change(), 2)
    assert not is_told(change(sound=""), 2)
    assert not is_told(change(level=3, sound="chime"), 2)
    assert not is_told(change("flood", 3, "chime"), 3)
    assert "punten" in line(MANY)


class Deaf:
    """Fails a few times, then listens."""

    name = "deaf"

    def __init__(self, failures: int) -> None:
        self.failures, self.told = failures, []

    async def tell(self, changes: list[Change]) -> None:
        if self.failures:
            self.failures -= 1
            raise NotTold("deaf")
        self.told += changes


def serve(notifier: Deaf, operators: Operators, *changes: Change) -> NotifierWork:
    """One notifier at work until it has told what it could."""

    async def run() -> NotifierWork:
        working = NotifierWork([notifier], operators.alarms, 2)
        task = asyncio.create_task(working.run())
        await asyncio.sleep(0.2)
        await asyncio.to_thread(operators.alarms.keep, b"", list(changes))
        working.poke()
        async with asyncio.timeout(10):
            while not working.counts:
                await asyncio.sleep(0.02)
        task.cancel()
        return working

    return asyncio.run(run())


def test_what_cannot_be_told_is_tried_again_and_then_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "RETRY_S", 0.01)
    operators = Operators(tmp_path)
    notifier = Deaf(3)
    assert serve(notifier, operators, change(), change(sound="")).counts == {"deaf told": 1}
    assert [each.level for each in notifier.told] == [1]
    assert serve(Deaf(99), operators, change()).counts == {"deaf lost": 1}
    operators.close()


def test_a_restart_tells_nothing_twice(tmp_path: Path) -> None:
    operators = Operators(tmp_path)
    operators.alarms.claim("deaf")
    operators.alarms.keep(b"", [change(name="before")])
    notifier = Deaf(0)
    serve(notifier, operators, change(name="after"))
    assert [each.name for each in notifier.told] == ["after"]
    operators.close()


def test_the_topic_says_when_there_is_no_broker() -> None:
    said: list[tuple[str, bytes]] = []

    async def publish(topic: str, content: bytes) -> bool:
        said.append((topic, content))
        return len(said) > 1

    with pytest.raises(NotTold):
        asyncio.run(Topic(publish).tell([MANY]))
    asyncio.run(Topic(publish).tell([MANY]))
    assert said[1][0] == TOPIC


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    async def publish(topic: str, content: bytes) -> bool:
        return True

    secret = tmp_path / "secret"
    secret.write_text("geheim")
    secret.chmod(0o644)
    settings = NotifySection(webhook_url="https://x.example/", webhook_secret_file=str(secret), mqtt=True)
    with pytest.raises(KeyFileError):
        notifiers_of(settings, publish)
    secret.chmod(0o600)
    assert [each.name for each in notifiers_of(settings, publish)] == ["webhook", "mqtt"]
