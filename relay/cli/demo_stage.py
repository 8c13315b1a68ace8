"""The parts of the demo: broker, inbox, three nodes with radios, the line of one; each its own process."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relay import config, toml_text
from relay.cli.demo_child import BROKER, LINE
from relay.cli.inbox_page import InboxPage
from relay.cli.language import pick
from relay.cli.ports import free_port, is_free
from relay.errors import NaoberError, Text
from relay.inbox.operators.people import Account
from relay.inbox.operators.store import Operators
from relay.node import control
from relay.trust import inbox_setup, keys
from relay.trust.local import LocalAuthority

HOST = "127.0.0.1"
STATUS_INTERVAL_S = 5
ANSWER_TIMEOUT_S = 2.0
STOP_TIMEOUT_S = 4.0
TEMPORARY_BYTES_MAX = 60
PRESET = "SHORT_FAST"  # the demo's radios stand side by side, and nobody has all day
HOP_LIMIT = 3  # as the pretended radios come

THIS_DEVICE = Text("Dit apparaat", "This device")
LOGIN, BANNER = "demo", "DEMO"
INVENTED = ("Dorpshuis Voorbeeld-Norg", "Sporthal Voorbeeld-Roden")
DESK_AT = INVENTED[0]  # which nothing in the story kills

_SITES = """\
[[site]]
id = "Dorpshuis Voorbeeld-Norg"
name = "Dorpshuis Voorbeeld-Norg"
municipality = "Noordenveld"
lat = 53.067
lon = 6.460
capacity = 120
[[site]]
id = "Sporthal Voorbeeld-Roden"
name = "Sporthal Voorbeeld-Roden"
municipality = "Noordenveld"
lat = 53.138
lon = 6.421
capacity = 300
"""

_BROKER_CONFIG = """\
id = 0

