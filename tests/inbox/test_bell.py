"""The bell on the server: what it rings for, and that silence of the inbox is heard."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import wave
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.config.inbox import BellSection
from relay.core.message import Urgency
from relay.errors import NaoberError
from relay.inbox.bell import tones, work
from relay.inbox.bell.ringing import NAG_S, SILENT_AGAIN_S, SILENT_S, Answer, Ringing
from relay.inbox.bell.work import Bell, Player
from relay.inbox.operators.people import Account
from relay.inbox.operators.store import Operators
from tests.inbox.room import PASSWORD, Browser
from tests.support.process import Process, until
from tests.support.stack import Stack

PLAYER = """#!/bin/sh
test -s "$2" || test $# -lt 2 || exit 9
echo "$@" >> {calls}
"""


def answer(
    newest: int = 0, *sounds: str, run: str = "a", emergencies: int = 0, looked_s: float = 0
) -> Answer:
    return Answer(run=run, newest=newest, sounds=sounds, emergencies=emergencies, looked_s=looked_s)


# --- when it rings ---


def test_what_sounded_before_it_began_is_over_and_what_comes_is_heard_once() -> None:
    ringing = Ringing(0.0)
    assert ringing.asked == ("", -1)
    assert ringing.heard(answer(7, "urgent"), 1) == []
    assert ringing.asked == ("a", 7)
    assert ringing.heard(answer(9, "urgent", "system", "urgent"), 2) == ["system", "urgent"]
    assert ringing.heard(answer(9), 3) == []


def test_an_emergency_that_nobody_acknowledged_rings_on_also_when_the_bell_begins_late() -> None:
    ringing = Ringing(0.0)
    assert ringing.heard(answer(1, emergencies=1), 1) == ["emergency"]
    assert ringing.heard(answer(1, emergencies=1), NAG_S) == []
    assert ringing.heard(answer(1, emergencies=1), 1 + NAG_S) == ["emergency"]
    assert ringing.heard(answer(2, "emergency", emergencies=2), 40) == ["emergency"]
    assert ringing.heard(answer(2, emergencies=2), 1 + 2 * NAG_S) == [], "half a minute from the last one"
    assert ringing.heard(answer(2), 1000) == [], "acknowledged"


def test_an_inbox_that_does_not_answer_is_heard_and_again_until_it_does() -> None:
    ringing = Ringing(0.0)
    ringing.heard(answer(), 10)
    assert ringing.silent(9 + SILENT_S) == []
    assert ringing.silent(10 + SILENT_S) == ["system"]
    assert ringing.silent(11 + SILENT_S) == []
    assert ringing.silent(10 + SILENT_S + SILENT_AGAIN_S) == ["system"]
    assert ringing.heard(answer(3, "urgent", run="b"), 500) == ["urgent"], "it came back with news"
    assert ringing.silent(501) == []
    assert ringing.silent(500 + SILENT_S) == ["system"]


def test_a_bell_that_never_reached_an_inbox_is_not_calm_either() -> None:
    assert Ringing(0.0).silent(SILENT_S) == ["system"]


def test_an_inbox_whose_watch_stands_still_is_as_one_that_is_silent() -> None:
    ringing = Ringing(0.0)
    ringing.heard(answer(), 0)
    assert ringing.heard(answer(looked_s=SILENT_S), SILENT_S) == ["system"]
    assert ringing.heard(answer(looked_s=SILENT_S + 1), SILENT_S + 1) == []


# --- what it plays ---


def test_every_tone_is_a_sound_file_of_its_own(tmp_path: Path) -> None:
    files = tones.write(tmp_path)
    assert len({file.read_bytes() for file in files.values()}) == len(tones.TONES) == 4
    for name, file in files.items():
        with wave.open(str(file), "rb") as sound:
            samples = memoryview(sound.readframes(sound.getnframes())).cast("h")
            assert (sound.getsampwidth(), sound.getnchannels()) == (2, 1)
        assert 15_000 < max(samples) < 32_768 and min(samples) >= -32_768, name
        crossings = sum(a < 0 <= b for a, b in itertools.pairwise(samples))
        hertz, beats = tones.TONES[name][0][0], len(tones.TONES[name])
        assert crossings == pytest.approx(hertz * tones.TONE_S * beats, rel=0.1), name


@contextmanager
def no_player(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    folder.mkdir()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(folder))
        yield


def test_without_a_player_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with no_player(monkeypatch, tmp_path / "bin"):
        with pytest.raises(NaoberError, match="nothing to make a sound"):
            Player(BellSection(), tones.write(tmp_path))
        lamp = ("/bin/sh", "-c", f"echo lamp >> {tmp_path / 'calls'}")
        Player(BellSection(lamp, lamp, lamp, lamp), {}).play("urgent")
    assert (tmp_path / "calls").read_text() == "lamp\n"


def test_a_player_that_fails_is_said_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = ("/bin/sh", "-c", "echo no card >&2; exit 3")
    player = Player(BellSection(bad, ("/nowhere/lamp",), bad, bad), {})
    for name in tones.TONES:
        player.play(name)
    assert [record.message for record in caplog.records] == [
        "the bell can't sound: /bin/sh ended with 3: no card"
    ]


# --- what answers is not as it should be ---


@contextmanager
def answering(reply: bytes, dripping: bytes = b"") -> Iterator[int]:
    """A port where somebody else says `reply`, and then `dripping` a byte at a time."""
    stop = threading.Event()

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not stop.is_set():
                line, _ = server.accept()
                with line, contextlib.suppress(OSError):
                    line.recv(4096)
                    line.sendall(reply)
                    while dripping and not stop.wait(0.05):
                        line.sendall(dripping)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def rings(port: int, tmp_path: Path) -> bool:
    """Whether a bell with little patience, which has heard this a few times, goes on and rings."""
    lamp = ("/bin/sh", "-c", f"echo >> {tmp_path / 'rung'}")
    stop = threading.Event()
    bell = Bell(BellSection(lamp, lamp, lamp, lamp), "127.0.0.1", port, silent_s=1.5)
    thread = threading.Thread(target=bell.run, args=(stop,))
    thread.start()
    try:
        until((tmp_path / "rung").exists, 10, "it rings")
        return thread.is_alive()
    finally:
        stop.set()
        thread.join(15)


GOOD = b'{"run": "a", "newest": 1}'


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        GOOD.replace(b"a", "é".encode()),  # a name that the next question can't hold
        GOOD.replace(b"a", b"a b\\r\\nX: y"),
        GOOD.replace(b"}", b', "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
        GOOD.replace(b"}", b', "looked_s": -1}'),
    ],
    ids=["a page", "letters", "a second line", "a deep one", "a watch that looked tomorrow"],
)
def test_an_answer_that_is_none_of_an_inbox_is_heard_as_its_silence(tmp_path: Path, body: bytes) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body) as port:
        assert rings(port, tmp_path)


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n{"])
def test_an_answer_without_end_is_heard_as_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(work, "ANSWER_TIMEOUT_S", 0.5)
    with answering(begun, b" ") as port:
        assert rings(port, tmp_path)


# --- with a real inbox ---


@pytest.mark.slow
def test_it_rings_for_what_is_real_until_it_is_acknowledged_and_when_the_inbox_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, folder = tmp_path / "calls", tmp_path / "bin"
    folder.mkdir()
    (folder / "aplay").write_text(PLAYER.format(calls=calls))
    (folder / "aplay").chmod(0o755)
    path = f"{folder}:/usr/bin:/bin"

    def rung() -> Counter[str]:
        lines = calls.read_text().splitlines() if calls.exists() else []
        return Counter(Path(line.split()[-1]).stem for line in lines)

    with Stack(tmp_path, "beilen") as stack:
        stack.start()
        node = stack.nodes["beilen"]
        node.submit("dit was eerder", Urgency.URGENT)
        stack.settle()
        inbox = stack.inbox
        until(lambda: inbox.page("/api/bell")["newest"] == 1, why="it sounded before the bell was there")
        bell = Process("bell", ["inbox", "--config", inbox.file, "bell"], tmp_path)
        bell.start(PATH=path)
        try:
            until(lambda: inbox.page("/api/bell") and bell.running)
            # a second bell with less patience, in this process: what it does when the inbox is gone
            monkeypatch.setenv("PATH", path)
            stop = threading.Event()
            hasty = Bell(BellSection(), "127.0.0.1", inbox.web_port, silent_s=3.0)
            node.submit("brand", Urgency.EMERGENCY)
            until(lambda: rung()["emergency"] == 1, 30, "it rings")
            assert rung()["urgent"] == 0, "what sounded before it began is over"
            operators = Operators(inbox.state)
            operators.save_account(Account("els", "operator"), PASSWORD, "test")
            operators.close()
            els = Browser(inbox.pages_port)
            assert els.log_in("els").status == 303
            for report in ("1", "2"):
                epoch = (node.status() or {})["epoch"]
                els.post(f"/melding/{node.address}-{epoch}-{report}/stap", step="seen", version="0")
            until(lambda: inbox.page("/api/bell")["emergencies"] == 0, why="nobody need ring any more")
            thread = threading.Thread(target=hasty.run, args=(stop,))
            thread.start()
            inbox.stop()
            until(lambda: rung()["system"] == 1, 20, "an inbox that is gone is heard")
            inbox.start()
            until(lambda: inbox.page("/api/bell"), why="it is back")
            stop.set()
            thread.join(10)
            assert rung()["emergency"] == 1, "a restart sounds nothing that was acknowledged"
            assert bell.stop()[0] == 0
        finally:
            bell.kill()
