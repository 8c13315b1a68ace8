"""`naober messages`: what the inbox holds, readable, and harmless to the terminal that shows it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cli.text import age, clean, fit, width
from tests.cli.conftest import BEILEN, NORG
from tests.support.command import REPOSITORY, clean_environment, naober
from tests.support.process import until
from tests.support.stack import Stack

EVIL = "\x1b[2J\x9b3m\u202eom\u2066 na\u2028regel\x07\x1b]0;weg"
COLUMNS = 100


@pytest.fixture(scope="module", autouse=True)
def some_messages(stack: Stack) -> None:
    for node in stack.nodes.values():
        node.submit(f"van {node.name}")
    stack.nodes[NORG].submit(EVIL)
    stack.nodes[NORG].submit("x" * 100 + " 漢字")
    stack.settle()


def follow(url: tuple[str, str], log: Path, *arguments: str) -> subprocess.Popen[str]:
    with log.open("w") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "relay.cli", "messages", "--follow", *arguments, *url],
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            env={**clean_environment(), "PYTHONPATH": str(REPOSITORY)},
        )


def test_a_table_fits_100_columns_newest_last(url: tuple[str, str]) -> None:
    done = naober("messages", *url)
    assert done.returncode == 0, done.stderr
    heading, *rows = done.stdout.splitlines()
    assert heading.startswith("Gekregen  Urgentie")
    assert all(width(row) <= COLUMNS for row in (heading, *rows))
    assert rows[-1].endswith("…")
    row = next(each for each in rows if f"van {NORG}" in each)
    assert " s  " in row or "min" in row
    assert "3 Normaal" in row
    assert f"{NORG}  " in row
    assert "mqtt" in row
    assert row.endswith(f"melding: anders · van {NORG}")


def test_no_control_character_of_a_message_reaches_the_terminal(url: tuple[str, str]) -> None:
    for arguments in ((), ("--json",)):
        said = naober("messages", *arguments, *url).stdout
        assert "om" in said and "regel" in said
        assert all(each.isprintable() or each == "\n" for each in said)


def test_for_machines_it_is_one_document_and_the_text_is_whole(url: tuple[str, str]) -> None:
    document = json.loads(naober("messages", "--json", *url).stdout)
    assert EVIL.split("\u2028")[0] in [each["values"]["text"] for each in document][2]


def test_statuses_only_when_asked(url: tuple[str, str]) -> None:
    kinds = {each["kind"] for each in json.loads(naober("messages", "--json", *url).stdout)}
    assert kinds == {"report"}
    with_statuses = json.loads(naober("messages", "--json", "--statuses", *url).stdout)
    assert {each["kind"] for each in with_statuses} == {"report", "status"}


@pytest.mark.parametrize("written", [BEILEN, BEILEN.lower(), "address"])
def test_one_site_by_name_or_address(stack: Stack, url: tuple[str, str], written: str) -> None:
    site = stack.nodes[BEILEN].address if written == "address" else written
    found = json.loads(naober("messages", "--json", "--site", site, *url).stdout)
    assert {each["site"] for each in found} == {BEILEN}


def test_an_unknown_site_is_answered_with_the_nearest(url: tuple[str, str]) -> None:
    done = naober("messages", "--site", "Kazerne Belen", *url)
    assert done.returncode == 2
    assert done.stderr.splitlines()[1] == f"Doe: Bedoelde u {BEILEN}?"


def test_the_limit_keeps_the_newest(url: tuple[str, str]) -> None:
    rows = naober("messages", "--limit", "1", *url).stdout.splitlines()
    assert len(rows) == 2
    assert "xxx" in rows[1]
    assert naober("messages", "--limit", "0", *url).returncode == 2


@pytest.mark.parametrize("bad", ["ftp://127.0.0.1", "127.0.0.1:8070", "http://", "http://x:y"])
def test_an_address_that_is_none_is_refused_with_an_example(bad: str) -> None:
    done = naober("messages", "--url", bad)
    assert done.returncode == 2
    assert "http://127.0.0.1:8070" in done.stderr.splitlines()[1]


def test_an_inbox_that_is_not_there_is_an_error_in_words() -> None:
    done = naober("messages", "--url", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "Het postvak antwoordt niet op http://127.0.0.1:9" in done.stderr


def test_following_shows_each_message_once_survives_a_restart_and_ends_with_130(
    stack: Stack, url: tuple[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    process = follow(url, log, "--json", "--limit", "1")
    try:
        until(lambda: "xxx" in log.read_text())
        stack.nodes[NORG].submit("tijdens")
        until(lambda: "tijdens" in log.read_text())
        stack.inbox.kill()
        until(lambda: "blijf het proberen" in log.read_text())
        stack.inbox.start()
        stack.nodes[NORG].submit("daarna")
        until(lambda: "daarna" in log.read_text(), 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    finally:
        process.kill()
        process.wait()
    lines = log.read_text().splitlines()
    texts = [json.loads(line)["values"]["text"] for line in lines if line.startswith("{")]
    assert texts == ["x" * 100 + " 漢字", "tijdens", "daarna"]
    assert sum("blijf het proberen" in line for line in lines) == 1
    assert sum("antwoordt weer" in line for line in lines) == 1
    assert "Traceback" not in log.read_text()


@given(st.text())
def test_no_text_at_all_breaks_a_line_or_a_column(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) == len(text)
    assert all(each.isprintable() for each in cleaned if each.isascii())
    assert width(fit(text, 12)) == 12


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "?"), (-3, "0 s"), (59.9, "59 s"), (125, "2 min"), (3_900, "1 u 05"), (100_000, "1 d 3 u")],
)
def test_ages_are_words(seconds: float | None, words: str) -> None:
    assert age(seconds).nl == words
