"""The node's loops around MQTT: which frame is for whom, and what its link's news means."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from relay.core import wire
from relay.core.log import Identity
from relay.core.message import Clock, Kind
from relay.core.radio import RadioSettings
from relay.errors import Text
from relay.links.base import Changed, LinkFacts, Receive
from relay.links.mqtt import CONNECTED
from relay.node import mqtt_work
from relay.node.clocks import Clocks
from relay.node.mqtt_work import FRAMES_RECEIVED_MAX, LINK, ROSTER_BYTES_MAX, MqttWork
from relay.node.papers import NodePapers
from relay.node.shell import Shell
from relay.node.station import Station
from relay.trust.keys import EpochFile
from tests.support.clients import until
from tests.support.ends import InboxEnd
from tests.support.papers import AUTHORITIES, papers_of
from tests.support.world import NETWORK, Signer

OTHER = Signer.seeded("assen").address
LOST = LinkFacts(False, "lost", Text("Verbinding weg", "Connection lost"))
SOME_ROUNDS_S = 0.3  # in which a loop that could go wrong would


class TameMqtt:
    """A link that a test plays."""

    def __init__(self) -> None:
        self.facts = LOST
        self.sent: list[bytes] = []
        self.left = 0
        self.receive: Receive
        self.changed: Changed

    async def run(self, receive: Receive, changed: Changed) -> None:
        self.receive, self.changed = receive, changed
        await asyncio.Event().wait()

    async def send(self, frame: bytes) -> None:
        self.sent.append(frame)

    def room(self) -> int:
        return int(self.facts.connected)

    def leave(self) -> None:
        self.left += 1

    def say(self, facts: LinkFacts) -> None:
        self.facts = facts
        self.changed(facts)


class Bench:
    """A gateway's shell, its station and its MQTT."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.inbox = InboxEnd()
        self.link = TameMqtt()
        self.shell = Shell()
        self.work = MqttWork(self.shell, self.link)  # type: ignore[arg-type]

    def open(self) -> Station:
        signer, inbox = Signer.seeded("norg"), self.inbox.signer
        inboxes = {inbox.address: inbox.private.public_key()}
        identity = Identity(signer.address, NETWORK, signer.private.sign, inboxes)
        clocks = Clocks("boot", lambda: 1000.0, lambda: 1_790_000_000.0, lambda: Clock.NTP)
        epochs = EpochFile(self._folder / "node.epoch")
        own, pinned = signer.public_key.public_bytes_raw(), inbox.public_key.public_bytes_raw()
        papers = NodePapers(self._folder, own, NETWORK, AUTHORITIES, (pinned,))
        settings = RadioSettings(sites=3)
        return Station(
            self._folder, identity, epochs, clocks, random.Random(7), radio=settings, papers=papers
        )

    @property
    def orders(self) -> int:
        radio = self.shell.station.radio
        assert radio
        return len(radio.orders)

    def hellos(self) -> int:
        kinds = [wire.parse_header(each.envelope).kind for sent in self.link.sent for each in entries(sent)]
        return kinds.count(Kind.HELLO)


def entries(frame: bytes) -> list[wire.Entry]:
    return wire.decode_batch(frame)


