"""A Stack whose nodes each have a radio, all on one channel, and each its own way to the broker.

with RadioStack(tmp_path, "beilen", "assen") as stack:
    stack.start()                       # returns when every node is up and has its radio
    stack.ways["beilen"].hole()         # see Proxy
    stack.radios.kill(); stack.radios.start()
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from relay.cli.ports import free_port
from tests.support.process import Process, until
from tests.support.proxy import Proxy
from tests.support.stack import Node, Stack, edit

HOST = "127.0.0.1"
PRESET = "SHORT_FAST"  # a packet takes a tenth of a second
URGENT_MAX_S = 15.0  # from submit to the air (rule 10 of the design)


class Radios(Process):
    """`naober fake-radio`: some radios within earshot of one another."""

    def __init__(self, folder: Path, count: int, spacing_km: float = 1.0) -> None:
        first = free_port(run=count)
        self.ports = list(range(first, first + count))
        command = ["fake-radio", "--count", str(count), "--port", str(first), "--preset", PRESET]
        super().__init__("radios", [*command, "--spacing", str(spacing_km)], folder)
        self._lines = 0

    def start(self, *before: str, wait: bool = True, **environment: str) -> None:
        self._lines = self._said()
        super().start(*before, wait=wait, PYTHONUNBUFFERED="1", **environment)

    def ready(self) -> bool:
        return self._said() >= self._lines + len(self.ports)

    def _said(self) -> int:
        """One line for each radio that listens. Nobody may connect to find out: the newest client wins."""
        return self.log().count(PRESET) if self.log_file.exists() else 0


class RadioStack(Stack):
    """`ways`: one proxy to the broker for each node."""

    def __init__(self, folder: Path, *names: str, spacing_km: float = 1.0, **settings: Any) -> None:
        super().__init__(folder, *names, **settings)
        self.radios = Radios(folder, len(names), spacing_km)
        self.extra.append(self.radios)
        edit(self.inbox.file, radio__preset=PRESET)
        self.ways = {name: Proxy(self.broker.port) for name in names}
        for node, port in zip(self.nodes.values(), self.radios.ports, strict=True):
            node.configure(
                radio__host=HOST,
                radio__port=port,
                radio__preset=PRESET,
                radio__hop_limit=3,
                radio__sites=len(names),
                mqtt__keepalive_s=5,
            )

    def start(self) -> None:
        """See Stack; every node has its radio, too."""
        for name, way in self.ways.items():
            way.restore()
            self.nodes[name].configure(mqtt__port=way.port)
        self.radios.start()
        super().start()
        for node in self.nodes.values():
            self.wait_radio(node)

    def wait_radio(self, node: Node, timeout_s: float = 40.0) -> None:
        """Until the node may transmit."""
        until(lambda: radio(node)["connected"], timeout_s, f"{node.name} has its radio")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        for way in self.ways.values():
            way.refuse()


def radio(node: Node) -> dict[str, Any]:
    """What `naober status --json` says of the node's radio."""
    status = node.status()
    return dict(status["radio"]) if status and status["radio"] else {"connected": False}
