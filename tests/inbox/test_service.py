"""A running inbox on a real Mosquitto: presence, and what it does when disk, roster or rival change."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay import mqtt
from relay.config import parse_inbox
from relay.core import payloads, wire
from relay.core.message import Clock, Entry, Receipt
from relay.inbox import pipe, service
from relay.inbox.filing import Filing
from relay.inbox.queries import Reader
from relay.inbox.replies import announced_epoch
from relay.inbox.service import Service
from relay.inbox.store import Store
from relay.mqtt import Message, Options, Will, topic
from relay.trust.roster import RosterFile
from tests.inbox.desk import NETWORK, Key, Writer
from tests.support.broker import Mosquitto
from tests.support.certs import Authority
from tests.support.clients import until
from tests.support.proxy import Proxy

KEY = Key("inbox")


class Node:
    """A node's connection to the broker, and the receipts that it heard."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.presence: list[bytes] = []
        self.connection: mqtt.Connection

    def hear(self, message: Message) -> None:
        if message.topic == topic("inbox"):
            self.presence.append(message.payload)
        else:
            decoded = [payloads.decode(entry.envelope) for entry in wire.decode_batch(message.payload)]
            self.receipts += [each for each in decoded if isinstance(each, Receipt)]
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
        self.roster = folder / "roster.toml"
        self.tls = authority.context("inbox")
        self.numbers = itertools.count()

    def write_roster(self, *nodes: Key) -> None:
        entries = "".join(
            f'[[node]]\nkey = "{node.public_key.public_bytes_raw().hex()}"\nsite = "Punt {node.hex}"\n'
            f"revoked = {str(node.revoked).lower()}\n"
            for node in nodes
        )
        fresh = self.roster.with_suffix(".new")
        fresh.write_text(f'network_id = "{NETWORK.hex()}"\n{entries}', encoding="utf-8")
        fresh.rename(self.roster)

    def service(self, name: str = "state", port: int = 0) -> Service:
        state = self.folder / name
        state.mkdir(exist_ok=True)
        config = parse_inbox(
            f'[inbox]\nstate = "{state}"\nnetwork_id = "{NETWORK.hex()}"\nroster = "{self.roster}"\n',
            self.folder / "inbox.toml",
        )
        options = Options(
            host=self.broker.host,
            port=port or self.broker.port,
            client_id=f"inbox-{name}",
            tls=self.tls,
            will=Will(topic("inbox"), b""),
        )
        return Service(config, KEY.private, RosterFile(self.roster), options)

    @asynccontextmanager
    async def running(self, name: str = "state", port: int = 0) -> AsyncIterator[Service]:
        """An inbox that is connected; stopped at the end."""
        inbox, stop = self.service(name, port), asyncio.Event()
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
        await node.connection.subscribe(topic("down", writer.hex), topic("inbox"))
        try:
            yield node
        finally:
            await node.connection.close()

    def texts(self, name: str = "state") -> list[str]:
        with contextlib.closing(Reader(self.folder / name)) as reader:
            found = reader.messages(limit=500)[::-1]
        return [str(payloads.decode(each.envelope).values["text"]) for each in found]


