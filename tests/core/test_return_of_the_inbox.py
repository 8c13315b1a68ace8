"""An inbox that was away is asked as soon as it says that it is back, not at the next turn."""

from __future__ import annotations

from pathlib import Path

from relay.core.events import InboxChanged
from tests.support.world import World


def test_a_node_asks_within_seconds_of_the_presence_of_an_inbox_that_kept_its_epoch(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run(5)
    assert world.station().forwarder.sessions["mqtt"].proven
    replies, store = world.intake._replies, world.store

    # the broker loses the inbox, but keeps the node: hellos go unanswered, further and further apart
    world.store = None
    world.run(300)
    session = world.station().forwarder.sessions["mqtt"]
    assert not session.proven
    world.say("beilen", "waiting")

    # the same inbox is there again, and says so
    world.store = store
    world._deliver("beilen", replies.presence(world._arrival(), world.inbox_clock))
    world.run(4)
    assert session.proven
    assert world.texts() == ["waiting"]


def test_an_inbox_that_restarts_and_holds_everything_has_forgotten_nothing(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    world.run(5)
    for number in range(5):
        world.status("beilen", visitors=number)
        world.say("beilen", f"report {number}")
        world.run(5)
    world.kill_inbox()
    world.run(5)
    world.start_inbox()
    world.run(30)
    changes = [event for event in world.nodes["beilen"].events if isinstance(event, InboxChanged)]
    assert len(changes) >= 2
    assert [change.forgotten for change in changes] == [0] * len(changes)
