"""The wheel: what is in it, and that a node runs from it on a machine that has nothing else."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest

from relay import __version__
from tests.support.command import REPOSITORY

STOP_TIMEOUT_S = 20
NAME = re.compile(r"[A-Za-z0-9._-]+")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


@pytest.fixture(scope="module")
def about(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as opened:
        found = next(name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(opened.read(found).decode())


def test_every_shipped_file_is_in_the_wheel(names: set[str]) -> None:
    config = REPOSITORY / "config"
    files = [file.relative_to(config) for file in config.rglob("*") if file.is_file()]
    assert len(files) >= 5
    assert {f"relay/shipped/{file}" for file in files} <= names


def test_every_module_and_migration_is_in_the_wheel(names: set[str]) -> None:
    for pattern in ("relay/**/*.py", "relay/*/migrations/*.sql"):
        files = {str(file.relative_to(REPOSITORY)) for file in REPOSITORY.glob(pattern)}
        assert files and files <= names


def test_nothing_else_is_in_the_wheel(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names} == {"relay", f"naober-{__version__}.dist-info"}
    assert not [name for name in names if name.endswith((".pyc", ".key", ".db", ".log"))]


def test_version_and_licence_are_told(about: Message, names: set[str]) -> None:
    assert about["Version"] == __version__
    assert about["License-Expression"] == "EUPL-1.2"
    assert about.get_all("License-File") == ["LICENSE"]
    assert f"naober-{__version__}.dist-info/licenses/LICENSE" in names


def test_the_licence_is_the_whole_eupl() -> None:
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "EUROPEAN UNION PUBLIC LICENCE v. 1.2" in text.splitlines()[0]
    assert [int(number) for number in re.findall(r"^(\d+)\. ", text, re.M)] == list(range(1, 16))
    assert "European Union Public Licence (EUPL) v. 1.1, v. 1.2" in text  # of its appendix
    assert text.endswith("EUPL version.\n")


def test_a_node_asks_for_three_packages_only(about: Message) -> None:
    wanted = [line for line in about.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert sorted(found[0] for line in wanted if (found := NAME.match(line))) == [
        "cryptography",
        "msgspec",
        "paho-mqtt",
    ]


# --- installed where there is nothing else


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """A new environment with the wheel and what it requires, and no extras; its `bin` folder."""
    folder = tmp_path_factory.mktemp("machine")
    venv.create(folder, with_pip=False, symlinks=True)
    site = next(folder.glob("lib/python3*/site-packages"))
    for distribution in needed("naober"):
        borrow(distribution, site)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "--quiet"]
    options = ["--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([*pip, "install", *options, wheel], check=True, capture_output=True)
    return folder / "bin"


def needed(name: str) -> Iterator[metadata.Distribution]:
    """What `name` requires without any extra, and what these require in turn."""
    for line in metadata.distribution(name).requires or []:
        found = NAME.match(line)
        if found and "extra ==" not in line:
            try:
                distribution = metadata.distribution(found[0])
            except metadata.PackageNotFoundError:
                continue  # for another Python or another machine
            yield distribution
            yield from needed(found[0])


def borrow(distribution: metadata.Distribution, site: Path) -> None:
    """The same package in another environment, without asking a server for it."""
    for top in {file.parts[0] for file in distribution.files or []}:
        source = Path(str(distribution.locate_file(top)))
        if top != ".." and top != "__pycache__" and not (site / top).exists():
            (site / top).symlink_to(source)


def run(machine: Path, *arguments: str | Path, code: int = 0) -> str:
    done = subprocess.run(
        [machine / "naober", *arguments],
        cwd=machine.parent,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_the_command_works_and_is_that_of_the_wheel(machine: Path) -> None:
    assert run(machine, "--version") == f"naober {__version__}\n"
    assert "naober setup node" in run(machine, "--help")
    where = subprocess.run(
        [machine / "python", "-c", "import relay; print(relay.__file__)"],
        cwd=machine,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(machine.parent))


def test_a_node_is_set_up_and_runs_without_the_inbox_s_packages(machine: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run([machine / "python", "-c", "import starlette"], check=True, stderr=subprocess.DEVNULL)
    etc, state, inbox_state = tmp_path / "etc", tmp_path / "state", tmp_path / "inbox"
    run(machine, "setup", "inbox", "--plain", "--broker", "127.0.0.1", "--dir", etc, "--state", inbox_state)
    run(machine, "setup", "node", "--plain", "--site", "Kazerne", "--state", state, "--out", tmp_path)
    request = next(tmp_path.glob("request-*.toml"))
    run(machine, "setup", "admit", request, "--dir", etc, "--out", tmp_path)
    admission = next(tmp_path.glob("admission-*.toml"))
    run(machine, "setup", "apply", admission, "--dir", etc, "--state", state)
    run(machine, "config", "check", etc / "node.toml")

    node = subprocess.Popen(
        [machine / "naober", "node", "--config", etc / "node.toml"], stderr=subprocess.PIPE, text=True
    )
    assert node.stderr is not None
    with node.stderr:
        assert "(Kazerne) started" in node.stderr.readline()
        node.send_signal(signal.SIGTERM)
        rest = node.stderr.read()
    assert node.wait(STOP_TIMEOUT_S) == 0, rest
    assert (state / "outbox.db").exists(), "its migrations came along"


def test_an_inbox_without_its_packages_says_which_are_missing(machine: Path) -> None:
    said = run(machine, "inbox", "--config", "inbox.toml", code=2)
    assert "niet geïnstalleerd" in said and "pip install" in said
