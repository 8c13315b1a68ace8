"""Papers and the outbox together: what was believed of a distrusted inbox is void after a restart, too."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from relay.core import payloads, wire
from relay.core.ledger import State
from relay.core.log import Identity
from relay.core.message import Clock, Draft, Entry, Kind, Numbering
from relay.errors import StorageError
from relay.node.clocks import Clocks
from relay.node.notice_rows import NOTICES_MAX
from relay.node.papers import NodePapers
from relay.node.station import Station
from relay.trust import papers, roster_file
from relay.trust.keys import EpochFile
from tests.support.ends import InboxEnd
from tests.support.papers import AUTHORITIES, private_key
from tests.support.world import NETWORK, Signer

ME, NEXT = Signer.seeded("norg"), Signer.seeded("next inbox")


def raw(signer: Signer) -> bytes:
    return signer.public_key.public_bytes_raw()


def inbox_keys(version: int, *signers: Signer) -> bytes:
    change = papers.Change(version, papers.InboxKeys(tuple(map(raw, signers))))
    return papers.sign_change(change, private_key("authority"), NETWORK)


def papers_in(folder: Path, inbox: InboxEnd) -> NodePapers:
    return NodePapers(folder, raw(ME), NETWORK, AUTHORITIES, (raw(inbox.signer),))


def station_in(folder: Path, inbox: InboxEnd) -> Station:
    identity = Identity(ME.address, NETWORK, ME.private.sign, {})
    clocks = Clocks("boot", lambda: 1000.0, lambda: 1_790_000_000.0, lambda: Clock.NTP)
    epochs = EpochFile(folder / "node.epoch")
    return Station(folder, identity, epochs, clocks, random.Random(7), papers=papers_in(folder, inbox))


def receipted(station: Station) -> int:
    return station.forwarder.log.ledger(Numbering.REPORT).count(State.RECEIPTED)


def converse(station: Station, inbox: InboxEnd) -> None:
    station.link_changed("mqtt", True)
    for _ in range(4):
        for frame in station.frames_for("mqtt", 10):
            for answer in inbox.take(entry.envelope for entry in wire.decode_batch(frame)):
                station.receive("mqtt", wire.encode_batch([Entry(each) for each in answer]))


def test_receipts_of_a_key_that_was_distrusted_while_the_node_was_down_are_void(tmp_path: Path) -> None:
    inbox = InboxEnd()
    station = station_in(tmp_path, inbox)
    station.submit([Draft(kind=Kind.REPORT, values={"text": "een"})])
    converse(station, inbox)
    assert receipted(station) == 1
    station.close()

    again = station_in(tmp_path, inbox)
    assert receipted(again) == 1
    again.close()

    papers_in(tmp_path, inbox).take(inbox_keys(60, NEXT))  # by a stick
    last = station_in(tmp_path, inbox)
    assert receipted(last) == 0
    converse(last, inbox)  # the old one says what it likes
    assert receipted(last) == 0
    converse(last, InboxEnd(NEXT, epoch=1))
    assert receipted(last) == 1
    last.close()


@pytest.mark.parametrize("how", ["while it runs", "while it was down"])
def test_notices_of_a_key_that_was_distrusted_are_void_and_leave_room_for_the_next(
    tmp_path: Path, how: str
) -> None:
    thief, inbox = InboxEnd(epoch=2**32 - 1), InboxEnd(NEXT, epoch=1)
    station = station_in(tmp_path, thief)
    said = [thief.notice(f"weg uit dit gebouw {number}") for number in range(NOTICES_MAX)]
    read = {"notice": "handled", "handling": "seen", "about_epoch": 1, "about_number": 1}
    said.append(thief.envelope(Kind.NOTICE, payloads.notice_payload((), read)))
    for each in said:
        station.receive("mqtt", wire.encode_batch([Entry(each)]))
    assert len(station.notices.all()) == NOTICES_MAX + 1
    if how == "while it runs":
        station.receive("mqtt", wire.encode_batch([Entry(inbox_keys(60, NEXT))]))
    else:
        station.close()
        papers_in(tmp_path, thief).take(inbox_keys(60, NEXT))  # by a stick
        station = station_in(tmp_path, thief)
    assert station.notices.all() == []
    station.receive("mqtt", wire.encode_batch([Entry(inbox.notice("blijf binnen")), Entry(said[0])]))
    (kept,) = station.notices.notices()
    assert kept.kept.epoch == 1
    assert station.notices.handling(1, [1]) == {}
    station.close()


def test_a_disk_that_refuses_the_roster_costs_the_file_and_not_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = InboxEnd()
    mine = papers_in(tmp_path, inbox)

    def refuse(*_: object) -> None:
        raise StorageError("no", code="full")

    with monkeypatch.context() as broken:
        broken.setattr(roster_file.files, "replace", refuse)
        assert mine.take(inbox_keys(60, NEXT))
    assert set(mine.inboxes) == {NEXT.address}
    assert mine.take(inbox_keys(61, NEXT, inbox.signer))  # and the next takes both to the disk
    assert len(roster_file.Papers(tmp_path / "roster").envelopes) == 2