@pytest.fixture
def bench(tmp_path: Path, node: Writer) -> Iterator[Bench]:
    authority = Authority(tmp_path / "ca")
    with Mosquitto(tmp_path / "broker", authority) as broker:
        bench = Bench(tmp_path, authority, broker)
        bench.write_roster(node)
        yield bench


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test needs the time that a person or a disk may take."""
    monkeypatch.setattr(pipe, "RETRY_STORE_S", 0.05)
    monkeypatch.setattr(service, "ROSTER_POLL_S", 0.02)
    monkeypatch.setattr(service, "RETRY_MIN_S", 0.02)


def play(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


# --- presence ---


def test_an_inbox_says_that_it_is_there_and_that_it_goes(bench: Bench, node: Writer) -> None:
    async def story() -> None:
        async with bench.node(node) as early:
            async with bench.running() as inbox:
                await until(lambda: early.epoch_present() == inbox.health()["epoch"])
                async with bench.node(node) as late:  # it is retained
                    await until(lambda: late.epoch_present() == inbox.health()["epoch"])
            await until(lambda: early.presence[-1] == b"")
        async with bench.node(node) as after:
            await after.send(node, b"")  # a round trip: what is retained comes before its answer
            assert after.presence == []

    play(story)


def test_an_inbox_that_vanishes_is_gone_by_its_will_and_comes_back(bench: Bench, node: Writer) -> None:
    async def story() -> None:
        with Proxy(bench.broker.port) as proxy:
            async with bench.node(node) as observer, bench.running(port=proxy.port) as inbox:
                await until(lambda: observer.epoch_present() > 0)
                proxy.refuse()
                await until(lambda: observer.presence[-1] == b"")
                assert inbox.health()["ok"] is False
                assert inbox.health()["listening_s"] == 0
                proxy.restore()
                await until(lambda: observer.epoch_present() > 0)
                await until(lambda: inbox.health()["ok"])

    play(story)


def test_a_presence_that_was_wiped_is_said_again(bench: Bench, node: Writer) -> None:
    async def story() -> None:
        async with bench.node(node) as observer, bench.running():
            await until(lambda: observer.epoch_present() > 0)
            wiper = Options(host=bench.broker.host, port=bench.broker.port, client_id="old", tls=bench.tls)
            connection = await mqtt.open(wiper, lambda message: message.ack())
            await connection.publish(topic("inbox"), b"", retain=True)  # the will of a dead connection
            await until(lambda: len(observer.presence) >= 3)
            assert observer.presence[-2] == b"" and observer.epoch_present() > 0
            await connection.close()

    play(story)


# --- one identity ---


def test_an_inbox_that_is_taken_over_from_stores_on_says_nothing_and_leaves_the_topic_to_the_other(
    bench: Bench, node: Writer
) -> None:
    async def story() -> None:
        async with bench.node(node) as observer, bench.running("old") as old:
            await observer.send(node, node.report(1))
            await until(lambda: observer.upto() == 1)
            raise_epoch(bench.folder / "new", old.health()["epoch"] + 100)
            async with bench.running("new") as new:
                await until(lambda: old.health()["muted"])
                assert not old.health()["ok"] and new.health()["ok"]
                await until(lambda: old.health()["broker"] == "connected")  # without a will
                await observer.send(node, node.report(2))
                await until(lambda: bench.texts("old") == ["melding 1", "melding 2"])
                await until(lambda: bool(bench.texts("new")))
                speakers = {each.header.epoch for each in observer.receipts[1:]}
                assert speakers == {new.health()["epoch"]}
                assert observer.epoch_present() == new.health()["epoch"]
                await end_of(old)
                async with bench.node(Writer("ander")) as late:
                    await until(lambda: late.epoch_present() == new.health()["epoch"])

    play(story)


def raise_epoch(folder: Path, epoch: int) -> None:
    folder.mkdir()
    store = Store(folder)
    store.next_epoch(epoch)
    store.close()


async def end_of(inbox: Service) -> None:
    """Its connection is cut as by a kill: no goodbye."""
    connection = inbox._connection
    assert connection
    connection._tap.close()
    await asyncio.sleep(0.2)  # what must not happen has no sign to wait for


def test_an_older_epoch_of_the_same_key_mutes_nobody(bench: Bench, node: Writer) -> None:
    async def story() -> None:
        raise_epoch(bench.folder / "state", 2**31)
        async with bench.node(node) as observer, bench.running("state") as ours:
            async with bench.running("older") as older:
                await until(lambda: older.health()["muted"])
                await observer.send(node, node.hello(0, 0))
                await until(lambda: bool(observer.receipts))
            assert not ours.health()["muted"]
            assert {each.header.epoch for each in observer.receipts} == {ours.health()["epoch"]}

    play(story)


# --- the disk ---


def test_while_the_disk_refuses_no_receipt_leaves_and_then_all_is_taken_in_once(
    bench: Bench, node: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with bench.node(node) as sender, bench.running() as inbox:
            await sender.send(node, node.report(1))
            await until(lambda: sender.upto() == 1)
            inbox._store._db.execute("PRAGMA query_only=ON")
            for number in range(2, 6):
                await sender.send(node, node.report(number))
            await until(lambda: inbox.health()["storage"] == "read_only")
            assert (inbox.health()["ok"], inbox.health()["listening_s"]) == (False, 0.0)
            await asyncio.sleep(0.3)  # it is tried again, several times
            assert sender.upto() == 1
            await inbox._pipe.on_store_thread(lambda: inbox._store._db.execute("PRAGMA query_only=OFF"))
            await until(lambda: sender.upto() == 5)
            await until(lambda: inbox.health()["ok"])
        assert bench.texts() == [f"melding {number}" for number in range(1, 6)]

    play(story)
    said = [each.message for each in caplog.records if "nothing is stored" in each.message]
    assert len(said) == 1


def test_what_waited_unstored_when_the_inbox_ended_is_sent_and_taken_in_again(
    bench: Bench, node: Writer
) -> None:
    async def story() -> None:
        async with bench.node(node) as sender:
            async with bench.running() as inbox:
                inbox._store._db.execute("PRAGMA query_only=ON")
                await sender.send(node, node.report(1))
                await until(lambda: inbox.health()["storage"] == "read_only")
            async with bench.running():
                assert bench.texts() == []
                await sender.send(node, node.report(1))  # a node does, for want of a receipt
                await until(lambda: sender.upto() == 1)
        assert bench.texts() == ["melding 1"]

    play(story)


def test_a_frame_that_stumbles_over_a_mistake_of_ours_blocks_nothing_behind_it(
    bench: Bench, node: Writer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Filing.take

    def stumble(self: Filing, parcel: Any) -> None:
        if any(item.header.number == 2 for item in parcel.items):
            raise RuntimeError("a mistake")
        real(self, parcel)

    monkeypatch.setattr(Filing, "take", stumble)

    async def story() -> None:
        async with bench.node(node) as sender, bench.running() as inbox:
            sent = [sender.send(node, node.report(number)) for number in (1, 2, 3)]
            await asyncio.gather(*sent)
            await until(lambda: inbox.health()["counts"].get("failed") == 1)
            await sender.send(node, node.report(4))
            await until(lambda: bench.texts() == ["melding 1", "melding 3", "melding 4"])
            assert sender.upto() == 1  # 2 was not taken in, so it is not receipted
            assert inbox.health()["frames_waiting"] == 0

    play(story)
    assert any(each.exc_info for each in caplog.records)


# --- the roster ---


def test_a_new_node_in_the_roster_is_taken_out_of_quarantine_and_receipted(
    bench: Bench, node: Writer
) -> None:
    stranger = Writer("rolde")

    async def story() -> None:
        async with bench.node(stranger) as sender, bench.running() as inbox:
            await sender.send(stranger, stranger.report(1, "hier ben ik"))
            await until(lambda: inbox.health()["counts"].get("quarantined") == 1)
            assert bench.texts() == []
            bench.write_roster(node, stranger)
            await until(lambda: sender.upto() == 1)
        assert bench.texts() == ["hier ben ik"]

    play(story)


def test_a_roster_that_changed_while_no_inbox_ran_is_judged_by_at_the_start(
    bench: Bench, node: Writer
) -> None:
    stranger = Writer("rolde")

    async def story() -> None:
        async with bench.node(stranger) as sender, bench.running() as inbox:
            await sender.send(stranger, stranger.report(1, "hier ben ik"))
            await until(lambda: inbox.health()["counts"].get("quarantined") == 1)
        bench.write_roster(node, stranger)
        async with bench.running():
            await until(lambda: bench.texts() == ["hier ben ik"])

    play(story)


def test_a_broken_roster_is_told_once_and_the_old_one_stays(
    bench: Bench, node: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with bench.node(node) as sender, bench.running() as inbox:
            bench.roster.write_text("[[node]\n", encoding="utf-8")
            await until(lambda: "the roster stays as it was" in caplog.text)
            await asyncio.sleep(0.2)  # it looks again several times
            await sender.send(node, node.report(1))
            await until(lambda: sender.upto() == 1)
            assert inbox.health()["nodes_known"] == 1
            node.revoked = True
            bench.write_roster(node)
            await until(lambda: inbox.roster.nodes[0].revoked)
            await sender.send(node, node.report(2))
            await until(lambda: inbox.health()["counts"].get("revoked") == 1)
            assert sender.upto() == 1

    with caplog.at_level(logging.ERROR):
        play(story)
    assert caplog.text.count("the roster stays as it was") == 1


# --- retention ---


@pytest.mark.parametrize(("clock", "kept"), [(Clock.NTP, 1), (Clock.NONE, 5)])
def test_retention_waits_for_a_clock_that_is_right(
    bench: Bench, node: Writer, monkeypatch: pytest.MonkeyPatch, clock: Clock, kept: int
) -> None:
    async def story() -> None:
        async with bench.node(node) as sender, bench.running() as inbox:
            await sender.send(node, *[node.status(number) for number in range(1, 6)], node.report(1))
            await until(lambda: sender.upto() == 1)
            real = service.time.time
            monkeypatch.setattr(service.time, "time", lambda: real() + 3 * 366 * 86_400)
            monkeypatch.setattr(service, "clock_quality", lambda: clock)
            retaining = asyncio.create_task(inbox._retain())
            with contextlib.closing(Reader(bench.folder / "state")) as reader:
                if clock is Clock.NTP:
                    await until(lambda: len(reader.messages(statuses=True)) == 2)
                await asyncio.sleep(0.1)
                assert len(reader.messages(statuses=True)) == kept + 1
            retaining.cancel()
            monkeypatch.undo()

    play(story)
