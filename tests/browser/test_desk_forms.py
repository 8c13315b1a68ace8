"""The desk's forms in a real browser: with a script and without, by keyboard, for gloves and every eye."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from relay.node.desk.facts import Exercise, Known
from tests.browser.person import NARROW, PHONE, SCREEN, Person, faults
from tests.support.desk import DeskStage
from tests.support.process import until

REQUEST = "form=abc&kind=request&need=water&amount=200&amount_unit=litres&text="
PAGES = (
    "/stand", "/stand/mensen", "/stand/voorraad", "/stand/stroom",
    "/stand/mensen?form=abc&visitors=250&was_visitors=42&let=1",
    "/stand/mensen?form=abc&visitors=veel&was_visitors=42&let=1",
    "/hulp", "/hulp?kind=offer", "/hulp/hoeveel?form=abc&need=communication",
    f"/hulp/dringend?{REQUEST}", f"/hulp/controle?{REQUEST}bel+06-12345678&urgency=3",
    f"/hulp/controle?{REQUEST}voor+140+bezoekers&urgency=1",
    "/melden", "/melden/tekst?form=abc&incident=other&text=&let=1",
    "/papier", "/papier?form=abc&form_stand=abd&minutes=x&said=1%3Dnet&let=1",
    "/papier/controle?form=abc&form_stand=abd&minutes=30&visitors=250&incident=fire&urgency=1",
    "/formulier",
)  # fmt: skip
TARGET_PX, SCREEN_TARGET_PX, INERT_MS = 64, 96, 700
BUTTONS = "main button:not(.hidden)"
BOXES = """() => {
  const tapped = "button, a.button, a.tile, .choice, summary, .halves a", filled = "select, input, textarea";
  const all = [...document.querySelectorAll(`main :is(${tapped}, ${filled})`)];
  const shown = all.filter((each) => each.getClientRects().length && !each.matches(".hidden, [type=radio]"));
  return shown.map((each) => {
    const box = each.getBoundingClientRect(), words = each.textContent.trim().slice(0, 20) || each.name;
    return [words, box.width, box.height, each.matches(tapped) && !each.matches("summary")];
  });
}"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[DeskStage]:
    with DeskStage(tmp_path) as stage:
        yield stage


@pytest.fixture
def person(chromium: Browser, stage: DeskStage) -> Iterator[Callable[..., Person]]:
    """Somebody comes; all leave at the end."""
    inside: list[Person] = []

    def come(**options: Any) -> Person:
        inside.append(Person(chromium, stage.url, **options))
        return inside[-1]

    yield come
    for each in inside:
        each.close()


def told(stage: DeskStage, count: int = 1) -> list[tuple[str, Any]]:
    """What the desk was asked to do, when it was."""
    until(lambda: len(stage.desk.said) >= count, 10)
    return stage.desk.said


# --- for every eye and hand


@pytest.mark.slow
@pytest.mark.parametrize(("prefix", "theme"), [("", "light"), ("/en", "dark")])
def test_no_form_breaks_a_rule_of_wcag(
    person: Callable[..., Person], stage: DeskStage, prefix: str, theme: str
) -> None:
    stage.desk.drafts["127.0.0.1", "hulp"] = {"form": "abc", "need": "water"}
    stage.desk.exercise = Exercise(name="Donker Drenthe", left_s=9000, until_s=None) if prefix else None
    somebody, found = person(color_scheme=theme), []
    for path in PAGES[::2] if prefix else PAGES:  # the same templates
        page = somebody.open(prefix + path)
        if "controle" in path:
            page.wait_for_timeout(INERT_MS)  # a button that can't be used yet has no contrast to judge
        found += faults(somebody, theme, (SCREEN, NARROW))  # 320 px is also 640 px at 200 % zoom
    assert found == []


