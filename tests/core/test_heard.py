"""What is heard by radio goes up by MQTT, is kept until a receipt covers it, and is bounded whoever talks."""

from __future__ import annotations

import random

import pytest

from relay.core import payloads, wire
from relay.core.events import Junk, MessageHeard
from relay.core.heard import BYTES_MAX, ORIGINS_MAX, PER_ORIGIN_MAX
from relay.core.message import Entry, Header, Kind, Numbering, Urgency
from relay.core.session import RECEIPT_TIMEOUT_S
from tests.support.ends import InboxEnd, converse, said
from tests.support.radio_end import RadioEnd, kinds
from tests.support.world import NETWORK, Signer

EPOCH = 3


class Neighbour:
    """A site whose packets a test puts on the air."""

    def __init__(self, name: str = "buur") -> None:
        self.signer = Signer.seeded(name)
        self.numbers = {Kind.STATUS: 0, Kind.REPORT: 0}

    def says(
        self, kind: Kind = Kind.REPORT, urgency: Urgency = Urgency.ROUTINE, text: str = "hallo"
    ) -> bytes:
        self.numbers[kind] += 1
        header = Header(
            kind, self.signer.address, urgency, 0, 0, False, False, EPOCH, self.numbers[kind], 5000, 0
        )
        status = (0, 15.0, 0) if kind is Kind.STATUS else None
        payload = payloads.message_payload({"text": text}, status=status)
        return wire.sign(header, payload, NETWORK, self.signer.private.sign)

    @property
    def address(self) -> bytes:
        return self.signer.address


@pytest.fixture
def node() -> RadioEnd:
    node = RadioEnd()
    node.makes_statuses = False
    return node


@pytest.fixture
def inbox() -> InboxEnd:
    return InboxEnd()


@pytest.fixture
def buur() -> Neighbour:
    return Neighbour()


def uploads(node: RadioEnd) -> list[Entry]:
    frames = node.forwarder.frames_for("mqtt", node.moment, 100)
    return [entry for frame in frames for entry in wire.decode_batch(frame) if entry.heard]


def up(node: RadioEnd, inbox: InboxEnd) -> None:
    node.connect()
    converse(node, inbox)


def test_what_is_heard_goes_up_with_how_it_was_heard_and_how_old_it_is(node, inbox, buur) -> None:
    up(node, inbox)
    node.hear_radio(buur.says(), age_s=100.0, hops=2, snr=-7)
    node.now_s += 30
    (entry,) = uploads(node)
    assert entry.heard and (entry.heard.link, entry.heard.snr_db, entry.heard.hops) == ("radio", -7, 2)
    assert entry.age_s == pytest.approx(130, rel=0.06)


def test_an_age_that_is_not_known_stays_unknown(node, inbox, buur) -> None:
    up(node, inbox)
    node.hear_radio(buur.says(), age_s=None)
    assert uploads(node)[0].age_s is None


def test_without_mqtt_it_waits_and_goes_when_mqtt_is_proven(node, inbox, buur) -> None:
    node.hear_radio(buur.says())
    node.dark()
    assert len(node.forwarder.heard) == 1
    up(node, inbox)
    assert ("report", 1) in inbox.taken
    assert len(node.forwarder.heard) == 0, "its receipt came with the answer"


def test_a_receipt_by_radio_for_another_site_ends_it(node, inbox, buur) -> None:
    envelope = buur.says()
    node.hear_radio(envelope)
    inbox.take([envelope])
    node.hear_radio(inbox.receipt(b"", inbox.entry(buur.address, EPOCH)))
    assert len(node.forwarder.heard) == 0


def test_a_receipt_for_other_numbers_does_not(node, inbox, buur) -> None:
    first, second = buur.says(), buur.says()
    node.hear_radio(first)
    node.hear_radio(second)
    inbox.take([first])
    node.hear_radio(inbox.receipt(b"", inbox.entry(buur.address, EPOCH)))
    assert len(node.forwarder.heard) == 1


