"""A disk that takes nothing: no receipt, a band on every page, alarms all the same, all there once later."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from relay.core.message import Urgency
from relay.inbox.alarms.state import EMERGENCY
from relay.inbox.board import Board
from relay.inbox.operators.store import Operators
from relay.inbox.queries import Reader
from relay.inbox.room_work import RoomWork
from relay.inbox.service import Service, arrival
from tests.inbox.desk import Writer
from tests.inbox.running import Bench, play
from tests.inbox.test_watch import Vrd
from tests.support.clients import until

BAND_S = 5.0


@contextmanager
def full(operators: Operators) -> Iterator[None]:
    """SQLite can get no more pages, as on a full disk."""
    pages = operators._db.execute("PRAGMA page_count").fetchone()[0]
    operators._db.execute(f"PRAGMA max_page_count={pages}")
    yield
    operators._db.execute("PRAGMA max_page_count=1000000")


@contextmanager
def read_only(operators: Operators) -> Iterator[None]:
    operators._db.execute("PRAGMA query_only=ON")
    yield
    operators._db.execute("PRAGMA query_only=OFF")


@asynccontextmanager
async def room_of(service: Service) -> AsyncIterator[RoomWork]:
    """The operators' room of a running inbox."""
    reader = Reader(service._config.inbox.state)
    room = RoomWork(
        service._config, reader, lambda: service.roster, service.health, arrival, service.line.publish
    )
    task = asyncio.create_task(room.run())
    try:
        await until(lambda: room.watch.board is not None)
        yield room
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await room.stop()
        reader.close()


def board_of(room: RoomWork) -> Board:
    assert room.watch.board is not None
    return room.watch.board


def test_a_store_that_is_read_only_is_told_in_time_and_all_that_came_is_there_once(
    bench: Bench, node: Writer
) -> None:
    async def story() -> None:
        async with bench.running() as inbox, room_of(inbox) as room, bench.node(node) as link:
            browser = room.room.live.stream()
            await anext(browser)
            await inbox._pipe.on_store_thread(lambda: inbox._store._db.execute("PRAGMA query_only=ON"))
            began = time.monotonic()
            await link.send(node, *(node.report(number, urgency=Urgency.EMERGENCY) for number in (1, 2, 3)))
            await until(lambda: room.trouble() == "read_only")
            async with asyncio.timeout(BAND_S):
                while b"event: board" not in await anext(browser):
                    pass
            assert time.monotonic() - began < BAND_S
            await until(lambda: "own_storage" in {line.rule for line in board_of(room).attention})
            assert link.receipts == []
            await inbox._pipe.on_store_thread(lambda: inbox._store._db.execute("PRAGMA query_only=OFF"))
            await until(lambda: link.upto() == 3)
            await until(lambda: room.trouble() == "" and board_of(room).unread == 3)
            assert sorted(report.id.number for report in room.operators.reports()) == [1, 2, 3]
            await browser.aclose()

    play(story)


@pytest.mark.parametrize(("trouble", "code"), [(full, "full"), (read_only, "read_only")])
def test_an_emergency_is_seen_and_sounds_once_while_only_the_operators_file_takes_nothing(
    tmp_path: Path, trouble: Callable[[Operators], contextlib.AbstractContextManager[None]], code: str
) -> None:
    one = Writer("node 0")
    vrd = Vrd(tmp_path, one)
    vrd.desk.take(one.hex, one.report(1))
    vrd.watch.look()
    heard = []
    with trouble(vrd.operators):
        vrd.desk.take(one.hex, *(one.report(at, "x" * 100) for at in range(2, 60)))
        vrd.desk.take(one.hex, *(one.report(at, "Rook", urgency=Urgency.EMERGENCY) for at in (60, 61, 62)))
        for _ in range(5):
            vrd.desk.wait(1)
            heard += vrd.watch.look()
        assert vrd.watch.trouble == code
        board = vrd.watch.board
        assert board is not None and not board.own.storing
        rules = Counter(line.rule for line in board.attention)
        assert rules == {"call": 3, "own_storage": 1}
    for _ in range(3):
        vrd.desk.wait(1)
        heard += vrd.watch.look()
    assert vrd.watch.trouble == ""
    sounded = Counter(change.rule for change in heard if change.sound == EMERGENCY)
    assert sounded == {"emergency": 3, "own_storage": 1}
    assert len(vrd.operators.reports()) == 62
    told = Counter(change.rule for _, change in vrd.operators.alarms.newest() if change.kind == "raised")
    assert told == {"emergency": 3, "own_storage": 1}
    vrd.close()
