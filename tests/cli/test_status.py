"""`naober status`: which layer of the way to VRD is broken, in words, with a code, and what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.cli import language, status
from relay.core.session import Session
from relay.errors import LinkError
from relay.links.base import LinkFacts
from relay.links.mqtt import CONNECTED, CONNECTING, UNHEARD
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
        "epoch": 41,
        "storage": None,
        "dropped": 0,
        "queue": {"reports": counts, "statuses": counts, "age_s": None},
        "outbox_bytes": 1_500_000,
        "links": {"mqtt": link},
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
