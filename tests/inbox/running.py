"""Running inboxes and the connections of nodes, on one real Mosquitto."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from relay import files, mqtt
from relay.config import parse_inbox
from relay.core import payloads, wire
from relay.core.message import Entry, Receipt
from relay.inbox.queries import Reader
from relay.inbox.replies import announced_epoch
from relay.inbox.service import Service
from relay.mqtt import Message, Options, Will, topic
from relay.trust.roster import RosterFile
from relay.trust.roster_file import NAME, encode
from tests.inbox.desk import NETWORK, Key, Writer
from tests.support.broker import Mosquitto
from tests.support.certs import Authority
from tests.support.clients import until
from tests.support.papers import AUTHORITIES, papers_of

KEY = Key("inbox")


class Node:
    """A node's connection to the broker, the receipts that it heard, and those it is to transmit."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.ordered: list[Receipt] = []
        self.presence: list[bytes] = []
        self.connection: mqtt.Connection

    def hear(self, message: Message) -> None:
        if message.topic == topic("inbox"):
            self.presence.append(message.payload)
        else:
            decoded = [payloads.decode(entry.envelope) for entry in wire.decode_batch(message.payload)]
            ours = self.ordered if message.topic.startswith(topic("air")) else self.receipts
            ours += [each for each in decoded if isinstance(each, Receipt)]
        message.ack()

    async def send(self, writer: Writer, *envelopes: bytes) -> None:
        frame = wire.encode_batch([Entry(each, 0) for each in envelopes])
        await self.connection.publish(topic("up", writer.hex), frame)

    def upto(self) -> int:
        """The last report that a receipt named."""
        return max((entry.upto for each in self.receipts for entry in each.entries), default=0)

    def epoch_present(self) -> int:
        """The inbox's epoch by its presence; 0 when it is gone."""
        last = self.presence[-1] if self.presence else b""
        return announced_epoch(last, KEY.address, NETWORK, KEY.public_key)


class Bench:
    """A broker, and inboxes and nodes made for it."""

    def __init__(self, folder: Path, authority: Authority, broker: Mosquitto) -> None:
        self.folder, self.authority, self.broker = folder, authority, broker
        self.roster = folder / "roster"
        self.tls = authority.context("inbox")
        self.numbers = itertools.count()

    def write_roster(self, *nodes: Key) -> None:
        named = [(node.public_key.public_bytes_raw(), f"Punt {node.hex}", node.revoked) for node in nodes]
        files.replace(self.roster, encode(papers_of(*named, network_id=NETWORK)))

    def service(self, name: str = "state", port: int = 0, others: tuple[str, ...] = ()) -> Service:
        state = self.folder / name
        state.mkdir(exist_ok=True)
        if not (state / NAME).exists():
            (state / NAME).symlink_to(self.roster)
        authorities = [key.hex() for key in AUTHORITIES]
        config = parse_inbox(
            f'[inbox]\nstate = "{state}"\nnetwork_id = "{NETWORK.hex()}"\nauthority_keys = {authorities}\n'
            f"[mqtt]\nothers = {list(others)}\n",
            self.folder / "inbox.toml",
        )
        options = Options(
            host=self.broker.host,
            port=port or self.broker.port,
            client_id=f"inbox-{name}",
            tls=self.tls,
            will=Will(topic("inbox"), b""),
        )
        return Service(config, KEY.private, RosterFile(config), options)

    @asynccontextmanager
    async def running(
        self, name: str = "state", port: int = 0, others: tuple[str, ...] = ()
    ) -> AsyncIterator[Service]:
        """An inbox that is connected; stopped at the end."""
        inbox, stop = self.service(name, port, others), asyncio.Event()
        task = asyncio.create_task(inbox.run(stop))
        try:
            await until(lambda: inbox.health()["broker"] == "connected")
            yield inbox
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await task

    @asynccontextmanager
    async def node(self, writer: Writer) -> AsyncIterator[Node]:
        node = Node()
        options = Options(
            host=self.broker.host,
            port=self.broker.port,
            client_id=f"{writer.hex}-{next(self.numbers)}",
            tls=self.authority.context(writer.hex),
        )
        node.connection = await mqtt.open(options, node.hear)
        await node.connection.subscribe(topic("down", writer.hex), topic("air", writer.hex), topic("inbox"))
        try:
            yield node
        finally:
            await node.connection.close()

    def texts(self, name: str = "state") -> list[str]:
        with contextlib.closing(Reader(self.folder / name)) as reader:
            found = reader.messages(limit=500)[::-1]
        return [str(payloads.decode(each.envelope).values["text"]) for each in found]


def play(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())
