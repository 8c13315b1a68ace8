"""Receipts by radio: through one gateway for each site, in time, together, and not to the deaf for ever."""

from __future__ import annotations

import random

import pytest

from relay.core.airtime import Preset, airtime_ms
from relay.core.message import Heard, Urgency
from relay.core.radio_plan import PLAN, TRANSMISSIONS, interval_s, receipt_wait_s
from relay.inbox.air import FRAME_BASE_BYTES, FRAME_ENTRY_BYTES, HOUR_S, NODES_AT_ONCE, NODES_MAX, Air, Order
from relay.inbox.air_share import PART

WAIT_S = receipt_wait_s(Preset.LONG_FAST)
INTERVAL_S = interval_s(1, Preset.LONG_FAST)
BEILEN, NORG, ASSEN = b"beil", b"norg", b"asse"
HILL, TOWER = b"hill", b"towr"


class Case:
    """A planner, its clock, and what it ordered."""

    def __init__(self, sites: int = 10) -> None:
        self.now_s = 1000.0
        self.air = Air(Preset.LONG_FAST, random.Random(1), lambda: sites)
        self.orders: list[tuple[float, Order]] = []
        self.sequence = 0
        self.there = [HILL]

    def hear(
        self, site=BEILEN, via=HILL, urgency=Urgency.ROUTINE, *, hops=1, snr=5, fresh=True, low=None
    ) -> None:
        self.look()
        self.air.heard(
            site, via.hex(), Heard("radio", snr, hops), urgency, self.now_s, fresh=fresh, inbox_low=low
        )
        self.look()

    def look(self) -> None:
        for gateway in self.there:
            self.air.direct(gateway, self.now_s)
        for order in self.air.due(self.now_s):
            self.sequence += 1
            self.air.sent(order, self.sequence, self.now_s)
            self.orders.append((self.now_s, order))

    def wait(self, seconds: float) -> list[Order]:
        was, end_s = len(self.orders), self.now_s + seconds
        while self.now_s < end_s:
            self.now_s = min(end_s, self.now_s + 1.0)
            self.look()
        return [order for _, order in self.orders[was:]]


@pytest.fixture
def case() -> Case:
    return Case()


def test_an_urgent_message_has_its_receipt_within_eight_seconds(case) -> None:
    case.hear(urgency=Urgency.EMERGENCY)
    assert case.wait(2.0) == []
    (order,) = case.wait(7.0)
    assert order == Order(HILL.hex(), (BEILEN,), True)


def test_another_waits_for_company_but_not_longer_than_the_plan_says(case) -> None:
    case.hear()
    assert case.wait(WAIT_S - 2) == []
    (order,) = case.wait(4.0)
    assert not order.urgent


def test_eight_that_wait_go_at_once_in_one_packet(case) -> None:
    for n in range(NODES_AT_ONCE):
        case.hear(bytes((n,)) * 4)
    ((_, order),) = case.orders
    assert len(order.addresses) == NODES_AT_ONCE


def test_whoever_waits_goes_along_with_an_urgent_one(case) -> None:
    case.hear(NORG)
    case.hear(BEILEN, urgency=Urgency.URGENT)
    (order,) = case.wait(9.0)
    assert order.addresses == (BEILEN, NORG), "the urgent one first"
    assert case.wait(WAIT_S) == []


def test_a_packet_names_no_more_than_fit(case) -> None:
    case.there = []
    for n in range(30):
        case.hear(bytes((n,)) * 4)
    case.there = [HILL]
    case.wait(WAIT_S + 5)
    named = [order.addresses for _, order in case.orders]
    assert max(map(len, named)) <= NODES_MAX
    assert sorted(address for each in named for address in each) == [bytes((n,)) * 4 for n in range(30)]


def test_each_site_has_the_gateway_that_hears_it_best(case) -> None:
    case.there = [HILL, TOWER]
    case.hear(via=HILL, hops=3, snr=9)
    case.hear(via=TOWER, hops=1, snr=-9, fresh=False)
    (order,) = case.wait(WAIT_S + 2)
    assert order.gateway == TOWER.hex()


def test_the_copy_of_another_relay_is_no_repeat(case) -> None:
    case.there = [HILL, TOWER]
    case.hear(via=HILL, urgency=Urgency.EMERGENCY)
    case.hear(via=TOWER, urgency=Urgency.EMERGENCY, fresh=False)
    assert len(case.wait(60.0)) == 1


def test_a_site_that_repeats_itself_is_given_the_next_gateway(case) -> None:
    case.there = [HILL, TOWER]
    case.hear(via=HILL, hops=1, urgency=Urgency.EMERGENCY)
    case.hear(via=TOWER, hops=2, urgency=Urgency.EMERGENCY, fresh=False)
    case.wait(40.0)
    case.hear(via=HILL, hops=1, urgency=Urgency.EMERGENCY, fresh=False)
    case.hear(via=TOWER, hops=2, urgency=Urgency.EMERGENCY, fresh=False)
    case.wait(40.0)
    assert [order.gateway for _, order in case.orders] == [HILL.hex(), TOWER.hex()]


def test_a_gateway_that_is_gone_is_not_asked(case) -> None:
    case.there = [HILL, TOWER]
    case.hear(via=HILL, hops=1)
    case.hear(via=TOWER, hops=4, fresh=False)
    case.there = [TOWER]
    case.wait(200.0)
    (order,) = case.wait(WAIT_S)
    assert order.gateway == TOWER.hex()


