"""`naober send`: kept before it says so, through the daemon or beside it, and received only when it is."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import BEILEN, NORG
from tests.support.command import naober
from tests.support.process import until
from tests.support.stack import Node, Stack

CALL_112 = "Bel 112 als dat kan. Dit bericht vervangt 112 niet."


@pytest.fixture
def norg(stack: Stack) -> Node:
    return stack.nodes[NORG]


@pytest.fixture
def stopped(stack: Stack) -> Iterator[Node]:
    """A node whose daemon does not run; it does again afterwards."""
    node = stack.nodes[BEILEN]
    node.stop()
    yield node
    if not node.running:
        node.start()


def send(node: Node, *arguments: str) -> subprocess.CompletedProcess[str]:
    return naober("send", *arguments, "--config", node.file)


def at_inbox(stack: Stack, text: str) -> dict[str, object] | None:
    return next(
        (each for each in stack.inbox.page("/api/messages") if each["values"].get("text") == text), None
    )


def test_a_report_is_kept_then_under_way_then_received(stack: Stack, norg: Node) -> None:
    done = send(norg, "report", "incident=fire", "--text", "rook", "--urgency", "2", "--wait", "20")
    assert done.returncode == 0, done.stderr
    kept, *under_way, received = done.stdout.splitlines()
    assert (kept, received) == ("Bewaard", "VRD heeft dit ontvangen")
    assert under_way in ([], ["Onderweg"])
    found = at_inbox(stack, "rook")
    assert found is not None
    assert (found["kind"], found["urgency"], found["exercise"]) == ("report", 2, False)
    assert found["values"] == {"incident": "fire", "text": "rook"}


def test_dutch_kinds_fields_and_values_are_understood(stack: Stack, norg: Node) -> None:
    done = send(
        norg, "hulpvraag", "--text", "dorst", "wat=brandstof", "--exercise", "bezoekers=40", "--wait", "20"
    )
    assert done.returncode == 0, done.stderr
    found = at_inbox(stack, "dorst")
    assert found is not None
    assert (found["kind"], found["exercise"]) == ("request", True)
    assert found["values"] == {"need": "fuel", "visitors": 40, "text": "dorst"}


def test_an_emergency_names_112_and_asks_nothing(norg: Node) -> None:
    done = send(norg, "report", "incident=medical", "--urgency", "1")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == CALL_112
    assert CALL_112 not in send(norg, "report", "incident=medical", "--urgency", "2").stdout


def test_a_long_text_arrives_in_numbered_parts(stack: Stack, norg: Node) -> None:
    text = "De kelder staat onder water en de pomp doet niets. " * 8
    done = send(norg, "report", "incident=building_damage", "--text", text, "--wait", "20")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Bewaard (in 3 delen)\n")
    found = [each["values"] for each in stack.inbox.page("/api/messages") if "parts" in each["values"]]
    parts = sorted(found, key=lambda values: values["part"])
    assert [each["part"] for each in parts] == [1, 2, 3]
    assert " ".join(each["text"] for each in parts) == text.strip()


@pytest.mark.parametrize(
    ("typed", "what", "do"),
    [
        (["report", "incidnt=fire"], "Onbekend veld: incidnt", "incident"),
        (["report", "incident=fyre"], "kan niet 'fyre' zijn", "Bedoelde u fire?"),
        (["report", "bezoeker=4"], "Onbekend veld: bezoeker", "bezoekers"),
        (["report", "visitors=veel"], "kan niet 'veel' zijn", "0 t/m 100000"),
        (["report", "fire"], "geen VELD=WAARDE: fire", "--text"),
        (["report", "visitors=1", "bezoekers=2"], "visitors staat er twee keer", ""),
        (["report", "part=1"], "wordt zelf ingevuld", "--text"),
        (["report"], "niets om te versturen", "--text"),
        (["report", "--text", "  "], "niets om te versturen", "--text"),
        (["raport", "visitors=1"], '"raport" bestaat niet', "report"),
        (["report", "visitors=1", "--urgency", "5"], '"5" bestaat niet', "1, 2, 3, 4"),
        (["report", "--text", "lang " * 900], "past niet in een bericht", "korter"),
    ],
)
def test_a_mistake_is_two_lines_and_nothing_is_sent(norg: Node, typed: list[str], what: str, do: str) -> None:
    status = norg.status()
    done = send(norg, *typed)
    assert done.returncode == 2
    assert done.stdout == ""
    assert what in done.stderr.splitlines()[0]
    assert do in done.stderr.splitlines()[-1]
    assert sum(norg.status()["queue"]["reports"].values()) == sum(status["queue"]["reports"].values())


def test_without_a_daemon_it_is_kept_and_goes_when_the_daemon_starts(stack: Stack, stopped: Node) -> None:
    done = send(stopped, "report", "--text", "in het donker", "--wait", "20")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "Bewaard; het knooppunt draait niet"
    stopped.start()
    until(lambda: at_inbox(stack, "in het donker"))


def test_without_a_daemon_and_with_a_dead_card_it_says_so(stopped: Node) -> None:
    outbox = stopped.state / "outbox.db"
    aside = {each: each.with_name(f"x{each.name}") for each in stopped.state.glob("outbox.db*")}
    for path, moved in aside.items():
        path.rename(moved)
    outbox.mkdir()  # no database can be opened there
    try:
        done = send(stopped, "report", "--text", "verloren")
    finally:
        outbox.rmdir()
        for path, moved in aside.items():
            moved.rename(path)
    assert done.returncode == 2
    assert "Bewaard" not in done.stdout
    assert "Doe: " in done.stderr


def test_while_another_owns_the_outbox_it_is_not_touched(stopped: Node) -> None:
    from relay.node import lock

    with lock.hold(stopped.state):
        done = send(stopped, "report", "--text", "x")
    assert done.returncode == 2
    assert f"(pid {os.getpid()})" in done.stderr


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(norg: Node) -> None:
    done = naober("node", "--config", norg.file)
    assert done.returncode == 2
    assert f"(pid {norg.pid})" in done.stderr
    assert "systemctl stop" in done.stderr.splitlines()[-1]
    assert norg.status() is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_as_root_it_leaves_no_files_that_the_service_can_not_open(stopped: Node, tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    for path in stopped.state.glob("outbox.db*"):  # so that it must make what is not there
        path.rename(tmp_path / path.name)
    for path in (stopped.state, *stopped.state.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    open_to_all = [each for each in stopped.state.parents if not each.stat().st_mode & 0o001]
    for folder in open_to_all:
        folder.chmod(folder.stat().st_mode | 0o011)
    try:
        assert send(stopped, "report", "--text", "van root").returncode == 1
        assert {each.stat().st_uid for each in stopped.state.iterdir()} == {nobody.pw_uid}
    finally:
        for folder in open_to_all:
            folder.chmod(folder.stat().st_mode & ~0o011)
        for path in (stopped.state, *stopped.state.iterdir()):
            os.chown(path, os.geteuid(), os.getegid())


def test_without_a_receipt_in_time_it_never_says_received(stack: Stack, norg: Node) -> None:
    stack.inbox.kill()
    try:
        done = send(norg, "report", "--text", "hoort iemand ons", "--wait", "1")
    finally:
        stack.inbox.start()
    assert done.returncode == 1
    assert "ontvangen" not in done.stdout
    assert "Nog geen bevestiging na 1 s" in done.stderr
    until(lambda: at_inbox(stack, "hoort iemand ons"), 40)
