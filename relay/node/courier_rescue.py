"""Off a card that takes no writes, or is broken: every report without a receipt that can still be read.

Nothing is opened for writing and no epoch begins: the envelopes go on the stick as they were signed, and the
inbox knows a report that reached it under another number for the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from relay.core import wire
from relay.core.log import Row
from relay.core.message import Entry, Numbering
from relay.errors import NaoberError, StorageError, WireError
from relay.links.courier import Batch, CourierStick, free_counters
from relay.node import rescue as cards
from relay.node.courier_handling import Handling, pieces
from relay.node.waiting import not_among

if TYPE_CHECKING:
    from relay.config import NodeConfig

OUTBOX_NAME = "outbox.db"


def write_rescued(handling: Handling, stick: CourierStick, rows: Sequence[Row]) -> int:
    """Put on the stick what it has not yet; how many reports that are. Raises StorageError."""
    by_log: dict[tuple[str, int], list[Entry]] = {}
    for row in not_among(rows, _on_stick(stick)):
        header = wire.parse_header(row.envelope)
        by_log.setdefault((header.address.hex(), header.epoch), []).append(Entry(row.envelope))
    for (address, epoch), entries in by_log.items():
        batches, _ = stick.batches()
        for counter, frame in zip(free_counters(batches, address), pieces(entries), strict=False):
            handling.put(Batch(address, epoch, counter), frame)
    return sum(map(len, by_log.values()))


def readable(state: Path, settings: NodeConfig | None) -> list[Row]:
    """What can be read of every outbox in the folder: the present one and those moved aside as broken.

    With `settings` only what this node signed is taken; without, the inbox judges.
    """
    path, is_own = state / OUTBOX_NAME, _judge(settings)
    found = cards.Salvage([])
    for each in (path, *cards.aside(path, cards.RESCUE), *cards.aside(path, cards.BROKEN)):
        found = found.merged(cards.salvage(each, is_own, is_broken=True))
    return found.reports


def _judge(settings: NodeConfig | None) -> Callable[[bytes], bool]:
    """Whether an envelope is worth carrying; a card that can't tell who it is leaves that to the inbox."""
    if settings is None:
        return lambda _: True
    from relay.node.compose import identity_of

    try:
        return identity_of(settings).signed
    except NaoberError:
        return lambda _: True


def _on_stick(stick: CourierStick) -> list[Row]:
    """What batches on the stick hold already, in the form in which contents are compared."""
    rows = []
    for batch in stick.batches()[0]:
        with contextlib.suppress(WireError, StorageError):
            found = wire.decode_batch(stick.read(batch))
            rows += [Row(Numbering.REPORT, 0, 0, 0, 0, each.envelope) for each in found]
    return rows
