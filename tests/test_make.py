"""`make` on machines that lack something: what is installed, what is said, and what counts as installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command import REPOSITORY

TOOL = REPOSITORY / ".ci" / "debian-packages"
COREUTILS = (
    "sh",
    "make",
    "rm",
    "mv",
    "touch",
    "mkdir",
    "cat",
    "chmod",
    "mktemp",
    "tail",
    "grep",
    "env",
    "true",
)


class Machine:
    """A PATH with little on it, and commands that write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        self.bin.mkdir()
        self.calls.touch()
        for name in COREUTILS:
            found = shutil.which(name)
            assert found, name
            (self.bin / name).symlink_to(found)
        self.put("id", "echo 0")

    def put(self, name: str, script: str) -> Path:
        file = self.bin / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.calls}\n{script}\n')
        file.chmod(0o755)
        return file

    def run(self, *command: str | Path, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.run(
            command,
            cwd=cwd,
            env={**kept, "PATH": str(self.bin)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def called(self, name: str) -> list[str]:
        return [line for line in self.calls.read_text().splitlines() if line.startswith(f"{name} ")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# --- Debian packages; the names are of none that this machine has


def test_what_is_there_is_neither_installed_nor_mentioned(machine: Machine) -> None:
    machine.put("dpkg-query", "echo installed")
    machine.put("apt-get", "exit 1")
    done = machine.run(TOOL, "naober-one", "naober-two")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.called("apt-get") == []


def test_a_command_of_that_name_will_do_where_there_is_no_dpkg(machine: Machine) -> None:
    machine.put("naober-one", "")
    assert machine.run(TOOL, "naober-one").returncode == 0


def test_root_installs_what_is_missing_and_only_that(machine: Machine) -> None:
    machine.put("dpkg-query", '[ "$4" = naober-one ] && echo installed')
    machine.put("apt-get", "")
    done = machine.run(TOOL, "naober-one", "naober-two")
    assert done.returncode == 0
    assert done.stdout == "Installing Debian packages: naober-two\n"
    update, install = machine.called("apt-get")
    assert update.endswith(" update")
    assert install.endswith(" install -y --no-install-recommends naober-two")


def test_sudo_without_a_password_will_do(machine: Machine) -> None:
    machine.put("id", "echo 1000")
    machine.put("sudo", 'shift; exec "$@"')
    machine.put("apt-get", "")
    assert machine.run(TOOL, "naober-one").returncode == 0
    assert len(machine.called("apt-get")) == 2


@pytest.mark.parametrize(
    "why", ["sudo asks for a password", "there is no sudo", "there is no apt-get", "apt"]
)
def test_where_nothing_may_be_installed_one_line_says_what_to_type(machine: Machine, why: str) -> None:
    machine.put("id", "echo 1000")
    machine.put("sudo", "exit 1" if why == "sudo asks for a password" else 'shift; exec "$@"')
    machine.put("apt-get", "exit 100")
    if why == "there is no sudo":
        (machine.bin / "sudo").unlink()
    if why == "there is no apt-get":
        (machine.bin / "apt-get").unlink()
    done = machine.run(TOOL, "naober-one", "naober-two")
    assert done.returncode == 1
    line = "Missing here: naober-one naober-two. Do: sudo apt-get install naober-one naober-two"
    assert done.stderr.splitlines() == [line]


# --- the .venv, with a Python that only pretends


@pytest.fixture
def source(tmp_path: Path, machine: Machine) -> Path:
    """A source tree with our Makefile, and a PYTHON whose pip does what the file `pip` says."""
    tree = tmp_path / "source"
    tree.mkdir()
    (tree / "pyproject.toml").touch()
    (tree / "Makefile").symlink_to(REPOSITORY / "Makefile")
    (tree / ".ci").symlink_to(REPOSITORY / ".ci")
    machine.put("pip", f". {tree}/pip")
    machine.put("python", "")
    machine.put("naober", "")
    copies = "; ".join(f"cat {machine.bin}/{each} > $3/bin/{each}" for each in ("python", "pip", "naober"))
    making = f'[ "$1" != -m ] || {{ mkdir -p $3/bin; {copies}; chmod 755 $3/bin/*; }}'
    machine.put("python3", making)
    return tree


def test_make_installs_once(machine: Machine, source: Path) -> None:
    (source / "pip").write_text("exit 0")
    for _ in range(2):
        done = machine.run("make", "demo", cwd=source)
        assert done.returncode == 0, done.stderr
    assert len(machine.called("pip")) == 1
    assert machine.called("pip")[0].endswith("-e .[demo]")
    assert machine.called("naober") == ["naober demo"] * 2


def test_an_install_that_was_cut_off_starts_anew(machine: Machine, source: Path) -> None:
    (source / "pip").write_text("touch .venv/half; kill -9 $PPID; exit 1")
    assert machine.run("make", "demo", cwd=source).returncode != 0
    assert (source / ".venv" / "half").exists() and not (source / ".venv" / "made").exists()
    assert machine.called("naober") == []
    (source / "pip").write_text("exit 0")
    assert machine.run("make", "demo", cwd=source).returncode == 0
    assert not (source / ".venv" / "half").exists()
    assert len(machine.called("naober")) == 1


def test_a_download_that_failed_costs_nothing_that_was_there(machine: Machine, source: Path) -> None:
    (source / "pip").write_text("exit 0")
    assert machine.run("make", "demo", cwd=source).returncode == 0
    (source / "pip").write_text("exit 1")
    assert machine.run("make", ".venv/test", cwd=source).returncode != 0
    assert machine.run("make", "demo", cwd=source).returncode == 0
    assert len(machine.called("naober")) == 2


def test_a_venv_whose_python_is_gone_is_made_again(machine: Machine, source: Path) -> None:
    (source / "pip").write_text("exit 0")
    assert machine.run("make", "demo", cwd=source).returncode == 0
    (source / ".venv" / "bin" / "python").unlink()
    assert machine.run("make", "demo", cwd=source).returncode == 0
    assert len(machine.called("pip")) == 2


def test_an_old_python_is_refused_with_what_to_do(machine: Machine, source: Path) -> None:
    machine.put("dpkg-query", "echo installed")
    machine.put("python3", "exit 1")
    done = machine.run("make", "demo", cwd=source)
    assert done.returncode != 0
    assert "Python 3.11 or later is needed. Do: make demo PYTHON=" in done.stderr


def test_help_lists_every_target_that_a_person_would_type() -> None:
    text = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True).stdout
    targets = re.findall(r"^\.PHONY: (.*)", (REPOSITORY / "Makefile").read_text(), re.M)[0].split()
    assert {"demo", "test", "check", "bench", "help"} <= set(targets)
    for target in set(targets) - {"lint", "debian-test"}:
        assert re.search(rf"\b{target}\b", text)
