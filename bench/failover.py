"""MQTT falls into a black hole: the time until an emergency is on the air, and a node's memory.

Two nodes as installed with `naober[radio]` and nothing else, and a third radio that listens. Time runs from
the moment in which the report is safe on disk to the first symbol on the air.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from bench.footprint import REPOSITORY, node_environment, rss_mb
from bench.stack import OWN, Stack, stack, until
from relay.cli.ports import free_port
from relay.core import payloads, wire
from relay.core.airtime import Preset, airtime_ms
from relay.core.message import Message, Urgency
from relay.errors import WireError
from relay.links.meshtastic import MeshtasticLink, MeshtasticOptions
from relay.links.radio import HeardFrame
from relay.node import control
from tests.support.proxy import Proxy

PRESET = Preset.LONG_FAST
NODES = ("beilen", "assen")
EACH = 3  # as many urgent tokens as a node has at once
PORT_TRIES = 20
HEARD_TIMEOUT_S = 60.0


class Failover(msgspec.Struct):
    """One run's figures."""

    urgent_s: list[float]
    node_rss_mb: float


def failover() -> Failover:
    """Six emergencies, one after the other."""
    with tempfile.TemporaryDirectory(dir=REPOSITORY) as folder:
        program = node_environment(Path(folder) / "venv", "radio")
        with (
            stack(Path(folder) / "stack", program) as made,
            Proxy(made.broker_port) as way,
            radios() as ports,
        ):
            for name, port in zip(NODES, ports, strict=False):
                made.add_node(name, radio__host="127.0.0.1", radio__port=port, mqtt__port=way.port)
            for name in ("broker", "inbox", *NODES):
                made.start(name)
            for name in NODES:
                until(lambda name=name: is_ready(made, name), 30)  # type: ignore[misc]
            way.hole()
            seconds = asyncio.run(measured(made, ports[-1]))
            return Failover(seconds, max(rss_mb(pid_of(made, name)) for name in NODES))


async def measured(made: Stack, port: int) -> list[float]:
    """Listen on one radio while the nodes report; seconds of each report to the air."""
    on_air: dict[str, float] = {}
    air = partial(airtime_ms, PRESET)
    link = MeshtasticLink(MeshtasticOptions(airtime_ms=air, port=port), random.random)
    listening = asyncio.create_task(link.run(partial(note, on_air), lambda _facts: None))
    found = []
    try:
        while not link.facts.connected:
            await asyncio.sleep(0.05)
        for name, number in product(NODES, range(EACH)):
            text = f"brand {name} {number}"
            safe_s = await asyncio.to_thread(submit, made, name, text)
            async with asyncio.timeout(HEARD_TIMEOUT_S):
                while text not in on_air:
                    await asyncio.sleep(0.01)
            found.append(on_air[text] - safe_s)
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
    return found


def note(on_air: dict[str, float], frame: HeardFrame) -> None:
    """When the first symbol of a report was on the air, by its text."""
    with suppress(WireError):
        envelope = wire.decode_radio_frame(frame.payload).envelope
        message = payloads.decode(envelope, wire.parse_header(envelope))
        if isinstance(message, Message) and "text" in message.values:
            began = time.monotonic() - airtime_ms(PRESET, len(frame.payload)) / 1000
            on_air.setdefault(str(message.values["text"]), began)


def submit(made: Stack, name: str, text: str) -> float:
    """An emergency; when it was safe on disk."""
    request: dict[str, Any] = {"verb": "submit", "kind": "report", "urgency": int(Urgency.EMERGENCY)}
    values = {"incident": "other", "text": text}
    control.ask(made.folder / f"{name}-state", {**request, "values": values})
    return time.monotonic()


def is_ready(made: Stack, name: str) -> bool:
    """Whether the inbox answers it and its radio is there."""
    status = made.node_status(name)
    return bool(status and status["links"]["mqtt"]["code"] == "up" and status["radio"]["connected"])


def pid_of(made: Stack, name: str) -> int:
    """The process of a node."""
    status = made.node_status(name)
    assert status
    return int(status["pid"])


@contextmanager
def radios() -> Iterator[list[int]]:
    """One for each node and one to listen, on one channel; gives their ports."""
    count = len(NODES) + 1
    for _ in range(PORT_TRIES):
        first = free_port(run=count)
        command = [str(OWN), "fake-radio", "--count", str(count), "--port", str(first), "--preset", PRESET]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                if process.stdout.readline():  # else one of the ports is taken
                    yield list(range(first, first + count))
                    return
            finally:
                process.terminate()
    raise RuntimeError("no free ports in a row")
