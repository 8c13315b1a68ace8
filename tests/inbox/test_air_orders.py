"""Orders for the air that leave the inbox: their size, who gets none, and a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.core import payloads, wire
from relay.core.message import Entry, Heard, Receipt, Urgency
from relay.core.radio_plan import receipt_wait_s
from relay.inbox import air as air_module
from relay.inbox import apart
from relay.inbox.air import NODES_MAX
from relay.mqtt import topic
from tests.inbox.desk import Writer
from tests.inbox.running import Bench, play
from tests.inbox.test_relayed import BY_RADIO, AirDesk
from tests.support.clients import until

SITES = [Writer(f"punt {n}") for n in range(NODES_MAX)]
HILL = Writer("hill")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AirDesk]:
    desk = AirDesk(tmp_path, HILL, *SITES)
    desk.keeps_asking.append(HILL)
    yield desk
    desk.close()


def frames_for_all(desk: AirDesk, report: int, state: int) -> list[tuple[bytes, Receipt]]:
    """All sites are heard together; every envelope that the gateway is to transmit for them."""
    heard = [Entry(each.report(report), 0, BY_RADIO) for each in SITES]
    heard += [Entry(each.status(state), 0, BY_RADIO) for each in SITES]
    outcome = desk.take_together((HILL.hex, heard))
    found = []
    for gateway, frame in outcome.orders:
        assert gateway == HILL.hex
        for entry in wire.decode_batch(frame):
            said = payloads.decode(entry.envelope)
            assert isinstance(said, Receipt)
            found.append((entry.envelope, said))
    return found


def test_thirteen_young_sites_share_one_packet(desk) -> None:
    ((envelope, receipt),) = frames_for_all(desk, 1, 1)
    assert len(envelope) <= wire.ENVELOPE_BYTES_MAX
    assert {each.address for each in receipt.entries} == {each.address for each in SITES}


def test_thirteen_sites_with_long_logs_share_as_few_as_fit(desk) -> None:
    said = frames_for_all(desk, 300, 70_000)
    assert len(said) == 2
    assert all(len(envelope) <= wire.ENVELOPE_BYTES_MAX for envelope, _ in said)
    named = [entry.address for _, receipt in said for entry in receipt.entries]
    assert sorted(named) == sorted(each.address for each in SITES)
    assert len({receipt.header.number for _, receipt in said}) == 2
    # each site is known to have been told under the sequence of its own packet
    for _, receipt in said:
        told = {desk.air.sites[entry.address].told for entry in receipt.entries}
        assert told == {receipt.header.number & 0xFF}


def test_an_inbox_that_was_taken_over_from_has_nothing_due_ever(desk) -> None:
    """Or its timer would run without a pause."""
    desk.hear(HILL, SITES[0].report(1, urgency=Urgency.EMERGENCY))
    desk.replies.muted = True
    desk.wait(10)
    assert not desk.intake.due(desk.now, desk.clock).orders
    assert desk.intake.next_due_s() > desk.uptime_s + 1e6


def test_what_a_usb_stick_brings_is_not_heard_by_radio(desk) -> None:
    site = SITES[0]
    desk.take(HILL.hex, site.report(1, urgency=Urgency.EMERGENCY), heard=Heard("courier", 0, 0))
    desk.pass_time(receipt_wait_s(desk.air.preset) + 60)
    assert desk.orders == []
    assert desk.air.facts(site.address, desk.uptime_s) is None


# --- quarantine ---


def strangers(first: int, count: int) -> list[bytes]:
    stranger = Writer("vreemd")
    return [stranger.report(number) for number in range(first, first + count)]


def test_strangers_on_the_air_leave_room_for_whom_a_relay_meets_itself(desk, monkeypatch) -> None:
    monkeypatch.setattr(apart, "QUARANTINE_PER_PUBLISHER_MAX", 20)
    desk.hear(HILL, *strangers(1, 100))
    fresh = Writer("nieuw")
    desk.take(HILL.hex, fresh.report(1))
    waiting = {kept.envelope for kept in desk.store.apart.quarantined(fresh.address)}
    assert waiting == {fresh.report(1)}
    assert desk.intake.counts["unknown_heard"] == 80
    assert "unknown_signer" not in desk.intake.counts


def test_strangers_that_all_relays_hear_leave_room_for_the_others(desk, monkeypatch) -> None:
    monkeypatch.setattr(apart, "QUARANTINE_HEARD_MAX", 30)
    for n, relay in enumerate(SITES):
        desk.hear(relay, *strangers(1 + 10 * n, 10))
    assert len(desk.store.apart.quarantined(Writer("vreemd").address)) == 30
    desk.store.apart.forget()  # counted anew from the disk, as after a restart
    desk.hear(HILL, *strangers(1000, 10))
    assert len(desk.store.apart.quarantined(Writer("vreemd").address)) == 30
    fresh = Writer("nieuw")
    desk.take(fresh.hex, fresh.report(1))
    assert desk.store.apart.quarantined(fresh.address)


# --- over a real broker ---


def test_a_receipt_for_the_air_is_published_to_the_gateway_that_heard_the_site(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(air_module, "URGENT_WAIT_S", (0.3, 0.4))
    beilen = SITES[0]
    bench.write_roster(HILL, beilen)

    async def story() -> None:
        async with bench.running() as inbox, bench.node(HILL) as gateway:
            heard = Entry(beilen.report(1, urgency=Urgency.EMERGENCY), 0, BY_RADIO)
            await gateway.connection.publish(topic("up", HILL.hex), wire.encode_batch([heard]))
            await until(lambda: gateway.upto() == 1)  # the relay's own receipt, at once
            await until(lambda: bool(gateway.ordered))
            assert inbox.health()["counts"]["air_ordered"] == 1
            (receipt,) = gateway.ordered
            assert receipt.header.urgency == Urgency.URGENT
            assert [(each.address, each.upto) for each in receipt.entries] == [(beilen.address, 1)]

    play(story)
