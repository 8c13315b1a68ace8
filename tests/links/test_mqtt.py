"""The MQTT link of a node against a real Mosquitto that fails in every way we know."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay import mqtt
from relay.cli.ports import free_port
from relay.errors import LinkError
from relay.links import mqtt as link_module
from relay.links.base import Link, LinkFacts
from relay.links.mqtt import MqttLink, MqttLinkOptions
from relay.mqtt import Options, topic
from tests.support.broker import Mosquitto
from tests.support.certs import Authority
from tests.support.clients import DEADLINE_S, until
from tests.support.proxy import Proxy

NODE = "0a1b2c3d"


class Bench:
    """A running link, what it said and what it received."""

    def __init__(
        self,
        authority: Authority,
        port: int,
        kinds: tuple[str, ...] = ("down", "inbox"),
        others: tuple[tuple[str, int], ...] = (),
        **options: Any,
    ) -> None:
        self.frames: list[tuple[str, bytes]] = []
        self.facts: list[LinkFacts] = []
        broker = Options(host="localhost", port=port, client_id="", tls=authority.context(NODE), **options)
        self.link = MqttLink(
            MqttLinkOptions(address=NODE, broker=broker, kinds=kinds, others=others), random.Random(7).random
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[MqttLink]:
        task = asyncio.create_task(self.link.run(self.receive, self.facts.append))
        try:
            yield self.link
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    def receive(self, kind: str, frame: bytes) -> None:
        self.frames.append((kind, frame))

    def codes(self) -> list[str]:
        return [fact.code for fact in self.facts]


async def inbox(broker: Mosquitto, authority: Authority, on_message: mqtt.OnMessage) -> mqtt.Connection:
    options = Options(host=broker.host, port=broker.port, client_id="inbox", tls=authority.context("inbox"))
    connection = await mqtt.open(options, on_message)
    await connection.subscribe(topic("up", "#"))
    return connection


def test_frames_go_up_and_come_down_with_the_kind_of_their_topic(
    broker: Mosquitto, authority: Authority
) -> None:
    async def run() -> None:
        received: list[mqtt.Message] = []
        theirs = await inbox(broker, authority, received.append)
        bench = Bench(authority, broker.port)
        port: Link = bench.link
        async with bench.running():
            await until(lambda: port.room() > 0)
            await port.send(b"frame")
            await until(lambda: bool(received))
            assert (received[0].topic, received[0].payload) == (topic("up", NODE), b"frame")
            await theirs.publish(topic("down", NODE), b"receipt")
            await theirs.publish(topic("inbox"), b"online", retain=True)
            await until(lambda: len(bench.frames) == 2)
            assert bench.frames == [("down", b"receipt"), ("inbox", b"online")]
            assert bench.codes() == ["connected"]
            # without a radio it does not listen for what it should transmit, and the broker says so
            assert not await theirs.publish(topic("air", NODE), b"order")
        assert port.room() == 0
        await theirs.close()

    asyncio.run(run())


def test_a_node_with_a_radio_is_told_what_it_should_transmit(broker: Mosquitto, authority: Authority) -> None:
    async def run() -> None:
        theirs = await inbox(broker, authority, lambda message: message.ack())
        bench = Bench(authority, broker.port, kinds=("down", "inbox", "air"))
        async with bench.running():
            await until(lambda: bench.link.room() > 0)
            assert await theirs.publish(topic("air", NODE), b"order")
            await until(lambda: bool(bench.frames))
            assert bench.frames == [("air", b"order")]
        await theirs.close()

    asyncio.run(run())


def test_a_received_frame_is_acknowledged_after_it_was_taken(broker: Mosquitto, authority: Authority) -> None:
    async def run() -> None:
        theirs = await inbox(broker, authority, lambda message: message.ack())
        bench = Bench(authority, broker.port, receive_max=2)
        async with bench.running():
            await until(lambda: bench.link.facts.connected)
            for number in range(20):  # ten times more than fit unacknowledged
                await theirs.publish(topic("down", NODE), bytes([number]))
            await until(lambda: len(bench.frames) == 20)
            assert [frame[0] for _, frame in bench.frames] == list(range(20))
        await theirs.close()

    asyncio.run(run())


def test_nobody_listening_is_shown_until_somebody_does(broker: Mosquitto, authority: Authority) -> None:
    async def run() -> None:
        bench = Bench(authority, broker.port)
        async with bench.running():
            await until(lambda: bench.link.facts.connected)
            await bench.link.send(b"into the void")
            theirs = await inbox(broker, authority, lambda message: message.ack())
            await bench.link.send(b"heard")
            assert bench.codes() == ["connected", "unheard", "connected"]
            assert all(fact.connected for fact in bench.facts)
            await theirs.close()

    asyncio.run(run())


def test_a_killed_broker_that_returns_is_connected_again_without_help(
    broker: Mosquitto, authority: Authority
) -> None:
    async def run() -> None:
        bench = Bench(authority, broker.port)
        async with bench.running():
            await until(lambda: bench.link.facts.connected)
            broker.kill()
            await until(lambda: not bench.link.facts.connected)
            assert bench.link.room() == 0
            with pytest.raises(LinkError) as caught:
                await bench.link.send(b"x")
            assert caught.value.code in {"lost", "refused"}
            await until(lambda: bench.link.facts.code == "refused")
            broker.start()
            await until(lambda: bench.link.facts.connected)
            await bench.link.send(b"x")
            assert bench.codes()[:4] == ["connected", "lost", "refused", "connected"]

    asyncio.run(run())


def test_a_black_hole_is_told_from_a_dead_broker_and_healed_from(
    broker: Mosquitto, authority: Authority
) -> None:
    async def run(proxy: Proxy) -> None:
        bench = Bench(authority, proxy.port, connect_timeout_s=0.3)
        proxy.hole()
        async with bench.running():
            await until(lambda: bench.link.facts.code == "silent")
            proxy.refuse()
            await until(lambda: bench.link.facts.code == "refused")
            proxy.restore()
            await until(lambda: bench.link.facts.code == "connected")

    with Proxy(broker.port) as proxy:
        asyncio.run(run(proxy))


def test_a_publish_that_the_acl_refuses_is_reported_and_the_link_stays(
    broker: Mosquitto, authority: Authority
) -> None:
    async def run() -> None:
        bench = Bench(authority, broker.port)
        async with bench.running():
            await until(lambda: bench.link.facts.connected)
            broker.acl_file.write_text("user nobody\ntopic read none\n")  # as a revocation does
            broker.reload()
            refused: list[LinkError] = []
            async with asyncio.timeout(DEADLINE_S):
                while not refused:
                    try:
                        await bench.link.send(b"x")
                    except LinkError as error:
                        refused.append(error)
            assert refused[0].code == "publish_refused"
            assert bench.link.facts.connected
            assert bench.link.facts.code == "publish_refused"

    asyncio.run(run())


def test_a_wrong_certificate_is_one_line_for_the_technician(
    broker: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    async def run() -> None:
        bench = Bench(Authority(tmp_path / "stranger"), broker.port)
        async with bench.running():
            await until(lambda: bool(bench.facts))
        assert bench.codes() == ["certificate"]
        assert "certificaat" in bench.facts[0].what.nl
        assert bench.facts[0].do.nl

    asyncio.run(run())


@pytest.mark.parametrize(
    ("most_s", "expected"),
    [(60.0, [1, 2, 4, 8, 16, 32, 60, 60, 1, 2]), (5.0, [1, 2, 4, 5, 5, 5, 5, 5, 1, 2])],
)
def test_waiting_doubles_to_its_limit_and_starts_again_after_a_connection_that_held(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, most_s: float, expected: list[float]
) -> None:
    class Enough(Exception):
        pass

    waits: list[float] = []
    held = iter([0.0] * 8 + [link_module.HELD_S] + [0.0])
    now = 0.0

    async def sleep(delay_s: float) -> None:
        waits.append(delay_s)
        if len(waits) == 10:
            raise Enough

    async def open_fails(options: Options, on_message: mqtt.OnMessage) -> mqtt.Connection:
        nonlocal now
        now += next(held)
        raise LinkError("down", code="lost")

    async def run() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: now)
        monkeypatch.setattr(mqtt, "open", open_fails)
        monkeypatch.setattr(asyncio, "sleep", sleep)
        broker = Options(host="localhost", port=1, client_id="", tls=None)
        link = MqttLink(MqttLinkOptions(address=NODE, broker=broker, retry_max_s=most_s), lambda: 0.5)
        with pytest.raises(Enough):
            await link.run(lambda kind, frame: None, lambda facts: None)

    asyncio.run(run())
    assert waits == expected


def test_another_broker_of_vrd_does_when_the_first_is_gone_and_the_first_is_tried_first_again(
    broker: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    async def run(second: Mosquitto) -> None:
        bench = Bench(authority, broker.port, others=(("localhost", free_port()), ("localhost", second.port)))
        async with bench.running():
            await until(lambda: bench.link.facts.connected)
            assert bench.link.where == f"localhost:{broker.port}"
            broker.kill()
            await until(lambda: bench.link.facts.connected and bench.link.where == f"localhost:{second.port}")
            broker.start()
            second.kill()
            await until(lambda: bench.link.facts.connected and bench.link.where == f"localhost:{broker.port}")

    with Mosquitto(tmp_path / "second", authority) as second:
        asyncio.run(run(second))


def test_a_broker_that_is_left_is_followed_by_the_next_and_by_the_first_again(
    broker: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    async def run(second: Mosquitto) -> None:
        bench = Bench(authority, broker.port, others=(("localhost", second.port),))
        async with bench.running():
            for port in (broker.port, second.port, broker.port):
                await until(
                    lambda port=port: bench.link.facts.connected and bench.link.where == f"localhost:{port}"
                )
                bench.link.leave()
        assert set(bench.codes()) == {"connected", "inbox_silent"}
        alone = Bench(authority, second.port)
        async with alone.running():
            await until(lambda: alone.link.facts.connected)
            alone.link.leave()
            await alone.link.send(b"still here")

    with Mosquitto(tmp_path / "second", authority) as second:
        asyncio.run(run(second))


def test_every_broker_must_have_the_chain_the_name_and_the_pin(authority: Authority, tmp_path: Path) -> None:
    async def run(*ports: int) -> None:
        bench = Bench(authority, ports[0], others=tuple(("localhost", port) for port in ports[1:]))
        tls = authority.context(NODE, pins=("00" * 32,))
        broker = msgspec.structs.replace(bench.link._options.broker, tls=tls)
        bench.link._options = msgspec.structs.replace(bench.link._options, broker=broker)
        async with bench.running():
            await until(lambda: bench.codes().count("refused") == 2)  # once around
        first, *found = [code for code in bench.codes() if code != "connecting"]
        assert (first, found[:3]) == ("refused", ["certificate", "certificate", "N05"])
        assert not any(each.connected for each in bench.facts)

    stranger = Authority(tmp_path / "stranger")
    with (
        Mosquitto(tmp_path / "strange", stranger) as strange,
        Mosquitto(tmp_path / "named", authority, server=authority.server("mqtt.example")) as named,
        Mosquitto(tmp_path / "other-key", authority) as other_key,
    ):
        asyncio.run(run(free_port(), strange.port, named.port, other_key.port))


def test_each_connection_has_a_client_id_of_its_own(broker: Mosquitto, authority: Authority) -> None:
    async def run() -> None:
        first, second = Bench(authority, broker.port), Bench(authority, broker.port)
        second.link._chance = random.Random(8).random
        async with first.running(), second.running():  # a card and its clone
            await until(lambda: first.link.facts.connected and second.link.facts.connected)
            await first.link.send(b"x")
            await second.link.send(b"x")
            assert "lost" not in first.codes() + second.codes()

    asyncio.run(run())