def test_of_each_site_only_the_newest_status_waits(node, buur) -> None:
    statuses = [buur.says(Kind.STATUS) for _ in range(5)]
    for envelope in (*statuses[:3], statuses[4], statuses[3]):
        node.hear_radio(envelope)
    node.connect()
    assert len(node.forwarder.heard) == 1
    assert node.forwarder.heard.get(wire.signature_of(statuses[4]))


def test_urgent_messages_of_neighbours_go_up_before_our_own_routine(node, inbox, buur) -> None:
    up(node, inbox)
    node.reports(2)
    node.hear_radio(buur.says(urgency=Urgency.EMERGENCY))
    node.hear_radio(buur.says(Kind.STATUS))
    (frame,) = node.frames()
    assert [wire.parse_header(envelope).address for envelope in frame][:2] == [buur.address] * 2
    assert said(frame)[0] == ("report", 1)


def test_a_repeat_of_its_site_goes_up_again_so_that_the_inbox_knows(node, inbox, buur) -> None:
    up(node, inbox)
    envelope = buur.says()
    for _ in range(3):
        node.hear_radio(envelope)
        converse(node, inbox)
    assert inbox.taken.count(("report", 1)) == 3


def test_what_the_inbox_does_not_want_is_dropped_after_two_uploads(node, inbox) -> None:
    up(node, inbox)
    forged = Neighbour("stranger").says()[:-1] + b"\0"
    node.hear_radio(forged)
    sent = 0
    inbox.keeps = False
    for _ in range(6):
        frames = node.frames()
        sent += sum(envelope == forged for frame in frames for envelope in frame)
        for frame in frames:
            for answer in inbox.take([envelope for envelope in frame if envelope != forged]):
                node.hear(*answer)
        node.now_s += RECEIPT_TIMEOUT_S + 1
    assert sent == 2
    assert len(node.forwarder.heard) == 0


def test_forged_packets_beside_our_own_do_not_hold_our_own_up(node, inbox) -> None:
    up(node, inbox)
    stranger = Neighbour("stranger")
    for n in range(200):
        node.hear_radio(stranger.says()[:-1] + bytes((n & 0xFF,)))
        node.report(str(n))
        for frame in node.frames():
            ours = [each for each in frame if wire.parse_header(each).address == node.signer.address]
            for answer in inbox.take(ours):
                node.hear(*answer)
        node.now_s += 1.0
    converse(node, inbox, 60.0)
    assert not node.ledger(Numbering.REPORT).open()


def test_our_own_messages_from_the_air_are_not_news(node) -> None:
    envelope = node.report().envelope
    (event,) = [event for event in node.hear_radio(envelope) if isinstance(event, Junk)]
    assert "our own" in event.reason
    assert len(node.forwarder.heard) == 0


@pytest.mark.parametrize("frame", [b"", b"\x00", b"\xf0" + b"x" * 90, b"\x00" * 300, b"\x05" + b"\xff" * 100])
def test_what_is_no_frame_of_ours_is_counted_and_dropped(node, frame) -> None:
    from relay.core.message import Heard

    events = node.forwarder.hear(frame, Heard("radio", 0, 0), 3, node.moment)
    assert [type(event) for event in events] == [Junk]
    assert node.on_air.counts == {"junk": 1}


def test_it_tells_what_it_heard_and_who_is_near(node, buur) -> None:
    (event,) = node.hear_radio(buur.says(urgency=Urgency.URGENT), hops=0, snr=9)
    assert event == MessageHeard(buur.address, Kind.REPORT, Urgency.URGENT, 0, 9)
    (neighbour,) = node.on_air.neighbours(node.now_s)
    assert (neighbour.address, neighbour.hops, neighbour.snr_db) == (buur.address, 0, 9)
    assert node.on_air.neighbours(node.now_s + 7201) == []


# --- saying it once more ---


def test_an_urgent_report_that_nobody_relays_further_is_said_once_more(node, buur) -> None:
    node.hear_radio(buur.says(urgency=Urgency.EMERGENCY), hop_limit=0)
    sent = node.run(600.0)
    assert [each.header.address for each in sent] == [buur.address]
    assert sent[0].transmission.use.name == "RELAY"


