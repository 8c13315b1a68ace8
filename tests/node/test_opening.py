"""Which epoch a node goes on with at its start, and how it counts its running time."""

from __future__ import annotations

import pytest

from relay.core.message import Clock
from relay.core.wire import parse_header
from relay.errors import StorageError
from relay.node.station import OUTBOX_NAME
from tests.node.parts import Card, cut_power, database, open_rows
from tests.support.world import Signer, World


@pytest.fixture
def world(tmp_path) -> World:
    made = World(tmp_path, 3)
    made.run(10)
    return made


def epoch(world: World) -> int:
    return world.station().forwarder.state.epoch


def texts_once(world: World, *expected: str) -> bool:
    world.set_link("beilen", True)
    world.run(100)
    assert sorted(world.texts()) == sorted(expected)
    return not world.station().forwarder.log.ledger(0).open()


# --- epochs ---


def test_a_new_outbox_begins_above_the_epoch_file(tmp_path):
    world = World(tmp_path, 3, ())
    folder = tmp_path / "node"
    folder.mkdir()
    world.add("norg", folder=folder)
    assert epoch_of(world, "norg") == world.nodes["norg"].epochs.epoch >= 1
    world.kill("norg")
    (folder / OUTBOX_NAME).unlink()
    world.nodes["norg"].epochs.epoch = 500
    world.start("norg")
    assert 500 < epoch_of(world, "norg") <= 564
    assert world.nodes["norg"].epochs.epoch == epoch_of(world, "norg")


def epoch_of(world: World, name: str) -> int:
    return world.station(name).forwarder.state.epoch


def test_a_restart_goes_on_where_it_was(world, tmp_path):
    world.set_link("beilen", False)
    world.say("beilen", "one")
    before, rows = epoch(world), open_rows(world.station())
    cut_power(world, tmp_path / "card")
    world.start("beilen")
    assert epoch(world) == before
    assert open_rows(world.station()) == rows
    assert texts_once(world, "one")


def test_an_outbox_older_than_the_epoch_file_is_not_gone_on_with(world, tmp_path):
    world.set_link("beilen", False)
    world.say("beilen", "one")
    card = Card(world, "beilen", tmp_path / "card")
    world.kill("beilen")
    (world.nodes["beilen"].folder / OUTBOX_NAME).unlink()
    world.start("beilen")
    newer = epoch(world)
    world.kill("beilen")
    card.put_back(world, "beilen", epoch_too=False)
    world.start("beilen")
    assert epoch(world) > newer
    assert [parse_header(row.envelope).epoch for row in open_rows(world.station())] == [epoch(world)]
    assert texts_once(world, "one")


@pytest.mark.parametrize("on_file", [0, 1])
def test_an_epoch_file_that_is_older_or_missing_is_raised_above_the_outbox(world, on_file):
    world.set_link("beilen", False)
    world.say("beilen", "one")
    before = epoch(world)
    world.kill("beilen")
    world.nodes["beilen"].epochs.epoch = on_file
    world.start("beilen")
    assert epoch(world) == world.nodes["beilen"].epochs.epoch > before
    assert texts_once(world, "one")


def test_a_crash_between_epoch_file_and_commit_only_skips_a_number(world):
    world.set_link("beilen", False)
    world.say("beilen", "one")
    before, station = epoch(world), world.station()
    epochs = world.nodes["beilen"].epochs
    raise_to = epochs.raise_to

    def raise_and_lose_power(value: int) -> None:
        raise_to(value)
        raise KeyboardInterrupt

    station._outbox._raise_epoch = raise_and_lose_power
    with pytest.raises(KeyboardInterrupt):
        station.forwarder.begin_epoch(0, station.moment())
    skipped = epochs.epoch
    assert skipped > before == station._outbox.newest_epoch()
    world.kill("beilen")
    world.start("beilen")
    assert epoch(world) > skipped
    assert texts_once(world, "one")


