"""V4: what was told to be kept is there after a kill at any moment and goes once; what was undone, never."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from relay.core.payloads import message_of
from relay.node.station import OUTBOX_NAME
from relay.trust.keys import EpochFile
from tests.node.desk_writer import HOLD_S, UNDONE_EACH
from tests.node.desks import DeskEnd
from tests.node.failing import add
from tests.node.parts import database, rows_on_disk
from tests.support.process import clean_environment
from tests.support.world import World

REPOSITORY = Path(__file__).parents[2]
CUTS = 20
KILLS = 25  # a fifth of them may come before anything was posted

FINISH = """
import sys, time
from pathlib import Path
from tests.node.desk_writer import open_counter
station, counter = open_counter(Path(sys.argv[1]))
time.sleep(float(sys.argv[2]))
counter.release()
for sent in counter.sent(100_000):
    print("undone" if sent.undone else "held" if sent.hold_s else "sent", sent.id)
station.close()
"""


def run(*arguments: object) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=REPOSITORY,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_whatever_moment_the_kill_comes_at_nothing_kept_is_lost_and_nothing_goes_twice(
    tmp_path: Path,
) -> None:
    said = run("-m", "tests.node.desk_writer", tmp_path, KILLS)
    kept = {id for word, id in said if word == "kept"}
    undone = {id for word, id in said if word == "undone"}
    assert [word for word, _ in said].count("killed") == KILLS
    assert len({id.partition("_")[0] for id in kept}) >= 20

    listed = {id: word for word, id in run("-c", FINISH, tmp_path, 5 * HOLD_S)}
    assert kept <= set(listed) and "held" not in listed.values()
    messages = [message_of(row[2]) for row in rows_on_disk(tmp_path / OUTBOX_NAME)]
    sent = Counter(str(message.values["text"]) for message in messages if message)
    assert set(sent.values()) == {1}
    assert undone <= {id for id, word in listed.items() if word == "undone"}
    for id in kept:
        if listed[id] == "undone":
            assert id not in sent and int(id.partition("_f")[2]) % UNDONE_EACH == 0
        else:
            assert sent[id] == 1, id
    assert len(sent) > KILLS and undone


def test_what_was_kept_is_synced_when_it_is_told(card, tmp_path: Path) -> None:
    world = World(tmp_path, 4, ())
    add(world, card.folder)
    world.set_link("beilen", False)
    desk, kept = DeskEnd(tmp_path, world), list[str]()
    for number in range(CUTS):
        kept.append(f"f{number}")
        desk.post(kept[-1], kept[-1], hold=bool(number % 2))
        left = tmp_path / f"cut{number}"
        card.after_power_cut(left)
        with database(left / OUTBOX_NAME) as db:
            assert [id for (id,) in db.execute("SELECT id FROM form ORDER BY elapsed_s")] == kept
        desk.run(1)
    world.kill("beilen")
    world.nodes["beilen"].folder = left
    world.nodes["beilen"].epochs = EpochFile(left / "node.epoch")
    world.start("beilen")
    desk.open()
    world.set_link("beilen", True)
    desk.run(60)
    assert desk.at_inbox() == dict.fromkeys(kept, 1), "what was held was sent, and all of it once"
    world.kill("beilen")
