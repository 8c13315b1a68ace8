"""`naober stick` as a person meets it: what it says, and how it ends."""

from __future__ import annotations

import argparse
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest

from relay import config
from relay.cli import stick as cli
from relay.trust import keys, node_setup
from relay.trust.authority import Place
from relay.trust.roster_file import encode
from tests.node.disks import MemoryDisk, mounted
from tests.support.command import naober
from tests.support.process import until
from tests.support.stack import Node, Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory):
    """A node that nobody hears, and an inbox."""
    with Stack(tmp_path_factory.mktemp("stack"), "beilen", "assen", status__interval_s=3600) as stack:
        stack.inbox.start(wait=False)
        stack.nodes["beilen"].start()
        stack.nodes["beilen"].submit("water is op")
        yield stack


@pytest.fixture
def node(stack: Stack) -> Node:
    return stack.nodes["beilen"]


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "NAOBER").mkdir()
    return tmp_path / "NAOBER"


def run(node: Node, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return naober("stick", *arguments, "--config", node.file, **environment)


def take_along(stack: Stack, node: Node, stick: Path) -> None:
    """A neighbour says something, and the node takes it along."""
    assen = stack.nodes["assen"]
    if not assen.running:
        assen.start()
    assen.submit("van een buur")
    assert run(assen, "export", stick).returncode == 0
    assert " van anderen meegenomen" in run(node, "import", stick).stdout


def carried(node: Node) -> int:
    status = node.status()
    assert status
    return int(status["carried"])


def test_the_stick_named_naober_is_found_by_itself(node: Node, stick: Path) -> None:
    done = run(node, NAOBER_STICK=str(stick))
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "Gelezen: 0 berichten van anderen meegenomen, 0 al bekend"
    assert lines[1].startswith("Geschreven: ") and lines[1].endswith("voor VRD, in 1 bestand")
    assert lines[-1] == "De stick mag eruit"


def test_it_speaks_english_too(node: Node, stick: Path) -> None:
    done = naober("--lang", "en", "stick", "export", stick, "--config", node.file)
    assert done.stdout.splitlines()[-1] == "The stick may go"
    assert "Written: " in done.stdout and "Read: " not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["/nergens/NAOBER"], "Geen map: /nergens/NAOBER"),
        (["exprot", "/media/NAOBER"], '"exprot" bestaat niet'),
    ],
)
def test_a_wrong_word_or_folder_is_one_line_and_what_to_do(
    node: Node, arguments: list[str], what: str
) -> None:
    done = run(node, *arguments)
    assert done.returncode == 2 and done.stdout == ""
    first, do = done.stderr.splitlines()
    assert first == what and do.startswith("Doe: ")


def test_without_a_stick_it_says_how_to_name_one(node: Node, tmp_path: Path) -> None:
    done = run(node, NAOBER_STICK=str(tmp_path / "weg"))
    assert done.returncode == 2
    assert "naober stick /media/NAOBER" in done.stderr.splitlines()[1]


def test_a_full_stick_is_one_line_and_nothing_is_lost(node: Node, tmp_path: Path) -> None:
    with mounted(MemoryDisk(tmp_path / "small")) as disk:
        disk.fill()
        done = run(node, "export", disk.folder)
        assert done.returncode == 2
        what, do = done.stderr.splitlines()
        assert what.startswith("De stick is vol") and do.startswith("Doe: ")
        assert node.open_reports() == 1
        disk.free()
        assert run(node, "export", disk.folder).returncode == 0


def test_a_read_only_stick_is_one_line(node: Node, tmp_path: Path) -> None:
    with mounted(MemoryDisk(tmp_path / "small")) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
        done = run(node, disk.folder)
        assert done.returncode == 2
        assert done.stderr.splitlines()[0].startswith("De stick is alleen-lezen")


def test_what_was_passed_over_is_one_line_and_exit_code_1(node: Node, stick: Path) -> None:
    folder = stick / "naober" / "berichten"
    folder.mkdir(parents=True)
    (folder / "00000000-1-1").write_bytes(b"half")
    (folder / "vakantie.jpg").write_bytes(b"x")
    done = run(node, "import", stick)
    assert done.returncode == 1
    assert "Overgeslagen: 1 niet van ons, 1 beschadigd of half geschreven" in done.stdout.splitlines()


