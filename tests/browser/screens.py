"""The pictures in docs/screens: every page in the middle of an outage. Written by `make screenshots` only."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.person import PHONE, SCREEN, Person
from tests.browser.stage import Stage
from tests.browser.visitor import Visitor
from tests.support.command import REPOSITORY
from tests.support.desk import DeskStage

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
    "exercise": "/oefening",
    "map": "/kaart",
    "timeline": "/tijdlijn",
    "situation": "/rapport",
    "handover": "/overdracht",
    "log": "/logboek",
    "manual": "/handmatig",
    "courier": "/handmatig/koerier",
    "accounts": "/beheer",
}
DESK = {  # of a site, on a phone
    "home": "/",
    "how": "/stand/mensen",
    "help": "/hulp",
    "report": "/melden",
    "message": "/verstuurd/m2",
    "notices": "/berichten",
}


def keep(page: Page, name: str, *, whole: bool = False) -> None:
    """As few bytes as a picture of letters needs. `whole`: with what one scrolls to."""
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled", full_page=whole))).convert("RGB")
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


def test_pictures_of_the_page_of_a_site(chromium: Browser, tmp_path: Path) -> None:
    with DeskStage(tmp_path, nearest_post="Kazerne Assen, Rolderstraat 1") as stage:
        somebody = Person(chromium, stage.url, viewport=PHONE)
        for name, path in DESK.items():
            keep(somebody.open(path), f"desk-{name}", whole=name in ("home", "message"))
        small = Person(chromium, stage.url, viewport=SCREEN)
        keep(small.open(), "desk-screen")
        stage.desk.shown = 12
        keep(small.open("/publiek"), "desk-public")
        for each in (somebody, small):
            each.close()
