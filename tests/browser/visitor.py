"""One person at a real browser."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Browser, Page, Request

from tests.browser.stage import Stage
from tests.inbox.room import PASSWORD

TIMEOUT_MS = 8_000
# as the operators' desks have it, and the same screen at 200 % zoom
DESK, ZOOMED = {"width": 1024, "height": 768}, {"width": 640, "height": 400}


class Visitor:
    """A context of its own, logged in; remembers complaints, and what was fetched from afar."""

    def __init__(self, browser: Browser, stage: Stage, name: str = "", **options: Any) -> None:
        self.stage = stage
        self.context = browser.new_context(viewport=options.pop("viewport", DESK), **options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self._said(said.type, said.text))
        self.page.on("request", self._asked)
        if name:
            self.log_in(name)

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and "ERR_" not in text and "status of" not in text:
            self.complaints.append(text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(self.stage.url("/")):
            self.complaints.append(f"fetched {request.url}")

    def log_in(self, name: str) -> None:
        self.page.goto(self.stage.url("/inloggen"))
        self.page.fill("#name", name)
        self.page.fill("#password", PASSWORD)
        self.page.press("#password", "Enter")
        self.page.wait_for_load_state()

    def open(self, path: str) -> Page:
        """The page at `path`, when it says that it is live (if it is of the kind that does)."""
        self.page.goto(self.stage.url(path))
        if self.page.locator("#verbinding").count():
            self.live()
        return self.page

    def live(self) -> None:
        self.until("document.getElementById('verbinding').textContent.startsWith('●')")

    def runs(self, script: str) -> Any:
        return self.page.evaluate(script)

    def until(self, condition: str, at_most_s: float = 10.0) -> float:
        """Wait until `condition` holds; after how many seconds it did.

        Asked from here: a page of ours lets nobody evaluate text within it, a waiting test included.
        """
        began = time.monotonic()
        while not self.runs(condition):
            waited_s = time.monotonic() - began
            assert waited_s < at_most_s, f"still not after {waited_s:.1f} s: {condition}"
            self.page.wait_for_timeout(20)
        return time.monotonic() - began

    def close(self) -> None:
        """Nothing may have gone wrong on the way."""
        self.context.close()
        assert self.complaints == []
