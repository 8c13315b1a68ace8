"""Off a broken or read-only card: every report that can still be read goes on the stick, once."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from relay.core import wire
from relay.core.courier import as_carried
from relay.links.courier import CourierStick
from relay.node.courier_desk import Desk
from relay.node.courier_handling import Handling
from relay.node.courier_rescue import readable, write_rescued
from relay.node.outbox import PAGE_BYTES
from relay.trust.stick import Stick
from tests.node.disks import MemoryDisk, mounted
from tests.node.parts import cut_power, database
from tests.support.world import World

HELD = [f"heeft VRD {number}" for number in range(20)]
WAITS = [f"wacht {number}" for number in range(40)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A node with reports that the inbox has and reports that wait."""
    world = World(tmp_path, 3)
    for text in HELD:
        world.say("beilen", text)
    world.run(60)
    world.set_link("beilen", up=False)
    for text in WAITS:
        world.say("beilen", text)
    return world


@pytest.fixture
def stick(tmp_path: Path) -> CourierStick:
    (tmp_path / "stick").mkdir()
    return CourierStick(Stick(tmp_path / "stick"))


def nobody(request: dict[str, object]) -> dict[str, object]:
    raise AssertionError("no daemon runs")


def rescue(handling: Handling, stick: CourierStick, state: Path) -> int:
    return write_rescued(handling, stick, readable(state, None))


def import_all(world: World, stick: CourierStick) -> Counter[str]:
    """The stick at the inbox; the texts that an operator sees."""
    for batch in stick.batches()[0]:
        entries = as_carried(wire.decode_batch(stick.read(batch)), None)
        world.feed(f"stick-{batch.address}", wire.encode_batch(entries))
    return Counter(world.texts())


def test_what_waits_on_a_card_that_nobody_can_write_is_read_off_it(
    world: World, stick: CourierStick, tmp_path: Path
) -> None:
    path = cut_power(world, tmp_path / "image")
    with mounted(MemoryDisk(tmp_path / "card")) as card:
        for file in path.parent.iterdir():
            if file.is_file():
                (card.folder / file.name).write_bytes(file.read_bytes())
        subprocess.run(["mount", "-o", "remount,ro", str(card.folder)], check=True)
        handling = Handling(stick, nobody)
        assert rescue(handling, stick, card.folder) >= len(WAITS)
    assert import_all(world, stick) == Counter([*HELD, *WAITS])


def test_of_a_card_with_broken_pages_all_that_is_whole_is_read(
    world: World, stick: CourierStick, tmp_path: Path
) -> None:
    path = cut_power(world, tmp_path / "image")
    with database(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(PAGE_BYTES * 2)
        file.write(b"\xa5" * PAGE_BYTES)
    rescue(Handling(stick, nobody), stick, path.parent)
    found = import_all(world, stick)
    assert max(found.values()) == 1
    assert len(set(found) & set(WAITS)) > len(WAITS) // 2


def test_a_second_rescue_writes_nothing_twice(world: World, stick: CourierStick, tmp_path: Path) -> None:
    path = cut_power(world, tmp_path / "image")
    first = rescue(Handling(stick, nobody), stick, path.parent)
    assert first >= len(WAITS)
    assert rescue(Handling(stick, nobody), stick, path.parent) == 0


def test_what_is_in_memory_only_goes_by_the_daemon_and_the_card_adds_what_it_had_no_room_for(
    world: World, stick: CourierStick, tmp_path: Path
) -> None:
    with mounted(MemoryDisk(tmp_path / "card")) as card:
        node = world.nodes["beilen"]
        path = cut_power(world, tmp_path / "image")
        for file in path.parent.iterdir():
            if file.is_file():
                (card.folder / file.name).write_bytes(file.read_bytes())
        subprocess.run(["mount", "-o", "remount,ro", str(card.folder)], check=True)
        node.folder, at_home = card.folder, node.folder
        station = world.start("beilen")
        assert station.storage
        world.say("beilen", "alleen in geheugen")
        handling = Handling(stick, Desk(station, card.folder, node.signer.address).answer)
        handling.write()
        assert handling.told.memory_only
        rescued = rescue(handling, stick, card.folder)
        assert rescued <= len(HELD)  # what waited was in memory already, under new numbers
        world.kill("beilen")
        node.folder = at_home
    assert import_all(world, stick) == Counter([*HELD, *WAITS, "alleen in geheugen"])


def test_a_folder_without_an_outbox_has_nothing_to_rescue(stick: CourierStick, tmp_path: Path) -> None:
    (tmp_path / "leeg").mkdir()
    assert rescue(Handling(stick, nobody), stick, tmp_path / "leeg") == 0
    assert list((tmp_path / "leeg").iterdir()) == []
