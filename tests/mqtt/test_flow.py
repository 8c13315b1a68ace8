"""How much is on its way at once, in both directions, against a real Mosquitto."""

from __future__ import annotations

import asyncio
import re
import time
from functools import partial
from typing import Any

import pytest

from relay import mqtt
from relay.mqtt import Message, Options, topic
from tests.mqtt.conftest import NODE
from tests.support.broker import Mosquitto
from tests.support.clients import DEADLINE_S, change, fails, ignore, until

OTHER = "99999999"
UP = topic("up", NODE)


def longer(received: list[Message], than: int) -> bool:
    return len(received) > than


def test_the_window_is_the_smaller_of_ours_and_the_brokers(broker: Mosquitto, node: Options) -> None:
    async def run() -> None:
        small = await mqtt.open(change(node, send_window=3), ignore)
        large = await mqtt.open(change(node, send_window=1000, client_id="2"), ignore)
        shipped = re.search(
            r"^max_inflight_messages (\d+)", broker.folder.joinpath("mosquitto.conf").read_text(), re.M
        )
        assert small.room() == 3
        assert shipped is not None
        assert large.room() == int(shipped[1])
        await asyncio.gather(*(large.publish(UP, bytes(1000)) for _ in range(300)))
        assert large.room() == int(shipped[1])
        await small.close()
        await large.close()

    asyncio.run(run())


def test_a_cancelled_publish_holds_its_place_until_the_broker_answered(
    broker: Mosquitto, node: Options
) -> None:
    async def run() -> None:
        connection = await mqtt.open(change(node, send_window=2), ignore)
        broker.pause()
        task = asyncio.create_task(connection.publish(UP, b"x"))
        await until(lambda: connection.room() == 1)
        task.cancel()
        await asyncio.wait([task])
        assert connection.room() == 1
        broker.resume()
        await until(lambda: connection.room() == 2)
        await connection.close()

    asyncio.run(run())


def test_no_more_is_received_than_the_receive_maximum_until_it_is_acknowledged(
    node: Options, inbox: Options
) -> None:
    async def run() -> None:
        received: list[Message] = []
        theirs = await mqtt.open(change(inbox, receive_max=3), received.append)
        await theirs.subscribe(topic("up", "#"))
        ours = await mqtt.open(node, ignore)
        await asyncio.gather(*(ours.publish(UP, bytes([number])) for number in range(10)))
        await until(lambda: len(received) == 3)
        await theirs.publish(topic("down", NODE), b"a round trip")
        assert len(received) == 3
        received[0].ack()
        received[0].ack()  # twice is once
        await until(lambda: len(received) > 3)
        for message in received:  # grows meanwhile
            message.ack()
            await theirs.publish(topic("down", NODE), b"a round trip")
        assert [message.payload[0] for message in received] == list(range(10))
        await ours.close()
        await theirs.close()

    asyncio.run(run())


def test_a_broker_that_exceeds_the_receive_maximum_is_not_read_any_further(
    node: Options, inbox: Options
) -> None:
    limit = 3 * 4

    async def run() -> None:
        received: list[Message] = []
        theirs = await mqtt.open(change(inbox, receive_max=3), received.append)
        await theirs.subscribe(topic("up", "#"))
        ours = await mqtt.open(node, ignore)
        await asyncio.gather(*(ours.publish(UP, bytes([number])) for number in range(100)))
        await until(lambda: len(received) == 3)
        for acked, message in enumerate(received, 1):  # grows by up to three for each acknowledgement
            message.ack()
            if acked < 100:
                await until(partial(longer, received, acked))
            await asyncio.sleep(0.002)
            assert len(received) - acked <= limit
        assert [message.payload[0] for message in received] == list(range(100))
        await ours.close()
        await theirs.close()

    asyncio.run(run())


def test_a_receiver_that_publishes_before_it_acknowledges_is_not_locked_out(
    node: Options, inbox: Options
) -> None:
    async def run() -> None:
        queue: asyncio.Queue[Message] = asyncio.Queue()
        theirs = await mqtt.open(change(inbox, receive_max=3), queue.put_nowait)
        await theirs.subscribe(topic("up", "#"))
        ours = await mqtt.open(node, ignore)
        await asyncio.gather(*(ours.publish(UP, bytes([number])) for number in range(100)))
        async with asyncio.timeout(DEADLINE_S):
            for number in range(100):
                message = await queue.get()
                assert message.payload[0] == number
                await theirs.publish(topic("down", NODE), b"receipt")
                message.ack()
        await ours.close()
        await theirs.close()

    asyncio.run(run())


def test_an_acknowledgement_that_comes_before_publish_returns_is_kept(
    node: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        connection = await mqtt.open(node, ignore)
        client = connection._client
        publish = client.publish

        def publish_and_wait(*args: Any, **kwargs: Any) -> Any:
            info = publish(*args, **kwargs)
            deadline = time.monotonic() + DEADLINE_S
            while not info.is_published() and time.monotonic() < deadline:
                client.loop_write()
                client.loop_read()
            return info

        monkeypatch.setattr(client, "publish", publish_and_wait)
        async with asyncio.timeout(DEADLINE_S):
            await connection.publish(UP, b"x")
        assert (await fails(connection.publish(topic("up", OTHER), b"x"))).code == "publish_refused"
        assert connection.room() == 32
        await connection.close()

    asyncio.run(run())


def test_a_payload_over_the_brokers_limit_or_a_wildcard_is_refused_before_it_costs_the_connection(
    node: Options,
) -> None:
    async def run() -> None:
        connection = await mqtt.open(node, ignore)
        with pytest.raises(ValueError, match="wildcard"):
            await connection.publish(topic("up", "#"), b"x")
        error = await fails(connection.publish(UP, bytes(400_000)))
        assert error.code == "publish_refused"
        assert "too large" in error.what.en
        await connection.publish(UP, bytes(290_000))
        assert connection.room() == 32
        await connection.close()

    asyncio.run(run())
