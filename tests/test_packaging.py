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
import yaml

from relay import __version__
from relay.trust import inbox_setup
from relay.trust.authority import Place
from relay.trust.local import LocalAuthority
from relay.trust.stick import Stick
from tests.support.command import REPOSITORY

STOP_TIMEOUT_S = 20
NAME = re.compile(r"[A-Za-z0-9._-]+")

sys.path.insert(0, str(REPOSITORY / "systemd" / "deb"))
import build  # noqa: E402
import lock  # noqa: E402
import wheels  # noqa: E402


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


def test_a_node_asks_for_four_packages_only(about: Message) -> None:
    wanted = [line for line in about.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert sorted(found[0] for line in wanted if (found := NAME.match(line))) == [
        "cryptography",
        "msgspec",
        "paho-mqtt",
        "segno",
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
    assert re.search(r"^  setup +\w", run(machine, "--help"), re.M)
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
    etc, state, inbox_state, stick = (tmp_path / name for name in ("etc", "state", "inbox", "stick"))
    stick.mkdir()
    trust = LocalAuthority(plain=True)
    trust.lay_out_inbox(inbox_setup.Place(tmp_path / "inbox-etc", inbox_state))
    where = ("--dir", etc, "--state", state, "--stick", stick)
    run(machine, "setup", "--radio", "none", *where)
    request = next((stick / "naober" / "verzoek").iterdir())
    grant = trust.admit(request.read_bytes(), Place("node", "KAZ", "Kazerne"))
    Stick(stick).write(f"toelating/{request.name}", grant)
    run(machine, "enrol", *where)
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


# --- the Debian package; tests/deb installs it


def test_every_python_package_that_is_needed_is_locked_and_allowed() -> None:
    pins = lock.pins()
    for line in lock.wanted():
        name, limits = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?(.*)", line).groups()  # type: ignore[union-attr]
        assert lock.normal(name) in pins, f"{name} is not locked: make deb-lock"
        pinned = tuple(map(int, re.findall(r"\d+", pins[lock.normal(name)])))
        for sign, limit in re.findall(r"(>=|<)([0-9.]+)", limits):
            bound = tuple(map(int, limit.split(".")))
            assert (pinned >= bound) is (sign == ">="), f"{line}: {pins[lock.normal(name)]}: make deb-lock"
    for name in pins:
        assert name not in ("pytest", "mypy", "ruff", "iotcore")


def test_every_wheel_is_locked_by_its_hash() -> None:
    text = wheels.LOCK.read_text()
    entries = re.split(r"\n(?=[a-z])", text.partition("\n")[2])
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)


def test_the_package_takes_all_units_rules_and_settings_along(tmp_path: Path) -> None:
    build._system(REPOSITORY, tmp_path)
    files = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    for unit in (REPOSITORY / "systemd").glob("naober*.*"):
        if unit.suffix != ".sysusers":
            assert f"usr/lib/systemd/system/{unit.name}" in files
    assert {
        "usr/bin/naober",
        "usr/lib/udev/rules.d/90-naober.rules",
        "usr/lib/sysusers.d/naober.conf",
        "usr/lib/tmpfiles.d/naober.conf",
        "usr/lib/systemd/journald.conf.d/naober.conf",
        "etc/naober/sites.toml",
        "usr/share/doc/naober/copyright",
    } <= files
    for document in (tmp_path / build.DOCS).glob("*.md"):  # what one of them refers to is there too
        for named in re.findall(r"\]\((?:docs/)?([a-z]+\.md)\)", document.read_text("utf-8")):
            assert f"{build.DOCS}/{named}" in files, f"{document.name} names {named}"
    for name in build.SCRIPTS:
        script = REPOSITORY / "systemd" / "deb" / name
        assert subprocess.run(["sh", "-n", script]).returncode == 0
        assert "debconf" not in script.read_text(), "it asks nothing"


def test_the_cloud_init_file_is_for_any_card_and_holds_no_secret() -> None:
    text = (REPOSITORY / "config" / "user-data").read_text()
    assert text.startswith("#cloud-config\n")
    said = yaml.safe_load(text)
    assert not {"users", "chpasswd", "password", "ssh_authorized_keys", "hostname"} & set(said)
    assert not re.search(r"(?i)password|passwd|secret|private", text)
    commands = " ; ".join(" ".join(each) for each in said["runcmd"])
    assert "/var/cache/naober" in commands and "naober setup" in commands
