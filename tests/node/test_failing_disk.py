"""Disk full, read-only, failing, out of reach: messages go on in memory, and return by themselves."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from relay.core.message import Draft, Kind
from relay.core.payloads import decode
from relay.node.reporting import status_draft
from relay.node.station import OUTBOX_NAME, RETRY_DISK_S
from tests.node.failing import add, assert_all_arrive_once, code, say
from tests.node.parts import rows_on_disk
from tests.support.world import World


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path, 4, ())


# --- full ---


@pytest.mark.parametrize("link", ["up", "down"])
def test_on_a_full_disk_messages_go_on_in_memory_and_return_when_there_is_room(world, disk, link):
    add(world, disk.folder)
    world.set_link("beilen", link == "up")
    said = say(world, "before")
    disk.fill()
    said += say(world, "while full", range(60))
    assert code(world) == "full"
    world.run(3 * RETRY_DISK_S)
    assert code(world) == "full"
    disk.free()
    world.run(RETRY_DISK_S + 60)
    assert code(world) == "ok"
    said += say(world, "after")
    assert_all_arrive_once(world, said)
    # what comes now is on the disk
    world.set_link("beilen", False)
    world.say("beilen", "kept")
    world.kill("beilen")
    assert b"kept" in rows_on_disk(disk.folder / OUTBOX_NAME)[-1][2]


def test_a_full_disk_is_marked_in_the_status(world, disk):
    add(world, disk.folder)
    assert "storage" not in status_draft({}, world.station(), {}, 60).values
    disk.fill()
    say(world, "while full", range(60))
    assert status_draft({}, world.station(), {}, 60).values["storage"] == "memory_only"
    disk.free()
    world.run(RETRY_DISK_S + 60)
    assert "storage" not in status_draft({}, world.station(), {}, 60).values


def test_a_node_that_starts_on_a_full_disk_works_and_sends_what_waited(world, disk):
    add(world, disk.folder)
    world.set_link("beilen", False)
    said = say(world, "before")
    world.kill("beilen")
    disk.fill()
    world.start("beilen")
    said += say(world, "while full", range(60))
    world.set_link("beilen", True)
    world.run(60)
    assert sorted(world.texts()) == sorted(said)
    disk.free()
    world.run(RETRY_DISK_S + 60)
    assert code(world) == "ok"
    assert_all_arrive_once(world, said)


def test_a_new_node_on_a_full_disk_works(world, disk):
    disk.fill()
    add(world, disk.folder)
    assert code(world) == "full"
    said = say(world, "while full")
    disk.free()
    world.run(RETRY_DISK_S + 60)
    assert code(world) == "ok"
    assert_all_arrive_once(world, said)


def test_power_lost_while_the_disk_is_full_loses_nothing_that_was_kept_and_nothing_arrives_twice(world, disk):
    add(world, disk.folder)
    world.set_link("beilen", False)
    said = say(world, "before")
    disk.fill()
    say(world, "in memory only", range(60))
    assert code(world) == "full"
    kept = [row[2] for row in rows_on_disk(disk.folder / OUTBOX_NAME)]
    world.kill("beilen")
    disk.free()
    world.reboot("beilen")
    assert code(world) == "ok"
    world.set_link("beilen", True)
    world.run(200)
    texts = world.texts()
    assert len(texts) == len(set(texts))
    assert {*said, *(str(decode(each).values["text"]) for each in kept)} <= set(texts)


# --- read-only ---


def test_a_card_that_the_kernel_made_read_only(world, card):
    add(world, card.folder)
    world.set_link("beilen", False)
    said = say(world, "before")
    card.give_up()
    said += say(world, "read-only")
    assert code(world) in ("read_only", "failed")
    world.set_link("beilen", True)
    world.run(2 * RETRY_DISK_S)
    # nobody had to do anything for these
    assert sorted(world.texts()) == sorted(said)
    card.repair()
    world.run(RETRY_DISK_S + 60)
    assert code(world) == "ok"
    said += say(world, "after")
    assert_all_arrive_once(world, said)


def test_a_start_on_a_read_only_card_sends_what_waits_on_it(world, card):
    add(world, card.folder)
    world.set_link("beilen", False)
    said = say(world, "before")
    world.kill("beilen")
    card.give_up()
    world.reboot("beilen")
    assert code(world) == "read_only"
    said += say(world, "read-only")
    assert_all_arrive_once(world, said)
    # and again: each start on it is as good as the first
    world.reboot("beilen")
    said += say(world, "read-only again")
    assert_all_arrive_once(world, said)
    card.repair()
    world.run(RETRY_DISK_S + 60)
    assert code(world) == "ok"
    assert_all_arrive_once(world, said)


# --- errors ---


@contextmanager
def writes_fail() -> Iterator[None]:
    """Every write of this process past its first kilobyte fails with EFBIG: an I/O error to SQLite."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_io_error_at_a_commit_sends_messages_to_memory_until_the_disk_works(world, tmp_path):
    add(world, tmp_path / "node")
    world.set_link("beilen", False)
    said = say(world, "before")
    with writes_fail():
        world.station().submit([Draft(kind=Kind.REPORT, values={"text": "failed"})])
        assert code(world) == "failed"
        said += ["failed", *say(world, "in memory")]
        world.run(RETRY_DISK_S + 1)
        assert code(world) == "failed"
    world.run(RETRY_DISK_S + 60)
    assert code(world) == "ok"
    assert_all_arrive_once(world, said)


def test_an_error_while_reading_does_not_reach_the_caller(world, tmp_path):
    add(world, tmp_path / "node")
    world.set_link("beilen", False)
    said = say(world, "before")
    station = world.station()
    station._outbox._db.close()  # from here every statement fails
    world.set_link("beilen", True)
    world.run(60)
    assert station.storage is None  # it went to memory and is back already
    assert_all_arrive_once(world, said)


def test_a_receipt_that_cannot_be_kept_sends_nothing_twice(world, disk):
    add(world, disk.folder)
    world.set_link("beilen", False)
    said = say(world, "before")
    world.set_link("beilen", True)
    disk.fill()
    world.run(60)
    disk.free()
    world.run(2 * RETRY_DISK_S)
    assert code(world) == "ok"
    assert_all_arrive_once(world, said)
