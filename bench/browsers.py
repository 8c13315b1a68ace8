"""Browsers for measurements: one that asks for pages, and a crowd that keeps an overview open."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlencode

FRAGMENTS = ("overzicht", "band", "nood")  # what the overview repaints
TIMEOUT_S = 30.0
STACK_BYTES = 256 * 1024


def percentile(found: list[float], share: float = 0.95) -> float:
    """The value that `share` of all do not exceed."""
    return sorted(found)[min(len(found) - 1, int(share * len(found)))]


class Browser:
    """Keeps a cookie; one request after the other, on a connection that stays open as browsers do."""

    def __init__(self, port: int, cookie: str = "") -> None:
        self.port, self.cookie = port, cookie
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        self._lock = threading.Lock()

    def log_in(self, name: str, password: str) -> None:
        """The cookie of a new session."""
        answer = self._ask("POST", "/inloggen", urlencode({"name": name, "password": password}))
        self.cookie = answer[1].partition(";")[0]
        assert answer[0] == 303 and self.cookie

    def get(self, path: str) -> str:
        """The whole page."""
        status, _, text = self._ask("GET", path)
        assert status == 200, (path, status)
        return text

    def timed(self, path: str) -> float:
        """Milliseconds from the request to the end of the answer."""
        began = time.perf_counter()
        self.get(path)
        return 1000 * (time.perf_counter() - began)

    def _ask(self, method: str, path: str, body: str = "") -> tuple[int, str, str]:
        headers = {"Cookie": self.cookie, "Origin": f"http://127.0.0.1:{self.port}"}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with self._lock:
            try:
                self._connection.request(method, path, body or None, headers)
                answer = self._connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
                self._connection.close()  # the server lets go of a connection that was quiet for a while
                self._connection.request(method, path, body or None, headers)
                answer = self._connection.getresponse()
            return answer.status, answer.headers.get("Set-Cookie", ""), answer.read().decode()


class Crowd:
    """Pages that are open: each hears the stream, and takes what is new when it is told to."""

    def __init__(self, port: int, cookie: str, count: int) -> None:
        self._port, self._cookie = port, cookie
        self._over = threading.Event()
        self.attached = self.repaints = 0
        self.failure: Exception | None = None
        self._lock = threading.Lock()
        threading.stack_size(STACK_BYTES)
        self._threads = [threading.Thread(target=self._stay, daemon=True) for _ in range(count)]
        for each in self._threads:
            each.start()
        threading.stack_size(0)

    def _stay(self) -> None:
        try:
            self._sit()
        except Exception as error:  # one is enough to know
            self.failure = error

    def _sit(self) -> None:
        stream = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
        stream.request("GET", "/gebeurtenissen", headers={"Cookie": self._cookie})
        answer = stream.getresponse()
        assert answer.status == 200
        page = Browser(self._port, self._cookie)
        with self._lock:
            self.attached += 1
        while not self._over.is_set():
            line = answer.readline()
            if line.startswith(b"event: board"):
                for name in FRAGMENTS:
                    page.get(f"/stuk/{name}")
                with self._lock:
                    self.repaints += 1
        stream.close()

    def leave(self) -> None:
        """All close their pages."""
        self._over.set()
        for each in self._threads:
            each.join(TIMEOUT_S)
        if self.failure:
            raise self.failure


@contextlib.contextmanager
def attached(port: int, like: Browser, count: int) -> Iterator[Crowd]:
    """As many pages as `count`, by the session of `like`."""
    crowd = Crowd(port, like.cookie, count)
    try:
        yield crowd
    finally:
        crowd.leave()
