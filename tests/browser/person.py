"""Somebody at a site with a phone, and what their eyes would stumble over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, Request

from relay.node.desk.facts import Band, Exercise, Sent, Step
from tests.browser.test_accessible import RULES, SIDEWAYS
from tests.support.desk import NOW_S, DeskStage
from tests.support.process import until

PHONE, NARROW, SCREEN = (
    {"width": 360, "height": 640},
    {"width": 320, "height": 568},
    {"width": 800, "height": 480},
)
TIMEOUT_MS = 10_000


class Person:
    """Somebody with a phone, who fetches nothing from elsewhere and meets no error."""

    def __init__(self, browser: Browser, url: Callable[[str], str], **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(viewport=options.pop("viewport", PHONE), **options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self._said(said.type, said.text))
        self.page.on("request", self._asked)

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and "ERR_" not in text and "status of" not in text:
            self.complaints.append(text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(self.url("/")):
            self.complaints.append(f"fetched {request.url}")

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.url(path))
        return self.page

    def until(self, condition: str, why: str = "") -> None:
        """As test_live's: asked from here, since the page's own rules let nobody evaluate text in it."""
        until(lambda: self.page.evaluate(condition) or self.page.wait_for_timeout(20), 20, why or condition)

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []


def faults(person: Person, look: str, sizes: tuple[dict[str, int], ...]) -> list[str]:
    """What is wrong with the page that is open."""
    page, found = person.page, []
    for size in sizes:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        if (over := page.evaluate(SIDEWAYS)) > 0:
            found.append(f"{page.url} {look} scrolls {over} px sideways at {size['width']}")
    page.evaluate(AXE_SCRIPT)
    for rule in page.evaluate("options => axe.run(options)", RULES)["violations"]:
        found += [f"{page.url} {look}: {rule['id']} {node['html'][:200]}" for node in rule["nodes"]]
    return found


def everything_at_once(stage: DeskStage) -> None:
    """An exercise, an emergency that nobody confirms, a card that is held, cards of every kind."""
    desk = stage.desk
    desk.exercise = Exercise(name="Donker Drenthe", left_s=9000, until_s=NOW_S + 9000)
    desk.band = Band(state="unconfirmed", heard_age_s=18_000, link="radio", waiting=7, oldest_age_s=16_000)
    plain = {"kind": "report", "exercise": False, "values": {"incident": "medical", "text": "Man onwel"}}
    emergency = {**plain, "id": "e1", "urgency": 1, "step": Step.UNDER_WAY, "age_s": 400}
    held = {**plain, "id": "h1", "urgency": 2, "step": Step.KEPT, "age_s": 1, "hold_s": 9, "exercise": True}
    desk.emergency = msgspec.convert(emergency, Sent)
    desk.messages = [msgspec.convert(held, Sent), desk.emergency, *desk.messages]
    desk.drafts[("127.0.0.1", "hulp")] = {"need": "water"}
    desk.radio_trouble, desk.revoked, desk.shown = "R01", True, 12
