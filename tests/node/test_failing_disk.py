"""Disk full, read-only, failing, out of reach: messages go on in memory, and return by themselves."""

from __future__ import annotations

import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from relay.core.ledger import State
from relay.core.message import Clock, Draft, Kind, Urgency
from relay.core.payloads import decode
from relay.errors import StorageError
from relay.node.reporting import status_draft
from relay.node.room import Retention
from relay.node.station import MEMORY_QUOTA_BYTES, OUTBOX_NAME, RETRY_DISK_S
from relay.node.waiting import MEMORY_WAITING_BYTES
from relay.trust.keys import EpochFile
from tests.node.disks import CardDisk, Disk, MemoryDisk, as_nobody, mounted
from tests.node.parts import count, missing_at_inbox, open_rows, rows_on_disk
from tests.support.world import World


@pytest.fixture(params=[MemoryDisk, CardDisk], ids=["tmpfs", "ext4"])
def disk(request, tmp_path) -> Iterator[Disk]:
    with mounted(request.param(tmp_path / "mount")) as disk:
        yield disk


@pytest.fixture
def card(tmp_path) -> Iterator[CardDisk]:
    with mounted(CardDisk(tmp_path / "mount")) as disk:
        yield disk


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path, 4, ())


def add(world: World, folder, *, real_epoch_file: bool = True):
    """A node with all that it keeps in `folder`."""
    world.nodes.pop("beilen", None)
    node = world.add("beilen", folder=folder)
    if real_epoch_file:
        world.kill("beilen")
        node.epochs = EpochFile(folder / "node.epoch")
        world.start("beilen")
    world.run(10)
    return node


def say(world: World, what: str, numbers: range = range(8)) -> list[str]:
    """Reports, and time between them; their texts."""
    texts = [f"{what} {number}" for number in numbers]
    for text in texts:
        world.say("beilen", text)
        world.run(1)
    return texts


def code(world: World) -> str:
    storage = world.station().storage
    return storage.code if storage else "ok"


def assert_all_arrive_once(world: World, said: list[str]) -> None:
    world.set_link("beilen", True)
    world.run(200)
    assert sorted(world.texts()) == sorted(said)
    assert not open_rows(world.station())
    assert missing_at_inbox(world) == []


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


# --- out of reach ---


def test_a_folder_without_rights_is_no_reason_to_stop(world, tmp_path):
    folder = tmp_path / "node"
    folder.mkdir(mode=0o755)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.name.startswith("pytest"):
            parent.chmod(0o755)
    node = world.add("beilen", folder=folder)
    world.kill("beilen")
    for file in folder.iterdir():
        file.unlink()
    folder.chmod(0o555)
    with as_nobody():
        station = world.start("beilen")
        assert station.storage
        assert station.storage.code in ("read_only", "cannot_open")
        assert station.storage.do.nl
        station.submit([Draft(kind=Kind.REPORT, values={"text": "one"})])
        station.close()
    node.station = None
    folder.chmod(0o755)


def test_a_missing_folder_is_no_reason_to_stop(world, tmp_path):
    add(world, tmp_path / "node", real_epoch_file=False)
    world.kill("beilen")
    shutil.rmtree(tmp_path / "node")
    world.start("beilen")
    assert code(world) == "cannot_open"
    said = say(world, "nowhere to write")
    (tmp_path / "node").mkdir()
    world.run(RETRY_DISK_S + 60)
    assert code(world) == "ok"
    assert_all_arrive_once(world, said)


def test_an_epoch_file_that_cannot_be_written_keeps_a_new_outbox_in_memory(world, tmp_path):
    node = world.add("beilen", folder=tmp_path / "node")
    world.kill("beilen")
    (tmp_path / "node" / OUTBOX_NAME).unlink()
    node.epochs.error = StorageError("read-only", code="read_only")
    world.start("beilen")
    assert code(world) == "read_only"
    said = say(world, "in memory")
    world.run(60)
    assert sorted(world.texts()) == sorted(said)
    # started again and again, it finds its way past the numbers that the inbox knows
    for _ in range(3):
        world.kill("beilen")
        world.start("beilen")
        said += say(world, f"start at {world.now_s}")
        world.run(60)
    node.epochs.error = None
    world.run(RETRY_DISK_S + 60)
    assert code(world) == "ok"
    assert_all_arrive_once(world, said)