def test_a_site_whose_own_mqtt_works_needs_no_radio(case) -> None:
    case.there = [HILL, BEILEN]
    case.hear(urgency=Urgency.EMERGENCY)
    assert case.wait(2 * WAIT_S) == []


def test_a_site_whose_mqtt_returned_while_it_waited_needs_none_either(case) -> None:
    case.hear()
    case.there = [HILL, BEILEN]
    assert case.wait(2 * WAIT_S) == []


def test_the_receipts_of_an_hour_stay_within_their_part_of_the_plan(case) -> None:
    chance = random.Random(3)
    for _ in range(1800):
        case.hear(chance.randbytes(4))
        case.now_s += 2.0
    spent = [(at_s, len(order.addresses)) for at_s, order in case.orders if not order.urgent]
    sizes = [
        FRAME_BASE_BYTES + FRAME_ENTRY_BYTES * nodes for at_s, nodes in spent if at_s > case.now_s - HOUR_S
    ]
    hour = sum(TRANSMISSIONS * airtime_ms(Preset.LONG_FAST, size) / 1000 for size in sizes)
    assert 0 < hour <= PART * PLAN * HOUR_S
    case.hear(NORG, urgency=Urgency.EMERGENCY)
    case.wait(9.0)
    assert any(NORG in order.addresses for _, order in case.orders), "urgent goes in any case"


# --- deaf sites ---


def repeat(case: Case, times: int, every_s: float = 60.0) -> int:
    was = len(case.orders)
    for _ in range(times):
        case.hear(urgency=Urgency.EMERGENCY, fresh=False)
        case.wait(every_s)
    return len(case.orders) - was


def test_a_site_that_never_hears_us_is_deaf_and_costs_little_for_two_days(case) -> None:
    case.hear(urgency=Urgency.EMERGENCY)
    case.wait(30.0)
    repeat(case, 5)
    facts = case.air.facts(BEILEN, case.now_s)
    assert facts and facts["hears_us"] is False
    ordered = repeat(case, 48 * 4, every_s=900.0)
    assert ordered <= 48 * HOUR_S / (32 * INTERVAL_S) + 6


def test_a_status_that_tells_of_our_word_proves_that_it_hears_us(case) -> None:
    case.hear(urgency=Urgency.EMERGENCY)
    case.wait(30.0)
    repeat(case, 5)
    case.hear(low=case.sequence & 0xFF)
    assert case.air.facts(BEILEN, case.now_s)["hears_us"] is True
    case.hear(urgency=Urgency.EMERGENCY)
    assert len(case.wait(9.0)) == 1


def test_statuses_that_tell_of_none_of_our_words_show_a_deaf_site_too(case) -> None:
    for _ in range(4):
        case.hear(low=200)
        case.wait(WAIT_S + 600)
    assert case.air.facts(BEILEN, case.now_s)["hears_us"] is False


def test_a_busy_site_that_hears_us_is_not_taken_for_deaf(case) -> None:
    for _ in range(10):
        case.hear(urgency=Urgency.EMERGENCY)
        assert len(case.wait(60.0)) == 1
    assert case.air.facts(BEILEN, case.now_s)["hears_us"] is True


# --- advice ---


def test_no_advice_while_nobody_is_on_radio() -> None:
    case = Case(sites=150)
    case.look()
    assert case.air.advised_min(case.now_s) == 0.0


def test_in_the_first_hours_whoever_is_not_on_mqtt_counts_as_on_radio() -> None:
    case = Case(sites=150)
    case.hear()
    assert case.air.on_radio(case.now_s) == 149  # all but the gateway
    assert case.air.advised_min(case.now_s) == pytest.approx(145, rel=0.03)


def test_later_it_counts_those_that_were_heard() -> None:
    case = Case(sites=150)
    case.hear(NORG)
    case.wait(4 * HOUR_S)
    for n in range(20):
        case.hear(bytes((n,)) * 4)
    assert case.air.on_radio(case.now_s) == 21
    case.wait(25 * HOUR_S)
    case.hear()
    assert case.air.on_radio(case.now_s) == 1


def test_a_quiet_channel_shortens_the_interval_to_a_third_and_a_busy_one_restores_it() -> None:
    case = Case()
    sites = [n.to_bytes(4, "big") for n in range(150)]
    minutes: list[float] = []
    for pct in [10] * 60 + [35] * 60:
        case.air.direct(HILL, case.now_s, float(pct))
        for site in sites:
            case.air.heard(site, HILL.hex(), Heard("radio", 0, 1), Urgency.ROUTINE, case.now_s, fresh=True)
        minutes.append(case.air.advised_min(case.now_s))
        case.now_s += 300.0
    usual_min = interval_s(150, Preset.LONG_FAST) / 60
    assert min(minutes) == pytest.approx(usual_min / 3, rel=0.01)
    assert minutes[-1] == pytest.approx(usual_min, rel=0.01)


def test_however_quiet_the_channel_nobody_speaks_more_often_than_every_quarter_of_an_hour() -> None:
    case = Case(sites=1)
    for _ in range(60):
        case.air.direct(HILL, case.now_s, 1.0)
        case.hear()
        assert case.air.advised_min(case.now_s) == pytest.approx(INTERVAL_S / 60)
        case.now_s += 300.0
