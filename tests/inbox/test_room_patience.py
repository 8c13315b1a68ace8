"""Who asks slowly, endlessly or all at once takes nothing from those who work."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay.inbox.pages import live
from relay.web import patience
from tests.inbox.room import OpenRoom
from tests.support.process import until

PATIENCE_S = 0.5
STREAMS = 300


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenRoom]:
    monkeypatch.setattr(patience, "REQUEST_S", PATIENCE_S)
    with OpenRoom(tmp_path) as room:
        yield room


def connect(room: OpenRoom) -> socket.socket:
    return socket.create_connection(("127.0.0.1", room.port), timeout=10)


def is_let_go(link: socket.socket, say: Callable[[], bytes]) -> float:
    """Seconds until the server ends a connection on which somebody goes on to `say` a byte at a time."""
    began = time.monotonic()
    link.settimeout(0.05)
    while time.monotonic() - began < 10:
        with contextlib.suppress(TimeoutError):
            try:
                link.sendall(say())
                if link.recv(4096) == b"":
                    return time.monotonic() - began
            except (ConnectionResetError, BrokenPipeError):
                return time.monotonic() - began
    raise AssertionError("it is still waited for")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /inloggen HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 9999\r\n\r\n",
    ],
    ids=["nothing", "head", "body"],
)
def test_a_request_that_does_not_end_is_let_go_of(room: OpenRoom, head: bytes) -> None:
    with connect(room) as link:
        link.sendall(head)
        assert PATIENCE_S * 0.8 <= is_let_go(link, lambda: b"a" if head else b"") < 5
    assert room.browser("els").get("/").status == 200


def test_the_second_request_on_a_connection_must_end_as_well(room: OpenRoom) -> None:
    with connect(room) as link:
        link.sendall(b"GET /inloggen HTTP/1.1\r\nHost: x\r\n\r\n")
        while b"</html>" not in link.recv(65536):
            pass
        assert is_let_go(link, lambda: b"G") < 5


def test_a_stream_is_not_let_go_of_however_long_it_lasts(room: OpenRoom) -> None:
    els = room.browser("els")
    connection = http.client.HTTPConnection("127.0.0.1", room.port, timeout=10)
    connection.request("GET", "/gebeurtenissen", headers={"Cookie": f"naober={els.cookies['naober']}"})
    answer = connection.getresponse()
    end = time.monotonic() + 3 * PATIENCE_S + live.HEARTBEAT_S
    while time.monotonic() < end:
        assert answer.readline()
    connection.close()


def test_a_head_that_is_too_large_is_refused(room: OpenRoom) -> None:
    with connect(room) as link:
        with contextlib.suppress(ConnectionError):
            link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (2 * patience.HEAD_BYTES_MAX))
        with contextlib.suppress(ConnectionError):
            assert b" 400 " in link.recv(4096)
    assert room.browser().get("/inloggen").status == 200


def test_three_hundred_streams_leave_the_pages_and_intake_alone(room: OpenRoom) -> None:
    els = room.browser("els")
    asked = f"GET /gebeurtenissen HTTP/1.1\r\nHost: x\r\nCookie: naober={els.cookies['naober']}\r\n\r\n"
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(connect(room)) for _ in range(STREAMS)]
        for link in links:
            link.sendall(asked.encode())
        answers = [link.recv(12) for link in links]
        assert set(answers) == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        until(lambda: room.room.live.browsers == live.BROWSERS_MAX, 5, "as many as may listen, and no more")
        one = room.writers[0]
        assert room.vrd.desk.receipts(room.vrd.desk.take(one.hex, one.report(1, "water op")))
        room.vrd.watch.look()
        began = time.monotonic()
        assert "water op" in els.get("/postvak").text
        assert time.monotonic() - began < 2


def test_connections_beyond_the_limit_are_let_go_of_and_those_before_it_go_on(
    room: OpenRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "CONNECTIONS_MAX", 20)
    monkeypatch.setattr(patience, "REQUEST_S", 2.0)
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(connect(room)) for _ in range(20)]
        time.sleep(0.2)
        with connect(room) as one_more:
            assert is_let_go(one_more, lambda: b"") < 1
        for link in links:
            assert is_let_go(link, lambda: b"") < 10
    assert room.browser().get("/inloggen").status == 200
