"""V14 at the screen itself: a photo of the box's small screen, and a screenshot of a phone, hold the code."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from PIL import Image
from playwright.sync_api import Browser, Page

from relay.core.courier_code import BATCH_BYTES, Code, encode
from relay.node.courier_qr import CourierCode
from relay.pictures import codes_in
from tests.browser.test_accessible import RULES, SIDEWAYS
from tests.support.desk import DeskStage
from tests.support.photo import photographed

TEXTS = tuple(encode(Code(os.urandom(BATCH_BYTES), 60_000_000)) for _ in range(2))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskStage]:
    with DeskStage(tmp_path_factory.mktemp("desk"), nearest_post="Kazerne Assen") as stage:
        stage.desk.codes = tuple(CourierCode(text, 10) for text in TEXTS)
        yield stage


def at_code_2(page: Page, stage: DeskStage) -> bytes:
    """A picture of the screen after "Volgende code" was tapped."""
    page.goto(stage.url("/koerier"))
    page.get_by_role("link", name="Volgende code").click()
    page.get_by_role("heading", name="Code 2 van 2").wait_for()
    return page.screenshot()


def shown(page: Page) -> tuple[float, bool]:
    """How wide a code is, and whether all of it is on the screen."""
    box = page.locator("svg.qr").bounding_box()
    size = page.viewport_size
    assert box and size
    inside = box["x"] >= 0 and box["y"] >= 0
    fits = box["x"] + box["width"] <= size["width"] and box["y"] + box["height"] <= size["height"]
    return box["width"], inside and fits


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_photo_of_the_small_screen_is_read(chromium: Browser, stage: DeskStage, theme: str) -> None:
    page = chromium.new_page(
        viewport={"width": 800, "height": 480}, color_scheme=theme, java_script_enabled=False
    )
    page.goto(stage.url("/koerier"))
    width, whole = shown(page)
    assert width >= 3 * 129 and whole  # nobody has to scroll to it
    screen = at_code_2(page, stage)
    assert shown(page) == (width, True)
    page.close()
    photo = photographed(Image.open(io.BytesIO(screen)).convert("L"), turned=6)
    assert codes_in(photo, "photo") == [TEXTS[1]]


def test_a_screenshot_of_a_visitor_s_own_phone_is_read(chromium: Browser, stage: DeskStage) -> None:
    page = chromium.new_page(viewport={"width": 360, "height": 640}, device_scale_factor=2)
    screen = at_code_2(page, stage)
    _, whole = shown(page)
    sideways = page.evaluate(SIDEWAYS)
    page.close()
    assert whole and sideways == 0
    assert codes_in(screen, "screen") == [TEXTS[1]]


@pytest.mark.parametrize(("theme", "path"), [("light", "/koerier"), ("dark", "/en/koerier")])
def test_the_page_is_for_everybody(chromium: Browser, stage: DeskStage, theme: str, path: str) -> None:
    page = chromium.new_page(viewport={"width": 320, "height": 568}, color_scheme=theme)
    page.goto(stage.url(path))
    page.locator("summary").click()
    assert page.evaluate(SIDEWAYS) == 0
    page.evaluate(AXE_SCRIPT)
    faults = page.evaluate("options => axe.run(options)", RULES)["violations"]
    height = page.locator("a.button").bounding_box()
    page.close()
    assert [rule["id"] for rule in faults] == []
    assert height and height["height"] >= 64
