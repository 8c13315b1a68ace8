"""What relays bring: receipts ordered for the air, junk charged apart, and the way of a message shown."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.core import payloads, wire
from relay.core.airtime import Preset
from relay.core.message import Entry, Heard, Receipt, Urgency
from relay.core.radio_plan import receipt_wait_s
from relay.inbox.air import Air
from relay.inbox.apart import QUARANTINE_PER_PUBLISHER_MAX
from relay.inbox.ingest import SEEN_MAX, Intake, Outcome
from tests.inbox.desk import NETWORK, Desk, Writer

BY_RADIO = Heard("radio", -7, 2)
WAIT_S = receipt_wait_s(Preset.LONG_FAST)


class AirDesk(Desk):
    """An inbox with a radio plan."""

    def open(self) -> None:
        super().open()
        self.air = Air(Preset.LONG_FAST, random.Random(1), lambda: len(self.roster))
        self.intake = Intake(
            self.store, NETWORK, lambda address: self.roster.get(address), self.replies, self.air
        )
        self.orders: list[tuple[str, Receipt]] = []
        self.keeps_asking: list[Writer] = []

    def note(self, outcome: Outcome) -> Outcome:
        for gateway, frame in outcome.orders:
            (entry,) = wire.decode_batch(frame)
            assert len(entry.envelope) <= wire.ENVELOPE_BYTES_MAX
            said = payloads.decode(entry.envelope)
            assert isinstance(said, Receipt)
            self.orders.append((gateway, said))
        return outcome

    def hear(self, via: Writer, *envelopes: bytes) -> Outcome:
        return self.note(self.take(via.hex, *envelopes, heard=BY_RADIO))

    def pass_time(self, seconds: float) -> None:
        end_s = self.uptime_s + seconds
        while self.uptime_s < end_s:
            self.wait(1.0)
            if self.uptime_s % 60 < 1:
                for each in self.keeps_asking:
                    self.take(each.hex, each.hello(0, 0))
            if self.intake.next_due_s() <= self.uptime_s:
                self.note(self.intake.due(self.now, self.clock))


@pytest.fixture
def beilen() -> Writer:
    return Writer("beilen")


@pytest.fixture
def hill() -> Writer:
    return Writer("hill")


@pytest.fixture
def desk(tmp_path: Path, beilen: Writer, hill: Writer) -> Iterator[AirDesk]:
    desk = AirDesk(tmp_path, beilen, hill, Writer("norg"))
    desk.keeps_asking.append(hill)
    yield desk
    desk.close()


def test_the_relay_has_its_receipt_and_the_site_has_one_by_radio(desk, beilen, hill) -> None:
    outcome = desk.hear(hill, beilen.report(1, urgency=Urgency.EMERGENCY))
    (entry,) = desk.receipts(outcome)[0].entries
    assert entry.address == beilen.address
    desk.pass_time(9)
    ((gateway, receipt),) = desk.orders
    assert gateway == hill.hex
    assert receipt.header.urgency == Urgency.URGENT
    assert [(each.address, each.upto) for each in receipt.entries] == [(beilen.address, 1)]


def test_a_receipt_by_radio_names_what_is_held_when_it_goes(desk, beilen, hill) -> None:
    desk.hear(hill, beilen.report(1))
    desk.pass_time(60)
    desk.hear(hill, beilen.report(2), beilen.status(5))
    desk.pass_time(WAIT_S)
    ((_, receipt),) = desk.orders
    assert [(each.upto, each.state) for each in receipt.entries] == [(2, 5)]


def test_a_node_that_speaks_for_itself_has_no_receipt_by_radio(desk, beilen, hill) -> None:
    desk.take(beilen.hex, beilen.report(1))
    desk.hear(hill, beilen.report(1))
    desk.pass_time(2 * WAIT_S)
    assert desk.orders == []


def test_receipts_advise_an_interval_once_sites_are_on_radio(desk, beilen, hill) -> None:
    (before,) = desk.receipts(desk.take(hill.hex, hill.report(1)))
    desk.hear(hill, beilen.report(1))
    (after,) = desk.receipts(desk.take(hill.hex, hill.report(2)))
    assert before.advised_min == 0.0
    assert after.advised_min == pytest.approx(15, rel=0.05)


def test_an_inbox_that_was_taken_over_from_orders_nothing(desk, beilen, hill) -> None:
    desk.replies.muted = True
    desk.hear(hill, beilen.report(1, urgency=Urgency.EMERGENCY))
    desk.pass_time(60)
    assert desk.orders == []


def test_a_revoked_or_forged_sender_moves_nothing_on_the_air(desk, beilen, hill) -> None:
    real = beilen.report(1)
    desk.hear(hill, real[:-64] + bytes((real[-64] ^ 1,)) + real[-63:])
    beilen.revoked = True
    desk.hear(hill, beilen.report(2, urgency=Urgency.EMERGENCY))
    desk.pass_time(60)
    assert desk.orders == []
    assert desk.air.facts(beilen.address, desk.uptime_s) is None


def test_junk_from_the_air_never_costs_a_relay_its_own_word(desk, beilen, hill) -> None:
    chance = random.Random(5)
    template = beilen.report(999)
    for n in range(600):  # ten minutes at ten forged packets a second
        forged = [
            template[:1] + (beilen.address, chance.randbytes(4))[i % 2] + template[5:-64] for i in range(10)
        ]
        desk.hear(hill, *(each + chance.randbytes(64) for each in forged))
        if n % 10 == 0:
            own, heard = Entry(hill.report(n // 10 + 1), 0), Entry(beilen.report(n // 10 + 1), 0, BY_RADIO)
            desk.take_together((hill.hex, [own, heard]))
        desk.wait(1.0)
    assert desk.store.holding(hill.address, hill.epoch).reports.upto == 60
    assert desk.store.holding(beilen.address, beilen.epoch).reports.upto == 60
    assert desk.intake.counts["bad_signature"] > 1000
    # and of all that nothing stays but what is bounded
    assert len(desk.intake._seen) <= SEEN_MAX
    assert set(desk.air.sites) == {hill.address, beilen.address}
    apart = desk.store.apart
    waiting = sum(len(apart.quarantined(signer)) for signer in apart.quarantined_signers())
    assert waiting == QUARANTINE_PER_PUBLISHER_MAX, "strangers fill a share, and no more"


def test_a_relay_that_brings_more_than_any_air_carries_loses_only_that(desk, beilen, hill) -> None:
    chance = random.Random(5)
    template = beilen.report(999)
    for n in range(60):
        desk.hear(hill, *(template[:-64] + chance.randbytes(64) for _ in range(100)))
        desk.take(hill.hex, hill.report(n + 1))
        desk.wait(1.0)
    assert desk.store.holding(hill.address, hill.epoch).reports.upto == 60
    assert desk.intake.counts["bad_signature"] < 60 * 20 + 500
    assert desk.intake.counts["flood"] > 3000, "dropped unverified"
