"""The disk fails midway: no receipt leaves, nothing half is remembered, and all is taken in later, once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from relay.core.message import Entry
from relay.errors import StorageError
from tests.inbox.desk import Desk, Writer, fresh_texts

Trouble = Callable[[Desk], AbstractContextManager[None]]


@contextmanager
def full(desk: Desk) -> Iterator[None]:
    """SQLite can get no more pages, as on a full disk."""
    db = desk.store._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    usual = db.execute("PRAGMA max_page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count={pages}")
    yield
    db.execute(f"PRAGMA max_page_count={usual}")


@contextmanager
def read_only(desk: Desk) -> Iterator[None]:
    desk.store._db.execute("PRAGMA query_only=ON")
    yield
    desk.store._db.execute("PRAGMA query_only=OFF")


@contextmanager
def locked(desk: Desk) -> Iterator[None]:
    """Another program writes, and does not end."""
    desk.store._db.execute("PRAGMA busy_timeout=20")
    other = sqlite3.connect(desk.folder / "inbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


TROUBLES = pytest.mark.parametrize(
    ("trouble", "code"), [(full, "full"), (read_only, "read_only"), (locked, "busy")]
)


def many(node: Writer, first: int, last: int) -> tuple[str, list[Entry]]:
    long = "x" * 100
    return node.hex, [Entry(node.report(n, f"{n} {long}"), 0) for n in range(first, last + 1)]


@TROUBLES
def test_nothing_is_receipted_or_remembered_and_all_is_taken_in_once_when_it_ends(
    desk: Desk, node: Writer, other: Writer, trouble: Trouble, code: str
) -> None:
    desk.take(node.hex, node.report(1), node.status(1))
    sequence = desk.replies.sequence
    stranger = Writer("vreemd")
    frames = [
        many(node, 2, 200),
        many(other, 1, 200),
        (node.hex, [Entry(stranger.report(1), 0), Entry(node.hello(200, 1), 0)]),
    ]
    with trouble(desk):
        for _ in range(3):
            with pytest.raises(StorageError) as caught:
                desk.take_together(*frames)
            assert caught.value.code == code
        assert desk.replies.sequence == sequence  # nothing was signed
        assert desk.intake.counts == {}  # nothing was counted
        assert desk.store.holding(node.address, 7).reports.last == 1
        assert desk.store.apart._per_publisher() == {}
        assert desk.rows() == 2
    outcome = desk.take_together(*frames)
    assert len(fresh_texts(outcome)) == 399
    assert desk.rows() == 401
    assert not desk.missing(node) and not desk.missing(other)
    assert {each.entries[0].upto for each in desk.receipts(outcome)} == {200}
    assert desk.intake.counts == {"quarantined": 1}


def test_a_failure_in_the_very_last_step_leaves_nothing_behind(
    desk: Desk, node: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.take(node.hex, node.report(1))

    def fail(*args: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as context:
        context.setattr(desk.store, "save_current", fail)
        with pytest.raises(StorageError):
            desk.take(node.hex, node.report(2), node.report(2, "kloon"), node.status(1), node.gap(5, 3, 4))
    assert desk.rows() == 1
    assert not desk.findings(node)
    assert desk.store.holding(node.address, 7).reports.runs() == [(1, 1)]
    desk.take(node.hex, node.report(2), node.report(2, "kloon"), node.status(1), node.gap(5, 3, 4))
    assert desk.rows() == 5
    assert desk.findings(node)["clone"].count == 1
    assert desk.store.holding(node.address, 7).reports.runs() == [(1, 5)]


def test_what_was_receipted_is_on_disk_for_whoever_opens_the_file_next(
    desk: Desk, node: Writer, tmp_path: Path
) -> None:
    desk.take(node.hex, node.report(1), node.status(4))
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in ("inbox.db", "inbox.db-wal"):  # as after a power cut: nothing was closed
        (copy / part).write_bytes((tmp_path / part).read_bytes())
    restored = Desk(copy, node)
    try:
        outcome = restored.take(node.hex, node.hello(1, 4))
        entry = restored.receipts(outcome)[0].entries[0]
        assert (entry.upto, entry.state) == (1, 4)
        assert restored.replies.epoch > desk.replies.epoch
        assert restored.take(node.hex, node.report(1)).fresh == []
    finally:
        restored.close()


def test_a_row_that_its_holding_does_not_know_blocks_nothing(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.report(1))
    with desk.store.write():
        desk.store._db.execute("DELETE FROM holding")  # as somebody's repair may do
    desk.reopen()
    outcome = desk.take(node.hex, node.report(1), node.report(2))
    assert desk.receipts(outcome)[0].entries[0].upto == 2
    assert desk.rows() == 2


def test_more_logs_than_are_kept_in_memory_lose_nothing(
    desk: Desk, node: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.inbox.store.HOLDINGS_CACHED_MAX", 3)
    for number in (1, 2, 3):
        for epoch in range(1, 30, 4):
            logs = [node.report(number, epoch=each) for each in range(epoch, epoch + 4)]
            desk.take(node.hex, *logs, node.hello(number, 0, epoch=epoch))
        assert len(desk.store._holdings) <= 8
    for epoch in range(1, 33):
        assert desk.store.holding(node.address, epoch).reports.runs() == [(1, 3)]
    assert desk.rows() == 96


def test_a_broken_file_is_refused_at_the_start(tmp_path: Path, node: Writer) -> None:
    desk = Desk(tmp_path, node)
    desk.take_together(many(node, 1, 300))
    desk.close()
    path = tmp_path / "inbox.db"
    content = bytearray(path.read_bytes())
    content[8192:20000] = bytes(20000 - 8192)
    path.write_bytes(content)
    with pytest.raises(StorageError) as caught:
        desk.open()
    assert caught.value.code == "corrupt"
    assert "inbox.db" in caught.value.what.nl