@pytest.mark.slow
def test_everything_to_be_tapped_is_large_enough_for_gloves(person: Callable[..., Person]) -> None:
    somebody, small = person(), []
    for path in PAGES:
        page = somebody.open(path)
        if "controle" in path:
            page.wait_for_timeout(INERT_MS)
        for size, least in ((PHONE, TARGET_PX), (NARROW, TARGET_PX), (SCREEN, SCREEN_TARGET_PX)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            boxes = page.evaluate(BOXES)
            for words, width, height, pressed in boxes:
                wanted = least if pressed else 48
                if height < wanted or width < min(wanted, TARGET_PX) - 0.5:
                    small.append(f"{path} {size['width']}: {words} {width:.0f}x{height:.0f}")
            assert boxes or path in ("/formulier",)
    assert small == []


def test_no_form_weighs_more_than_a_page_may(stage: DeskStage) -> None:
    static = sum(len(stage.get(f"/static/{name}").text) for name in ("desk.css", "live.js", "forms.js"))
    assert max(static + len(stage.get(path).text.encode()) for path in PAGES) <= 60_000


# --- the way through, by tap and by key


@pytest.mark.parametrize("script", [True, False])
def test_water_is_asked_for_in_six_taps_and_visitors_are_told_in_four(
    person: Callable[..., Person], stage: DeskStage, script: bool
) -> None:
    somebody = person(java_script_enabled=script, has_touch=True)
    page, taps = somebody.open(), 0
    for words in ("Hulp vragen", "Water", "200 liter", "3 Normaal", "Versturen naar VRD"):
        page.locator(f"main a, {BUTTONS}").filter(has_text=words).first.tap()
        taps += 1
    page.wait_for_url("**/verstuurd/*")
    assert taps <= 6 and told(stage)[0][0] == "request"
    somebody.open()
    page.locator("main a").filter(has_text="Hoe gaat het hier").tap()
    page.locator("main a").filter(has_text="Mensen").tap()
    page.locator("button[value='visitors:+10']").tap()
    if not script:
        page.wait_for_url("**visitors=52**")
    assert page.input_value("#v-visitors") == "52"
    page.locator(BUTTONS).filter(has_text="Bewaren").tap()
    page.wait_for_url("**bewaard=mensen")
    assert told(stage, 2)[1] == ("enter", {"visitors": "52"})


def test_a_report_is_made_by_the_keyboard_alone(person: Callable[..., Person], stage: DeskStage) -> None:
    page = person().open()

    def tab_to(words: str) -> None:
        here = "(document.activeElement.textContent || document.activeElement.name).trim()"
        for _ in range(40):
            page.keyboard.press("Tab")
            if words in page.evaluate(f"{here} || document.activeElement.name"):
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
                return
        raise AssertionError(f"{words} is not reached")

    for words, where in (("Iets melden", "**/melden"), ("Schade gebouw", "**/melden/tekst?**")):
        tab_to(words)
        page.keyboard.press("Enter")
        page.wait_for_url(where)
    tab_to("text")
    page.keyboard.type("dak lekt boven de slaapzaal")
    tab_to("Verder")
    page.keyboard.press("Space")
    page.wait_for_url("**/melden/dringend?**")
    tab_to("2 Spoed")
    page.keyboard.press("Enter")
    page.wait_for_url("**/melden/controle?**")
    page.wait_for_timeout(INERT_MS)
    tab_to("Versturen naar VRD")
    page.keyboard.press("Enter")
    page.wait_for_url("**/verstuurd/*")
    kind, said = told(stage)[0]
    assert (kind, said["urgency"], said["text"]) == ("report", 2, "dak lekt boven de slaapzaal")


def test_enter_in_a_number_saves_and_steps_nothing(person: Callable[..., Person], stage: DeskStage) -> None:
    page = person(java_script_enabled=False).open("/stand/mensen")
    page.fill("#v-visitors", "50")
    page.press("#v-visitors", "Enter")
    page.wait_for_url("**bewaard=mensen")
    assert told(stage) == [("enter", {"visitors": "50"})]


# --- what the script adds


def test_the_counter_counts_along_and_121_cannot_be_sent(
    person: Callable[..., Person], stage: DeskStage
) -> None:
    page = person().open("/melden/tekst?form=abc&incident=fire")
    count, area = page.locator("[data-count]"), page.locator("#v-text")
    assert count.inner_text() == "nog 120 tekens"
    area.fill("x" * 75)
    assert count.inner_text() == "nog 45 tekens" and not page.locator(".bar").is_visible()
    area.fill("kort")
    assert page.locator(".bar").is_visible() and "kort = sneller" in page.inner_text(".bar")
    area.type("x" * 200)
    assert len(area.input_value()) == 120
    area.fill("é" * 63)  # 126 bytes
    assert count.inner_text() == "1 te veel"
    page.locator(BUTTONS).filter(has_text="Verder").click()
    page.wait_for_timeout(200)
    assert "/melden/tekst" in page.url and area.input_value() == "é" * 63
    area.fill("é" * 62)
    page.locator(BUTTONS).filter(has_text="Verder").click()
    page.wait_for_url("**/melden/dringend?**")


def test_steps_happen_in_place_and_not_known_is_one(person: Callable[..., Person], stage: DeskStage) -> None:
    stage.desk.values["indoor_c"] = Known(value=1, age_s=60, entered=True)
    page = person().open("/stand/stroom")
    page.evaluate("window.here = true")
    for _ in range(3):
        page.click("button[value='indoor_c:-1']")
    assert page.input_value("#v-indoor_c") == "-2"
    page.click("button[value='fuel_pct:+10']")
    unknown = page.locator("button[value='fuel_pct:?']")
    assert unknown.get_attribute("aria-pressed") == "false"
    unknown.click()
    assert (page.input_value("#v-fuel_pct"), unknown.get_attribute("aria-pressed")) == ("", "true")
    assert page.evaluate("window.here")
    page.locator(BUTTONS).filter(has_text="Bewaren").click()
    assert told(stage) == [("enter", {"indoor_c": "-2"})]


def test_a_window_that_is_closed_while_typing_loses_nothing(
    person: Callable[..., Person], stage: DeskStage
) -> None:
    page = person().open("/melden/tekst?form=abc&incident=fire")
    page.fill("#v-text", "rook uit het dak")
    page.goto(stage.url("/uitleg"))  # as any way to leave
    until(lambda: ("127.0.0.1", "melden") in stage.desk.drafts, 10)
    page = person().open("/")
    page.locator("a.draft").click()
    assert page.input_value("#v-text") == "rook uit het dak"


def test_a_double_tap_sends_once(person: Callable[..., Person], stage: DeskStage) -> None:
    page = person().open(f"/hulp/controle?{REQUEST}&urgency=3")
    page.wait_for_timeout(INERT_MS)
    page.locator(BUTTONS).filter(has_text="Versturen naar VRD").dblclick()
    page.wait_for_url("**/verstuurd/abc")
    assert len(told(stage)) == 1


@pytest.mark.parametrize("size", [PHONE, SCREEN], ids=["phone", "screen"])
def test_the_button_of_an_emergency_lies_elsewhere_and_waits(
    person: Callable[..., Person], stage: DeskStage, size: dict[str, int]
) -> None:
    page = person(viewport=size, java_script_enabled=False).open(f"/hulp/dringend?{REQUEST}")
    tile = page.locator("button[name=urgency][value='1']").bounding_box()
    page.locator("button[name=urgency][value='1']").click(no_wait_after=True)
    page.wait_for_url("**/hulp/controle?**")
    send = page.locator("button[name=naar][value=versturen]")
    assert send.is_hidden()  # inert
    send.wait_for(state="visible")
    box = send.bounding_box()
    assert tile and box
    apart = box["y"] >= tile["y"] + tile["height"] or box["x"] >= tile["x"] + tile["width"]
    assert apart, (tile, box)
    assert "Bel 112 als dat kan." in page.inner_text("main")
    send.click()
    page.wait_for_url("**/verstuurd/abc")
    assert told(stage)[0][1]["urgency"] == 1


def test_the_paper_form_is_two_sides_of_a5(person: Callable[..., Person], tmp_path: Path) -> None:
    page = person().open("/formulier")
    assert page.locator("[data-print]").is_visible()
    printed = page.pdf(prefer_css_page_size=True)
    assert pages_of(printed) == 2 and b"420" in printed  # points wide


def pages_of(pdf: bytes) -> int:
    return pdf.count(b"/Type /Page\n") or pdf.count(b"/Type/Page/") or pdf.count(b"/Type /Page ")
