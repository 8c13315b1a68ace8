"""What operators rely on while it happens: shown at once, heard, never moving under the hand, never stale."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from relay.core.message import Kind
from relay.inbox.alarms.state import Change
from relay.inbox.operators.handling import ReportId, State
from tests.browser.stage import Stage
from tests.browser.visitor import DESK, Visitor

PROMISED_S = 2.0  # an emergency after its commit, and the end of its sound
GREY_S = 15.0
WALL = {"width": 1920, "height": 1080}
Enter = Callable[..., Visitor]


@pytest.fixture
def enter(chromium: Browser, stage: Stage) -> Iterator[Enter]:
    """Somebody comes in; all leave at the end."""
    inside: list[Visitor] = []

    def come(name: str = "els", **options: Any) -> Visitor:
        inside.append(Visitor(chromium, stage, name, **options))
        return inside[-1]

    yield come
    for visitor in inside:
        visitor.close()


def acknowledge(stage: Stage) -> None:
    """The emergency that the story begins with."""
    report = ReportId.parse(stage.shown)
    assert report
    stage.vrd.operators.move(report, State.SEEN, "jan")
    stage.room.look_soon()


def test_an_emergency_is_seen_and_heard_in_two_seconds_and_one_key_ends_it_everywhere(
    enter: Enter, stage: Stage
) -> None:
    acknowledge(stage)
    els, jan = enter("els"), enter("jan")
    for who in (els, jan):
        who.open("/")
        who.page.wait_for_selector("#nood .calm")
        who.page.keyboard.press("Shift")  # a hand on the keyboard is all that a browser asks for
        who.until("naober.playing()")
    heard = [who.runs("naober.sounded()") for who in (els, jan)]
    stage.emergency(at=0, number=91, text="Gaslucht")
    began = time.monotonic()
    for who, before in zip((els, jan), heard, strict=True):
        who.until(f"naober.sounded() > {before}")
        who.page.get_by_text("Gaslucht").first.wait_for()
    assert time.monotonic() - began <= PROMISED_S

    time.sleep(0.6)  # what has only just come under the hand is not taken by it
    els.page.keyboard.press("a")
    assert jan.until("!naober.nagging()") <= PROMISED_S
    jan.page.wait_for_selector("#nood .calm")
    els.page.wait_for_selector("#nood .calm")
    assert "gezien, els" in jan.page.inner_text("main tr.row1:has-text('Gaslucht')")
    assert els.page.url == stage.url("/")


def test_a_key_that_was_meant_for_what_stood_there_before_does_nothing(enter: Enter, stage: Stage) -> None:
    acknowledge(stage)
    els = enter()
    page = els.open("/")
    page.wait_for_selector("#nood .calm")
    report = ReportId.parse(stage.emergency(at=0, number=91, text="Gaslucht"))
    assert report
    page.evaluate("""() => new Promise((done) => {
      const look = setInterval(() => {
        const button = document.querySelector("#nood button");
        if (button) { clearInterval(look); button.click(); done(); }
      }, 5);
    })""")
    page.wait_for_timeout(300)
    assert not stage.vrd.operators.handling(report).is_acknowledged


def test_the_second_to_press_is_told_who_was_first(enter: Enter, stage: Stage) -> None:
    els = enter()
    page = els.open(f"/melding/{stage.shown}")
    acknowledge(stage)
    page.keyboard.press("a")
    page.wait_for_url("**?eerst=1")
    assert "Al gedaan door jan" in page.inner_text("[role=alert]")


def test_without_sound_the_page_says_so_in_red_until_it_is_switched_on(enter: Enter) -> None:
    els = enter()
    page = els.open("/")
    assert "Geluid staat uit" in page.inner_text("#geluid.bad")
    page.click("#geluid button")
    els.until("naober.playing()")
    assert "Geluid testen" in page.inner_text("#geluid:not(.bad)")


def sound(stage: Stage, name: str) -> None:
    """Every browser is to sound it."""
    board = stage.vrd.watch.board
    assert board is not None
    change = Change(at_s=0, kind="raised", rule="silent", subject="P1", name="", level=2, sound=name)
    stage.within(stage.room.live.tell(board, [change])).result(5)


def test_one_browser_is_muted_for_ten_minutes_and_says_so_and_no_other_is(enter: Enter, stage: Stage) -> None:
    acknowledge(stage)
    els, jan = enter(), enter("jan")
    for who in (els, jan):
        who.open("/")
        who.page.click("#geluid button")
        who.until("naober.playing() && naober.sounded() === 1")
    els.page.click("text=Dempen 10 min")
    assert "Deze browser is gedempt tot" in els.page.inner_text("#geluid.hush")
    sound(stage, "urgent")
    jan.until("naober.sounded() === 2")
    sound(stage, "system")
    els.until("naober.sounded() === 2")  # a fault of our own, and not what came before it
    els.open("/postvak").click("h1")  # a browser lets nothing sound before a hand was there
    assert "gedempt tot" in els.page.inner_text("#geluid.hush"), "on its other pages too"
    assert "gedempt" not in jan.page.inner_text("#geluid")


def test_a_mute_ends_by_itself_by_hand_and_by_a_new_emergency(enter: Enter, stage: Stage) -> None:
    acknowledge(stage)
    els = enter()
    page = els.open("/")
    page.click("#geluid button")
    for end in (
        lambda: els.runs("localStorage.setItem('naober-dempen', String(Date.now() + 300))"),
        lambda: page.click("text=Geluid weer aan"),
        lambda: els.runs("localStorage.setItem('naober-dempen', String(Date.now() + 3600000))"),
        lambda: sound(stage, "emergency"),
    ):
        page.click("text=Dempen 10 min")
        page.wait_for_selector("#geluid.hush")
        before = els.runs("naober.sounded()")
        end()
        page.get_by_text("Dempen 10 min").wait_for()
    els.until(f"naober.sounded() > {before}")


def test_the_row_under_the_pointer_never_moves(enter: Enter, stage: Stage) -> None:
    els = enter(viewport={"width": 1280, "height": 800})
    page = els.open("/")
    row = page.locator("tr[data-key]", has_text="Zweeloo")
    key, box = row.get_attribute("data-key"), row.bounding_box()
    assert box
    at = (box["x"] + 30, box["y"] + box["height"] / 2)
    under = f"document.elementFromPoint({at[0]}, {at[1]}).closest('[data-key]')?.dataset.key"
    page.mouse.move(*at)
    stage.report(3, 91, 2, Kind.REQUEST, need="medical", text="insuline voor twee personen")
    stage.emergency(
        at=4, number=91, text="Rook in de keuken van de buren, ramen blijven dicht tot nader order"
    )
    els.until("document.querySelector('#nood strong').textContent.includes('2')")
    page.wait_for_selector("[data-fresh]:visible")
    assert page.inner_text("[data-part=aandacht] [data-fresh]") == "2 nieuw, toon"
    assert els.runs(under) == key
    stage.trouble = "read_only"  # a band that no place was kept for
    page.wait_for_selector("[data-readonly]")
    assert els.runs(under) == key
    stage.trouble = ""
    page.wait_for_selector("[data-readonly]", state="detached")
    assert els.runs(under) == key
    page.mouse.move(at[0], 5)  # the hand is gone: now the list is sorted anew
    page.get_by_text("insuline").first.wait_for()
    assert page.locator("tr[data-key]").first.inner_text().count("Nood") == 1


def test_new_messages_wait_above_the_inbox_until_they_are_asked_for(enter: Enter, stage: Stage) -> None:
    page = enter().open("/postvak")
    before = page.locator("tr[data-key]").all_inner_texts()
    stage.report(6, 91, 3, incident="building_damage", text="dak van de gymzaal lekt")
    page.wait_for_selector("[data-fresh]:visible")
    assert page.locator("tr[data-key]").count() == len(before)
    page.click("[data-fresh]")
    page.get_by_text("dak van de gymzaal").wait_for()
    assert page.locator("tr[data-key]").count() == len(before) + 1


@pytest.mark.slow
def test_a_page_that_hears_nothing_greys_itself_keeps_what_was_typed_and_comes_back(
    enter: Enter, stage: Stage
) -> None:
    els = enter()
    page = els.open(f"/melding/{stage.shown}")
    page.fill("#text", "brandweer is gebeld")
    page.fill("#team", "GHOR")
    els.context.set_offline(True)
    stage.sever()
    took_s = els.until("document.body.classList.contains('gone')", GREY_S)
    assert took_s <= GREY_S
    assert "geen verbinding, beeld van" in page.inner_text("#verbinding")
    els.until("/opnieuw over \\d s/.test(document.getElementById('hartslag').textContent)")
    assert page.locator("main form button:enabled").count() == 0
    page.press("#team", "Enter")
    assert page.input_value("#text") == "brandweer is gebeld"
    els.context.set_offline(False)
    els.live()
    page.reload()
    assert (page.input_value("#text"), page.input_value("#team")) == ("brandweer is gebeld", "GHOR")
    page.click("form[action$=notitie] button")
    page.get_by_text("els brandweer is gebeld").wait_for()
    assert (page.input_value("#text"), page.input_value("#team")) == ("", "GHOR")


@pytest.mark.slow
def test_a_wall_stands_still_visibly_and_recovers_by_itself(enter: Enter, stage: Stage) -> None:
    muur = enter("muur", viewport=WALL)
    page = muur.open("/wand")
    stage.swallowing = True  # connected still, and nothing comes
    muur.until("document.body.classList.contains('gone')", GREY_S)
    assert "BEELD STAAT STIL sinds" in page.inner_text("#verbinding")
    stage.swallowing = False
    muur.live()


def test_a_wall_of_150_sites_fits_one_screen_in_large_type(chromium: Browser, tmp_path: Path) -> None:
    with Stage(tmp_path, sites=150) as stage:
        for at in range(9):
            stage.report(at, 91, 1, incident="fire", text="Rook in hal")
        muur = Visitor(chromium, stage, "muur", viewport=WALL)
        page = muur.open("/wand")
        page.get_by_text("Rook in hal").first.wait_for()
        assert page.locator(".dots li").count() == 150
        assert muur.runs("document.documentElement.scrollHeight") <= WALL["height"]
        assert page.locator(".attention li").last.inner_text().startswith("+")
        smallest = """(css) => Math.min(...[...document.querySelectorAll(css)].map(
            (each) => parseFloat(getComputedStyle(each).fontSize)))"""
        assert page.evaluate(smallest, ".dots li, .attention li, #klok, #verbinding") >= 28
        assert page.evaluate(smallest, ".counts b") >= 72
        muur.close()


def test_a_stale_value_is_never_shown_as_current(enter: Enter, stage: Stage) -> None:
    els = enter()
    page = els.open("/punt/P2")
    rows = "section:has(h2:text-is('Nu')) tbody tr, section:has(h2:text-is('nu')) tbody tr"
    fresh = [row.split("\t") for row in page.locator(rows).all_inner_texts()]
    assert len(fresh) >= 4
    assert all(value and age and source for _, value, age, source in fresh)
    assert not any("onbekend" in value for _, value, *_ in fresh)
    stage.vrd.desk.wait(5 * 3600)
    stage.room.look_soon()
    old = enter("jan")
    page = old.open("/punt/P2")
    stale = [row.split("\t") for row in page.locator(rows).all_inner_texts()]
    assert [name for name, *_ in stale] == [name for name, *_ in fresh]
    assert all(value.startswith("onbekend (was ") and "5 u" in age for _, value, age, _ in stale)
    page = old.open("/")
    assert page.locator(".counts li", has_text="bezoekers").inner_text().split() == ["0", "bezoekers"]
    assert page.locator(".tile-open").count() == 0


def test_a_screen_that_nobody_touches_locks_itself_and_alarms_go_on(enter: Enter, stage: Stage) -> None:
    els = enter()
    page = els.open("/")
    stage.vrd.desk.wait(16 * 60)
    stage.emergency(at=4, number=91, text="Gaslucht")
    page.get_by_text("vergrendeld").wait_for()
    assert "Gaslucht" not in page.content() and "Beilen" not in page.content()
    els.until("naober.nagging()")
    assert "2 Nood" in page.inner_text("#nood")


def test_all_works_without_scripts_but_liveness(enter: Enter, stage: Stage) -> None:
    els = enter(java_script_enabled=False)
    page = els.page
    page.goto(stage.url("/"))
    assert "beeld van" in page.inner_text("#verbinding")
    assert page.locator("noscript").count() and "Rook in hal" in page.inner_text("#nood")
    page.click("#nood button")
    assert page.locator("#nood .calm").count() == 1
    page.get_by_role("link", name="Rook in hal").click()
    page.fill("#team", "GHOR")
    page.get_by_role("button", name="Doorzetten").click()
    assert "doorgezet" in page.inner_text("main")
    for menu in page.locator("nav.pages a").all_inner_texts():
        page.locator("nav.pages a", has_text=menu.split(" (")[0]).click()
        assert page.locator("h1").count() == 1
    assert page.viewport_size == DESK
