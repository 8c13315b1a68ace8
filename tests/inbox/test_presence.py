"""There is one inbox identity: it says that it is there, and falls silent when taken over from."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from relay import mqtt
from relay.cli.ports import free_port
from relay.core import wire
from relay.core.message import Entry
from relay.errors import NaoberError
from relay.inbox import line
from relay.inbox.service import Service
from relay.inbox.standby import SET_UP, TAKEN_OVER, Standby, mark
from relay.inbox.store import Store
from relay.mqtt import Options, topic
from relay.mqtt.errors import lost
from relay.trust.roster_file import NAME
from tests.inbox.desk import Desk, Writer
from tests.inbox.running import Bench, play
from tests.inbox.test_roster_work import revocation_of
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
            before = old.line.connection
            async with bench.running("new") as new:
                await until(lambda: old.health()["muted"])
                assert not old.health()["ok"] and new.health()["ok"]
                await until(lambda: old.line.connection not in (None, before))  # without a will
                await observer.send(node, node.report(2))
                await until(lambda: bench.texts("old") == ["melding 1", "melding 2"])
                await until(lambda: bool(bench.texts("new")))
                await until(lambda: len(observer.receipts) > 1)
                speakers = {each.header.epoch for each in observer.receipts[1:]}
                assert speakers == {new.health()["epoch"]}
                assert observer.epoch_present() == new.health()["epoch"]
                await vanish(old)
                await until(lambda: old.line.connection is not None)
                await old.line.leave()
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
    connection = inbox.line.connection
    assert connection
    connection._end(lost("localhost"))
    await until(lambda: inbox.line.connection is not connection)
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


# --- standing by ---


def set_up_standby(bench: Bench, name: str) -> None:
    (bench.folder / name).mkdir()
    store = Store(bench.folder / name)
    mark(store, SET_UP)
    store.close()


def test_a_standby_stores_what_the_other_stores_and_is_not_noticed_by_anybody(
    bench: Bench, node: Writer
) -> None:
    set_up_standby(bench, "spare")

    async def story() -> None:
        async with (
            bench.node(node) as observer,
            bench.running("first") as first,
            bench.running("spare") as spare,
        ):
            assert spare.health()["standby"] == SET_UP and not spare.health()["ok"]
            await observer.send(node, node.report(1), node.status(1), node.hello(1, 1))
            await until(lambda: bool(bench.texts("spare")) and observer.upto() == 1)
            await spare.line.leave()
            assert {each.header.epoch for each in observer.receipts} == {first.health()["epoch"]}
            assert set(map(bool, observer.presence)) == {True}
            assert not first.health()["muted"]

    play(story)


def test_a_standby_takes_over_by_one_word_and_the_old_one_stays_mute_however_often_it_returns(
    bench: Bench, node: Writer
) -> None:
    set_up_standby(bench, "spare")

    async def story() -> None:
        async with bench.node(node) as observer, bench.running("spare") as spare:
            async with bench.running("first") as first:
                await observer.send(node, node.report(1))
                await until(lambda: bench.texts("spare") == ["melding 1"] == bench.texts("first"))
                before = first.health()["epoch"]
            # the first is gone: nobody answers, and the spare keeps what comes
            await observer.send(node, node.report(2))
            await until(lambda: len(bench.texts("spare")) == 2)
            assert observer.upto() == 1
            answer = await spare._asked({"verb": "take_over"})
            assert answer["epoch"] == spare.health()["epoch"] > before
            await until(lambda: spare.health()["ok"] and observer.epoch_present() == answer["epoch"])
            await observer.send(node, node.report(2))  # a node tries again, and hears at last
            await until(lambda: observer.upto() == 2)
            with pytest.raises(NaoberError, match="already"):
                await spare.line.take_over()
            for _ in range(2):  # its clock gives it a higher epoch each time: that alone must not do
                async with bench.running("first") as first:
                    assert first.health()["standby"] == TAKEN_OVER
                    count = len(observer.receipts)
                    await observer.send(node, node.hello(2, 0))
                    await until(lambda count=count: len(observer.receipts) > count)
                    assert observer.receipts[-1].header.epoch == answer["epoch"]
                assert not spare.health()["muted"]
        async with bench.running("spare") as again:  # nor does a restart of the spare make it a spare
            assert again.health()["ok"] and again.health()["epoch"] > answer["epoch"]
        assert bench.texts("spare") == ["melding 1", "melding 2"]

    play(story)


def test_an_inbox_that_is_taken_over_from_while_it_runs_stands_by_and_may_take_over_again(
    bench: Bench, node: Writer
) -> None:
    set_up_standby(bench, "spare")

    async def story() -> None:
        async with (
            bench.node(node) as observer,
            bench.running("first") as first,
            bench.running("spare") as spare,
        ):
            await until(lambda: observer.epoch_present() == first.health()["epoch"])
            for one, other in ((spare, first), (first, spare)):
                epoch = await one.line.take_over()
                await until(lambda other=other: other.health()["standby"] == TAKEN_OVER)
                await until(lambda one=one: one.health()["ok"])
                await until(lambda epoch=epoch: observer.epoch_present() == epoch)
            assert b"" not in observer.presence

    play(story)


def test_a_restored_inbox_goes_on_above_one_that_is_no_more_and_stands_by_beside_one_that_lives(
    bench: Bench, node: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "ANSWER_S", 1.0)

    async def story() -> None:
        async with bench.node(node) as observer:
            async with bench.running("dead") as dead:
                await until(lambda: observer.epoch_present() > 0)
                left_behind = observer.presence[-1]
            bound = Options(host=bench.broker.host, port=bench.broker.port, client_id="x", tls=bench.tls)
            ghost = await mqtt.open(bound, lambda message: message.ack())
            await ghost.publish(
                topic("inbox"), left_behind, retain=True
            )  # as a broker that was killed keeps it
            await ghost.close()
            async with bench.running("restored") as restored:  # from before the other was even there
                assert restored.health()["ok"]
                assert restored.health()["epoch"] > dead.health()["epoch"]
                async with bench.running("second") as second:
                    assert second.health()["standby"] == TAKEN_OVER
                assert not restored.health()["muted"]

    play(story)


def test_a_standby_learns_of_revocations_from_the_inbox_that_speaks_and_ends_no_session_itself(
    bench: Bench, node: Writer
) -> None:
    set_up_standby(bench, "spare")
    # one of each: a file that both read would tell it without a word between them
    shutil.copy(bench.roster, bench.folder / "spare" / NAME)
    thief = Writer("dief")
    thief.revoked = True

    async def story() -> None:
        async with bench.running("spare") as spare, bench.running("first") as first:
            assert len(spare.roster.nodes) == 1
            bench.write_roster(node, thief)
            await until(lambda: any(each.revoked for each in first.roster.nodes))
            forged = revocation_of(node, version=7, signer="second_authority", network=bytes(8))
            assert first.line.connection
            await first.line.connection.publish(
                topic("roster"), wire.encode_batch([Entry(forged), *map(Entry, first.roster.changes)])
            )
            await until(lambda: len(spare.roster.changes) == 1)
            assert spare.roster.changes == first.roster.changes
            assert not spare._roster.may_speak() and first._roster.may_speak()

    play(story)


def test_an_inbox_goes_to_another_broker_when_its_own_is_gone_and_looks_for_its_own_first(
    bench: Bench, node: Writer
) -> None:
    async def story() -> None:
        with Proxy(bench.broker.port) as own:
            others = (f"localhost:{free_port()}", f"{bench.broker.host}:{bench.broker.port}")
            async with bench.node(node) as observer, bench.running(port=own.port, others=others) as inbox:
                assert own.accepted == 1
                first = inbox.line.connection
                own.refuse()
                await until(lambda: inbox.line.connection not in (None, first))
                await observer.send(node, node.report(1))
                await until(lambda: observer.upto() == 1)
                own.restore()
                await vanish(inbox)
                await until(lambda: inbox.line.connection is not None)
                assert own.accepted == 2

    play(story)


def test_one_that_gives_way_comes_back_to_the_broker_where_the_other_is(bench: Bench, node: Writer) -> None:
    async def story() -> None:
        with Proxy(bench.broker.port) as own:
            elsewhere = (f"{bench.broker.host}:{bench.broker.port}",)
            async with (
                bench.running("spare") as spare,
                bench.running("old", port=own.port, others=elsewhere) as old,
            ):
                assert old.health()["standby"] == TAKEN_OVER and spare.health()["ok"]
                assert own.accepted == 2

    play(story)


def test_a_standby_with_a_wrong_clock_takes_over_above_all_that_it_heard_of_also_before_a_restart(
    desk: Desk, node: Writer
) -> None:
    mark(desk.store, SET_UP)
    standby = Standby(desk.store, 0)
    assert standby.epoch == standby.before, "one that stands by begins no epoch"
    desk.replies.muted = True
    assert standby.hears(2**31) and not standby.hears(2**30)
    standby.keep_heard()
    desk.reopen()  # as any store is opened; what stands by is asked of it
    again = Standby(desk.store, 0)
    assert again.why == SET_UP and again.end(0, desk.replies) == 2**31 + 1 == desk.replies.epoch
    assert not desk.replies.muted and Standby(desk.store, 0).why == ""
    outcome = desk.take(node.hex, node.report(1))
    assert [each.header.epoch for each in desk.receipts(outcome)] == [2**31 + 1]
