"""What technicians handle: fresh folders as a Pi, an inbox host and a laptop, and one stick between them.

Each step is the real command as a process. `Diary` counts what a person did, and keeps all that was shown.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from relay import config
from relay.cli.ports import free_port
from relay.trust import inbox_setup, keys
from tests.support.broker import Mosquitto
from tests.support.command import REPOSITORY, clean_environment
from tests.support.process import Process
from tests.support.stack import Inbox, Node, edit

TIMEOUT_S = 60
SPEED = 20  # of the fake radios' clocks
UNIT = REPOSITORY / "systemd" / "naober-stick@.service"
QUICK = """
import importlib.abc, sys

class Quick(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "relay.node.radio_setting":
            sys.meta_path.remove(self)
            import msgspec
            import relay.links.meshtastic.setting as setting
            slow = setting.Patience
            setting.Patience = lambda: slow(restart_s=0.4, begins_s=3.0, again_s=0.1, back_s=10.0)

sys.meta_path.insert(0, Quick())
"""  # as little patience as a fast radio needs, and nothing loaded by who sets none


class Diary:
    """What was done by hand, and all that was shown."""

    def __init__(self, folder: Path) -> None:
        self.stick = folder / "stick"
        self.stick.mkdir()
        self.typed: list[tuple[str, str]] = []  # machine, command
        self.handled: list[tuple[str, str]] = []  # machine, what a hand did
        self.screens: list[str] = []
        self._patch = folder / "quick"
        self._patch.mkdir()
        (self._patch / "sitecustomize.py").write_text(QUICK)

    def types(self, machine: str, *words: str | Path, answers: str = "", code: int | None = 0) -> str:
        """A person types a command, and the answers that it asks for."""
        self.typed.append((machine, " ".join(map(str, words))))
        return self.run(*words, answers=answers, code=code)

    def run(self, *words: str | Path, answers: str = "", code: int | None = 0) -> str:
        """The command; what it showed. `code`: how it must end, None: anyhow."""
        patched = {"PYTHONPATH": f"{self._patch}:{REPOSITORY}"}
        done = subprocess.run(
            [sys.executable, "-m", "relay.cli", *map(str, words)],
            env={**clean_environment(), **patched},
            cwd=self.stick.parent,
            input=answers,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        shown = done.stdout + done.stderr
        self.screens.append(shown)
        assert "Traceback" not in shown, shown
        assert code is None or done.returncode == code, f"{words}: {done.returncode}\n{shown}"
        return shown


class Pi(Node):
    """A machine out of its box. Its radio is in the network, as a fake one is, so its place must be said."""

    def __init__(self, diary: Diary, name: str, folder: Path, radio: str = "none") -> None:
        self.diary, self.radio = diary, radio
        self.folder, self.state = folder / name / "etc", folder / name / "var"
        self.file = self.folder / config.NODE_FILE
        Process.__init__(self, name, ["node", "--config", self.file], folder)

    @property
    def where(self) -> tuple[str | Path, ...]:
        return ("--dir", self.folder, "--state", self.state)

    def setup(self, *more: str | Path) -> str:
        return self.diary.run("setup", "--radio", self.radio, *self.where, *more, code=None)

    def types(self, *words: str | Path, code: int | None = 0) -> str:
        """A command of this node's own."""
        return self.diary.types(self.name, *words, "--config", self.file, code=code)

    def stick_in(self) -> str:
        """A hand puts the stick in; the rest is what systemd does by the unit that udev starts."""
        self.diary.handled.append((self.name, "stick"))
        shown = ""
        enrolled = (self.state / "grant").exists()
        for verb in commands_of_the_unit():
            if verb == "setup" and not enrolled:
                shown += self.setup("--stick", self.diary.stick)
            elif verb == "enrol" and not enrolled:
                shown += self.diary.run("enrol", "--stick", self.diary.stick, *self.where, code=None)
            elif verb == "stick":
                shown += self.diary.run("stick", self.diary.stick, "--config", self.file, code=None)
        return shown

    def service(self) -> None:
        """What enrolment does where systemd keeps the service: start it."""
        self.public_key = keys.public_bytes(keys.load(self.state / "node.key"))
        self.address = keys.address_text(keys.address_of(self.public_key))
        self.configure(sensors__network__active=False, mqtt__retry_max_s=3, mqtt__backfill_spread_s=0)
        self.start(wait=False)


def commands_of_the_unit() -> list[str]:
    """The verbs of naober that are run when a stick is put in, in their order."""
    lines = [line for line in UNIT.read_text("utf-8").splitlines() if line.startswith("ExecStart")]
    found = re.findall(r"/usr/bin/naober (\w+)", "\n".join(lines))
    assert found == ["setup", "enrol", "stick", "upgrade"]
    return found


class Host(Inbox):
    """The inbox host out of its box, with its broker."""

    def __init__(self, diary: Diary, folder: Path) -> None:
        self.diary, self.name = diary, "host"
        self.folder, self.state = folder / "host" / "etc", folder / "host" / "var"
        self.file = self.folder / config.INBOX_FILE
        self.web_port, self.pages_port, self.broker_port = free_port(), free_port(), free_port()
        self.where = ("--dir", self.folder, "--state", self.state)
        Process.__init__(self, "inbox", ["inbox", "--config", self.file], folder)

    def types(self, *words: str | Path, code: int | None = 0) -> str:
        return self.diary.types(self.name, *words, code=code)

    def step(self, *words: str) -> str:
        """`naober inbox` with a step."""
        return self.types("inbox", *words, "--config", self.file)

    def broker(self) -> Mosquitto:
        """Mosquitto with the files that enrolment made, and nothing else."""
        edit(self.file, web__port=self.web_port, pages__port=self.pages_port)
        return Generated(self.folder / inbox_setup.BROKER_FOLDER, self.broker_port)


class Generated(Mosquitto):
    """A broker by the generated configuration; as root it would give up the right to read our folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.log_file, self.acl_file = folder.parent / "broker.log", folder / "naober.acl"
        self._process = None
        installed = folder / "mosquitto.conf"
        shutil.copy(folder / "naober.conf", installed)
        if os.geteuid() == 0:
            installed.write_text(installed.read_text() + "user root\n")


class FastRadios(Process):
    """Some fake radios out of their boxes, within earshot of one another."""

    def __init__(self, folder: Path, count: int) -> None:
        first = free_port(run=count)
        self.hosts = [f"127.0.0.1:{port}" for port in range(first, first + count)]
        count_and_port = ["--count", str(count), "--port", str(first)]
        super().__init__("radios", ["fake-radio", *count_and_port, "--speed", str(SPEED)], folder)

    def ready(self) -> bool:
        return self.log().count("EU_868") >= len(self.hosts)


def places_of(secrets: Iterable[bytes], *folders: Path) -> list[Path]:
    """Files below these folders in which one of the secrets can be read, as bytes, hex, base64 or base32."""
    forms = {form for each in secrets for form in written(each)}
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    return [file for file in files if any(form in file.read_bytes() for form in forms)]


def written(secret: bytes) -> set[bytes]:
    """How it looks, also in the middle of something longer."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for code, group, shifts in ((base64.b64encode, 4, 3), (base64.b32encode, 8, 5)):
        for before in range(shifts):
            found.add(code(bytes(before) + secret)[group if before else 0 : -group])
    return found
