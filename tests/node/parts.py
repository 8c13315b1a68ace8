"""What tests of the node's disk share: images of a card, and questions to a world."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from relay.core.ledger import State
from relay.core.log import Row
from relay.core.message import Header, Kind, Numbering
from relay.core.wire import parse_header
from relay.node.station import OUTBOX_NAME, Station
from tests.support.world import World

REPORT, STATE = Numbering.REPORT, Numbering.STATE


class Card:
    """What stands on a node's card at one moment: files and epoch, as a power cut would leave them."""

    def __init__(self, world: World, name: str, into: Path) -> None:
        self.folder, self.epoch = into, world.nodes[name].epochs.epoch
        shutil.copytree(world.nodes[name].folder, into)

    def put_back(self, world: World, name: str, *, epoch_too: bool = True) -> None:
        """Make it the node's card; the node must not run."""
        folder = world.nodes[name].folder
        for old in folder.iterdir():
            old.unlink()
        for file in self.folder.iterdir():
            shutil.copy(file, folder)
        if epoch_too:
            world.nodes[name].epochs.epoch = self.epoch


def cut_power(world: World, into: Path, name: str = "beilen") -> Path:
    """Stop a node as a power cut does, its write-ahead log still there; the path of its outbox."""
    card = Card(world, name, into)
    world.kill(name)
    card.put_back(world, name)
    return world.nodes[name].folder / OUTBOX_NAME


def open_rows(station: Station) -> list[Row]:
    log = station.forwarder.log
    return [row for run in log.ledger(REPORT).open() for row in log.rows(REPORT, *run)]


def count(station: Station, state: State, numbering: Numbering = REPORT) -> int:
    return station.forwarder.log.ledger(numbering).count(state)


def rows_on_disk(path: Path, numbering: Numbering = REPORT) -> list[tuple[int, int, bytes]]:
    """Epoch, number and envelope of every row, as a power cut now would leave them."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        for part in ("", "-wal"):
            if path.with_name(path.name + part).exists():
                shutil.copy(path.with_name(path.name + part), copy.with_name(copy.name + part))
        return _rows(copy, numbering)


def _rows(path: Path, numbering: Numbering) -> list[tuple[int, int, bytes]]:
    with database(path) as db:
        query = "SELECT epoch, number, envelope FROM message WHERE numbering = ? ORDER BY 1, 2"
        return db.execute(query, (numbering,)).fetchall()


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """Look into a file that nobody has open, or change it."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        yield db
    finally:
        db.close()


def missing_at_inbox(world: World, name: str = "beilen") -> list[tuple[int, int]]:
    """The holes in what the inbox holds of a node's newest epoch."""
    address = world.nodes[name].signer.address
    reports = world.store.holding(address, world.store.newest_epoch(address)).reports
    return reports.missing(1, reports.last)


def findings(world: World, name: str = "beilen") -> dict[str, int]:
    query = "SELECT code, count FROM finding WHERE address = ?"
    return dict(world.store._db.execute(query, (world.nodes[name].signer.address,)))


def arrived(world: World) -> list[Header]:
    """All reports that the inbox stored, copies included."""
    query = "SELECT envelope FROM message WHERE numbering = 0 AND kind <> ?"
    return [parse_header(row[0]) for row in world.store._db.execute(query, (Kind.GAP,))]
