"""An inbox, a Pi and a stick for what `naober setup`, `enrol` and `config check` do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from relay.trust import keys, papers
from relay.trust.authority import Place
from relay.trust.local import LocalAuthority
from relay.trust.roster_file import Papers
from relay.trust.stick import Stick
from tests.support.command import naober

SITE = "Kazerne Beilen"
BODY = re.compile(r"-----BEGIN PRIVATE KEY-----\n(.+?)\n")
HOST = "mqtt.vrd.lan"
Done = subprocess.CompletedProcess[str]


class Machine:
    """A Pi or the inbox host, with its folders, and the stick that goes between all of them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.state, self.stick = folder / name, folder / f"{name}-state", folder / "stick"
        self.stick.mkdir(exist_ok=True)
        self.file = self.folder / ("inbox.toml" if name == "inbox" else "node.toml")
        self._where = ("--dir", self.folder, "--state", self.state)

    def setup(self, *more: str | Path, umask: int = -1) -> Done:
        return naober("setup", *more, *self._where, "--stick", self.stick, umask=umask)

    def setup_node(self, *more: str, umask: int = -1) -> Done:
        return self.setup("--radio", "none", *more, umask=umask)

    def setup_inbox(self, *more: str, umask: int = -1) -> Done:
        return self.setup("inbox", *(more or ("--broker", HOST)), umask=umask)

    def enrol(self, *more: str | Path, umask: int = -1) -> Done:
        source = more if set(more) & {"--file", "--text", "--photo"} else (*more, "--stick", self.stick)
        return naober("enrol", *source, *self._where, umask=umask)

    def put(self, request: bytes) -> None:
        """Puts a request on the stick."""
        Stick(self.stick).write(f"verzoek/{papers.read_request(request).address.hex()}", request)

    def request(self) -> bytes:
        found = (self.stick / "naober" / "verzoek").iterdir()
        requests = {papers.read_request(file.read_bytes()).sign_key: file for file in found}
        return requests[self.public_key].read_bytes()

    @property
    def public_key(self) -> bytes:
        return keys.public_bytes(keys.load(next(self.state.glob("*[ex].key"))))

    def give(self, grant: bytes) -> bytes:
        """Puts it on the stick."""
        Stick(self.stick).write(f"toelating/{keys.address_of(self.public_key).hex()}", grant)
        return grant


class World:
    """A network that was founded a moment ago, with one inbox and one Pi."""

    def __init__(self, folder: Path) -> None:
        self.trust = LocalAuthority()
        self.inbox, self.node = Machine(folder, "inbox"), Machine(folder, "node")
        self.stick = self.node.stick

    def admit_inbox(self) -> bytes:
        return self.inbox.give(self.trust.admit_inbox(self.inbox.request()))

    def tell_inbox(self, grant: bytes) -> None:
        roster = Papers(self.inbox.state / "roster")
        roster.add([grant])
        roster.save()

    def admit(self, machine: Machine, site: str = SITE) -> bytes:
        return machine.give(self.trust.admit(machine.request(), Place("node", "VRD-BEI-01", site, "GM1731")))


def succeeded(*steps: Done) -> None:
    for done in steps:
        assert done.returncode == 0, done.stdout + done.stderr


def contents(*folders: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for folder in folders for file in folder.rglob("*") if file.is_file()}


def check(file: Path, *more: str) -> Done:
    return naober("config", "check", file, *more)


def refused(done: Done, *words: str) -> None:
    """One line of what, one of what to do."""
    assert done.returncode == 2
    what, do = done.stderr.splitlines()
    assert do.startswith("Doe: ")
    assert all(word in what + do for word in words), done.stderr


def changed_nothing(machine: Machine, done: Done, before: dict[Path, bytes], *words: str) -> None:
    refused(done, *words)
    assert contents(machine.folder, machine.state) == before
