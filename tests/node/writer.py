"""A process that keeps reports and says so, until it is killed: `python -m tests.node.writer FOLDER`."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from relay.core.log import Identity
from relay.core.message import Draft, Kind
from relay.node.clocks import machine_clocks
from relay.node.station import Station
from relay.trust.keys import EpochFile
from tests.support.world import NETWORK, Signer

if __name__ == "__main__":
    folder, signer = Path(sys.argv[1]), Signer.seeded("writer")
    identity = Identity(signer.address, NETWORK, signer.private.sign, {})
    clocks = machine_clocks(lambda: True)
    station = Station(folder, identity, EpochFile(folder / "node.epoch"), clocks, random.SystemRandom())
    assert station.storage is None, station.storage
    while True:
        for row in station.submit([Draft(kind=Kind.REPORT, values={"text": str(time.time_ns())})]):
            print(station.forwarder.state.epoch, row.number, ".", flush=True)
