"""A disk out of reach, and the stay in memory: what comes along, what is kept within limits."""

from __future__ import annotations

import shutil

import pytest

from relay.core.ledger import State
from relay.core.message import Clock, Draft, Kind, Urgency
from relay.core.payloads import decode
from relay.errors import StorageError
from relay.node.room import Retention
from relay.node.station import MEMORY_QUOTA_BYTES, OUTBOX_NAME, RETRY_DISK_S
from relay.node.waiting import MEMORY_WAITING_BYTES
from tests.node.disks import as_nobody
from tests.node.failing import add, assert_all_arrive_once, code, say
from tests.node.parts import count, missing_at_inbox, open_rows
from tests.support.world import World


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path, 4, ())


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


def test_running_time_does_not_go_back_with_an_outbox_that_knows_less_of_it(world, disk):
    add(world, disk.folder)
    world.run(5000)
    world.status("beilen", visitors=1)
    world.reboot("beilen")
    world.set_link("beilen", False)
    disk.fill()
    for number in range(60):
        world.status("beilen", visitors=number)
    assert code(world) == "full"
    (disk.folder / OUTBOX_NAME).unlink(missing_ok=True)
    before = world.station().moment()
    disk.free()
    world.run(2 * RETRY_DISK_S)
    assert code(world) == "ok"
    assert world.station().moment().elapsed_s == before.elapsed_s + 2 * RETRY_DISK_S


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