[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 1048576
max_segment_count = 4

[v5.1]
name = "demo"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = 307200
max_inflight_count = 200
dynamic_filters = true
"""


class Child:
    """A process that is started, killed and started again."""

    def __init__(self, name: str, arguments: Sequence[str | Path], folder: Path) -> None:
        self.name = name
        self._arguments = [str(each) for each in arguments]
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, out of reach of the terminal's Ctrl-C: the demo ends it in its own order."""
        command = [sys.executable, "-P", "-m", "relay.cli.demo_child", str(os.getpid()), *self._arguments]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """As a power cut: SIGKILL, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def end(self, timeout_s: float) -> None:
        """Wait until it has stopped; kill it when it does not."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self._log.read_text(errors="replace").split("\n") if self._log.exists() else []
        return next((line for line in reversed(lines) if line.strip()), "")


class DemoNode(Child):
    """A node and its control socket."""

    def __init__(
        self,
        site: str,
        place: Path,
        trust: LocalAuthority,
        *,
        radio_port: int,
        broker_port: int,
        desk_port: int | None,
        invented: bool,
    ) -> None:
        """`broker_port`: of the broker, or of this site's own line to it. `desk_port`: of its page."""
        self.site, self.invented = site, invented
        self.state = place / "state"
        place.mkdir()
        trust.lay_out_node(place, self.state, site)
        own = keys.public_bytes(keys.load(self.state / "node.key"))
        self.address = keys.address_text(keys.address_of(own))
        file = place / config.NODE_FILE
        changes: dict[tuple[str, str], toml_text.Plain] = {
            ("status", "interval_s"): STATUS_INTERVAL_S,
            ("mqtt", "port"): broker_port,
            ("mqtt", "backfill_spread_s"): 0,
            ("radio", "host"): HOST,
            ("radio", "port"): radio_port,
            ("radio", "preset"): PRESET,
            ("radio", "hop_limit"): HOP_LIMIT,
            ("radio", "sites"): 1 + len(INVENTED),
            ("sensors", "power"): not invented,
            ("sensors", "host"): not invented,
            ("sensors.network", "active"): False,  # nothing leaves this machine
            ("log", "level"): "error",  # the outages of the story are no news
        }
        if desk_port is not None:
            changes |= {("page", "host"): HOST, ("page", "port"): desk_port, ("page", "capacity"): 120}
        file.write_text(toml_text.fill(file.read_text("utf-8"), changes), "utf-8")
        super().__init__(place.name, ["node", "--config", file], place.parent)

    def facts(self) -> dict[str, Any] | None:
        """What `naober status` would say; None while it does not answer."""
        return self.ask({"verb": "status"}) if self.running else None

    def submit(self, kind: str, urgency: int, values: dict[str, str]) -> dict[str, Any] | None:
        """As `naober send`; None when the node does not answer."""
        return self.ask({"verb": "submit", "kind": kind, "values": values, "urgency": urgency})

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """See control.ask."""
        try:
            return control.ask(self.state, request, timeout_s=ANSWER_TIMEOUT_S)
        except control.NotRunning:
            return None


class Stage:
    """Everything of one demo. `close` ends every process and removes the folder."""

    def __init__(self, page_port: int | None = None) -> None:
        """Lays everything out; raises NaoberError when that is not possible here."""
        if page_port is not None and not is_free(page_port):
            raise NaoberError(
                Text(f"Poort {page_port} is bezet", f"Port {page_port} is in use"),
                Text("Noem een andere met --port, of geen", "Give another with --port, or none"),
            )
        self.page_port = page_port or free_port()
        self.json_port = free_port(self.page_port)
        self.password = "-".join(secrets.token_hex(2) for _ in range(3))
        self.desk_port = free_port(self.page_port, self.json_port)
        broker_port = free_port(self.page_port, self.json_port, self.desk_port)
        self.folder = Path(tempfile.mkdtemp(prefix="naober-demo-", dir=_room_for_sockets()))
        try:
            self._lay_out(broker_port)
        except BaseException:
            self.close()
            raise

    def _lay_out(self, broker_port: int) -> None:
        broker_file = self.folder / "broker.toml"
        broker_file.write_text(_BROKER_CONFIG.format(host=HOST, port=broker_port))
        self.broker = Child("broker", [BROKER, broker_file], self.folder)
        place = self.folder / "inbox"
        trust = LocalAuthority(plain=True)
        trust.lay_out_inbox(inbox_setup.Place(place, place / "state", HOST, broker_port))
        file = place / config.INBOX_FILE
        changes: dict[tuple[str, str], toml_text.Plain] = {
            ("web", "port"): self.json_port,
            ("pages", "port"): self.page_port,
            ("pages", "banner"): BANNER,
            ("radio", "preset"): PRESET,
            ("log", "level"): "warning",
        }
        file.write_text(toml_text.fill(file.read_text("utf-8"), changes), "utf-8")
        (place / "sites.toml").write_text(_SITES, "utf-8")
        operators = Operators(place / "state")
        operators.save_account(Account(LOGIN, "administrator"), self.password, "naober demo")
        operators.close()
        self.inbox = Child("postvak", ["inbox", "--config", file], self.folder)
        sites = (pick(THIS_DEVICE), *INVENTED)
        taken = (self.page_port, self.json_port, self.desk_port, broker_port)
        radio_port = free_port(*taken, run=len(sites))
        count = ("--count", str(len(sites)), "--port", str(radio_port), "--preset", PRESET, "--resting")
        self.radios = Child("radios", ["fake-radio", *count], self.folder)
        line_port = free_port(*taken, *range(radio_port, radio_port + len(sites)))
        self.line = Child("line", [LINE, str(line_port), str(broker_port)], self.folder)
        self.nodes: list[DemoNode] = []
        for number, site in enumerate(sites):
            has_line = number == len(sites) - 1
            self.nodes.append(
                DemoNode(
                    site,
                    self.folder / f"node-{number}",
                    trust,
                    radio_port=radio_port + number,
                    broker_port=line_port if has_line else broker_port,
                    desk_port=self.desk_port if site == DESK_AT else None,
                    invented=number > 0,
                )
            )
        self.page = InboxPage(f"http://{HOST}:{self.json_port}", ANSWER_TIMEOUT_S)

    @property
    def cut_off(self) -> DemoNode:
        """The site whose own line can be cut."""
        return self.nodes[-1]

    def start(self) -> None:
        """Start everything, the broker first."""
        for child in self.children():
            child.start()

    def children(self) -> list[Child]:
        """Every process, in the order of starting; those that were made so far."""
        made = [getattr(self, name, None) for name in ("broker", "inbox", "radios", "line")]
        return [child for child in [*made, *getattr(self, "nodes", [])] if child is not None]

    def close(self) -> None:
        """End every process, by its pid, and remove the folder."""
        children = self.children()[::-1]
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.end(STOP_TIMEOUT_S)
        shutil.rmtree(self.folder, ignore_errors=True)


def _room_for_sockets() -> str | None:
    """Where the folder goes: the path of a control socket may be 107 bytes, and some TMPDIRs are long."""
    return None if len(os.fsencode(tempfile.gettempdir())) <= TEMPORARY_BYTES_MAX else "/tmp"  # noqa: S108
