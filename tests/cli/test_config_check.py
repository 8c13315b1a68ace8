"""`naober config check`: every fault is found before the daemon meets it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from relay.trust import certificates
from tests.cli.setting_up import (
    Machine,
    World,
    check,
    succeeded,
)
from tests.support.command import clean_environment


def test_every_fault_is_a_line_of_its_own_and_says_what_to_do(enrolled: World) -> None:
    (enrolled.node.state / "node-tls.key").chmod(0o644)
    (enrolled.node.state / "node.epoch").write_text("many")
    done = check(enrolled.node.file)
    assert done.returncode == 2
    faults = [line for line in done.stdout.splitlines() if line.startswith("FOUT")]
    assert len(faults) == 2
    assert any("chmod 600" in line for line in faults)
    assert all(" · Doe: " in line for line in faults)


def test_a_certificate_that_does_not_belong_here_is_found(enrolled: World, tmp_path: Path) -> None:
    other = Machine(tmp_path, "other")
    succeeded(other.setup_node())
    enrolled.admit(other, "MFA Roden")
    succeeded(other.enrol())
    shutil.copy(other.folder / "node.pem", enrolled.node.folder)
    done = check(enrolled.node.file, "--lang", "en")
    assert "does not belong to" in done.stdout and "is not in the name of" in done.stdout
    (enrolled.node.folder / "ca.pem").write_bytes(certificates.make_authority("stranger")[0])
    assert "is not by" in check(enrolled.node.file, "--lang", "en").stdout


def test_a_file_that_is_gone_is_named(enrolled: World) -> None:
    places = {"node.pem": enrolled.node.folder, "ca.pem": enrolled.node.folder}
    for name in ("node.pem", "ca.pem", "node-tls.key", "node.key", "grant"):
        file = places.get(name, enrolled.node.state) / name
        kept = file.read_bytes()
        file.unlink()
        done = check(enrolled.node.file)
        assert done.returncode == 2
        word = "toelating" if name == "grant" else name
        assert any(line.startswith("FOUT") and word in line for line in done.stdout.splitlines()), name
        file.touch(mode=0o600)
        file.write_bytes(kept)
    assert check(enrolled.node.file).returncode == 0


def test_a_broken_roster_of_the_inbox_is_found(enrolled: World) -> None:
    (enrolled.inbox.state / "roster").write_bytes(b"\x93")
    done = check(enrolled.inbox.file)
    assert done.returncode == 2
    assert "Roster is beschadigd" in done.stdout


def test_a_node_that_was_never_admitted_is_not_ready(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('[node]\nstate = "state"\n')
    done = check(file)
    assert done.returncode == 2
    assert "node.key" in done.stdout and str(tmp_path / "state") in done.stdout


@pytest.mark.parametrize(
    ("text", "word"),
    [("[mqtt]\nadress = 1\n", "[mqtt] adress"), ('[mqtt]\nport = "x"\n', "[mqtt] port"), ("[mqtt\n", "TOML")],
)
def test_a_bad_configuration_is_one_line(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "node.toml"
    file.write_text(text)
    done = check(file)
    assert done.returncode == 2
    assert word in done.stdout and len(done.stdout.splitlines()) == 1


def test_a_missing_configuration_is_one_line(tmp_path: Path) -> None:
    done = check(tmp_path / "node.toml")
    assert done.returncode == 2
    assert "Bestand ontbreekt" in done.stdout


def test_an_unreadable_configuration_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text("")
    file.chmod(0)
    code = (
        "import os, sys, unicodedata, relay.cli.config, relay.trust.inspection\n"
        "os.geteuid() or os.setuid(65534)\n"  # root may read everything
        "sys.exit(relay.cli.main(['config', 'check', sys.argv[1]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, file], capture_output=True, text=True, env=clean_environment()
    )
    assert done.returncode == 2
    assert f"Kan niet lezen: {file}" in done.stdout and len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
