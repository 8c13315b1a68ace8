"""O10 and O12 at a real browser: a status by the keyboard alone, a line of DARES, and what breaks in."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from relay.core.message import Urgency
from tests.browser.stage import Stage
from tests.browser.visitor import Visitor

TABS_MAX = 60
FIELDS = {
    "opening": "open",
    "staff": "4",
    "visitors": "40",
    "water": "krap",
    "food": "goed",
    "blankets": "op",
}


def at(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def tab_to(page: Page, name: str) -> None:
    for _ in range(TABS_MAX):
        if at(page) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} is not reached")


@pytest.mark.slow
def test_six_fields_by_the_keyboard_alone_and_a_line_of_dares(chromium: Browser, outage: Stage) -> None:
    visitor = Visitor(chromium, outage, "els")
    page = visitor.open("/")
    began = time.monotonic()
    page.keyboard.press("n")
    page.wait_for_url("**/handmatig")
    assert at(page) == "site"
    page.keyboard.type("MFA Roden")
    for name, value in FIELDS.items():
        tab_to(page, f"f_{name}")
        page.keyboard.type(value)
    tab_to(page, "f_access")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Bewaren"
    page.keyboard.press("Enter")
    page.wait_for_url("**bewaard=**")
    said = page.inner_text("[role=status]:has(a)")
    assert all(word in said for word in ("open", "Bezetting 4", "40", "krap", "goed", "Dekens op")), said
    assert time.monotonic() - began < 15  # of the 45 s that a person has, the machine takes little

    page.keyboard.type("MFA Roden")
    tab_to(page, "said")
    page.keyboard.type("10=open 12=41 86=krap 77=blauw")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("q")
    assert page.inner_text("q") == "77=blauw"
    assert page.evaluate("document.activeElement.textContent") == "Bewaren"  # one more Enter, after a look
    page.keyboard.press("Enter")
    page.wait_for_url("**bewaard=**")
    visitor.close()


@pytest.mark.slow
def test_a_real_emergency_breaks_into_a_screen_that_shows_the_exercise(
    chromium: Browser, tmp_path: Path
) -> None:
    with Stage(tmp_path) as stage:
        visitor = Visitor(chromium, stage, "els")
        page = visitor.open("/baan/oefening")
        assert page.inner_text(".lane") == "OEFENING" and "GEEN OEFENING" not in page.inner_text("body")
        one = stage.writers[5]
        stage.vrd.desk.take(one.hex, one.report(90, "Echt rook", urgency=Urgency.EMERGENCY))
        stage.room.look_soon()
        visitor.until("document.getElementById('nood').textContent.includes('GEEN OEFENING')", 5)
        assert "Echt rook" in page.inner_text("#nood")
        visitor.close()
