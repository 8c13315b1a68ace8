"""A thief of the inbox's key says that he is there, in the highest epoch that there is."""

from __future__ import annotations

import pytest

from relay import mqtt
from relay.core import wire
from relay.core.message import Clock
from relay.errors import NaoberError
from relay.inbox import line
from relay.inbox.replies import Replies
from relay.inbox.standby import TAKEN_OVER, Standby
from relay.mqtt import Options, topic
from tests.inbox.desk import NETWORK, Desk, Writer
from tests.inbox.running import KEY, Bench, play
from tests.support.clients import until


def presence(desk: Desk, epoch: int) -> bytes:
    """As one who has the key signs it."""
    replies = Replies(desk.store, KEY.address, NETWORK, KEY.private.sign, epoch)
    return replies.presence(desk.now, Clock.NTP)


@pytest.mark.parametrize("when", ["before it starts", "while it runs"])
def test_who_uses_up_the_epochs_silences_an_inbox_which_stores_on_and_says_what_to_do(
    bench: Bench, desk: Desk, node: Writer, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(line, "ANSWER_S", 0.5)

    async def story() -> None:
        options = Options(host=bench.broker.host, port=bench.broker.port, client_id="x", tls=bench.tls)
        thief = await mqtt.open(options, lambda message: message.ack())
        said = presence(desk, wire.NUMBER_MAX)
        if when == "before it starts":
            await thief.publish(topic("inbox"), said, retain=True)
        async with bench.node(node) as observer:
            async with bench.running() as inbox:
                if when == "while it runs":
                    await until(lambda: inbox.health()["ok"])
                    await thief.publish(topic("inbox"), said, retain=True)
                await until(lambda: inbox.health()["standby"] == TAKEN_OVER)
                await until(lambda: inbox.health()["broker"] == "connected")
                with pytest.raises(NaoberError, match="Somebody else uses this inbox's key"):
                    await inbox.line.take_over()
            await thief.publish(topic("inbox"), b"", retain=True)
            async with bench.running() as again:
                assert again.health()["standby"] == TAKEN_OVER
                await observer.send(node, node.report(1))
                await until(lambda: bench.texts("state") == ["melding 1"])
        await thief.close()

    play(story)


def test_an_inbox_that_was_itself_in_the_last_epoch_stands_by(desk: Desk) -> None:
    desk.store.next_epoch(wire.NUMBER_MAX)
    standby = Standby(desk.store, 0)
    assert (standby.why, standby.epoch) == (TAKEN_OVER, wire.NUMBER_MAX)
    with pytest.raises(NaoberError, match="highest epoch"):
        standby.end(0, desk.replies)


def test_an_epoch_below_the_last_is_taken_above_it(desk: Desk) -> None:
    standby = Standby(desk.store, 0)
    standby.hears(wire.NUMBER_MAX - 1)
    assert standby.rise(0, desk.replies) == wire.NUMBER_MAX
    assert not standby.can_rise
