"""`naober doctor`: sixteen places, nothing changed, no device opened; the service alive, hung or dead."""

from __future__ import annotations

import json
import os
import pty
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.cli.ports import free_port
from relay.config import load_node
from relay.doctor.case import open_case
from relay.doctor.finding import NOT_LOOKED, PLACES
from relay.doctor.rounds import look
from tests.support.command import clean_environment, naober
from tests.support.process import until
from tests.support.stack import Node, Stack, edit

DOCTOR_MAX_S = 10.0
NOBODY = 65534
STARTED = re.compile(r"^(?: ok |LET |FOUT| -- ) (D\d\d) ", re.M)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Broker, inbox and one node, up."""
    with Stack(tmp_path_factory.mktemp("stack"), "beilen") as running:
        running.start()
        yield running


@pytest.fixture
def node(stack: Stack) -> Iterator[Node]:
    """Up when the test begins, and again at its end."""
    node = stack.nodes["beilen"]
    if not node.running:
        node.start()
    node.wait_code("up")
    yield node


@pytest.fixture
def dead(node: Node) -> Node:
    """Its service does not run."""
    node.stop()
    return node


def doctor(node: Node, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return naober("doctor", "--config", node.file, *more, COLUMNS="80", **environment)


def places(node: Node) -> dict[str, dict]:
    return {each["place"]: each for each in json.loads(doctor(node, "--json").stdout)["places"]}


def test_a_node_that_is_well_is_told_so_place_by_place_in_their_order(node: Node) -> None:
    began_s = time.monotonic()
    done = doctor(node)
    assert time.monotonic() - began_s < DOCTOR_MAX_S
    assert STARTED.findall(done.stdout) == list(PLACES)
    assert " ok  D11 MQTT          VRD antwoordt" in done.stdout
    assert " ok  D08 Rechten" in done.stdout
    assert "FOUT" not in done.stdout
    assert done.returncode == 1  # nothing is proven yet
    assert 'D12 V01"' in done.stdout.splitlines()[-1]


def test_what_is_not_in_this_version_or_not_there_is_never_called_good(node: Node) -> None:
    found = places(node)
    assert found["D07"]["grade"] == "not_looked"
    assert {found[place]["grade"] for place in ("D05", "D06", "D09", "D10")} == {"not_looked"}


def test_the_page_is_good_when_it_answers_and_p01_names_who_has_its_port(dead: Node) -> None:
    port = free_port()
    dead.configure(page__host="127.0.0.1", page__port=port)
    try:
        with socket.create_server(("127.0.0.1", port)):  # by this process, which is none of the node's
            dead.start()
            found = places(dead)["D07"]
            assert (found["grade"], found["code"]) == ("error", "P01")
            assert f"pid {os.getpid()}" in str(found)
        until(lambda: places(dead)["D07"]["grade"] == "ok", 30)  # it tries again by itself
        assert f" ok  D07 Pagina        127.0.0.1:{port}" in doctor(dead).stdout
    finally:
        dead.stop()
        dead.configure(page__host="")


def test_a_wide_terminal_has_two_columns_and_english_is_spoken(node: Node) -> None:
    done = naober("--lang", "en", "doctor", "--config", node.file, COLUMNS="160")
    assert re.search(r"^ ok  D01 Storage .* D09 Airtime", done.stdout, re.M)
    assert "Read out over the telephone:" in done.stdout
    assert "Doe:" not in done.stdout


def test_everything_that_is_wrong_says_what_to_do(dead: Node) -> None:
    done = doctor(dead)
    wrong = re.findall(r"^(?:LET |FOUT) (D\d\d)", done.stdout, re.M)
    for place in wrong:
        assert re.search(rf"^{place}.*\n     Doe: \S", done.stdout, re.M), place


def test_with_the_service_dead_it_reads_the_disk_and_leaves_it_as_it_was(dead: Node) -> None:
    naober("send", "report", "--text", "bewaard", "--config", dead.file)

    def state() -> dict[str, tuple[int, int]]:
        return {each.name: (each.stat().st_size, each.stat().st_mtime_ns) for each in dead.state.iterdir()}

    before = state()
    done = doctor(dead)
    assert state() == before
    assert done.returncode == 2
    assert "FOUT D15 Dienst        draait niet" in done.stdout
    assert "LET  D02 Wachtrij      1 wachtend op schijf" in done.stdout
    assert "broker 127.0.0.1:" in done.stdout  # the handshake was tried, and nothing said


def test_a_service_that_hangs_is_told_from_one_that_is_dead_within_the_time(node: Node) -> None:
    node.pause()
    try:
        began_s = time.monotonic()
        done = doctor(node)
        took_s = time.monotonic() - began_s
    finally:
        node.resume()
    assert took_s < DOCTOR_MAX_S
    assert f"FOUT D15 Dienst        antwoordt niet (pid {node.pid})" in done.stdout
    assert done.returncode == 2


def test_it_opens_no_tty_whether_the_service_runs_or_not(dead: Node, tmp_path: Path) -> None:
    held, line = pty.openpty()
    device = os.ttyname(line)
    trace = tmp_path / "trace"
    command = [sys.executable, "-m", "relay.cli", "doctor", "--config", str(dead.file)]
    edit(dead.file, radio__device=device)
    try:
        subprocess.run(
            ["strace", "-f", "-e", "trace=open,openat,openat2", "-o", str(trace), *command],
            env=clean_environment(),
            capture_output=True,
            timeout=60,
        )
    finally:
        edit(dead.file, radio__device="")
        os.close(held)
        os.close(line)
    opened = trace.read_text()
    assert "node.toml" in opened  # the trace sees what is opened
    assert device not in opened
    assert not re.search(r'open\w*\([^"]*"/dev/(?!null|urandom|shm)', opened)


def test_keys_that_others_may_read_are_an_error_and_fix_closes_them(node: Node) -> None:
    (node.state / "node.key").chmod(0o644)
    assert places(node)["D08"]["grade"] == "error"
    assert (node.state / "node.key").stat().st_mode & 0o777 == 0o644  # it only looks

    done = doctor(node, "--fix")
    assert "D08: rechten hersteld" in done.stdout
    assert (node.state / "node.key").stat().st_mode & 0o777 == 0o600
    assert " ok  D08" in done.stdout


def test_one_place_that_breaks_hides_none_of_the_others(node: Node, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "from relay.doctor import machine\n"
        "def broken(case): raise RuntimeError('ours')\n"
        "machine.clock = broken\n"
    )
    done = doctor(node, PYTHONPATH=f"{tmp_path}:{clean_environment()['PYTHONPATH']}")
    assert STARTED.findall(done.stdout) == list(PLACES)
    assert "D03 RuntimeError: ours" in done.stdout
    assert "naober support" in done.stdout


def test_one_that_hangs_is_given_up_in_time(node: Node, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nfrom relay.doctor import machine\nmachine.storage = lambda case: time.sleep(60)\n"
    )
    began_s = time.monotonic()
    done = doctor(node, PYTHONPATH=f"{tmp_path}:{clean_environment()['PYTHONPATH']}")
    assert time.monotonic() - began_s < DOCTOR_MAX_S
    assert "FOUT D01 Opslag        geen antwoord binnen" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_who_may_not_look_is_told_so_and_nothing_is_called_ill_for_it(node: Node) -> None:
    settings = load_node(node.file)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        found = {each.place: each for each in look(open_case(settings, node.file))}
    finally:
        os.seteuid(0)
        os.setegid(0)
    assert {place for place in found if found[place].grade > 0} <= {"D03", "D15"}
    assert found["D15"].do.nl == "herhaal dit met sudo"
    assert found["D08"].grade == found["D11"].grade == found["D12"].grade == NOT_LOOKED
    assert "sudo" in found["D08"].short.nl
