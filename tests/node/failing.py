"""A node on a disk that fails: what the tests of it say and ask."""

from __future__ import annotations

from relay.trust.keys import EpochFile
from tests.node.parts import missing_at_inbox, open_rows
from tests.support.world import World


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
