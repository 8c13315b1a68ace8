"""`naober simulate`: the table, its options and its mistakes, as processes see them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from relay.cli.simulate import MEMORY
from tests.support.command import clean_environment, naober

SMALL = ("simulate", "--sites", "4", "--gateways", "2", "--hours", "2", "--urgent", "24", "--routine", "24")
SCREEN_LINES, SCREEN_COLUMNS = 24, 80


def folders_of(pid: int) -> list[Path]:
    return list(MEMORY.glob(f"naober-simulate-{pid}-*"))


@pytest.mark.parametrize("language", ["nl", "en"])
def test_its_help_fits_a_screen(language: str) -> None:
    lines = naober("--lang", language, "simulate", "--help").stdout.splitlines()
    assert 3 < len(lines) <= SCREEN_LINES
    assert max(map(len, lines)) <= SCREEN_COLUMNS


def test_the_table_answers_the_questions_in_dutch_and_in_english() -> None:
    done = naober(*SMALL)
    assert done.returncode == 0
    for words in ("Spoed (1 en 2)", "aangekomen", "Beeld per punt", "wet: 10 %", "Slechtst bekende punten"):
        assert words in done.stdout
    assert "MEDIUM_FAST" in done.stdout and "4 punten, 2 hoog" in done.stdout
    assert "uur 2 van 2" in done.stderr
    english = naober("--lang", "en", *SMALL).stdout
    assert "Urgent (1 and 2)" in english and "aangekomen" not in english
    assert len(english.splitlines()) == len(done.stdout.splitlines())


def test_two_choices_stand_side_by_side_and_are_different() -> None:
    done = naober(*SMALL, "--json", "--compare", "preset=LONG_FAST,gateways=1")
    one, other = json.loads(done.stdout)
    assert sum(spot["is_gateway"] for spot in one["spots"]) == 2
    assert sum(spot["is_gateway"] for spot in other["spots"]) == 1
    assert "2/2: uur 2 van 2" in done.stderr
    table = naober(*SMALL, "--compare", "preset=LONG_FAST").stdout
    assert "MEDIUM_FAST" in table.splitlines()[0] and "LONG_FAST" in table.splitlines()[0]


def test_what_makes_two_choices_different_stands_above_the_second() -> None:
    silent = (
        "simulate",
        "--sites",
        "2",
        "--gateways",
        "1",
        "--hours",
        "1",
        "--urgent",
        "0",
        "--routine",
        "0",
    )
    done = naober(*silent, "--compare", "gateway-height=15")
    assert done.stdout.splitlines()[2].split() == ["gateway-height=15"]
    # nothing was said: that is no success and took no time
    assert "100.0 %" not in done.stdout and "0/0" not in done.stdout
    assert "  aangekomen                          -" in done.stdout


def test_an_outage_a_list_of_sites_and_a_picture(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text("Hier,52.9,6.5,10,nee\nToren,52.91,6.5,40,ja\n")
    (tmp_path / "more.csv").write_text("Hier,52.9,6.5,10,nee\nToren,52.91,6.5,40,ja\nSilo,52.95,6.5,30,ja\n")
    picture = tmp_path / "out.svg"
    lists = ("--sites-file", tmp_path / "sites.csv", "--compare", f"sites-file={tmp_path / 'more.csv'}")
    done = naober("simulate", "--hours", "1.5", *lists, "--outage", "30m..1h", "--plot", picture, "--json")
    found, other = json.loads(done.stdout)
    assert [site["name"] for site in found["sites"]] == ["Hier"]
    assert [spot["name"] for spot in other["spots"]] == ["Hier", "Toren", "Silo"]
    assert found["scenario"]["outage"] == {"from_s": 1800.0, "to_s": 3600.0}
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("typed", "what", "do"),
    [
        (["--sites", "0"], "--sites 0 kan niet", "Kies van 1 tot"),
        (["--hours", "nan"], "--hours nan kan niet", "Kies van"),
        (["--gateways", "11"], "--gateways 11 kan niet", "tot 10"),
        (["--outage", "54h..6h"], "Dit is geen uitval", "6h..54h"),
        (["--preset", "LONGFAST"], '"LONGFAST" bestaat niet', "LONG_FAST"),
        (["--compare", "gateways"], "--compare: dit gaat niet: gateways", "gateways=4"),
        (["--compare", "preset=FAST"], "dit gaat niet: preset=FAST", "gateways=4"),
        (["--compare", "gateways=99"], "--gateways 99 kan niet", "tot 10"),
        (
            ["--sites-file", "x.csv", "--gateways", "3"],
            "gateways en sites-file gaan niet samen",
            "dat bestand",
        ),
        (["--sites", "3", "--compare", "sites=4,sites-file=x.csv"], "sites en sites-file", "dat bestand"),
        (["--sites-file", "/nothing.csv"], "/nothing.csv is niet te lezen", "CSV"),
        (["--plot", "/nowhere/x.svg"], "kan niet worden geschreven", "map die bestaat"),
    ],
)
def test_a_mistake_is_two_lines_that_help_before_anything_is_computed(
    typed: list[str], what: str, do: str
) -> None:
    done = naober("simulate", *typed)
    assert done.returncode == 2 and done.stdout == ""
    first, second = done.stderr.splitlines()
    assert what in first and second.startswith("Doe: ") and do in second


def test_a_picture_that_cannot_be_drawn_after_all_does_not_take_the_figures_with_it() -> None:
    done = naober(*SMALL, "--plot", "/proc/x.svg")
    assert done.returncode == 2
    assert "Spoed (1 en 2)" in done.stdout
    assert "/proc/x.svg kan niet worden geschreven" in done.stderr


@pytest.mark.skipif(not MEMORY.is_dir(), reason="no memory file system")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_ctrl_c_and_other_ends_leave_nothing_behind(number: int, code: int) -> None:
    command = [sys.executable, "-m", "relay.cli", "simulate", "--sites", "100"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, env={**clean_environment(), "NAOBER_LANG": "en"}, text=True
    ) as process:
        while not folders_of(process.pid):
            assert process.poll() is None
        os.kill(process.pid, number)
        assert process.stderr
        errors = process.stderr.read()
        assert process.wait(30) == code
    assert "Traceback" not in errors
    assert not folders_of(process.pid)
