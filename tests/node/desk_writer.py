"""Processes that post forms until they are killed: `python -m tests.node.desk_writer FOLDER N`.

One program, so that it starts once: each of its N children goes on with what the one before left on the disk.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from relay.core.log import Identity
from relay.core.message import Clock
from relay.node.clocks import machine_clocks
from relay.node.desk import book, forms, rows
from relay.node.desk.counter import Counter
from relay.node.entered import Entered
from relay.node.station import Station
from relay.trust.keys import EpochFile
from tests.support.world import NETWORK, Signer

HOLD_S = 0.02
FORMS_MAX = 100_000
UNDONE_EACH = 5  # of the forms that are held
IN_THE_START_EACH = 5  # of the children, killed while they open what is there, perhaps


def open_counter(folder: Path) -> tuple[Station, Counter]:
    """The desk of the node in `folder`, impatient and with a long memory."""
    forms.HOLD_S = HOLD_S
    book.FORMS_MAX = rows.FORMS_MAX = FORMS_MAX
    signer = Signer.seeded("desk")
    identity = Identity(signer.address, NETWORK, signer.private.sign, {})
    clocks = machine_clocks(lambda: Clock.NTP)
    station = Station(folder, identity, EpochFile(folder / "node.epoch"), clocks, random.SystemRandom())
    assert station.storage is None, station.storage
    return station, Counter(station, Entered(folder), 60.0)


def say(word: str, id: str) -> None:
    """One write, so that a kill leaves a whole line or none."""
    os.write(1, f"{word} {id}\n".encode())


def post(folder: Path, child: int, first: int) -> None:
    """Until killed; `first` is a pipe that hears when something is kept."""
    _, counter = open_counter(folder)
    number = 0
    while True:
        number += 1
        id = f"c{child}_f{number}"
        request = {"kind": "report", "values": {"text": id}, "urgency": 3}
        counter.submit(id, request, hold=number % 3 != 0, ago_min=0)
        say("kept", id)
        os.write(first, b".")
        if number % UNDONE_EACH == 0 and (sent := counter.undo(id)) and sent.undone:
            say("undone", id)
        counter.release()


if __name__ == "__main__":
    chance = random.Random(7)
    for number in range(int(sys.argv[2])):
        first, end = os.pipe()
        pid = os.fork()
        if not pid:
            post(Path(sys.argv[1]), number, end)
        os.close(end)  # so that a child that fails is noticed
        if number % IN_THE_START_EACH:
            os.read(first, 1)
        time.sleep(chance.uniform(0.0, 0.15))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(first)
        say("killed", str(number))
