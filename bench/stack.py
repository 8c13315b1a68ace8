"""Broker, inbox and nodes as processes of their own, in a temporary folder, on loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from relay import config
from relay.cli.ports import free_port
from relay.node import control
from relay.toml_text import fill
from relay.trust import inbox_setup, node_setup
from relay.trust.authority import Place
from relay.trust.local import LocalAuthority

T = TypeVar("T")
OWN = Path(sys.executable).with_name("naober")


def until(what: Callable[[], T | None], timeout_s: float, every_s: float = 0.005) -> T:
    """The first answer that is not None or False."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        answer = what()
        if answer is not None and answer is not False:
            return answer
        time.sleep(every_s)
    raise TimeoutError(f"{what} within {timeout_s} s")


def unit_environment() -> dict[str, str]:
    """What the node's systemd unit sets, but for what only systemd can fill in."""
    unit = (Path(__file__).parents[1] / "systemd" / "naober-node.service").read_text()
    words = [
        word
        for line in unit.splitlines()
        if line.startswith("Environment=")
        for word in line.removeprefix("Environment=").split()
    ]
    return dict(word.split("=", 1) for word in words if "%" not in word)


class Stack:
    """One inbox with its broker, and nodes."""

    def __init__(self, folder: Path, node_program: Path | None = None) -> None:
        """`node_program`: the `naober` that nodes run, if not this environment's."""
        self.folder = folder
        self.node_program = node_program or OWN
        self.broker_port, self.web_port, self.pages_port = free_port(), free_port(), free_port()
        self.inbox = folder / "inbox"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._trust = LocalAuthority()
        self._trust.lay_out_inbox(
            inbox_setup.Place(self.inbox, folder / "inbox-state", "127.0.0.1", self.broker_port)
        )
        ports = {("web", "port"): self.web_port, ("pages", "port"): self.pages_port}
        self._edit(self.inbox / config.INBOX_FILE, ports)
        conf = self.inbox / "broker" / "naober.conf"
        text = conf.read_text().replace(
            f"listener {self.broker_port}\n", f"listener {self.broker_port} 127.0.0.1\n"
        )
        conf.write_text(text + ("\nuser root\n" if os.geteuid() == 0 else ""))

    @staticmethod
    def _edit(file: Path, values: dict[tuple[str, str], Any]) -> None:
        file.write_text(fill(file.read_text(), values))

    def add_node(self, name: str, **values: Any) -> Path:
        """Enrol a node; `values` are settings as section__key. Returns its state folder."""
        state, folder = self.folder / f"{name}-state", self.folder / name
        folder.mkdir()
        self._trust.lay_out_node(folder, state, name)
        wanted: dict[tuple[str, str], Any] = {
            ("sensors.network", "active"): False,
            ("mqtt", "backfill_spread_s"): 0,
        }
        wanted |= {tuple(key.split("__")): value for key, value in values.items()}  # type: ignore[misc]
        self._edit(folder / config.NODE_FILE, wanted)
        return state

    def admit_sites(self, places: Iterable[Place]) -> list[Path]:
        """Enrol nodes that only sign: no settings, no certificate. Returns their state folders."""
        states, grants = [], []
        for place in places:
            state = self.folder / f"{place.site_id}-state"
            grants.append(self._trust.admit(node_setup.prepare(state), place))
            states.append(state)
        self._trust.tell_inbox(*grants)
        return states

    def node_config(self, name: str) -> config.NodeConfig:
        """As the node will read it."""
        return config.load_node(self.folder / name / config.NODE_FILE)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start `broker`, `inbox` or a node."""
        verb = {"broker": "broker", "inbox": "inbox"}.get(name, "node")
        if name == "broker":
            command = ["/usr/sbin/mosquitto", "-c", str(self.inbox / "broker" / "naober.conf")]
        else:
            file = self.inbox / config.INBOX_FILE if name == "inbox" else self.folder / name / "node.toml"
            command = [str(OWN if name == "inbox" else self.node_program), verb, "--config", str(file)]
        environment = {**os.environ, **(unit_environment() if verb == "node" else {})}
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self._processes[name] = process
        if name == "broker":
            until(lambda: _listens(self.broker_port), 10)
        if name == "inbox":
            until(lambda: self.health().get("ok"), 20)
        return process

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """End a process and wait for it."""
        process = self._processes.pop(name)
        process.send_signal(number)
        process.wait(20)

    def stop_all(self) -> None:
        """End whatever runs."""
        for name in list(self._processes)[::-1]:
            self.stop(name, signal.SIGKILL)

    def health(self) -> dict[str, Any]:
        """What /healthz says; empty while nobody answers."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=5)
            connection.request("GET", "/healthz")
            return dict(json.loads(connection.getresponse().read()))
        return {}

    def node_status(self, name: str) -> dict[str, Any] | None:
        """What the node's daemon says of itself; None while it doesn't run."""
        try:
            return control.ask(self.folder / f"{name}-state", {"verb": "status"})
        except control.NotRunning:
            return None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def stack(folder: Path, node_program: Path | None = None) -> Iterator[Stack]:
    """A stack whose processes end with the block."""
    made = Stack(folder, node_program)
    try:
        yield made
    finally:
        made.stop_all()
