"""One handling of a stick, against real stations: whatever happens on the way, nothing is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from relay.core import wire
from relay.core.message import Entry, Kind, Urgency
from relay.errors import StorageError
from relay.links.courier import COUNTER_MAX, Batch, CourierStick
from relay.node import courier_handling
from relay.node.courier_desk import Desk
from relay.node.courier_handling import Handling, Told
from relay.trust.stick import Stick
from tests.node.disks import MemoryDisk, mounted
from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Nobody has a link; sticks go round."""
    world = World(tmp_path, names=("beilen", "assen"))
    for name in world.nodes:
        world.set_link(name, up=False)
    return world


@pytest.fixture
def stick(tmp_path: Path) -> CourierStick:
    (tmp_path / "stick").mkdir()
    return CourierStick(Stick(tmp_path / "stick"))


def desk_of(world: World, name: str) -> Desk:
    node = world.nodes[name]
    return Desk(world.station(name), node.folder, node.signer.address)


def handle(world: World, name: str, stick: CourierStick) -> Told:
    """Both ways, as `naober stick` does it."""
    handling = Handling(stick, desk_of(world, name).answer)
    handling.read()
    handling.write()
    return handling.told


def bound(work: Callable[..., object], *first: object) -> Callable[..., object]:
    """A method that gives `work` its first arguments before itself."""

    def method(self: Stick, *rest: object) -> object:
        return work(*first, self, *rest)

    return method


def on_stick(stick: CourierStick) -> set[bytes]:
    return {each.envelope for batch in stick.batches()[0] for each in wire.decode_batch(stick.read(batch))}


def open_of(world: World, name: str) -> set[bytes]:
    desk = desk_of(world, name)
    return {each.envelope for each in desk._entries()}


def test_a_second_export_takes_the_place_of_the_first(world: World, stick: CourierStick) -> None:
    world.say("beilen", "een")
    handle(world, "beilen", stick)
    world.say("beilen", "twee")
    told = handle(world, "beilen", stick)
    assert told.written == 2 and len(stick.batches()[0]) == 1
    assert on_stick(stick) == open_of(world, "beilen")


def test_two_nodes_share_a_stick_and_neither_touches_what_the_other_wrote(
    world: World, stick: CourierStick
) -> None:
    world.say("beilen", "van beilen")
    world.say("assen", "van assen")
    handle(world, "beilen", stick)
    told = handle(world, "assen", stick)
    assert told.taken == 1
    writers = {batch.address for batch in stick.batches()[0]}
    assert writers == {world.nodes[name].signer.address.hex() for name in ("beilen", "assen")}
    assert open_of(world, "beilen") <= on_stick(stick)


