"""The pictures in docs/screens: every page in the middle of an outage. Written by `make screenshots` only."""

from __future__ import annotations

import io

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.stage import Stage
from tests.browser.visitor import Visitor
from tests.support.command import REPOSITORY

FOLDER = REPOSITORY / "docs" / "screens"
BYTES_MAX = 60 * 1024
COLOURS = 64
SIZE, WALL = {"width": 1280, "height": 800}, {"width": 1920, "height": 1080}
SCREENS = {
    "overview": "/",
    "inbox": "/postvak",
    "site": "/punt/P10",
    "report": "/melding/{report}",
    "notices": "/berichten",
    "map": "/kaart",
    "timeline": "/tijdlijn",
    "situation": "/rapport",
    "handover": "/overdracht",
    "log": "/logboek",
    "manual": "/handmatig",
    "accounts": "/beheer",
}


def keep(page: Page, name: str) -> None:
    """As few bytes as a picture of letters needs."""
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    if picture.width > SIZE["width"]:
        picture = picture.resize((SIZE["width"], SIZE["width"] * picture.height // picture.width))
    written = io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    assert len(written.getvalue()) <= BYTES_MAX, name
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.png").write_bytes(written.getvalue())


def test_pictures_of_every_page(chromium: Browser, outage: Stage) -> None:
    stranger = Visitor(chromium, outage, viewport=SIZE)
    keep(stranger.open("/inloggen"), "login")
    boss = Visitor(chromium, outage, "beheer", viewport=SIZE)
    boss.open("/")
    boss.page.click("#geluid button")
    for name, path in SCREENS.items():
        page = boss.open(path.format(report=outage.shown))
        page.keyboard.press("Shift")
        boss.until("naober.playing()")
        keep(page, name)
    boss.page.emulate_media(color_scheme="dark")
    page = boss.open("/")
    page.keyboard.press("Shift")
    boss.until("naober.playing()")
    keep(page, "overview-dark")
    muur = Visitor(chromium, outage, "muur", viewport=WALL)
    keep(muur.open("/wand"), "wall")
    outage.vrd.desk.wait(16 * 60)
    keep(boss.open("/"), "locked")
