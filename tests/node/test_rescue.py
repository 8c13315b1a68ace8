"""A broken outbox: set aside, and nothing lost of what could still be read."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.core.message import Urgency
from relay.core.wire import parse_header
from relay.node import rescue
from relay.node.outbox import PAGE_BYTES
from relay.node.station import OUTBOX_NAME, RETRY_DISK_S
from tests.node.parts import cut_power, database, open_rows, rows_on_disk
from tests.support.world import World

RECEIPTED, WAITING = 30, 60


@pytest.fixture
def world(tmp_path) -> World:
    """A node with reports that the inbox has and reports that wait, statuses between them."""
    made = World(tmp_path, 3)
    for number in range(RECEIPTED):
        made.say("beilen", f"held {number}")
        made.status("beilen", visitors=number)
    made.run(60)
    made.set_link("beilen", False)
    for number in range(WAITING):
        made.say("beilen", f"waits {number}", Urgency.URGENT if number % 7 == 0 else Urgency.ROUTINE)
        made.status("beilen", visitors=number)
    return made


HELD = [f"held {number}" for number in range(RECEIPTED)]
WAITS = [f"waits {number}" for number in range(WAITING)]


def settle(world: World) -> list[str]:
    """Let everything arrive; the texts at the inbox, each of which must be there once."""
    world.set_link("beilen", True)
    world.run(200)
    texts = world.texts()
    assert len(texts) == len(set(texts))
    assert not world.station().forwarder.log.ledger(0).open()
    return texts


def into_the_file(world: World, path: Path) -> None:
    """No write-ahead log: all in the file itself."""
    with database(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def overwrite(path: Path, start: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(random.Random(1).randbytes(length))


# --- what can happen to a file ---


def break_the_middle(path: Path) -> None:
    overwrite(path, path.stat().st_size // 2, 3 * PAGE_BYTES)


def break_every_third_page(path: Path) -> None:
    for page in range(2, path.stat().st_size // PAGE_BYTES, 3):
        overwrite(path, page * PAGE_BYTES, PAGE_BYTES)


def break_the_header(path: Path) -> None:
    overwrite(path, 0, 100)


def break_the_first_pages(path: Path) -> None:
    overwrite(path, 0, 4 * PAGE_BYTES)


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3 + 100)


def fill_with_zeroes(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def fill_with_rubbish(path: Path) -> None:
    overwrite(path, 0, path.stat().st_size)


DAMAGES = [
    break_the_middle,
    break_every_third_page,
    break_the_header,
    break_the_first_pages,
    truncate,
    fill_with_zeroes,
    fill_with_rubbish,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_whatever_breaks_all_that_can_be_read_arrives_once(world, tmp_path, damage: Callable[[Path], None]):
    path = cut_power(world, tmp_path / "card")
    into_the_file(world, path)
    rows = rows_on_disk(path)
    damage(path)
    left = path.read_bytes()
    # the oracle: a report is readable when its bytes are still somewhere in the file
    expected = [text for text, row in zip(HELD + WAITS, rows, strict=True) if row[2] in left]
    station = world.start("beilen")
    assert station.storage is None
    assert (path.parent / "outbox.broken-1").exists()
    assert station.notes[0].en.startswith("The outbox was corrupt, kept as ")
    world.say("beilen", "afterwards")
    assert set(settle(world)) == {*HELD, *expected, "afterwards"}
    world.run(60)
    assert world.station().forwarder.state.epoch > parse_header(rows[0][2]).epoch


def test_some_damages_leave_much_and_the_tests_above_are_not_empty(world, tmp_path):
    path = cut_power(world, tmp_path / "card")
    into_the_file(world, path)
    damaged = tmp_path / "damaged"
    for damage, least in ((break_the_header, 60), (break_every_third_page, 20), (truncate, 20)):
        damaged.write_bytes(path.read_bytes())
        damage(damaged)
        left = damaged.read_bytes()
        assert sum(row[2] in left for row in rows_on_disk(path)[RECEIPTED:]) >= least


@pytest.mark.parametrize("damage", [break_the_header, break_the_middle], ids=lambda each: each.__name__)
def test_reports_that_had_been_issued_again_are_rescued_once(world, tmp_path, damage):
    for _ in range(2):
        station = world.station()
        station.forwarder.begin_epoch(0, station.moment())
    world.say("beilen", "twice, and meant so")
    world.say("beilen", "twice, and meant so")
    path = cut_power(world, tmp_path / "card")
    into_the_file(world, path)
    damage(path)
    world.start("beilen")
    world.set_link("beilen", True)
    world.run(200)
    texts = world.texts()
    assert {*HELD, *WAITS} <= set(texts)
    assert texts.count("twice, and meant so") == 2
    assert len(texts) == RECEIPTED + WAITING + 2


def test_a_broken_header_with_the_messages_still_in_the_write_ahead_log(world, tmp_path):
    path = cut_power(world, tmp_path / "card")
    assert path.with_name(OUTBOX_NAME + "-wal").stat().st_size > 50 * PAGE_BYTES
    break_the_header(path)
    world.start("beilen")
    assert set(settle(world)) == {*HELD, *WAITS}


@pytest.mark.parametrize("gone", ["emptied", "deleted"])
def test_a_file_that_is_gone_but_for_its_write_ahead_log(world, tmp_path, gone):
    path = cut_power(world, tmp_path / "card")
    if gone == "emptied":
        path.write_bytes(b"")
    else:
        path.unlink()
    world.start("beilen")
    assert set(settle(world)) == {*HELD, *WAITS}


def test_a_broken_frame_hides_none_of_the_reports_behind_it(world, tmp_path):
    """SQLite ends its reading at such a frame, without an error."""
    path = cut_power(world, tmp_path / "card")
    log = path.with_name(OUTBOX_NAME + "-wal")
    overwrite(log, log.stat().st_size // 2, 10)
    world.start("beilen")
    assert set(settle(world)) == {*HELD, *WAITS}


def test_a_write_ahead_log_full_of_rubbish_does_not_stop_the_node(world, tmp_path):
    path = cut_power(world, tmp_path / "card")
    fill_with_rubbish(path.with_name(OUTBOX_NAME + "-wal"))
    station = world.start("beilen")
    assert station.storage is None
    world.say("beilen", "afterwards")
    assert {*HELD, "afterwards"} <= set(settle(world))


def test_broken_contents_in_sound_pages_are_found_too(world, tmp_path):
    path = cut_power(world, tmp_path / "card")
    with database(path) as db:
        db.execute("UPDATE log SET state = ?", (b"\xc1 not what it was",))
    world.start("beilen")
    assert set(settle(world)) == {*HELD, *WAITS}


def test_what_the_inbox_has_is_not_sent_again_when_that_can_be_read(world, tmp_path):
    path = cut_power(world, tmp_path / "card")
    into_the_file(world, path)
    world.nodes["beilen"].station = None
    found = rescue.salvage(path, lambda envelope: True, is_broken=True)
    assert len(found.reports) == WAITING


def test_rubbish_is_never_sent_in_our_name(world, tmp_path):
    path = cut_power(world, tmp_path / "card")
    into_the_file(world, path)
    path.write_bytes(path.read_bytes().replace(b"waits 17", b"waits 71"))
    break_the_header(path)
    world.start("beilen")
    texts = settle(world)
    assert "waits 17" not in texts
    assert "waits 71" not in texts
    assert len(texts) == RECEIPTED + WAITING - 1


def test_nothing_is_believed_of_rows_that_we_did_not_sign(world, tmp_path):
    path = cut_power(world, tmp_path / "card")
    found = rescue.salvage(path, lambda envelope: False, is_broken=True)
    assert found == rescue.Salvage([])


def test_a_crash_before_the_rescued_are_kept_loses_none(world, tmp_path):
    path = cut_power(world, tmp_path / "card")
    break_the_header(path)
    # as if power was lost right after the broken files were moved
    rescue.set_aside(path, rescue.RESCUE)
    world.start("beilen")
    assert set(settle(world)) == {*HELD, *WAITS}
    assert not rescue.aside(path, rescue.RESCUE)


def test_a_crash_while_the_files_are_moved_loses_none(world, tmp_path):
    path = cut_power(world, tmp_path / "card")
    break_the_header(path)
    path.rename(path.with_suffix(".rescue-1"))  # and power is lost before its write-ahead log goes
    world.start("beilen")
    assert set(settle(world)) == {*HELD, *WAITS}


def test_only_the_newest_broken_files_are_kept(world, tmp_path):
    path = world.nodes["beilen"].folder / OUTBOX_NAME
    for _ in range(rescue.KEPT_MAX + 2):
        world.kill("beilen")
        break_the_header(path)
        world.start("beilen")
    kept = rescue.aside(path, rescue.BROKEN)
    assert [file.name for file in kept] == ["outbox.broken-3", "outbox.broken-4", "outbox.broken-5"]
    assert set(settle(world)) == {*HELD, *WAITS}


def test_running_time_and_ages_do_not_go_back_with_a_broken_outbox(world, tmp_path):
    before = world.station().moment()
    path = cut_power(world, tmp_path / "card")
    break_the_header(path)
    world.nodes["beilen"].boot += 1
    world.nodes["beilen"].booted_s = world.now_s
    assert world.start("beilen").moment().elapsed_s >= int(before.elapsed_s)


@pytest.mark.parametrize("damage", [break_the_middle, fill_with_rubbish], ids=lambda each: each.__name__)
def test_a_file_that_breaks_under_a_running_node(world, damage):
    path = world.nodes["beilen"].folder / OUTBOX_NAME
    damage(path)
    log = path.with_name(OUTBOX_NAME + "-wal")
    damage(log)
    for number in range(40):
        world.say("beilen", f"later {number}")
        world.run(5)
    world.run(2 * RETRY_DISK_S)
    station = world.station()
    assert station.storage is None
    waiting = b"".join(row.envelope for row in open_rows(station))
    assert all(b"later %d" % number in waiting for number in range(40))
    texts = settle(world)
    assert {f"later {number}" for number in range(40)} <= set(texts)
