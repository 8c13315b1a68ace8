"""The ten faults of the install sheet, each provoked: its code, a line of what, a line "Doe:", no traceback.

E03 is met at `naober authority approve` and has its test there. (`naober` of tests/support looks at every
output for a traceback.)
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from relay.config import load_node
from relay.doctor import links, machine
from relay.doctor.case import Case, open_case
from relay.doctor.finding import ATTENTION, ERROR
from tests.support.command import naober
from tests.support.process import until
from tests.support.radios import PRESET, Radios, radio
from tests.support.stack import Node, Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Broker and inbox, up, and two nodes that tests start and stop."""
    with Stack(tmp_path_factory.mktemp("stack"), "beilen", "norg") as running:
        running.broker.start()
        running.inbox.start()
        yield running


@pytest.fixture
def node(stack: Stack) -> Iterator[Node]:
    """Not started; ended and without a radio at the end."""
    node = stack.nodes["beilen"]
    yield node
    node.kill()
    node.configure(radio__device="", radio__host="")


@pytest.fixture(scope="module")
def radios(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radios]:
    """One radio in the network."""
    radios = Radios(tmp_path_factory.mktemp("radios"), 1)
    radios.start()
    yield radios
    radios.kill()


def on_the_screen(node: Node, place: str, code: str) -> str:
    """The two lines about it, as a technician sees them."""
    done = naober("doctor", "--config", node.file, COLUMNS="80")
    assert done.returncode > 0
    assert re.search(rf"^(?:LET |FOUT) {place} .*{code}", done.stdout, re.M), done.stdout
    found = re.search(rf"^{place} {code} (.+)\n     Doe: (.+)$", done.stdout, re.M)
    assert found, done.stdout
    assert f"{place} {code}" in done.stdout.splitlines()[-1]  # to be read out
    return f"{found[1]} | {found[2]}"


@contextmanager
def held(path: str) -> Iterator[int]:
    """Another program that has a device open."""
    with Path(path).open() as device:
        other = subprocess.Popen(["sleep", "60"], stdin=device)
    try:
        yield other.pid
    finally:
        other.kill()
        other.wait()


# --- R: radio ---


def test_r01_no_radio_where_it_should_be(node: Node) -> None:
    node.configure(radio__device="/dev/serial/by-id/usb-heltec")
    node.start()
    until(lambda: radio(node).get("code") == "R01")
    told = on_the_screen(node, "D05", "R01")
    assert "Geen radio op /dev/serial/by-id/usb-heltec" in told and "datakabel" in told
    node.kill()
    assert "Geen radio op" in on_the_screen(node, "D05", "R01")  # dead or alive


def test_r02_the_radio_is_set_otherwise(node: Node, radios: Radios) -> None:
    node.configure(radio__host="127.0.0.1", radio__port=radios.ports[0], radio__preset="LONG_FAST")
    node.start()
    until(lambda: radio(node)["connected"])
    told = on_the_screen(node, "D05", "R02")
    assert f"{PRESET}, moet LONG_FAST zijn. Er is niets uitgezonden." in told and "naober radio set" in told


def test_r03_the_channel_s_key_is_another(node: Node, radios: Radios) -> None:
    node.configure(
        radio__host="127.0.0.1",
        radio__port=radios.ports[0],
        radio__preset=PRESET,
        radio__channel_key="0" * 16,
    )
    node.start()
    until(lambda: radio(node)["connected"])
    told = on_the_screen(node, "D05", "R03")
    assert "sleutel" in told.lower() and "naober radio set" in told


def test_r04_another_program_has_the_radio_and_is_named(node: Node) -> None:
    far, near = os.openpty()
    device = os.ttyname(near)
    node.configure(radio__device=device)
    try:
        with held(device) as pid:
            os.close(near)
            node.start()
            until(lambda: radio(node).get("code") == "R04")
            assert f"sleep (pid {pid})" in on_the_screen(node, "D06", "R04")
            node.kill()
            told = on_the_screen(node, "D06", "R04")
            assert f"sleep (pid {pid})" in told and f"sudo kill {pid}" in told
    finally:
        os.close(far)


# --- N, E: who speaks with whom ---


def test_n05_the_broker_shows_another_key(node: Node, stack: Stack) -> None:
    node.configure(mqtt__broker_keys=["7f2a" + "0" * 60])
    node.start()
    node.wait_code("N05")
    told = on_the_screen(node, "D11", "N05")
    assert "verwacht 7F2A.., kreeg " in told and "Via MQTT is niets verzonden" in told
    assert "meld mogelijke afluisteraar" in told
    shown = naober("status", "--config", node.file)
    assert "N05" in shown.stdout and "Doe:" in shown.stdout
    node.kill()
    assert "verwacht 7F2A.." in on_the_screen(node, "D11", "N05")  # dead or alive
    assert "N05" in node.log()
    node.configure(mqtt__broker_keys=[])