def test_a_damaged_epoch_file_is_said_and_left_alone_until_someone_mends_it(world, tmp_path):
    add(world, tmp_path / "node")
    file = tmp_path / "node" / "node.epoch"
    good = file.read_bytes()
    world.kill("beilen")
    file.write_bytes(b"\0\0\0")
    world.start("beilen")
    assert code(world) == "corrupt"
    assert "node.epoch" in world.station().storage.what.nl
    said = say(world, "in memory")
    world.run(2 * RETRY_DISK_S)
    assert file.read_bytes() == b"\0\0\0"
    # a sound outbox is not set aside for it
    assert [each.name for each in file.parent.glob("outbox.*-1")] == []
    file.write_bytes(good)
    world.run(RETRY_DISK_S + 60)
    assert code(world) == "ok"
    assert_all_arrive_once(world, said)


# --- memory ---


def test_what_waits_beyond_the_room_in_memory_stays_on_the_disk_and_arrives_later(world, disk, monkeypatch):
    monkeypatch.setattr("relay.node.waiting.MEMORY_WAITING_BYTES", 3000)
    add(world, disk.folder)
    world.set_link("beilen", False)
    said = say(world, "before", range(40))
    world.say("beilen", "urgent", Urgency.EMERGENCY)
    said.append("urgent")
    disk.fill()
    for number in range(60):
        world.status("beilen", visitors=number)
    assert code(world) == "full"
    texts = [str(decode(row.envelope).values["text"]) for row in open_rows(world.station())]
    assert "urgent" in texts
    assert "before 0" in texts
    assert 10 < len(texts) < 40
    disk.free()
    assert_all_arrive_once(world, said)


def test_memory_has_a_quota_too(world, tmp_path, monkeypatch):
    monkeypatch.setattr("relay.node.station.MEMORY_QUOTA_BYTES", 20_000)
    assert MEMORY_WAITING_BYTES < MEMORY_QUOTA_BYTES
    world.retention = Retention()
    add(world, tmp_path / "node")
    world.kill("beilen")
    shutil.rmtree(tmp_path / "node")
    world.start("beilen")
    world.set_link("beilen", False)
    for number in range(300):
        world.say("beilen", f"report {number}")
    station = world.station()
    assert station.size_bytes < 21_000
    assert count(station, State.GIVEN_UP) == station.dropped > 0
    world.set_link("beilen", True)
    world.run(60)
    assert missing_at_inbox(world) == []


def test_the_inboxs_time_and_the_ages_outlive_a_stay_in_memory(world, disk):
    node = add(world, disk.folder)
    node.clock = Clock.NONE
    world.say("beilen", "one")
    world.run(60)
    assert world.station().forwarder.state.inbox.time(world.station().moment())[1] is Clock.INBOX
    world.set_link("beilen", False)
    disk.fill()
    world.say("beilen", "aged")
    for number in range(60):
        world.status("beilen", visitors=number)
    assert code(world) == "full"
    assert world.station().forwarder.state.inbox.time(world.station().moment())[1] is Clock.INBOX
    world.run(500)
    disk.free()
    world.run(2 * RETRY_DISK_S)
    assert code(world) == "ok"
    assert world.station().forwarder.state.inbox.time(world.station().moment())[1] is Clock.INBOX
    world.set_link("beilen", True)
    world.run(60)
    ages = world.store._db.execute("SELECT age_s FROM message WHERE numbering = 0 ORDER BY id").fetchall()
    assert 560 <= ages[-1][0] <= 700