def test_a_stick_never_carries_a_secret(node: Node, stack: Stack, stick: Path) -> None:
    run(node, stick)
    everything = b"".join(path.read_bytes() for path in stick.rglob("*") if path.is_file())
    assert everything
    for path in [*node.state.iterdir(), *stack.inbox.state.iterdir()]:
        if path.suffix == ".key":
            text = path.read_bytes()
            assert text not in everything
    for path in (node.state / "node.key", stack.inbox.state / "inbox.key"):
        assert keys.load(path).private_bytes_raw() not in everything


def test_what_is_carried_for_others_shows_in_the_status(node: Node, stack: Stack, stick: Path) -> None:
    take_along(stack, node, stick)
    status = naober("status", "--config", node.file).stdout
    assert re.search(r"^Koerier +\d+ berichten van anderen, voor VRD$", status, re.MULTILINE)


def test_a_revocation_on_a_stick_reaches_a_node_without_any_link(
    node: Node, stack: Stack, stick: Path
) -> None:
    assen = stack.nodes["assen"]
    public = keys.public_bytes(keys.load(assen.state / "node.key"))
    take_along(stack, node, stick)
    (stick / "naober" / "roster").write_bytes(encode([stack.trust.revoke(public, "gestolen")]))
    assert carried(node) > 0
    assert "1 nieuw van het roster" in run(node, "import", stick).stdout
    assert run(node, "export", stick).returncode == 0
    assert carried(node) == 0  # nobody takes a thief's word along
    assert "nieuw van het roster" not in run(node, "import", stick).stdout

    assen.submit("van een dief")
    assert run(assen, "export", stick).returncode == 0
    assert "0 berichten van anderen meegenomen" in run(node, "import", stick).stdout  # nobody carries it


def test_rescue_with_a_daemon_on_a_good_card_writes_what_an_export_does(node: Node, stick: Path) -> None:
    done = run(node, "rescue", stick)
    assert done.returncode == 0
    assert "waarvan 0 van de kaart zelf gelezen" in done.stdout


def test_rescue_reads_another_card_in_a_reader(node: Node, stack: Stack, stick: Path, tmp_path: Path) -> None:
    with node.outbox() as db:
        copy = tmp_path / "kaart"
        copy.mkdir()
        target = sqlite3.connect(copy / "outbox.db")
        db.backup(target)
        target.close()
    done = naober("stick", "rescue", stick, "--state", copy, "--config", tmp_path / "geen.toml")
    assert done.returncode == 0, done.stderr
    assert "Het knooppunt draait niet" in done.stdout and "Gered: 1 bericht" in done.stdout
    until(lambda: (stack.inbox.state / "inbox.sock").exists())
    assert "1 nieuw" in naober("inbox", "import", stick, "--config", stack.inbox.file).stdout
    assert stack.inbox.reports() == ["water is op"]


def test_a_machine_with_both_an_inbox_and_a_node_takes_the_stick_in_at_both(
    stick: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Stack(tmp_path / "both", "gateway", status__interval_s=3600) as stack:
        node = stack.nodes["gateway"]
        stack.inbox.start(wait=False)
        node.start()
        node.submit("water is op")
        until(lambda: (stack.inbox.state / "inbox.sock").exists())
        monkeypatch.setattr(config, "FOLDER", stack.inbox.folder)
        monkeypatch.setattr(config, "NODE_FILE", str(node.file))
        both = argparse.Namespace(what=[str(stick)], state=None, config=None)
        assert cli.run(both) == 0  # the node writes
        assert cli.run(both) == 0  # the inbox stores, the node hears of it
        told = capsys.readouterr().out
        assert "Opgeslagen: 0 nieuw" in told and "Geschreven: " in told
        assert "VRD heeft 1 melding" in told.rpartition("Opgeslagen: ")[2]
        assert node.open_reports() == 0


def test_a_machine_that_was_never_enrolled_has_nothing_to_carry(stick: Path, tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text("")
    done = naober("stick", stick, "--config", tmp_path / "node.toml")
    assert done.returncode == 1
    assert done.stdout.splitlines()[1] == "Doe: sudo naober setup"
    assert list(stick.iterdir()) == []


def test_a_newer_grant_on_a_stick_reaches_a_running_node(node: Node, stack: Stack, stick: Path) -> None:
    newer = stack.trust.admit(node_setup.prepare(node.state), Place("node", "VRD-BEI-02", "Nieuwe kazerne"))
    (stick / "naober" / "toelating").mkdir(parents=True)
    (stick / "naober" / "toelating" / node.address).write_bytes(newer)
    assert "1 nieuw van het roster" in run(node, "import", stick).stdout
    until(lambda: (node.state / "grant").read_bytes() == newer)
