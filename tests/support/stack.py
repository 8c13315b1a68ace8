"""A whole Naober on loopback: real Mosquitto, `naober inbox`, and nodes, each a process of its own.

with Stack(tmp_path, "beilen", "assen") as stack:
    stack.start()                       # broker, inbox, nodes; returns when every node is up
    node = stack.nodes["beilen"]
    node.submit("water is op")          # acknowledged: on the node's disk
    stack.settle()                      # until the inbox has receipted everything
    stack.inbox.reports()               # what the inbox's disk holds
    node.kill(); stack.broker.kill(); stack.inbox.stop(); node.start()

Everything is laid out through relay.trust, as `naober setup` and `naober enrol` do it. Folders may be
copied and put back while their process is down.
"""

from __future__ import annotations

import http.client
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, NamedTuple, Self

from relay import config
from relay.cli.ports import free_port
from relay.core import payloads, wire
from relay.core.message import Message, Urgency
from relay.errors import WireError
from relay.node import control
from relay.node.station import OUTBOX_NAME
from relay.toml_text import fill
from relay.trust import authority, inbox_setup, keys
from relay.trust.local import LocalAuthority
from tests.support.broker import Mosquitto
from tests.support.certs import Pair
from tests.support.process import Process, until

REPORTS, STATES = 0, 1
HTTP_TIMEOUT_S = 5.0
RETRY_MAX_S = 5  # a broker that returns is found soon: the pause has tests of its own
OPEN = ("waiting", "sent")


class Stored(NamedTuple):
    """One row of the inbox's message table, decoded."""

    address: str
    epoch: int
    number: int
    variant: int
    standing: int
    copy_of: int | None
    received_s: int
    text: str  # of the report; empty when it has none


