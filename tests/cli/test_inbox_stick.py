"""One handling of a stick at the inbox: at any moment the stick has at least what the inbox has not."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.cli.inbox_stick import Handling
from relay.core import wire
from relay.core.message import Clock, Entry, Header, Kind
from relay.errors import StorageError
from relay.links.courier import Batch, CourierStick
from relay.trust.stick import Stick

SITES = ("3f9a21c4", "77b009de", "c31cc73f")


class FakeInbox:
    """Holds what it is asked to read, as far as it believes it."""

    def __init__(self, *refused: str, muted: bool = False) -> None:
        self.held: set[bytes] = set()
        self.refused, self.muted = refused, muted

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["verb"] == "stick_receipts":
            answers = request["address"] not in self.refused and not self.muted
            return {"frame": base64.b64encode(b"\x90").decode() if answers else "", "muted": self.muted}
        entries = wire.decode_batch(base64.b64decode(request["frame"]))
        whole = request["source"] not in self.refused
        if whole:
            self.held |= {each.envelope for each in entries}
        return {
            "new": len(entries) * whole,
            "known": 0,
            "apart": len(entries) * (not whole),
            "junk": 0,
            "whole": whole,
        }


def report(site: str, number: int) -> Entry:
    header = Header(Kind.REPORT, bytes.fromhex(site), 3, Clock.NTP, 0, False, False, 1, number, 1000, 0)
    return Entry(wire.header_bytes(header) + bytes(64))


@pytest.fixture
def stick(tmp_path: Path) -> CourierStick:
    """Two batches of each site."""
    stick = CourierStick(Stick(tmp_path))
    for site in SITES:
        for number in (1, 2):
            stick.put(Batch(site, 1, number), wire.encode_batch([report(site, number)]))
    return stick


def take(stick: CourierStick, inbox: FakeInbox) -> Handling:
    handling = Handling(stick)
    handling.papers()
    handling.read(inbox.ask)
    handling.answer(inbox.ask)
    return handling


def test_what_is_held_goes_off_the_stick_and_its_receipts_go_on(stick: CourierStick) -> None:
    told = take(stick, FakeInbox()).told
    assert (told.new, told.receipts, told.cleared) == (6, 3, 6)
    assert stick.batches() == ([], 0)
    assert stick.receipts() == (sorted(SITES), 0)


def test_what_is_not_believed_stays_on_it(stick: CourierStick) -> None:
    told = take(stick, FakeInbox(SITES[0])).told
    assert (told.apart, told.receipts, told.cleared) == (2, 2, 4)
    assert {batch.address for batch in stick.batches()[0]} == {SITES[0]}


def test_an_inbox_that_stores_only_leaves_everything_where_it_is(stick: CourierStick) -> None:
    told = take(stick, FakeInbox(muted=True)).told
    assert told.muted and told.cleared == 0
    assert len(stick.batches()[0]) == 6 and stick.receipts() == ([], 0)


@pytest.mark.parametrize("last", range(9))
def test_pulled_out_at_any_moment_nothing_is_gone_that_has_no_receipt_on_it(
    stick: CourierStick, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    left: Iterator[int] = iter(range(last))
    real_write, real_remove = Stick.write, Stick.remove

    def write(self: Stick, path: str, data: bytes) -> bool:
        pulled()
        return real_write(self, path, data)

    def remove(self: Stick, path: str) -> None:
        pulled()
        real_remove(self, path)

    def pulled() -> None:
        if next(left, None) is None:
            raise StorageError("pulled out", code="gone")

    monkeypatch.setattr(Stick, "write", write)
    monkeypatch.setattr(Stick, "remove", remove)
    inbox = FakeInbox()
    with pytest.raises(StorageError):
        take(stick, inbox)
    monkeypatch.undo()
    there = {batch.address for batch in stick.batches()[0] if batch.counter in (1, 2)}
    receipts, _ = stick.receipts()
    assert set(SITES) <= there | set(receipts)
    assert take(stick, inbox).told.skipped.total() == 0
    assert stick.batches() == ([], 0)
