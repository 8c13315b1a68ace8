"""Who is deaf and who is not: copies, old words and chance must not be taken for either."""

from __future__ import annotations

import pytest

from relay.core.message import Urgency
from relay.inbox.air import DEAF_AFTER, HOUR_S, NODES_AT_ONCE, PROOFS
from tests.inbox.test_air import BEILEN, HILL, INTERVAL_S, NORG, TOWER, WAIT_S, Case

EMERGENCY = Urgency.EMERGENCY
TWO_DAYS_S = 48 * HOUR_S


@pytest.fixture
def case() -> Case:
    return Case()


def hears_us(case: Case, site: bytes = BEILEN) -> object:
    facts = case.air.facts(site, case.now_s)
    assert facts is not None
    return facts["hears_us"]


def make_deaf(case: Case, *sites: bytes) -> None:
    for fresh in (True, *[False] * DEAF_AFTER):
        for site in sites:
            case.hear(site, urgency=EMERGENCY, fresh=fresh)
        case.wait(60.0)
    assert not any(hears_us(case, site) for site in sites)


def named(case: Case, site: bytes) -> int:
    return sum(site in order.addresses for _, order in case.orders)


def test_a_busy_site_that_two_relays_hear_is_not_taken_for_deaf(case) -> None:
    case.there = [HILL, TOWER]
    for _ in range(10):
        case.hear(via=HILL, urgency=EMERGENCY)
        case.now_s += 0.3
        case.hear(via=TOWER, urgency=EMERGENCY, fresh=False)
        (order,) = case.wait(60.0)
        assert order.urgent
        assert hears_us(case)


def test_one_repeat_that_five_relays_hear_counts_once(case) -> None:
    relays = [bytes((n,)) * 4 for n in range(5)]
    for n, relay in enumerate(relays):
        case.hear(via=relay, urgency=EMERGENCY, fresh=n == 0)
    case.wait(60.0)
    for relay in relays:
        case.hear(via=relay, urgency=EMERGENCY, fresh=False)
        case.now_s += 0.3
    assert case.air.sites[BEILEN].unheard == 1


def test_a_status_that_was_on_its_way_when_the_receipt_went_says_nothing(case) -> None:
    for n in range(2 * DEAF_AFTER):
        case.hear(urgency=EMERGENCY)
        case.wait(9.0)
        case.hear(low=99 if n % 2 else 98)  # said before it could hear the receipt
        case.wait(60.0)
    assert hears_us(case)


def test_eight_deaf_sites_together_cost_no_more_than_one(case) -> None:
    sites = [bytes((n,)) * 4 for n in range(NODES_AT_ONCE)]
    make_deaf(case, *sites)
    was = len(case.orders)
    for _ in range(int(TWO_DAYS_S / 900)):
        for site in sites:
            case.hear(site, urgency=EMERGENCY, fresh=False)
        case.wait(900.0)
    assert len(case.orders) - was <= TWO_DAYS_S / (32 * INTERVAL_S) + 6


def test_a_deaf_site_goes_along_as_a_passenger(case) -> None:
    make_deaf(case, BEILEN)
    case.wait(2.0)
    case.hear(BEILEN, urgency=EMERGENCY, fresh=False)
    case.hear(NORG, urgency=EMERGENCY)
    (order,) = case.wait(9.0)
    assert order.addresses == (NORG, BEILEN)


def test_a_deaf_site_whose_old_word_is_among_the_new_ones_by_chance_stays_deaf(case) -> None:
    """One byte in 256 says nothing by itself: 32 of them are ours of late at any moment."""
    make_deaf(case, BEILEN)
    case.hear(low=77)
    for n in range(256 - case.sequence % 256 + 80):  # so that 77 is passed
        case.hear(NORG, urgency=EMERGENCY)
        case.wait(9.0)
        if n % 10 == 0:
            case.hear(BEILEN, low=77)
            assert not hears_us(case)
    case.hear(BEILEN, low=case.sequence & 0xFF)
    assert hears_us(case), "a word that it did not have before is proof"


def test_a_status_long_after_its_receipt_still_proves_it(case) -> None:
    for _ in range(2 * DEAF_AFTER):
        case.hear(BEILEN, low=case.air.sites[BEILEN].told if BEILEN in case.air.sites else 250)
        case.wait(WAIT_S + 5)
        for _ in range(PROOFS + 5):  # to others
            case.hear(NORG, urgency=EMERGENCY)
            case.wait(9.0)
    assert hears_us(case)


def test_proof_ends_deafness_and_its_probes(case) -> None:
    make_deaf(case, BEILEN)
    case.hear(low=case.sequence & 0xFF)
    was = named(case, BEILEN)
    case.wait(WAIT_S + 5)
    case.hear(urgency=EMERGENCY)
    case.wait(9.0)
    assert named(case, BEILEN) > was


def test_its_own_mqtt_ends_it_too(case) -> None:
    make_deaf(case, BEILEN)
    case.air.direct(BEILEN, case.now_s)
    assert hears_us(case)


# --- a broken line ---


def test_an_emergency_in_the_minute_after_its_mqtt_died_has_its_receipt(case) -> None:
    case.there = [HILL, BEILEN]
    case.look()
    case.there = [HILL]
    case.wait(30.0)
    case.hear(urgency=EMERGENCY)
    (order,) = case.wait(9.0)
    assert order.addresses == (BEILEN,)


def test_the_radio_copy_of_what_its_mqtt_brought_needs_none(case) -> None:
    case.air.direct(BEILEN, case.now_s)
    case.hear(urgency=EMERGENCY, fresh=False)
    assert case.wait(60.0) == []


def test_a_site_whose_mqtt_came_back_needs_none_for_what_it_repeats(case) -> None:
    case.hear(urgency=EMERGENCY)
    case.air.direct(BEILEN, case.now_s)
    case.wait(30.0)
    case.hear(urgency=EMERGENCY, fresh=False)
    assert case.wait(60.0) == []


def test_a_relay_that_has_said_nothing_of_its_own_is_there_when_it_brings_something(case) -> None:
    case.there = []
    case.hear(urgency=EMERGENCY)
    (order,) = case.wait(9.0)
    assert order.gateway == HILL.hex()


def test_how_a_site_was_heard_hours_ago_is_not_shown(case) -> None:
    case.hear(via=HILL, hops=1)
    case.wait(4 * HOUR_S)
    case.hear(via=TOWER, hops=4)
    facts = case.air.facts(BEILEN, case.now_s)
    assert facts and (facts["through"], facts["hops"]) == (TOWER.hex(), 4)