def on_bench(folder: Path, script: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    """Run a test's script against a bench."""

    async def run() -> None:
        bench = Bench(folder)
        shell = bench.shell
        shell.station = await shell.call(bench.open)
        await bench.work.start()
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(20):
                await script(bench)
        finally:
            await shell.stop()
            await shell.call(shell.station.close)
            shell.shutdown()

    asyncio.run(run())


def test_what_comes_on_the_air_topic_is_transmitted_for_the_inbox(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        receipt = bench.inbox.receipt(b"", bench.inbox.entry(OTHER, 3))
        bench.link.receive("air", wire.encode_batch([wire.Entry(receipt)]))
        await until(lambda: bench.orders == 1)

    on_bench(tmp_path, script)


def test_what_comes_on_the_nodes_own_topic_is_never_transmitted(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        receipt = bench.inbox.receipt(b"", bench.inbox.entry(OTHER, 3))
        bench.link.receive("down", wire.encode_batch([wire.Entry(receipt)]))
        await until(lambda: bench.shell.station.forwarder.state.inbox.epoch == bench.inbox.epoch)
        assert bench.orders == 0

    on_bench(tmp_path, script)


def test_what_comes_on_the_roster_topic_is_taken_and_a_longer_one_than_any_inbox_says_is_not(
    tmp_path: Path,
) -> None:
    own = Signer.seeded("norg").public_key.public_bytes_raw()
    change = papers_of((own, "Norg", True), network_id=NETWORK)[1]

    async def script(bench: Bench) -> None:
        papers = bench.shell.station.forwarder.papers
        filler = [wire.Entry(bytes(200))] * (ROSTER_BYTES_MAX // 200)
        bench.link.receive("roster", wire.encode_batch([wire.Entry(change), *filler]))
        bench.link.receive("roster", b"\xc1")
        bench.link.receive("down", wire.encode_batch([wire.Entry(bench.inbox.receipt(b""))]))
        await until(lambda: bench.shell.station.forwarder.state.inbox.epoch == bench.inbox.epoch)
        assert papers.dismissed is None
        bench.link.receive("roster", wire.encode_batch([wire.Entry(change)]))
        await until(lambda: papers.dismissed == "gestolen")
        code, what, do = bench.work.state()
        assert code == "revoked"
        assert what.nl.startswith("E02") and "gestolen" in what.nl
        assert do.nl and do.en

    on_bench(tmp_path, script)


def test_more_frames_than_the_queue_holds_are_dropped_and_counted(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        for _ in range(2 * FRAMES_RECEIVED_MAX):  # all in one moment: nobody takes any out meanwhile
            bench.link.receive("down", b"x")
        assert bench.work.overrun == FRAMES_RECEIVED_MAX

    on_bench(tmp_path, script)


def test_the_will_of_the_inbox_is_not_believed_but_makes_the_node_ask(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link.say(CONNECTED)
        await until(lambda: bench.hellos() == 1)
        await asyncio.sleep(SOME_ROUNDS_S)
        assert bench.hellos() == 1
        bench.link.receive("inbox", b"")
        await until(lambda: bench.hellos() == 2)

    on_bench(tmp_path, script)


@pytest.mark.parametrize("connected", [True, False])
def test_a_status_is_made_when_the_broker_is_lost_and_not_when_it_is_found(
    tmp_path: Path, connected: bool
) -> None:
    async def script(bench: Bench) -> None:
        bench.link.say(CONNECTED)
        await until(lambda: bench.hellos() == 1)
        assert not bench.shell.status_changed.is_set()
        if not connected:
            bench.link.say(LOST)
            await until(bench.shell.status_changed.is_set)
        assert bench.shell.status_changed.is_set() is not connected
        assert (bench.work.state()[0] == "lost") is not connected
        assert bench.work.session.proven is False
        assert LINK in bench.shell.station.forwarder.sessions

    on_bench(tmp_path, script)


def test_a_broker_behind_which_no_inbox_answers_is_left_and_one_that_is_proven_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_work, "LOOK_S", 0.02)
    monkeypatch.setattr(mqtt_work, "INBOX_SILENT_S", 0.2)

    async def script(bench: Bench) -> None:
        await asyncio.sleep(SOME_ROUNDS_S)
        assert bench.link.left == 0, "there is nothing to leave"
        bench.link.say(CONNECTED)
        await until(lambda: bench.link.left == 1)
        bench.work.session.proven = True
        before = bench.link.left
        await asyncio.sleep(SOME_ROUNDS_S)
        assert bench.link.left == before

    on_bench(tmp_path, script)
