"""A running inbox on a real Mosquitto: what it does when disk, roster or clock change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import pytest

from relay.core.message import Clock
from relay.inbox import service
from relay.inbox.filing import Filing
from relay.inbox.queries import Reader
from tests.inbox.desk import Writer
from tests.inbox.running import Bench, play
from tests.support.clients import until

# --- the disk ---


def test_while_the_disk_refuses_no_receipt_leaves_and_then_all_is_taken_in_once(
    bench: Bench, node: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with bench.node(node) as sender, bench.running() as inbox:
            await sender.send(node, node.report(1))
            await until(lambda: sender.upto() == 1)
            assert inbox.line.listening_since_s
            inbox.line.listening_since_s -= 100
            assert inbox.health()["listening_s"] > 99
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