@pytest.mark.parametrize(
    ("urgency", "hop_limit"), [(Urgency.ROUTINE, 0), (Urgency.EMERGENCY, 1), (Urgency.INFORMATION, 0)]
)
def test_everything_else_is_the_mesh_its_own_task(node, buur, urgency, hop_limit) -> None:
    node.hear_radio(buur.says(urgency=urgency), hop_limit=hop_limit)
    assert node.run(600.0) == []


def test_not_when_another_copy_was_heard(node, buur) -> None:
    envelope = buur.says(urgency=Urgency.EMERGENCY)
    node.hear_radio(envelope, hop_limit=0)
    node.hear_radio(envelope, hop_limit=2)
    assert node.run(600.0) == []


def test_not_when_a_receipt_was_heard(node, inbox, buur) -> None:
    envelope = buur.says(urgency=Urgency.EMERGENCY)
    node.hear_radio(envelope, hop_limit=0)
    inbox.take([envelope])
    node.hear_radio(inbox.receipt(b"", inbox.entry(buur.address, EPOCH)))
    assert node.run(600.0) == []


# --- hostile air ---


def test_a_flood_of_invented_sites_stays_within_its_bounds_and_the_law() -> None:
    node, inbox, chance = RadioEnd(), InboxEnd(), random.Random(7)
    node.dark()
    known = Neighbour("bekend")
    inbox.take([known.says()])
    node.hear_radio(inbox.receipt(b"", inbox.entry(known.address, EPOCH)))  # VRD vouches for this one
    real = known.says(text="echt")
    node.hear_radio(real)
    template = Neighbour("stranger").says(urgency=Urgency.EMERGENCY)
    for n in range(5000):
        node.now_s += 0.3
        forged = template[:1] + chance.randbytes(4) + template[5:-64] + chance.randbytes(64)
        node.hear_radio(forged, hop_limit=0)
        if n % 10 == 0:
            node.run(0.001)
    store = node.forwarder.heard
    assert store.size_bytes <= BYTES_MAX and len(store) <= ORIGINS_MAX + 1
    assert len(node.on_air.neighbours(node.now_s)) <= 64
    relayed_ms = sum(
        each.transmission.airtime_ms for each in node.air if each.transmission.use.name == "RELAY"
    )
    assert relayed_ms <= 180_000, "half of the legal hour at most"
    node.report("echte brand", Urgency.EMERGENCY)
    assert "report" in kinds([each for each in node.run(5.0) if each.header.address == node.signer.address])
    assert store.get(wire.signature_of(real)), "the real neighbour's message was kept among all that"


def test_one_loud_site_does_not_crowd_out_another(node) -> None:
    quiet, loud = Neighbour("quiet"), Neighbour("loud")
    mine = quiet.says(text="zacht")
    node.hear_radio(mine)
    for n in range(PER_ORIGIN_MAX + 200):
        node.hear_radio(loud.says(text=f"hard {n}"))
    assert node.forwarder.heard.get(wire.signature_of(mine))
    assert len(node.forwarder.heard) == PER_ORIGIN_MAX + 1
    assert node.forwarder.heard.dropped == 200


def test_a_recorded_receipt_does_not_undo_a_newer_one(node, inbox) -> None:
    node.dark()
    node.reports(3)
    old = inbox.receipt(b"", node.entry(inbox, upto=1, state=0))
    node.receipted(inbox, upto=3)
    node.hear_radio(old)
    assert not node.ledger().open()


def test_a_receipt_that_another_overtook_still_counts(node, inbox, buur) -> None:
    node.dark()
    node.reports(1)
    ours = inbox.receipt(b"", node.entry(inbox, upto=1, state=0))
    inbox.epoch = 100
    node.hear_radio(inbox.receipt(b"", inbox.entry(node.signer.address, 7)))  # the epoch is known
    node.reports(1)
    late = inbox.receipt(b"", node.entry(inbox, upto=2, state=0))
    node.hear_radio(inbox.receipt(b"", inbox.entry(buur.address, EPOCH)))
    node.hear_radio(late)
    assert not node.ledger().open()
    assert ours
