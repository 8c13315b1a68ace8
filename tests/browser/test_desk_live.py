"""A page of a site that stays open: what changes is told, what stands still says so, nothing early."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser

from relay.cli.ports import free_port
from relay.inbox.operators.people import Account
from relay.inbox.operators.store import Operators
from relay.node.desk.facts import Band, Received, Step
from tests.browser.person import SCREEN, Person, everything_at_once
from tests.inbox.room import PASSWORD
from tests.inbox.room import Browser as Operator
from tests.support.desk import NOW_S, DeskStage, outage_desk
from tests.support.process import until
from tests.support.stack import Stack

# --- while it is open


def test_what_changes_is_shown_and_said_aloud_where_one_stands(
    person: Callable[..., Person], desk: DeskStage
) -> None:
    somebody = person()
    somebody.page.clock.install()
    page = somebody.open()
    page.locator("text=Hulp vragen").first.focus()
    page.wait_for_timeout(300)
    desk.desk.change("m4", step=Step.RECEIVED, received=Received(age_s=1, time_s=NOW_S, link="radio"))
    page.clock.run_for(6_000)
    row = page.locator(".row", has_text="soep van de bakker")
    somebody.until(
        "document.querySelectorAll('[data-part=verstuurd] .row')[0].innerText.includes('ontvangen')"
    )
    assert "●●●○" in row.inner_text()
    assert "ontvangen" in page.inner_text("#melding")
    assert "Hulp vragen" in page.evaluate("document.activeElement.textContent")
    desk.desk.band = Band(state="under_way", heard_age_s=900, link="radio", usual_min=(10, 40), waiting=1)
    page.clock.run_for(6_000)
    somebody.until("document.querySelector('.band').innerText.includes('Bericht onderweg')")
    assert "Bericht onderweg" in page.inner_text("#melding")


def test_a_page_that_hears_nothing_from_the_box_greys_itself_and_comes_back(
    person: Callable[..., Person], desk: DeskStage
) -> None:
    somebody = person()
    somebody.page.clock.install()
    page = somebody.open()
    page.wait_for_timeout(200)
    somebody.context.set_offline(True)
    page.clock.run_for(20_000)
    somebody.until("document.body.classList.contains('gone')")
    assert "Geen verbinding met dit kastje" in page.inner_text("#weg")
    page.click("text=Alles nog hetzelfde")
    assert page.url == desk.url("/") and desk.desk.said == []
    somebody.context.set_offline(False)
    page.clock.run_for(6_000)
    somebody.until("!document.body.classList.contains('gone')")


def test_undo_counts_down_and_goes(person: Callable[..., Person], desk: DeskStage) -> None:
    everything_at_once(desk)
    somebody = person()
    somebody.page.clock.install()
    page = somebody.open("/verstuurd/h1")
    assert re.search(r"Ongedaan maken \(9\)", page.inner_text("form button"))
    page.clock.run_for(4_100)
    assert re.search(r"Ongedaan maken \([45]\)", page.inner_text("form button"))
    desk.desk.change("h1", hold_s=0, step=Step.UNDER_WAY)
    page.clock.run_for(6_000)
    somebody.until("!document.querySelector('form[data-hold]')")
    assert "Onderweg, nog geen bevestiging" in page.inner_text("main")


def test_local_times_are_the_phones_clock_less_the_age(person: Callable[..., Person]) -> None:
    page = person(timezone_id="Europe/Amsterdam").open("/verstuurd/m3")
    shown = page.locator("[data-age='2400']").first
    expected = page.evaluate(
        "(() => { const t = new Date(Date.now() - 2400e3);"
        " return String(t.getHours()).padStart(2, '0') + ':' + String(t.getMinutes()).padStart(2, '0'); })()"
    )
    assert shown.inner_text() == f"{expected}, 40 minuten geleden"


def test_the_large_screen_renews_itself_and_says_when_it_stands_still(
    person: Callable[..., Person], desk: DeskStage
) -> None:
    desk.desk.shown = 12
    somebody = person(viewport=SCREEN)
    somebody.page.clock.install()
    page = somebody.open("/publiek")
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.letter')).fontSize)") >= 48
    assert page.evaluate("document.documentElement.scrollHeight") <= SCREEN["height"]
    desk.desk.shown = 10
    page.clock.run_for(31_000)
    somebody.until("document.querySelector('.letter').innerText.includes('15 uur')")
    somebody.context.set_offline(True)
    page.clock.run_for(20_000)
    somebody.until("document.body.classList.contains('gone')")
    assert "DIT SCHERM STAAT STIL" in page.inner_text("#weg")


def test_nothing_sounds_until_somebody_switches_it_on(person: Callable[..., Person], desk: DeskStage) -> None:
    desk.desk.heard = []
    somebody = person()
    somebody.page.add_init_script(
        "window.tones = 0; const start = OscillatorNode.prototype.start;"
        "OscillatorNode.prototype.start = function (at) { window.tones += 1; return start.call(this, at); };"
    )
    somebody.page.clock.install()
    page = somebody.open()

    def says(number: int) -> int:
        heard = outage_desk().heard[0]
        desk.desk.heard = [msgspec.structs.replace(heard, number=number), *desk.desk.heard]
        page.clock.run_for(6_000)
        somebody.until(f"document.body.innerText.includes('({len(desk.desk.heard)} nieuw)')")
        return int(page.evaluate("window.tones"))

    assert says(1) == 0
    page.click("text=Piep bij bericht van VRD: uit")
    tried = int(page.evaluate("window.tones"))
    assert tried == 2 and "aan" in page.inner_text("#piep")  # it is heard at once what it will sound like
    assert says(2) == tried + 2
    page.click("#piep")
    assert says(3) == tried + 2


# --- with a real node, broker and inbox


@pytest.mark.slow
def test_received_and_read_appear_when_vrd_says_so_and_not_before(chromium: Browser, tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node, port = stack.nodes["beilen"], free_port()
        node.configure(page__host="127.0.0.1", page__port=port)
        stack.start()
        somebody = Person(chromium, lambda path: f"http://127.0.0.1:{port}{path}")
        page = somebody.open()
        somebody.until("document.querySelector('.band').innerText.includes('VRD hoort ons')")
        os.kill(stack.inbox.pid, signal.SIGSTOP)
        sent = node.submit("Rook in hal")  # the broker takes it and says so; nobody else has it
        row = "(document.querySelector('.rows .row') || {innerText: ''}).innerText"
        somebody.until(f"{row}.includes('onderweg')", "the message is shown without anybody's doing")
        for at in range(10):
            page.wait_for_timeout(200)
            page.reload()
            said = page.inner_text("main").lower()
            assert "onderweg" in said and not re.search("ontvangen|gelezen", said)
            if at == 4:
                stack.broker.kill()
        os.kill(stack.inbox.pid, signal.SIGCONT)
        stack.broker.start()
        somebody.until(f"{row}.includes('ontvangen')", "the receipt is shown")
        assert "gelezen" not in page.inner_text("main").lower()
        _read(stack, f"{node.address}-{sent['epoch']}-{sent['numbers'][0]}")
        somebody.until(f"{row}.includes('gelezen')", "that VRD read it is shown")
        page.click(".rows .row")
        said = page.inner_text("main")
        assert re.search(r"VRD heeft dit ontvangen · bevestigd (\d\d:\d\d|.+) \(via internet\)", said)
        assert re.search(r"VRD heeft dit gelezen, (\d\d:\d\d|.+)", said) and "els" not in said
        somebody.close()


def _read(stack: Stack, report: str) -> None:
    """An operator acknowledges it."""
    operators = Operators(stack.inbox.state)
    operators.save_account(Account("els", "operator"), PASSWORD, "test")
    operators.close()
    els = Operator(stack.inbox.pages_port)
    assert els.log_in("els").status == 303
    until(lambda: els.get(f"/melding/{report}").status == 200, 20, "the report is on the operators' pages")
    assert els.post(f"/melding/{report}/stap", step="seen", version="0").status == 303
