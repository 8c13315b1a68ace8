"""Every page for everybody: WCAG 2.2 AA, two languages, two themes, a small screen, the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser

from relay.inbox.operators.notices import NoticeDraft
from tests.browser.stage import Stage
from tests.browser.visitor import DESK, ZOOMED, Visitor

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
RULES = {
    "runOnly": {"type": "tag", "values": TAGS},
    "resultTypes": ["violations"],
    "selectors": False,
    "preload": False,
}
# each page in both languages, both themes and both sizes; not in each combination of the three
LOOKS = {"nl": ("light", DESK, ZOOMED), "en": ("dark", ZOOMED, DESK)}
PAGES = ("/", "/postvak", "/postvak?urgentie=1", "/punt/P2", "/punt/P12", "/melding/{report}", "/kaart",
         "/tijdlijn", "/rapport", "/overdracht", "/logboek", "/beheer",
    "/berichten",
    "/handmatig",
    "/handmatig/koerier",
    "/?baan=oefening", "/wand", "/melding/x")  # fmt: skip
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def boss(chromium: Browser, outage: Stage) -> Iterator[Visitor]:
    visitor = Visitor(chromium, outage, "beheer")
    yield visitor
    visitor.close()


def faults(visitor: Visitor, language: str) -> list[str]:
    """What is wrong with the page that is open."""
    found, page = [], visitor.page
    if (
        " method " in page.content() or " at 0x" in page.content()
    ):  # a word that is none: it shadows one of Python's
        found.append(f"{page.url} {language} shows something of Python")
    theme, size, other_size = LOOKS[language]
    page.emulate_media(color_scheme=theme)
    for each in (other_size, size):
        page.set_viewport_size(each)
        if (over := visitor.runs(SIDEWAYS)) > 0:
            found.append(f"{page.url} {language} {theme} scrolls {over} px sideways at {each['width']}")
    page.evaluate(AXE_SCRIPT)
    for rule in page.evaluate("options => axe.run(options)", RULES)["violations"]:
        where = f"{page.url} {language} {theme} {size['width']}: {rule['id']}"
        found += [f"{where} {node['html'][:200]}" for node in rule["nodes"]]
    page.set_viewport_size(DESK)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("language", ["nl", "en"])
def test_no_page_breaks_a_rule_of_wcag(boss: Visitor, outage: Stage, language: str) -> None:
    boss.page.goto(outage.url(f"/taal/{language}"))
    found = []
    for path in PAGES:
        page = boss.open(path.format(report=outage.shown))
        assert page.get_attribute("html", "lang") == language
        found += faults(boss, language)
    assert found == []


@pytest.mark.parametrize("language", ["nl", "en"])
def test_nor_does_an_exercise_that_runs_nor_a_browser_that_is_muted(
    boss: Visitor, outage: Stage, language: str
) -> None:
    notices = outage.vrd.operators.notices
    drill = NoticeDraft(kind="exercise", text="Stroomuitval", minutes=60, exercise=True, scope="several")
    begun = notices.make(drill, ["P1", "P2"], "marij", 1)
    boss.page.goto(outage.url(f"/taal/{language}"))
    page = boss.open("/oefening")
    page.click("h1")
    boss.until("naober.playing()")
    page.click("#geluid button >> nth=1")
    assert page.locator(".drills").count() == page.locator("#geluid.hush").count() == 1
    found = faults(boss, language)
    page.click("#geluid button")
    end = msgspec.structs.replace(drill, minutes=0, ends=begun.id)
    notices.make(end, ["P1", "P2"], "marij", 1)
    assert found == []


@pytest.mark.parametrize("language", ["en", "nl"])
def test_nor_does_an_inbox_that_stands_by_nor_the_list_of_findings(
    boss: Visitor, outage: Stage, language: str
) -> None:
    store, writer = outage.vrd.desk.store, outage.writers[2]
    for code in ("clone", "bad_signatures"):
        with store.write():
            store.note_finding(writer.address, code, outage.vrd.desk.unix_s, "twice")
    outage.room.standby = lambda: "set_up"
    boss.page.goto(outage.url(f"/taal/{language}"))
    found = []
    for path in ("/beheer", "/punt/P3", "/postvak?gemeente=Assen&toon=open"):
        page = boss.open(path)
        assert ("STANDBY" if language == "en" else "RESERVE") in page.inner_text("header")
        found += faults(boss, language)
    assert boss.open("/beheer").locator("#veiligheid form").count() == 2
    outage.room.standby = lambda: ""
    with store.write():
        store._db.execute("DELETE FROM finding")
    assert found == []


@pytest.mark.parametrize("language", ["nl", "en"])
def test_nor_does_the_login_page(chromium: Browser, outage: Stage, language: str) -> None:
    stranger = Visitor(chromium, outage)
    stranger.page.goto(outage.url(f"/taal/{language}?terug=/inloggen"))
    found = faults(stranger, language)
    without = outage.room.options
    outage.room.options = msgspec.structs.replace(without, oidc=True)
    stranger.page.goto(outage.url("/inloggen"))  # no provider answers: the button is greyed
    stranger.page.wait_for_selector(".away")
    found += faults(stranger, language)
    outage.room.options = without
    stranger.log_in("niemand")
    assert stranger.page.locator("[role=alert]").count() == 1
    assert found + faults(stranger, language) == []
    stranger.close()


def test_what_breaks_a_rule_would_be_found(boss: Visitor) -> None:
    boss.open("/logboek")
    boss.runs("document.querySelector('main').innerHTML = '<img src=/static/naober.svg><p>bleek</p><b>x</b>'")
    boss.runs("document.querySelector('main p').style.color = '#999'")
    boss.runs("document.querySelector('main b').style.cssText = 'display: block; width: 2000px'")
    found = " ".join(faults(boss, "nl"))
    assert "image-alt" in found and "color-contrast" in found and "sideways" in found


# --- the keyboard alone

FOCUS = """() => {
  const here = document.activeElement, box = here.getBoundingClientRect(), style = getComputedStyle(here);
  const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2, top = document.elementFromPoint(x, y);
  const outlined = style.outlineStyle !== "none" && style.outlineWidth !== "0px";
  return [here.tagName, here.id || here.textContent.trim(), outlined,
          Boolean(top && (here.contains(top) || top.contains(here)))];
}"""


@pytest.mark.parametrize("path", ["/", "/melding/{report}"])
def test_the_focus_is_seen_wherever_the_tab_key_leads(boss: Visitor, outage: Stage, path: str) -> None:
    page = boss.open(path.format(report=outage.shown))
    boss.page.set_viewport_size(ZOOMED)
    stops = []
    for _ in range(80):
        page.keyboard.press("Tab")
        tag, name, outlined, visible = boss.runs(FOCUS)
        if tag == "BODY":
            break
        assert outlined and visible, f"the focus is not seen on {tag} {name}"
        stops.append(name)
    # first a way past the menu, then the order of the eye
    assert stops[0] == "Naar de inhoud"
    menu, emergency = stops.index("Overzicht"), stops.index("Openen")
    assert menu < emergency
    if path == "/":
        assert emergency < stops.index("Dorpshuis Zweeloo") < len(stops) - 1
    boss.page.set_viewport_size(DESK)


def test_the_first_tab_stop_leads_past_the_menu(boss: Visitor) -> None:
    page = boss.open("/postvak")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert boss.runs("document.activeElement.closest('main') !== null")


def test_keys_lead_through_rows_and_pages(boss: Visitor, outage: Stage) -> None:
    page = boss.open("/")
    page.keyboard.press("j")
    assert "Rook in hal" in boss.runs("document.activeElement.closest('tr').textContent")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert "Zweeloo" in boss.runs("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.wait_for_url("**/punt/P12")
    page.keyboard.press("c")
    assert boss.runs("document.activeElement.id") == "text"
    page.keyboard.type("gia")  # letters are letters in a field
    assert page.input_value("#text") == "gia"
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/postvak")
    page.keyboard.press("2")
    page.wait_for_url("**/postvak?*urgentie=2")
    assert page.locator("tr[data-key]").count() == 1
    page.keyboard.press("j")
    page.keyboard.press("h")
    page.wait_for_url("**/melding/*#result")
    assert boss.runs("document.activeElement.id") == "result"
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.wait_for_url("**/postvak#zoek")
    assert boss.runs("document.activeElement.id") == "zoek"


def test_keys_are_told_of_and_can_be_switched_off(boss: Visitor) -> None:
    page = boss.open("/kaart")
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.uncheck("#toetsen")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert not page.locator("dialog").is_visible()
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_timeout(300)
    assert page.url.endswith("/kaart")
    page.click("#hulpknop")
    page.check("#toetsen")
    page.click("dialog button")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/postvak")
