"""`naober test` on real parts: proof per link by signed receipts, kept, and not to be had falsely."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.cli.ports import free_port
from relay.cli.test_words import judge, lines, snr_limit_db
from relay.core.airtime import Preset
from relay.node.proving import want
from tests.support.command import REPOSITORY, clean_environment, naober
from tests.support.faketime import YEAR_S, faked
from tests.support.process import until
from tests.support.radios import HOST, RadioStack
from tests.support.stack import Node

SHORT_S = 14
TEST_TIMEOUT_S = 200  # a packet that is lost on the air is tried again after a minute
SHORTER = f"import relay.core.proofs\nrelay.core.proofs.BOUND_S = {SHORT_S}.0\n"  # of the five minutes


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadioStack]:
    """Two nodes with radios within earshot: beilen is tested, assen is its gateway."""
    folder = tmp_path_factory.mktemp("stack")
    with RadioStack(folder, "beilen", "assen", radio__channel_key="", radio__channel_name="") as running:
        running.start()
        yield running


def mend_gateway(stack: RadioStack) -> None:
    """Whatever a test before did to it: its radio is its own again."""
    gateway = stack.nodes["assen"]
    gateway.stop()
    gateway.configure(radio__host=HOST, radio__port=stack.radios.ports[1])
    gateway.start()


@pytest.fixture
def odd_clocks(stack: RadioStack, tmp_path: Path) -> None:
    """VRD believes it is 2040, beilen that it is 1970."""
    node = stack.nodes["beilen"]
    mend_gateway(stack)
    stack.inbox.stop()
    node.stop()
    stack.inbox.start(**faked(tmp_path / "vrd", YEAR_S * 14))
    node.start(**faked(tmp_path / "site", -YEAR_S * 56))
    for (
        each
    ) in stack.nodes.values():  # the gateway, too, must find the inbox again before it can pass anything on
        each.wait_code("up")
        stack.wait_radio(each)


def test(node: Node, *more: str) -> subprocess.CompletedProcess[str]:
    """`naober test`; it takes longer than other verbs."""
    command = [sys.executable, "-m", "relay.cli", "test", "--config", str(node.file), *more]
    done = subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, timeout=TEST_TIMEOUT_S
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


test.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("odd_clocks")
def test_both_links_are_proven_told_to_vrd_and_kept_whatever_the_clocks_say(stack: RadioStack) -> None:
    node = stack.nodes["beilen"]
    before = max((each["id"] for each in stack.inbox.page("/api/messages")), default=0)
    done = test(node)
    assert done.returncode == 0, done.stdout
    assert "MQTT    verbonden · bevestigd door VRD na 0," in done.stdout
    assert "Radio   3 van 3 bevestigd door VRD, traagste" in done.stdout
    assert "antwoord van VRD gehoord via MQTT en radio" in done.stdout
    assert 'VRD ziet dit knooppunt nu als "opgeleverd"' in done.stdout
    until(lambda: stack.inbox.site(node)["values"].get("proven") == "both")
    kept = json.loads((node.state / "proof.json").read_text())
    assert kept["radio"]["proven"] and kept["radio"]["answered"] == 3 and kept["mqtt"]["proven"]
    assert (node.state / "proof.json").stat().st_mode & 0o777 == 0o600
    found = json.loads(naober("doctor", "--config", node.file, "--json").stdout)["places"]
    assert next(each for each in found if each["place"] == "D12")["grade"] == "ok"
    # each came by radio to its neighbour, and by no other way
    after = stack.inbox.page(f"/api/messages?after={before}")
    kinds = [each for each in after if each["kind"] == "test"]
    assert sorted(each["link"] for each in kinds) == ["mqtt", "radio", "radio", "radio"]


@pytest.mark.slow
def test_the_radio_is_not_proven_when_the_gateway_s_is_off_though_mqtt_works(
    stack: RadioStack, tmp_path: Path
) -> None:
    node, gateway = stack.nodes["beilen"], stack.nodes["assen"]
    (tmp_path / "sitecustomize.py").write_text(SHORTER)
    gateway.stop()
    gateway.configure(radio__port=free_port())
    gateway.start()
    gateway.wait_code("up")
    node.stop()
    node.start(PYTHONPATH=f"{tmp_path}:{REPOSITORY}")
    node.wait_code("up")
    stack.wait_radio(node)

    done = test(node)
    assert done.returncode == 2
    assert "MQTT    verbonden · bevestigd door VRD" in done.stdout
    assert "Radio   0 van 3 bevestigd door VRD" in done.stdout
    assert "NIET BEWEZEN: Radio 0 van 3." in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Doe: ")
    assert node.code() == "up"
    # an earlier proof counts no more, and what could not go by radio has gone by MQTT: no hole remains
    until(lambda: stack.inbox.site(node)["values"].get("proven") == "mqtt")
    until(lambda: node.open_reports() == 0)
    assert stack.inbox.site(node)["missing_reports"] == []


def test_after_a_grant_was_applied_the_test_runs_by_itself(stack: RadioStack) -> None:
    node = stack.nodes["assen"]
    node.stop()
    node.configure(radio__host="")
    want(node.state)
    node.start()
    until(lambda: (node.state / "proof.json").exists(), 30)
    assert json.loads((node.state / "proof.json").read_text())["mqtt"]["proven"]
    assert not (node.state / "test-wanted").exists()


def test_a_node_without_a_radio_says_so_instead_of_testing_it(stack: RadioStack) -> None:
    from relay.cli.test_words import Verdict
    from relay.errors import Text

    good = Verdict("mqtt", 0, Text("verbonden", "connected"), Text("", ""), Text("", ""))
    shown = list(lines([good], no_radio=True))
    assert "geen radio ingesteld" in shown[2] and shown[-1].startswith("BEWEZEN")


# --- what is said of what was measured ---


def state(*answers: tuple[float, float, int] | None) -> dict:
    tests = [
        dict(zip(("answered_s", "snr_db", "hops"), answer or (None, None, None), strict=True))
        for answer in answers
    ]
    return {"tests": tests, "asked": len(answers)}


FACTS = {
    "radio": {
        "code": "connected",
        "connected": True,
        "neighbours": [1],
        "differences": [],
        "what": {"nl": "", "en": ""},
    },
}


def test_the_margin_is_what_is_left_above_the_preset_s_limit_and_a_small_one_is_weak() -> None:
    limit = snr_limit_db("LONG_FAST")
    assert limit == -17.5
    assert [snr_limit_db(preset) for preset in Preset] == sorted(
        (snr_limit_db(preset) for preset in Preset), reverse=True
    )
    told = judge("radio", state((12.0, -8.5, 2), (41.0, -4.0, 1), (9.0, 3.0, 2)), FACTS, limit)
    assert told.grade == 0
    assert told.what.nl == "3 van 3 bevestigd door VRD, traagste 41 s, 2 stappen, marge 9 dB (advies >= 6)"
    weak = judge("radio", state((12.0, -15.0, 1)), FACTS, limit)
    assert weak.grade == 1 and "antenne" in weak.do.nl


def test_one_of_three_is_not_enough() -> None:
    told = judge("radio", state((12.0, -8.5, 2), None, None), FACTS, -17.5)
    assert (told.grade, told.short.nl) == (2, "1 van 3")
    shown = list(lines([told], no_radio=False))
    assert shown[-2:] == [
        "NIET BEWEZEN: Radio 1 van 3.",
        "Doe: antenne hoger of bij het raam, dan naober test radio",
    ]


def test_a_radio_that_is_set_otherwise_says_that_instead() -> None:
    radio = {
        "code": "R02",
        "connected": True,
        "neighbours": [],
        "differences": [{"withholds": True}],
        "what": {"nl": "Radio staat op US, moet EU_868 zijn. Er is niets uitgezonden.", "en": ""},
        "do": {"nl": "naober radio set", "en": ""},
    }
    told = judge("radio", state(None, None, None), {"radio": radio}, -17.5)
    assert told.what.nl.startswith("R02 Radio staat op US") and told.do.nl == "naober radio set"
