"""`naober exercise` on a real node: marked messages, links that are really cut, and all of it heals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from relay.cli.exercise import _until
from relay.errors import ValueRefused
from tests.support.command import naober
from tests.support.process import until
from tests.support.radios import PRESET, Radios, radio
from tests.support.stack import Node, Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Broker, inbox and one node, up."""
    with Stack(tmp_path_factory.mktemp("stack"), "beilen") as running:
        running.start()
        yield running


@pytest.fixture
def node(stack: Stack) -> Iterator[Node]:
    """Up, and no exercise before and after."""
    node = stack.nodes["beilen"]
    node.wait_code("up")
    yield node
    exercise(node, "stop")


def exercise(node: Node, *typed: str) -> str:
    done = naober("exercise", *typed, "--config", node.file)
    return done.stdout + done.stderr


def send(node: Node, text: str, *more: str) -> str:
    done = naober("send", "report", "--text", text, *more, "--config", node.file)
    return done.stdout + done.stderr


def marks(stack: Stack) -> dict[str, bool]:
    """What the inbox shows: text, and whether it is of an exercise."""
    return {each["values"]["text"]: each["exercise"] for each in stack.inbox.page("/api/messages")}


def test_what_is_sent_meanwhile_is_marked_and_nothing_before_or_after(stack: Stack, node: Node) -> None:
    send(node, "vooraf")
    assert "OEFENING, nog 2 u 00" in exercise(node, "start", "--for", "2h")
    assert "OEFENING: dit bericht telt niet als echt" in send(node, "tijdens")
    assert "OEFENING" in naober("status", "--config", node.file).stdout.upper()
    stack.wait_newest(node)
    assert "Geen oefening meer" in exercise(node, "stop")
    send(node, "daarna")
    stack.settle()
    found = marks(stack)
    assert (found["vooraf"], found["tijdens"], found["daarna"]) == (False, True, False)


def test_a_cut_link_is_really_down_also_after_a_reboot_and_heals_by_itself(stack: Stack, node: Node) -> None:
    exercise(node, "start", "--for", "1h")
    assert "MQTT is onderbroken" in exercise(node, "cut", "mqtt", "--for", "12s")
    node.wait_code("cut")
    send(node, "wacht op herstel")
    node.kill()
    node.start()
    assert node.wait_code("cut", "up") == "cut"
    assert node.open_reports() == 1
    node.wait_code("up", timeout_s=20.0)  # nobody does anything
    stack.settle()
    assert marks(stack)["wacht op herstel"] is True


def test_the_radio_can_be_cut_too_and_comes_back(node: Node, tmp_path: Path) -> None:
    radios = Radios(tmp_path, 1)
    node.stop()
    node.configure(radio__host="127.0.0.1", radio__port=radios.ports[0], radio__preset=PRESET)
    node.configure(radio__channel_key="", radio__channel_name="")
    radios.start()
    node.start()
    try:
        until(lambda: radio(node)["connected"])
        exercise(node, "start", "--for", "1h")
        exercise(node, "cut", "radio", "--for", "60m")
        until(lambda: radio(node)["code"] == "cut")
        assert not radio(node)["connected"] and node.code() == "up"
        exercise(node, "stop")
        until(lambda: radio(node)["connected"])
    finally:
        node.stop()
        radios.kill()
        node.configure(radio__host="")
        node.start()


def test_a_real_message_heals_every_cut_at_once_and_is_no_exercise(stack: Stack, node: Node) -> None:
    exercise(node, "start", "--for", "1h")
    exercise(node, "cut", "mqtt", "--for", "60m")
    node.wait_code("cut")
    assert "VRD heeft dit ontvangen" in send(node, "brand, echt", "--urgency", "1", "--real", "--wait", "20")
    assert marks(stack)["brand, echt"] is False
    assert node.code() == "up"
    assert "OEFENING" in exercise(node, "status")  # that goes on


def test_an_emergency_that_says_neither_is_asked_about(stack: Stack, node: Node) -> None:
    exercise(node, "start", "--for", "1h")
    told = send(node, "rook", "--urgency", "1")
    assert "is dit oefening of echt?" in told and "--real" in told
    assert "rook" not in marks(stack)


def test_without_a_service_the_mark_and_the_healing_are_the_same(stack: Stack, node: Node) -> None:
    exercise(node, "start", "--for", "1h")
    exercise(node, "cut", "mqtt", "--for", "60m")
    node.stop()
    assert "OEFENING" in send(node, "geschreven zonder dienst")
    assert "OEFENING" not in send(node, "echt zonder dienst", "--real")
    node.start()
    node.wait_code("up")
    until(lambda: len(marks(stack).keys() & {"geschreven zonder dienst", "echt zonder dienst"}) == 2)
    assert marks(stack)["geschreven zonder dienst"] is True
    assert marks(stack)["echt zonder dienst"] is False


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["start"], "Zeg wanneer het eindigt"),
        (["start", "--for", "13h"], "ten hoogste 12 uur"),
        (["start", "--for", "soon"], "Dit is geen duur: soon"),
        (["start", "--until", "25:00"], "Dit is geen tijd: 25:00"),
        (["cut", "--for", "5m"], "Alleen cut noemt een verbinding"),
        (["cut", "mqtt", "--for", "5m"], "Er loopt hier geen oefening"),
        (["stop", "--for", "5m"], "stop heeft geen einde nodig"),
    ],
)
def test_what_makes_no_sense_is_refused_in_two_lines(node: Node, typed: list[str], told: str) -> None:
    said = exercise(node, *typed).strip().splitlines()
    assert len(said) == 2 and told in said[0] and said[1].startswith("Doe:")


def test_an_hour_that_has_passed_today_is_tomorrow_s() -> None:
    now = datetime(2026, 11, 24, 14, 0).astimezone()
    assert _until(17, 0, now) == 3 * 3600
    assert _until(2, 0, now) == 12 * 3600
    with pytest.raises(ValueRefused) as refused:
        _until(13, 5, now)
    assert refused.value.what.nl == "13:05 is vandaag al voorbij"
