"""What is said and heard over an open connection, and how it ends, against a real Mosquitto."""

from __future__ import annotations

import asyncio
import time

import pytest

from relay import mqtt
from relay.mqtt import Connection, Message, Options, Will, topic
from tests.mqtt.conftest import NODE
from tests.support.broker import Mosquitto
from tests.support.clients import DEADLINE_S, change, fails, ignore, until
from tests.support.proxy import Proxy

OTHER = "99999999"
UP = topic("up", NODE)


def test_a_publish_returns_after_its_puback_and_says_whether_anyone_listens(
    node: Options, inbox: Options
) -> None:
    async def run() -> None:
        received: list[Message] = []
        ours, theirs = await mqtt.open(node, ignore), await mqtt.open(inbox, received.append)
        assert await ours.publish(UP, b"nobody") is False
        await theirs.subscribe(topic("up", "#"))
        assert await ours.publish(UP, b"inbox") is True
        await until(lambda: bool(received))
        assert (received[0].topic, received[0].payload) == (UP, b"inbox")
        await ours.close()
        await theirs.close()

    asyncio.run(run())


def test_another_nodes_topic_is_refused_by_name_and_the_connection_stays(node: Options) -> None:
    async def run() -> None:
        connection = await mqtt.open(node, ignore)
        for forbidden in (topic("up", OTHER), topic("down", NODE), topic("roster"), topic("inbox")):
            error = await fails(connection.publish(forbidden, b"x"))
            assert error.code == "publish_refused"
            assert "Not authorized" in error.what.en
        await connection.publish(UP, b"still here")
        await connection.close()

    asyncio.run(run())


def test_a_node_hears_its_own_topics_and_no_others(node: Options, inbox: Options) -> None:
    async def run() -> None:
        received: list[Message] = []
        ours, theirs = await mqtt.open(node, received.append), await mqtt.open(inbox, ignore)
        await ours.subscribe("naober/#", topic("down", NODE), topic("inbox"))
        for kind, address in [("down", OTHER), ("air", OTHER), ("inbox", ""), ("down", NODE), ("air", NODE)]:
            await theirs.publish(topic(kind, address), kind.encode())
        await until(lambda: len({message.topic for message in received}) >= 3)
        assert {message.topic for message in received} == {
            topic("down", NODE),
            topic("air", NODE),
            topic("inbox"),
        }
        await ours.close()
        await theirs.close()

    asyncio.run(run())


def test_a_silent_broker_is_found_by_the_keepalive(
    broker: Mosquitto, node: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.mqtt.connection.TICK_S", 0.05)

    async def run() -> None:
        connection = await mqtt.open(change(node, keepalive_s=1), ignore)
        broker.pause()
        assert (await fails(connection.publish(UP, b"x"))).code == "silent"
        assert (await connection.wait_ended()).code == "silent"

    asyncio.run(run())


def test_twenty_pending_publishes_fail_at_once_when_the_broker_is_killed(
    broker: Mosquitto, node: Options
) -> None:
    async def run() -> None:
        connection = await mqtt.open(change(node, send_window=8), ignore)
        broker.pause()  # so that no PUBACK can come first; 8 are sent, 12 wait for a place
        tasks = [asyncio.create_task(connection.publish(UP, b"x")) for _ in range(20)]
        await until(lambda: connection.room() == 0)
        broker.kill()
        killed = time.monotonic()
        errors = [await fails(task) for task in tasks]
        assert {error.code for error in errors} == {"lost"}
        assert time.monotonic() - killed < 1
        assert (await fails(connection.publish(UP, b"later"))).code == "lost"

    asyncio.run(run())


def test_the_will_is_retained_after_a_loss_and_not_sent_after_a_goodbye(
    broker: Mosquitto, node: Options, inbox: Options
) -> None:
    async def run(proxy: Proxy) -> None:
        received: list[bytes] = []
        ours = await mqtt.open(node, lambda message: received.append(message.payload))
        await ours.subscribe(topic("inbox"))
        mortal = change(inbox, port=proxy.port, will=Will(topic("inbox"), b"offline"))
        polite = await mqtt.open(mortal, ignore)
        await polite.publish(topic("inbox"), b"online", retain=True)
        await polite.close()
        await mqtt.open(mortal, ignore)
        assert received == [b"online"]
        proxy.cut()
        await until(lambda: received == [b"online", b"offline"])
        late: list[Message] = []
        second = await mqtt.open(change(node, client_id="2"), late.append)
        await second.subscribe(topic("inbox"))
        await until(lambda: bool(late))
        assert (late[0].payload, late[0].retained) == (b"offline", True)
        await ours.close()
        await second.close()

    with Proxy(broker.port) as proxy:
        asyncio.run(run(proxy))


def test_a_receiver_that_fails_ends_the_connection_with_its_own_error(node: Options, inbox: Options) -> None:
    async def run() -> None:
        def broken(message: Message) -> None:
            raise RuntimeError("out of order")

        theirs = await mqtt.open(inbox, broken)
        await theirs.subscribe(topic("up", "#"))
        ours = await mqtt.open(node, ignore)
        await ours.publish(UP, b"x")
        with pytest.raises(RuntimeError, match="out of order"):
            async with asyncio.timeout(DEADLINE_S):
                await theirs.wait_ended()
        await ours.close()

    asyncio.run(run())


def test_closing_fails_what_waits_and_closing_twice_is_harmless(broker: Mosquitto, node: Options) -> None:
    async def run() -> None:
        connection: Connection = await mqtt.open(node, ignore)
        broker.pause()
        task = asyncio.create_task(connection.publish(UP, b"x"))
        await until(lambda: connection.room() == 31)
        await connection.close()
        assert (await fails(task)).code == "closed"
        await connection.close()
        assert (await connection.wait_ended()).code == "closed"

    asyncio.run(run())
