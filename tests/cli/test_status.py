"""`naober status`: which layer of the way to VRD is broken, in words, with a code, and what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.cli import language, status
from relay.core.session import Session
from relay.errors import LinkError
from relay.links.base import LinkFacts
from relay.links.meshtastic import Wanted
from relay.links.meshtastic import errors as radio_errors
from relay.links.meshtastic.settings import differences
from relay.links.mqtt import CONNECTED, CONNECTING, UNHEARD
from relay.links.radio import RadioFacts
from relay.mqtt import errors
from relay.node.reporting import link_state
from tests.cli.conftest import BEILEN, NORG
from tests.support.command import naober
from tests.support.process import until
from tests.support.stack import Node, Stack

FAILURES: tuple[LinkError, ...] = (
    errors.unknown_name("mqtt.vrd.lan"),
    errors.refused("mqtt.vrd.lan:8883"),
    errors.silent("mqtt.vrd.lan"),
    errors.unreachable("mqtt.vrd.lan:8883"),
    errors.lost("mqtt.vrd.lan"),
    errors.publish_refused("naober/1/up/3f9a21c4", "Not authorized"),
    errors.turned_away("mqtt.vrd.lan", 0x87, "Not authorized", at_the_door=True),
    errors.turned_away("mqtt.vrd.lan", 0x89, "Server busy", at_the_door=True),
)


@pytest.fixture
def norg(stack: Stack) -> Node:
    node = stack.nodes[NORG]
    node.wait_code("up")
    return node


def facts(**changes: Any) -> dict[str, Any]:
    """What a daemon in good order says of itself, but for `changes`."""
    counts = {"waiting": 0, "sent": 0, "receipted": 3, "given_up": 0, "reissued": 0}
    text = {"nl": "", "en": ""}
    link = {"code": "up", "what": text, "do": text, "broker": "b:8883", "last_receipt_age_s": 4.0}
    good = {
        "address": "3f9a21c4",
        "site": NORG,
        "pid": 7,
        "exercise": None,
        "epoch": 41,
        "storage": None,
        "dropped": 0,
        "queue": {"reports": counts, "statuses": counts, "age_s": None},
        "outbox_bytes": 1_500_000,
        "links": {"mqtt": link},
        "radio": None,
        "clock": "ntp",
        "sensors": [],
    }
    return {**good, **changes}


def told(**changes: Any) -> str:
    return "\n".join(f"{label} {line}" for label, line in status.lines(facts(**changes)))


def test_a_node_in_good_order_is_about_five_lines_and_zero(norg: Node) -> None:
    done = naober("status", "--config", norg.file)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert 5 <= len(lines) <= 7
    address = f"{norg.address[:4]}-{norg.address[4:]}"
    assert lines[0].startswith(f"Punt        {NORG} · {address} · tijdvak ")
    assert "op schijf" in lines[1]
    assert "0 wachtend" in lines[2]
    assert lines[3].startswith("MQTT        up: VRD antwoordt")
    assert "Doe:" not in done.stdout


def test_in_english_nothing_dutch_is_left(norg: Node) -> None:
    done = naober("--lang", "en", "status", "--config", norg.file)
    assert done.stdout.startswith("Site        ")
    assert "up: the inbox answers" in done.stdout
    assert "on disk" in done.stdout


def test_for_machines_there_is_one_document(norg: Node) -> None:
    document = json.loads(naober("status", "--json", "--config", norg.file).stdout)
    assert document["links"]["mqtt"]["code"] == "up"
    assert document["pid"] == norg.pid


def test_a_node_that_does_not_run_is_two(stack: Stack) -> None:
    node = stack.nodes[BEILEN]
    node.stop()
    try:
        done = naober("status", "--config", node.file)
    finally:
        node.start()
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "Het knooppunt draait niet"
    assert done.stderr.splitlines()[1].startswith("Doe: ")


def test_an_inbox_that_is_down_is_not_a_broker_that_is_down(stack: Stack, norg: Node) -> None:
    stack.inbox.kill()
    try:
        norg.submit("wie hoort dit")
        norg.wait_code("unheard", "inbox_silent")
        no_inbox = naober("status", "--config", norg.file)
        stack.broker.kill()
        norg.wait_code("refused", "lost")
        until(lambda: norg.code() == "refused")
        no_broker = naober("status", "--config", norg.file)
    finally:
        stack.broker.start()
        stack.inbox.start()
    assert no_inbox.returncode == no_broker.returncode == 1
    assert "Verbonden met de broker, maar" in no_inbox.stdout or "De broker is er, maar" in no_inbox.stdout
    assert "refused: Geen broker op" in no_broker.stdout
    assert "Doe: " in no_inbox.stdout
    assert "Doe: " in no_broker.stdout
    assert "oudste melding" in no_broker.stdout
    norg.wait_code("up", timeout_s=60)


def test_every_layer_has_a_code_of_its_own_and_words_in_both_languages() -> None:
    proven, asked, silent = Session("mqtt"), Session("mqtt"), Session("mqtt")
    proven.connected = proven.proven = True
    silent.unanswered = 3
    states = [
        link_state(CONNECTED, proven),
        link_state(CONNECTED, asked),
        link_state(CONNECTED, silent),
        link_state(UNHEARD, silent),
        link_state(CONNECTING, asked),
        *(link_state(LinkFacts.failed(error), asked) for error in FAILURES),
    ]
    codes = [code for code, _, _ in states]
    assert len(set(codes)) == len(codes)
    for code, what, do in states:
        assert what.nl and what.en
        assert what.nl != what.en
        needs_hint = code not in ("up", "connected", "connecting")
        assert bool(do.nl) == bool(do.en) == needs_hint, code


@pytest.mark.parametrize("spoken", language.LANGUAGES)
def test_what_needs_attention_is_said_and_is_one(spoken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_chosen", spoken)
    queue = facts()["queue"]
    down = {**facts()["links"]["mqtt"], "code": "silent"}
    assert not status.attention(facts())
    assert status.attention(facts(links={"mqtt": down}))
    assert status.attention(facts(queue={**queue, "age_s": status.WAITS_LONG_S + 1}))
    assert not status.attention(facts(queue={**queue, "age_s": 5}))
    full = {"nl": "Opslag is vol", "en": "Storage is full"}
    assert status.attention(facts(storage=full))
    assert f"S01 {'nieuwe' if spoken == 'nl' else 'new'}" in told(storage=full)
    assert full[spoken] in told(storage=full)


def test_a_sensor_that_is_not_well_is_named_with_its_reason() -> None:
    reason = {"nl": "antwoordt al 9 s niet", "en": "has not answered for 9 s"}
    good = {"name": "host", "state": "ok", "reason": {"nl": "", "en": ""}}
    assert "1 van 1 goed" in told(sensors=[good])
    shown = told(sensors=[good, {"name": "power", "state": "hanging", "reason": reason}])
    assert "power hangt (antwoordt al 9 s niet)" in shown


def test_messages_that_were_given_up_are_counted_aloud() -> None:
    assert "12 opgegeven" in told(dropped=12)


# --- the radio


def radio(**changes: Any) -> dict[str, Any]:
    """What a daemon says of a radio in good order that stands by, but for `changes`."""
    good = {
        "where": "/dev/ttyACM0",
        "code": "connected",
        "what": {"nl": "Verbonden met de radio", "en": "Connected to the radio"},
        "do": {"nl": "", "en": ""},
        "node_number": "!4e410001",
        "firmware": "2.7.15",
        "region": "EU_868",
        "preset": "LONG_FAST",
        "channel_name": "Drenthe",
        "differences": [],
        "channel_pct": 4.2,
        "taken_over": False,
        "active": False,
        "interval_s": 900,
        "next_status_s": None,
        "budget": {"limit_ms": 360_000, "used_ms": 36_000, "left_ms": 252_000, "left_urgent_ms": 324_000},
        "neighbours": [],
        "heard_waiting": 0,
        "orders_waiting": 0,
    }
    return {**good, **changes}


def neighbour(**changes: Any) -> dict[str, Any]:
    return {"address": "0a1b2c3d", "snr_db": -7.0, "hops": 0, "age_s": 180, **changes}


def test_a_node_without_a_radio_has_no_line_of_it() -> None:
    assert "RADIO" not in told()
    assert not status.attention(facts())


def test_a_radio_that_stands_by_says_so_with_its_settings_and_what_it_may_still_send() -> None:
    shown = told(radio=radio())
    assert "RADIO connected: Verbonden met de radio (/dev/ttyACM0)" in shown
    assert "EU_868 LONG_FAST · kanaal Drenthe · !4e410001 · firmware 2.7.15" in shown
    assert "kanaal 4 % bezet · zendtijd dit uur 36 s gebruikt (10 %), nog 252 s, voor spoed 324 s" in shown
    assert "stand-by" in shown
    assert "hoort geen andere punten" in shown
    assert not status.attention(facts(radio=radio()))


def test_a_channel_that_was_not_measured_is_not_called_empty() -> None:
    shown = told(radio=radio(channel_pct=None))
    assert "niet bekend" in shown
    assert "0 % bezet" not in shown


def test_a_radio_that_has_taken_over_says_when_the_next_status_goes() -> None:
    shown = told(radio=radio(taken_over=True, active=True, interval_s=2880, next_status_s=720))
    assert "heeft het overgenomen van MQTT · status elke 48 min · volgende over 12 min" in shown
    returning = told(radio=radio(taken_over=True, active=False))
    assert "MQTT werkt weer" in returning


@pytest.mark.parametrize(
    ("hops", "said"), [(0, "rechtstreeks"), (1, "1 stap,"), (3, "3 stappen,"), (None, "niet bekend")]
)
def test_who_is_heard_is_named_with_signal_way_and_age(hops: int | None, said: str) -> None:
    shown = told(radio=radio(neighbours=[neighbour(hops=hops)]))
    assert "hoort 0a1b-2c3d (-7 dB, " in shown
    assert said in shown
    assert "3 min geleden" in shown


def test_a_long_list_of_neighbours_is_cut_and_counted() -> None:
    shown = told(radio=radio(neighbours=[neighbour(address=f"{each:08x}") for each in range(9)]))
    assert shown.count("geleden)") == 6
    assert "en nog 3" in shown


def test_what_is_carried_for_others_is_counted() -> None:
    assert "1 gehoord bericht van anderen wacht op" in told(radio=radio(heard_waiting=1))
    shown = told(radio=radio(heard_waiting=2, orders_waiting=1))
    assert "2 gehoorde berichten van anderen wachten op" in shown
    assert "1 van VRD om uit te zenden" in shown


def test_a_radio_that_is_not_well_needs_attention_with_what_to_do() -> None:
    error = radio_errors.no_device("/dev/ttyACM0")
    gone = radio(code=error.code, what=error.what._asdict(), do=error.do._asdict(), preset="")
    shown = told(radio=gone)
    assert "R01: Geen radio op /dev/ttyACM0" in shown
    assert "Doe: Gebruik een datakabel" in shown
    assert status.attention(facts(radio=gone))
    # no one can shorten the law's hour
    assert not status.attention(facts(radio=radio(code="duty_cycle")))


def test_every_difference_of_the_settings_is_told_once() -> None:
    wanted = Wanted(region="EU_868", preset="LONG_FAST", hop_limit=5)
    found = differences(RadioFacts(region="US", preset="SHORT_FAST", hop_limit=3, transmits=True), wanted)
    as_facts = [{"code": each.code, "what": each.what._asdict(), "do": each.do._asdict()} for each in found]
    assert len(as_facts) > 2
    first = as_facts[0]
    shown = told(radio=radio(code=first["code"], what=first["what"], do=first["do"], differences=as_facts))
    for each in as_facts:
        assert shown.count(each["what"]["nl"]) == 1
    assert "Doe: naober radio set" in shown
    assert "Doe: Doe:" not in shown


def test_the_radio_speaks_english_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_chosen", "en")
    busy = radio(taken_over=True, active=True, next_status_s=30, neighbours=[neighbour()], heard_waiting=2)
    shown = told(radio=busy)
    for dutch in ("hoort", "geleden", "bezet", "gebruikt", "overgenomen", "wacht"):
        assert dutch not in shown
    assert "has taken over" in shown