def test_an_epoch_that_could_not_be_begun_leaves_every_report_waiting(world):
    world.set_link("beilen", False)
    world.say("beilen", "one")
    station, before = world.station(), epoch(world)
    world.nodes["beilen"].epochs.error = StorageError("full", code="full")
    with pytest.raises(StorageError):
        station.forwarder.begin_epoch(0, station.moment())
    assert epoch(world) == before
    assert len(open_rows(station)) == 1


def test_the_outbox_of_another_key_is_set_aside_and_not_used(world, tmp_path):
    world.set_link("beilen", False)
    world.say("beilen", "of the other")
    world.kill("beilen")
    folder = tmp_path / "norg"
    folder.mkdir()
    (folder / OUTBOX_NAME).write_bytes((world.nodes["beilen"].folder / OUTBOX_NAME).read_bytes())
    world.add("norg", Signer.seeded("norg"), folder)
    station = world.station("norg")
    assert open_rows(station) == []
    assert station.storage is None
    assert [note.en for note in station.notes] == [
        f"The outbox belongs to another key or network: not used, kept as {folder / 'outbox.foreign-1'}"
    ]
    world.say("norg", "of its own")
    world.run(30)
    assert world.texts() == ["of its own"]
    # given back to its owner, it is as it was
    (folder / "outbox.foreign-1").rename(world.nodes["beilen"].folder / OUTBOX_NAME)
    world.start("beilen")
    assert texts_once(world, "of its own", "of the other")


def test_a_report_whose_bytes_changed_on_the_card_is_not_signed_again(world, tmp_path):
    world.set_link("beilen", False)
    world.say("beilen", "all is well")
    world.say("beilen", "two")
    path = cut_power(world, tmp_path / "card")
    with database(path) as db:  # SQLite has no checksums: it finds nothing wrong with such a file
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(path.read_bytes().replace(b"all is well", b"all is hell"))
    world.nodes["beilen"].epochs.epoch += 1  # so that all is issued again
    world.start("beilen")
    waiting = [row.envelope for row in open_rows(world.station())]
    assert len(waiting) == 1
    assert b"two" in waiting[0]


# --- running time ---


def test_within_one_boot_running_time_and_ages_go_on_exactly(world):
    world.set_link("beilen", False)
    world.say("beilen", "one")
    world.run(100)
    before = world.station().moment()
    world.kill("beilen")
    world.run(20)
    world.start("beilen")
    after = world.station().moment()
    assert (after.boot, after.elapsed_s) == (before.boot, before.elapsed_s + 20)
    assert texts_once(world, "one")
    assert 100 <= ages(world)[0] <= 260


def test_after_a_reboot_running_time_goes_on_and_ages_are_not_known(world):
    world.set_link("beilen", False)
    world.run(500)
    world.say("beilen", "one")
    world.status("beilen", visitors=1)
    before = world.station().moment()
    world.reboot("beilen", off_s=9000)
    after = world.station().moment()
    assert after.boot == before.boot + 1
    assert int(before.elapsed_s) <= after.elapsed_s < before.elapsed_s + 60  # time without power is no time
    world.say("beilen", "two")
    assert texts_once(world, "one", "two")
    assert [age for age in ages(world) if age is None] == [None]


def test_running_time_never_goes_back_over_many_reboots(world):
    world.nodes["beilen"].clock = Clock.NONE
    last = 0.0
    for number in range(6):
        world.run(10 * number)
        world.status("beilen", visitors=number)
        now_s = world.station().moment().elapsed_s
        assert now_s >= int(last)
        last = now_s
        world.reboot("beilen", off_s=1000 * number)
    assert world.station().moment().boot == 7


def test_without_a_boot_id_every_start_counts_as_a_boot(world):
    world.nodes["beilen"].has_boot_id = False
    boots = []
    for _ in range(3):
        world.kill("beilen")
        boots.append(world.start("beilen").moment().boot)
    assert boots == [2, 3, 4]


def ages(world: World) -> list[int | None]:
    rows = world.store._db.execute("SELECT age_s FROM message WHERE numbering = 0 ORDER BY id")
    return [row[0] for row in rows]
