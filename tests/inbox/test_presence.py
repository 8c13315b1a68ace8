"""There is one inbox identity: it says that it is there, and falls silent when taken over from."""

from __future__ import annotations

import asyncio
from pathlib import Path

from relay import mqtt
from relay.inbox.service import Service
from relay.inbox.store import Store
from relay.mqtt import Options, topic
from relay.mqtt.errors import lost
from tests.inbox.desk import Writer
from tests.inbox.running import Bench, play
from tests.support.clients import until
from tests.support.proxy import Proxy


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
            before = old._connection
            async with bench.running("new") as new:
                await until(lambda: old.health()["muted"])
                assert not old.health()["ok"] and new.health()["ok"]
                await until(lambda: old._connection not in (None, before))  # without a will
                await observer.send(node, node.report(2))
                await until(lambda: bench.texts("old") == ["melding 1", "melding 2"])
                await until(lambda: bool(bench.texts("new")))
                await until(lambda: len(observer.receipts) > 1)
                speakers = {each.header.epoch for each in observer.receipts[1:]}
                assert speakers == {new.health()["epoch"]}
                assert observer.epoch_present() == new.health()["epoch"]
                await vanish(old)
                await until(lambda: old._connection is not None)
                await old._leave()
                # the topic was never wiped, not by a will and not by a goodbye
                async with bench.node(Writer("ander")) as late:
                    await until(lambda: late.epoch_present() == new.health()["epoch"])
                assert b"" not in observer.presence

    play(story)


def raise_epoch(folder: Path, epoch: int) -> None:
    folder.mkdir()
    store = Store(folder)
    store.next_epoch(epoch)
    store.close()


async def vanish(inbox: Service) -> None:
    """Its connection is cut as by a kill: no goodbye."""
    connection = inbox._connection
    assert connection
    connection._end(lost("localhost"))
    await until(lambda: inbox._connection is not connection)
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