class Inbox(Process):
    """`naober inbox`."""

    def __init__(self, folder: Path, broker_port: int, trust: LocalAuthority) -> None:
        self.folder, self.state = folder, folder / "state"
        self.web_port = free_port()
        self.file = folder / config.INBOX_FILE
        super().__init__("inbox", ["inbox", "--config", self.file], folder)
        trust.lay_out_inbox(inbox_setup.Place(folder, self.state, "127.0.0.1", broker_port))
        self.pages_port = free_port()
        edit(self.file, web__port=self.web_port, pages__port=self.pages_port)

    @classmethod
    def twin(cls, name: str, of: Inbox) -> Inbox:
        """Another machine of the same inbox; its folder is for the test to fill."""
        self = cls.__new__(cls)
        self.folder = of.folder.with_name(name)
        self.state, self.file = self.folder / "state", self.folder / config.INBOX_FILE
        self.web_port = self.pages_port = 0
        self.folder.mkdir()
        Process.__init__(self, name, ["inbox", "--config", self.file], self.folder)
        return self

    def ready(self) -> bool:
        return bool(self.health().get("ok"))

    def page(self, path: str) -> Any:
        """What the JSON page says; None while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=HTTP_TIMEOUT_S)
        with closing(connection):
            try:
                connection.request("GET", path)
                return json.loads(connection.getresponse().read())
            except (OSError, http.client.HTTPException):
                return None

    def health(self) -> dict[str, Any]:
        """/healthz; empty while nobody answers."""
        return self.page("/healthz") or {}

    def counts(self) -> Counter[str]:
        """What intake counted since its start."""
        return Counter(self.health().get("counts", {}))

    def site(self, node: Node) -> dict[str, Any]:
        """What /api/sites says of one node."""
        return next(each for each in self.page("/api/sites") if each["address"] == node.address)

    def findings(self, node: Node) -> set[str]:
        """The codes of what should be known of one node."""
        return {each["code"] for each in self.site(node)["findings"]}

    def rows(self, numbering: int) -> list[Stored]:
        """What stands on its disk, in the order of arrival; also while it is down."""
        query = (
            "SELECT address, epoch, number, variant, standing, copy_of, received_s, envelope"
            f" FROM message WHERE numbering = {numbering} ORDER BY id"
        )
        with closing(sqlite3.connect(self.state / "inbox.db", timeout=10)) as db:
            found = db.execute(query).fetchall()
        return [Stored(row[0].hex(), *row[1:7], _text(row[7])) for row in found]

    def reports(self) -> list[str]:
        """The texts that an operator sees, in the order of arrival: copies under another epoch apart."""
        return [row.text for row in self.rows(REPORTS) if row.copy_of is None and row.text]


class Node(Process):
    """`naober node` at one site."""

    def __init__(
        self,
        name: str,
        folder: Path,
        trust: LocalAuthority,
        place: authority.Place | None = None,
        *,
        told: bool = True,
    ) -> None:
        """`told`: the inbox has its grant already, else the node must show it."""
        self.folder, self.state = folder, folder / "state"
        self.file = folder / config.NODE_FILE
        super().__init__(name, ["node", "--config", self.file], folder.parent)
        folder.mkdir()
        self.grant = trust.lay_out_node(folder, self.state, place or name, told=told)
        self.public_key = keys.public_bytes(keys.load(self.state / "node.key"))
        self.address = keys.address_text(keys.address_of(self.public_key))
        self.configure(mqtt__connect_timeout_s=2, mqtt__backfill_spread_s=0, sensors__network__active=False)
        self.configure(mqtt__retry_max_s=RETRY_MAX_S)

    @classmethod
    def twin(cls, name: str, of: Node) -> Node:
        """A second machine with a copy of everything that `of` (which is down) has on its card."""
        self = cls.__new__(cls)
        self.folder = of.folder.with_name(name)
        shutil.copytree(of.folder, self.folder, ignore=shutil.ignore_patterns("*.sock"))
        self.state, self.file = self.folder / "state", self.folder / config.NODE_FILE
        self.address, self.public_key, self.grant = of.address, of.public_key, of.grant
        Process.__init__(self, name, ["node", "--config", self.file], of.folder.parent)
        self.configure(node__state=str(self.state), mqtt__key=str(self.state / "node-tls.key"))
        return self

    def configure(self, **values: Any) -> None:
        """Change settings, given as section__key, for its next start."""
        edit(self.file, **values)

    def ready(self) -> bool:
        return self.status() is not None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """See control.ask."""
        return control.ask(self.state, request)

    def status(self) -> dict[str, Any] | None:
        """What its daemon says of itself; None while it does not run."""
        try:
            return self.ask({"verb": "status"})
        except control.NotRunning:
            return None

    def submit(self, text: str, urgency: Urgency = Urgency.ROUTINE) -> dict[str, Any]:
        """A report; when this returns it was acknowledged as safe. Raises NaoberError otherwise."""
        values = {"incident": "other", "text": text}
        answer = self.ask({"verb": "submit", "kind": "report", "values": values, "urgency": int(urgency)})
        assert answer["safe"]
        return answer

    def code(self) -> str:
        """The code of its MQTT link, as `naober status` shows it; "" while it does not run."""
        status = self.status()
        return status["links"]["mqtt"]["code"] if status else ""

    def wait_code(self, *codes: str, timeout_s: float = 20.0) -> str:
        """Until the link has one of these codes."""
        until(lambda: self.code() in codes, timeout_s, f"{self.name}: {codes}, is {self.code()}")
        return self.code()

    def open_reports(self) -> int | None:
        """How many of its reports have no receipt; None while it does not run."""
        status = self.status()
        return sum(status["queue"]["reports"][state] for state in OPEN) if status else None

    @contextmanager
    def outbox(self) -> Iterator[sqlite3.Connection]:
        """A copy of its outbox as it is on disk now: the daemon lets nobody into the file itself."""
        with TemporaryDirectory() as folder:
            for name in (OUTBOX_NAME, f"{OUTBOX_NAME}-wal"):
                if (self.state / name).exists():
                    shutil.copy(self.state / name, folder)
            with closing(sqlite3.connect(Path(folder) / OUTBOX_NAME)) as db:
                yield db

    def last_state(self) -> tuple[int, int]:
        """Epoch and number of its newest status, from its disk."""
        with self.outbox() as db:
            query = "SELECT epoch, max(number) FROM message WHERE numbering = 1 AND epoch ="
            row = db.execute(f"{query} (SELECT max(epoch) FROM log)").fetchone()
        return row[0] or 0, row[1] or 0

    def envelope_of(self, number: int) -> bytes:
        """The bytes of one report of the newest epoch, from its disk."""
        with self.outbox() as db:
            query = "SELECT envelope FROM message WHERE numbering = 0 AND number = ? ORDER BY epoch DESC"
            return bytes(db.execute(query, (number,)).fetchone()[0])


class Stack:
    """One inbox with its broker, and nodes. Nothing runs before `start`."""

    def __init__(
        self, folder: Path, *names: str, persistence: bool = True, plain: bool = False, **settings: Any
    ) -> None:
        """`plain`: no TLS, so that a trace shows what is said. `settings` are for every node."""
        self.folder = folder
        files = folder / "inbox" / inbox_setup.BROKER_FOLDER
        self.broker = Mosquitto(
            folder / "broker",
            _SetUp(files / inbox_setup.CA_FILE),  # type: ignore[arg-type]
            persistence=persistence,
            server=Pair(files / "broker.pem", files / "broker.key"),
        )
        if plain:
            _open_to_all(self.broker)
        self.trust = LocalAuthority(plain=plain)
        self.inbox = Inbox(folder / "inbox", self.broker.port, self.trust)
        self.nodes = {name: Node(name, folder / name, self.trust) for name in names}
        self.extra: list[Process] = []  # ended with the rest
        for node in self.nodes.values():
            node.configure(**settings)

    def start(self) -> None:
        """Start everything; returns when the inbox answers every node."""
        self.broker.start()
        self.inbox.start()
        for node in self.nodes.values():
            node.start(wait=False)
        for node in self.nodes.values():
            node.wait_ready()
            node.wait_code("up")

    def settle(self, timeout_s: float = 30.0) -> None:
        """Until every node that runs has a receipt for every report."""
        for node in self.nodes.values():
            if node.running:
                until(lambda node=node: node.open_reports() == 0, timeout_s, f"{node.name} settles")

    def wait_newest(self, node: Node, timeout_s: float = 20.0) -> None:
        """Until the inbox shows the newest status that the node has on its disk."""

        def shown() -> bool:
            site = self.inbox.site(node)
            return (site.get("epoch"), site.get("number")) == node.last_state()

        until(shown, timeout_s, f"the newest status of {node.name}")

    def logs(self) -> str:
        """What everyone said, for a failure's report."""
        processes: list[Any] = [self.inbox, *self.nodes.values(), *self.extra]
        told = [f"--- {each.name} ---\n{each.log()[-3000:]}" for each in processes]
        return "\n".join([*told, f"--- broker ---\n{self.broker.log()[-1500:]}"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (*self.extra, *self.nodes.values(), self.inbox):
            each.kill()
        self.broker.kill()
        if error is not None:
            error.add_note(self.logs())


def edit(file: Path, **values: Any) -> None:
    """Change settings, given as section__key or section__part__key, in a configuration file."""
    wanted = {}
    for name, value in values.items():
        section, _, key = name.rpartition("__")
        wanted[section.replace("__", "."), key] = value
    file.write_text(fill(file.read_text(), wanted))


@contextmanager
def card_image(process: Inbox | Node, image: Path) -> Iterator[None]:
    """Take a copy of the state folder of a process that is down; put it back at the end of the block."""
    assert not process.running
    shutil.copytree(process.state, image, ignore=shutil.ignore_patterns("*.sock"))
    yield
    assert not process.running
    shutil.rmtree(process.state)
    shutil.copytree(image, process.state)


class _SetUp(NamedTuple):
    """What Mosquitto's helper needs of the authority that laid everything out."""

    ca_file: Path


def _open_to_all(broker: Mosquitto) -> None:
    """No TLS and no access list, loopback only: for tests that read what goes over the wire."""
    (broker.folder / "mosquitto.conf").write_text(
        f"listener {broker.port} 127.0.0.1\nallow_anonymous true\nmax_packet_size 307200\n"
        "set_tcp_nodelay true\nuser root\n"
    )


def _text(envelope: bytes) -> str:
    try:
        message = payloads.decode(envelope, wire.parse_header(envelope))
    except WireError:
        return ""
    return str(message.values.get("text", "")) if isinstance(message, Message) else ""
