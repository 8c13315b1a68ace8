"""What somebody can do at the broker who holds one node's certificate, and no more: with a real Mosquitto."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay import mqtt
from relay.errors import LinkError
from relay.inbox.sessions import LINE_BYTES_MAX, TOPICS, Sessions
from relay.mqtt import Options, Will, topic
from tests.inbox.running import play
from tests.support.broker import Mosquitto
from tests.support.certs import Authority
from tests.support.clients import until

THIEF, VICTIM = "3f9a21c4", "77b009de"


class Wire:
    """A broker, and whoever connects to it."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "ca")
        self.broker = Mosquitto(folder / "broker", self.authority)
        self.heard: list[tuple[str, bytes]] = []

    async def open(self, user: str, client: str, will: Will | None = None) -> mqtt.Connection:
        def hear(message: mqtt.Message) -> None:
            self.heard.append((message.topic, message.payload))
            message.ack()

        tls = self.authority.context(user)
        options = Options(host=self.broker.host, port=self.broker.port, client_id=client, tls=tls, will=will)
        return await mqtt.open(options, hear)


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path)
    with wire.broker:
        yield wire


def test_a_certificate_says_nothing_beyond_its_own_topic_not_even_by_its_will(wire: Wire) -> None:
    others = [topic(kind, VICTIM) for kind in ("up", "down", "air")]
    own = [topic(kind, THIEF) for kind in ("down", "air")]
    common = [topic("roster"), topic("inbox"), topic("alarm"), f"{topic('up', THIEF)}/x", "$SYS/broker/log/N"]

    async def story() -> None:
        inbox = await wire.open("inbox", "inbox")
        await inbox.subscribe("naober/#", *TOPICS)
        for number, name in enumerate([*others, *own, *common]):
            thief = await wire.open(THIEF, f"thief-{number}", Will(name, b"stolen"))
            for retain in (False, True):
                with pytest.raises(LinkError):
                    await thief.publish(name, b"stolen", retain=retain)
            thief._client.socket().close()  # gone without a word: its will is due
        last = await wire.open(THIEF, "thief")
        await last.publish(topic("up", THIEF), b"mine")
        await until(lambda: (topic("up", THIEF), b"mine") in wire.heard)
        assert not [each for each in wire.heard if each[1] == b"stolen"]
        await last.close()
        await inbox.close()

    play(story)


def test_a_certificate_hears_nothing_that_is_for_others(wire: Wire) -> None:
    async def story() -> None:
        inbox = await wire.open("inbox", "inbox")
        thief = await wire.open(THIEF, "thief")
        group = "$share/g/naober/1/down/+"
        await thief.subscribe("#", "$SYS/#", "+/+/+/+", group, *TOPICS, topic("down", VICTIM))
        for name in (topic("down", VICTIM), topic("air", VICTIM), topic("alarm"), topic("down", THIEF)):
            await inbox.publish(name, name.encode())
        await until(lambda: (topic("down", THIEF), topic("down", THIEF).encode()) in wire.heard)
        assert {name for name, _ in wire.heard} == {topic("down", THIEF)}
        await thief.close()
        await inbox.close()

    play(story)


async def listening(wire: Wire, sessions: Sessions) -> mqtt.Connection:
    def hear(message: mqtt.Message) -> None:
        sessions.hear(message.payload)
        message.ack()

    tls = wire.authority.context("inbox")
    options = Options(host=wire.broker.host, port=wire.broker.port, client_id="inbox", tls=tls)
    connection = await mqtt.open(options, hear)
    await connection.subscribe(*TOPICS)
    return connection


def test_a_name_so_long_that_the_broker_cuts_its_line_off_passes_for_nobody_else(wire: Wire) -> None:
    """The broker's line ends where the thief wants it to, in words that look like the broker's."""
    sessions, ending = Sessions(), f" (p5, c1, k30, u'{VICTIM}')."

    async def story() -> None:
        inbox = await listening(wire, sessions)
        lead = len("2026-11-24T12:44:30: New client connected from 127.0.0.1:50412 as ")
        thieves = [
            await wire.open(THIEF, "y" * (LINE_BYTES_MAX + 1 - lead - len(ending) + port) + ending + "y" * 99)
            for port in (0, 1)  # a port has five digits, or four
        ]
        await until(lambda: sessions.has_unseen(frozenset({THIEF})))
        assert sessions.of([VICTIM]) == []
        for each in thieves:
            await each.close()
        await inbox.close()

    play(story)


def test_no_name_makes_the_inbox_forget_another_session(wire: Wire) -> None:
    sessions = Sessions()

    async def story() -> None:
        inbox = await listening(wire, sessions)
        first = await wire.open(THIEF, "thief")
        for name in ("thief closed its connection.", "thief disconnected.", "thief disconnected: x"):
            second = await wire.open(THIEF, name)
            await until(lambda name=name: name in sessions.of([THIEF]))  # type: ignore[misc]
            await second.close()
            await until(lambda name=name: name not in sessions.of([THIEF]))  # type: ignore[misc]
        assert sessions.of([THIEF]) == ["thief"]
        await first.close()
        await inbox.close()

    play(story)


def test_who_took_the_name_of_an_innocent_session_does_not_take_it_along_when_it_is_cut(wire: Wire) -> None:
    sessions = Sessions()

    async def story() -> None:
        inbox = await listening(wire, sessions)
        opened = [await wire.open(user, "same") for user in (VICTIM, THIEF, VICTIM)]
        await until(lambda: sessions.of([VICTIM]) == ["same"])
        await asyncio.sleep(0)
        assert sessions.of([THIEF]) == []
        await opened[-1].close()
        await inbox.close()

    play(story)