def test_a_stick_pulled_out_at_any_moment_still_has_what_was_on_it(
    world: World, stick: CourierStick, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        world.say("beilen", f"melding {number} " + "x" * 100)
    handle(world, "beilen", stick)
    before = on_stick(stick)
    assert len(before) == 300
    world.say("beilen", "nog een", Urgency.EMERGENCY)
    real = {name: getattr(Stick, name) for name in ("write", "remove")}
    for last in range(12):  # of the writes and removals that come through
        left = iter(range(last))

        def pulled(name: str, left: Iterator[int], self: Stick, *args: object) -> object:
            if next(left, None) is None:
                raise StorageError("pulled out", code="gone")
            return real[name](self, *args)

        for name in real:
            monkeypatch.setattr(Stick, name, bound(pulled, name, left))
        try:
            handle(world, "beilen", stick)
        except StorageError as error:
            assert error.code == "gone"
        monkeypatch.undo()
        assert before <= on_stick(stick)
        assert open_of(world, "beilen") == before | {max(open_of(world, "beilen") - before)}
    handle(world, "beilen", stick)
    assert on_stick(stick) == open_of(world, "beilen")


def test_a_full_stick_keeps_what_it_had_and_says_so(world: World, tmp_path: Path) -> None:
    with mounted(MemoryDisk(tmp_path / "small")) as disk:
        stick = CourierStick(Stick(disk.folder))
        world.say("beilen", "een")
        handle(world, "beilen", stick)
        before = on_stick(stick)
        disk.fill()
        world.say("beilen", "twee")
        with pytest.raises(StorageError) as refused:
            handle(world, "beilen", stick)
        assert refused.value.code == "full" and refused.value.do.nl
        assert on_stick(stick) == before
        disk.free()
        handle(world, "beilen", stick)
        assert len(on_stick(stick)) == 2


def test_a_stick_that_takes_no_writes_is_read_all_the_same(world: World, tmp_path: Path) -> None:
    with mounted(MemoryDisk(tmp_path / "small")) as disk:
        stick = CourierStick(Stick(disk.folder))
        world.say("beilen", "een")
        handle(world, "beilen", stick)
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
        world.say("assen", "twee")
        handling = Handling(stick, desk_of(world, "assen").answer)
        handling.read()
        assert handling.told.taken == 1
        with pytest.raises(StorageError) as refused:
            handling.write()
        assert refused.value.code == "read_only" and refused.value.do.nl
        assert len(open_of(world, "assen")) == 2


def test_a_hostile_stick_does_no_harm_and_one_line_tells_what_was_passed_over(
    world: World, stick: CourierStick, tmp_path: Path
) -> None:
    folder = tmp_path / "stick" / "naober" / "berichten"
    world.say("beilen", "echt")
    handle(world, "beilen", stick)
    secret = tmp_path / "secret"
    secret.write_bytes(wire.encode_batch([Entry(b"\x21" * 100)]))
    (folder / "00000000-1-1").symlink_to(secret)
    os.mkfifo(folder / "00000000-1-2")
    (folder / "00000000-1-3").mkdir()
    with (folder / "00000000-1-4").open("wb") as huge:
        huge.truncate(10 * 1024**3)
    (folder / "00000000-1-5").write_bytes(b"\xc1")
    (folder / "00000000-1-6").write_bytes(wire.encode_batch([Entry(b"x" * 100_000)]))
    (folder / "..%2f..%2fetc").write_bytes(b"x")
    for number in range(3000):
        (folder / f"00000000-2-{number + 1}").touch()
    (folder / "ontvangst").mkdir()
    (folder / "ontvangst" / "00000000").symlink_to("/etc/shadow")
    (folder / "ontvangst" / "11111111").write_bytes(os.urandom(2000))

    told = handle(world, "assen", stick)
    assert told.taken <= 1
    assert told.skipped["unsafe"] + told.skipped["strange"] > 900
    assert told.skipped["broken"] > 0
    assert secret.read_bytes()
    [mine] = folder.glob(f"{world.nodes['beilen'].signer.address.hex()}-*")
    assert wire.decode_batch(mine.read_bytes())[0].envelope in open_of(world, "beilen")


def test_more_than_is_read_of_one_stick_stays_on_it(
    world: World, stick: CourierStick, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        world.say("beilen", f"melding {number} " + "x" * 100)
    handle(world, "beilen", stick)
    monkeypatch.setattr(courier_handling, "READ_BYTES_MAX", 10_000)
    told = handle(world, "assen", stick)
    assert told.skipped["large"] > 0 and 0 < told.taken < 300
    assert len(on_stick(stick)) >= 300


def test_an_export_alone_loses_nothing_of_what_the_node_wrote_for_others(
    world: World, stick: CourierStick
) -> None:
    world.say("beilen", "een")
    handle(world, "beilen", stick)
    handle(world, "assen", stick)
    carried = on_stick(stick)
    for path in (world.nodes["assen"].folder / "courier").iterdir():
        path.unlink()  # Assen has forgotten; its file on the stick has not
    handling = Handling(stick, desk_of(world, "assen").answer)
    handling.write()
    assert on_stick(stick) == carried


def test_a_name_at_the_end_of_the_count_costs_nothing(world: World, stick: CourierStick) -> None:
    world.say("beilen", "een")
    mine = world.nodes["beilen"].signer.address.hex()
    epoch = world.station("beilen").forwarder.state.epoch
    for counter in (1, COUNTER_MAX):
        stick.put(Batch(mine, epoch, counter), b"\x90")
    for _ in range(3):
        handle(world, "beilen", stick)
        assert on_stick(stick) == open_of(world, "beilen")


def test_a_roster_that_is_no_roster_does_not_stop_the_rest(
    world: World, stick: CourierStick, tmp_path: Path
) -> None:
    world.say("beilen", "een")
    handle(world, "beilen", stick)
    change = bytes((1 << 5 | Kind.ROSTER_CHANGE,)) + bytes(200_000)
    (tmp_path / "stick" / "naober" / "roster").write_bytes(msgspec.msgpack.encode([change]))
    told = handle(world, "assen", stick)
    assert told.skipped["broken"] == 1 and told.taken == 1 and told.written == 1
