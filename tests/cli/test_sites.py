"""`naober sites`: who was heard, when, and what is the matter."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from relay.cli import sites
from relay.cli.text import width
from tests.cli.conftest import BEILEN, NORG
from tests.support.command import REPOSITORY, clean_environment, naober
from tests.support.process import until
from tests.support.stack import Stack


def facts(**changes: Any) -> dict[str, Any]:
    """One site as the inbox's page gives it, but for `changes`."""
    known: dict[str, Any] = {
        "site": NORG,
        "address": "3f9a21c4",
        "standing": "valid",
        "revoked": False,
        "heard": "on_time",
        "heard_age_s": 70.0,
        "link": "mqtt",
        "missing_reports": [],
        "findings": [],
        "values": {"power": "battery", "battery_pct": 84, "broker": "works", "queue_waiting": 0},
    }
    return {**known, **changes}


def test_every_site_is_one_line_of_100_columns(stack: Stack, url: tuple[str, str]) -> None:
    for node in stack.nodes.values():
        until(lambda node=node: stack.inbox.site(node)["heard"] == "on_time")
    done = naober("sites", *url)
    assert done.returncode == 0, done.stderr
    heading, *rows = done.stdout.splitlines()
    assert heading.split() == ["Punt", "Gehoord", "Geleden", "Via", "Toestand"]
    assert [row[:14].strip() for row in rows] == [NORG, BEILEN]
    assert all(width(row) <= 100 and "op tijd" in row and "mqtt" in row for row in rows)


def test_for_machines_it_is_one_document(url: tuple[str, str]) -> None:
    document = json.loads(naober("sites", "--json", *url).stdout)
    assert {each["site"] for each in document} == {NORG, BEILEN}


def test_in_english(url: tuple[str, str]) -> None:
    assert "on time" in naober("--lang", "en", "sites", *url).stdout


@pytest.mark.parametrize(
    ("heard", "word"),
    [("on_time", "op tijd"), ("overdue", "te laat"), ("silent", "stil"), ("never", "nooit gehoord")],
)
def test_each_way_of_being_heard_has_its_word(heard: str, word: str) -> None:
    assert word in sites.site_row(facts(heard=heard))


def test_values_that_are_news_are_shown_in_dutch_and_quiet_ones_are_not() -> None:
    assert sites.state_of(facts()) == "Stroomvoorziening accu · Accu 84 %"
    assert "Broker van VRD uit" in sites.state_of(facts(values={"broker": "out"}))


def test_what_a_silent_site_said_is_shown_as_past() -> None:
    assert sites.state_of(facts(heard="silent")).startswith("was: ")


def test_findings_and_missing_reports_come_before_the_values() -> None:
    said = sites.state_of(
        facts(findings=[{"code": "clone"}, {"code": "new_one"}], missing_reports=[[3, 3], [7, 9]])
    )
    assert said.startswith("twee kaarten met een sleutel · new_one · mist melding 3, 7-9 · ")


def test_a_site_that_was_never_heard_has_no_age() -> None:
    never = facts(heard="never")
    for name in ("heard_age_s", "link", "values"):
        del never[name]
    assert sites.site_row(never).split() == [*NORG.split(), "nooit", "gehoord"]


def test_a_name_with_escape_sequences_is_harmless() -> None:
    assert sites.site_row(facts(site="\x1b[2Jweg", values={})).isprintable()


def test_following_tells_what_changes_once_and_ends_with_130(
    stack: Stack, url: tuple[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    # the first status of a node says that its broker is out; the one that takes it back is news
    until(lambda: naober("sites", "--json", *url).stdout.count('"broker": "works"') == 2)
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "relay.cli", "sites", "--follow", "--json", *url],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**clean_environment(), "PYTHONPATH": str(REPOSITORY)},
        )
    try:
        until(lambda: len(log.read_text().splitlines()) == 2)
        stack.trust.tell_inbox(stack.trust.revoke(stack.nodes[NORG].public_key))
        until(lambda: '"revoked":true' in log.read_text())
        time.sleep(2 * sites.POLL_S)  # nothing else may be told
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    finally:
        process.kill()
        process.wait()
    later = [json.loads(line) for line in log.read_text().splitlines()[2:]]
    assert [(each["site"], each["revoked"]) for each in later] == [(NORG, True)]