def test_e02_vrd_does_not_know_the_node(node: Node, stack: Stack) -> None:
    case = _case(node)
    facts = {"links": {"mqtt": {"code": "inbox_silent"}}, "address": node.address}
    facts |= {"roster": 3, "revoked": None}
    found = links.enrolment(_with(case, facts))
    assert found.code == "E02" and found.grade >= ATTENTION
    assert f"({node.address[:4]}-{node.address[4:]})" in found.what.nl
    assert "naober enrol --stick" in found.do.nl


def test_e02_the_key_was_revoked(stack: Stack) -> None:
    node = stack.nodes["norg"]
    node.start()
    try:
        node.wait_code("up")
        stack.trust.tell_inbox(stack.trust.revoke(node.public_key, "gestolen"))
        until(lambda: (node.status() or {}).get("revoked") is not None, 20, "it hears that it was revoked")
        told = on_the_screen(node, "D13", "E02")
        assert "ingetrokken: gestolen" in on_the_screen(node, "D11", "E02")
    finally:
        node.kill()
    assert "ingetrokken: gestolen" in told and "lever dit apparaat in" in told


# --- C, S, P: this machine ---


def test_c01_a_clock_without_a_source_is_no_fault(node: Node) -> None:
    found = machine.clock(_with(_case(node), {"clock": "none", "clock_off_s": None}))
    assert (found.code, found.grade) == ("C01", ATTENTION)
    assert "geen bron (denkt " in found.what.nl and "Geen storing" in found.what.nl
    assert found.do.nl.startswith("niets")


def test_c01_a_clock_that_is_hours_off(node: Node) -> None:
    found = machine.clock(_with(_case(node), {"clock": "ntp", "clock_off_s": -(3 * 3600 + 12 * 60)}))
    assert found.code == "C01"
    assert found.what.nl == "Klok wijkt 3 u 12 af van VRD."
    assert machine.clock(_with(_case(node), {"clock": "ntp", "clock_off_s": 3})).code == ""


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="mounts a disk")
def test_s01_the_card_is_read_only(node: Node, tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", card], check=True)
    try:
        shutil.copytree(node.state, card / "state", ignore=shutil.ignore_patterns("*.sock"))
        subprocess.run(["mount", "-o", "remount,ro", card], check=True)
        moved = tmp_path / "node.toml"
        moved.write_text(node.file.read_text().replace(str(node.state), str(card / "state")))
        done = naober("doctor", "--config", moved, COLUMNS="80")
    finally:
        subprocess.run(["umount", card], check=True)
    assert "FOUT D01 Opslag        S01 is alleen-lezen" in done.stdout
    lines = r"^D01 S01 Geheugenkaart is alleen-lezen\..*\n     Doe: papieren formulier"
    assert re.search(lines, done.stdout, re.M)


def test_s01_messages_are_in_memory_only(node: Node) -> None:
    storage = {"nl": "is vol", "en": "is full"}
    found = machine.storage(_with(_case(node), {"storage": storage}))
    assert (found.code, found.grade) == ("S01", ERROR)
    assert found.what.nl == "Geheugenkaart is vol. Nieuwe meldingen worden niet bewaard."


def test_p01_the_inbox_s_page_names_who_has_its_port(stack: Stack) -> None:
    stack.inbox.stop()
    with socket.create_server(("127.0.0.1", stack.inbox.web_port)) as taken:
        taken.listen()
        with _another_process_holding(taken) as pid:
            stack.inbox.start(wait=False)
            try:
                until(lambda: "P01" in stack.inbox.log(), 20)
            finally:
                stack.inbox.kill()
    line = next(line for line in stack.inbox.log().splitlines() if "P01" in line)
    assert f"P01 Port {stack.inbox.web_port} is taken by sleep (pid {pid})." in line
    assert "Do: stop that program" in line
    stack.inbox.start()


@contextmanager
def _another_process_holding(taken: socket.socket) -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"], pass_fds=[taken.fileno()]) as other:
        try:
            taken.close()
            yield other.pid
        finally:
            other.kill()


def _case(node: Node) -> Case:
    return open_case(load_node(node.file), node.file)


def _with(case: Case, facts: dict) -> Case:
    return msgspec.structs.replace(case, facts=facts)
