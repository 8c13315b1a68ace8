"""`naober demo`: the whole story on this machine, told as it happens, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import REPOSITORY, clean_environment
from tests.support.process import until

pytestmark = pytest.mark.slow

FIRST_SCREEN_S = 3.0
END_S = 15.0


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The demo, with its temporary folder in `folder` and what it says in `folder`/log."""
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "relay.cli", "demo", "--no-color", *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**clean_environment(), "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder)},
        )


def said(folder: Path) -> str:
    return (folder / "log").read_text()


def children(pid: int) -> list[int]:
    """The processes that name `pid` as the demo they belong to."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = each.read_bytes().split(b"\0")
            if b"relay.cli.demo_child" in words and str(pid).encode() in words:
                found.append(int(each.parent.name))
    return found


def folders(folder: Path) -> list[Path]:
    return list(folder.glob("naober-demo-*"))


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name: a socket's path may be 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="nd-") as name:
        yield Path(name)


@pytest.mark.timeout(240)
def test_the_story_is_told_to_its_end_with_nothing_lost_and_nothing_twice(short: Path) -> None:
    process = start(short, "--seconds", "40")
    started_s = time.monotonic()
    try:
        until(lambda: "✓ antwoordt" in said(short) or process.poll() is not None, 15)
        code = process.wait(170)
    finally:
        process.kill()
        process.wait()
    log = said(short)
    assert code == 0, log
    assert time.monotonic() - started_s < 160
    acts = [int(number) for number in re.findall(r"--- bedrijf (\d)/7", log)]
    assert acts == [1, 2, 3, 4, 5, 6, 7]
    broken, back = log.index("bedrijf 4/7"), log.index("bedrijf 6/7")
    # one site lost its internet: its emergency came by radio through a neighbour, and its receipt went back
    by_radio = log[log.index("bedrijf 3/7") : broken]
    assert re.search(r"aangekomen: .*1 Nood .*Voorbeeld-Roden .*LoRa na \d+ s .*Proef 3", by_radio)
    assert "≈ via LoRa" in by_radio
    outage = log[broken:back]
    # every node noticed, and nothing arrived meanwhile
    assert outage.count("✗ weg · ✗ stil") >= 3
    assert "✗ uit (kill -9)" in outage
    assert "aangekomen" not in outage
    waiting = [int(number) for number in re.findall(r"· (\d+) wachten", outage)]
    assert len(waiting) > 1
    assert waiting == sorted(waiting)
    # what was said meanwhile came afterwards, late, and once
    late = re.findall(r"aangekomen: .*(?:mqtt|LoRa) na (\d+) s +(Proef \d+)", log[back:])
    assert len(late) == 4
    assert all(int(seconds) >= 3 for seconds, _ in late)
    assert len(set(re.findall(r"aangekomen: .*(Proef \d+)", log))) == 7
    last = log.splitlines()[-1]
    assert "· 0 wachten · verloren 0 · dubbel 0" in last
    assert "7 meldingen verstuurd, 7 aangekomen, 5 pas na de uitval" in log
    assert children(process.pid) == []
    assert folders(short) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_way_it_is_asked_to_stop_it_leaves_nothing_behind(short: Path, ending: int) -> None:
    process = start(short)
    try:
        until(lambda: "✓ antwoordt" in said(short), 15)
        assert len(children(process.pid)) == 7
        process.send_signal(ending)
        assert process.wait(END_S) == 0
    finally:
        process.kill()
        process.wait()
    assert children(process.pid) == []
    assert folders(short) == []
    assert "Traceback" not in said(short)


def test_no_child_outlives_a_demo_that_is_killed(short: Path) -> None:
    process = start(short)
    until(lambda: said(short).count("✓ antwoordt") == 3, 15)
    assert len(children(process.pid)) == 7
    process.kill()
    process.wait()
    until(lambda: not children(process.pid), 5)


def test_two_demos_run_side_by_side_and_each_says_where_its_page_is(short: Path) -> None:
    places = [short / "a", short / "b"]
    demos = [start(place) for place in places]
    try:
        for place in places:
            until(lambda place=place: said(place).count("✓ antwoordt") >= 3, 20)
        pages = {re.search(r"http://127.0.0.1:(\d+)  ", said(place))[1] for place in places}
        assert len(pages) == 2
        for place in places:
            desk = re.search(r"(http://127.0.0.1:\d+)   de pagina van een punt", said(place))[1]
            with urllib.request.urlopen(desk, timeout=10) as answer:
                assert "Dorpshuis Voorbeeld-Norg" in answer.read().decode()
        for demo in demos:
            demo.terminate()
        assert [demo.wait(END_S) for demo in demos] == [0, 0]
    finally:
        for demo in demos:
            demo.kill()
            demo.wait()


def test_a_taken_port_is_named(short: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = start(short, "--port", port)
        assert process.wait(END_S) == 2
    assert f"Poort {port} is bezet" in said(short)
    assert folders(short) == []


def test_on_a_terminal_a_useful_screen_stands_within_three_seconds(short: Path) -> None:
    screen, terminal = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "relay.cli", "demo"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**clean_environment(), "TERM": "xterm", "TMPDIR": str(short), "PYTHONPATH": str(REPOSITORY)},
    )
    os.close(terminal)
    started_s, seen = time.monotonic(), b""
    try:
        while b"antwoordt" not in seen:
            seen += os.read(screen, 65536)
            assert time.monotonic() < started_s + FIRST_SCREEN_S + 5, seen
        took_s = time.monotonic() - started_s
        process.terminate()
        with contextlib.suppress(OSError):  # how a terminal says that nobody is at its other end
            while each := os.read(screen, 65536):
                seen += each
        assert process.wait(END_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(screen)
    text = seen.decode(errors="replace")
    assert "Dit apparaat" in text
    assert "verzonnen punt" in text
    assert "\x1b[H" in text  # redrawn in place
    assert text.rstrip().splitlines()[-1].endswith("dubbel 0")
    assert "\x1b[?25h" in text  # the cursor is back
    assert took_s < FIRST_SCREEN_S * (2 if os.cpu_count() == 1 else 1.5)


def test_a_long_temporary_folder_is_no_obstacle(short: Path) -> None:
    process = start(short / ("long" * 30))
    try:
        until(lambda: "✓ antwoordt" in said(short / ("long" * 30)), 15)
    finally:
        process.terminate()
        assert process.wait(END_S) == 0
