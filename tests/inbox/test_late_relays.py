"""A relay may bring what it heard long after: that is no sign of life, and no sign of a deaf site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from relay.core import payloads
from relay.core.message import Entry, Heard, Kind, Urgency
from relay.inbox.air import DEAF_AFTER
from relay.inbox.facts import site_facts
from relay.inbox.service import Service
from relay.trust.roster import Node
from tests.inbox.desk import Writer
from tests.inbox.test_air import BEILEN, TOWER, Case
from tests.inbox.test_air import HILL as HILL_ADDRESS
from tests.inbox.test_relayed import BY_RADIO, AirDesk

HILL, OTHER, SITE = Writer("hill"), Writer("other"), Writer("site")
HOUR_S = 3600
EMERGENCY = Urgency.EMERGENCY
EXPERIMENT = 25  # a kind that this version does not know


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AirDesk]:
    desk = AirDesk(tmp_path, HILL, OTHER, SITE)
    desk.keeps_asking += [HILL, OTHER]
    yield desk
    desk.close()


def shown(desk: AirDesk, site: Writer = SITE) -> dict[str, Any]:
    node = Node(site.public_key.public_bytes_raw(), "Norg")
    return site_facts(node, desk.reader.nodes()[site.address], None, [], desk.now, 1e6)


# --- signs of life ---


def test_a_status_that_a_relay_kept_for_six_hours_does_not_show_its_site_as_alive(desk) -> None:
    desk.take(HILL.hex, SITE.status(1, due_min=15), age_s=6 * HOUR_S, heard=BY_RADIO)
    facts = shown(desk)
    assert (facts["heard"], facts["heard_age_s"]) == ("silent", 6 * HOUR_S)


def test_what_a_relay_hears_now_does(desk) -> None:
    desk.take(HILL.hex, SITE.status(1, due_min=15), age_s=4, heard=BY_RADIO)
    facts = shown(desk)
    assert (facts["heard"], facts["link"], facts["publisher"]) == ("on_time", "radio", HILL.hex)


@pytest.mark.parametrize("restarted", [False, True])
def test_an_old_word_does_not_hide_a_later_one(desk, restarted) -> None:
    desk.take(SITE.hex, SITE.status(5, due_min=15))
    desk.wait(60)
    if restarted:  # the machine of the inbox: its uptime begins anew
        desk.store._db.execute("UPDATE node SET heard_boot = 'boot-0'")
    desk.take(HILL.hex, SITE.report(1), age_s=6 * HOUR_S, heard=BY_RADIO)
    facts = shown(desk)
    assert facts["link"] == "mqtt"
    assert facts["heard"] == "on_time"


def test_the_later_of_two_that_come_together_counts(desk) -> None:
    old, new = SITE.status(1, due_min=15), SITE.status(2, due_min=15)
    for envelopes in ((old, new), (new, old)):
        entries = [Entry(each, HOUR_S if each is old else 3, BY_RADIO) for each in envelopes]
        desk.take_together((HILL.hex, entries))
        assert shown(desk)["heard_age_s"] == 3
        old, new = SITE.status(3, due_min=15), SITE.status(4, due_min=15)


def test_own_mqtt_shows_a_node_as_alive_whatever_it_brings(desk) -> None:
    desk.take(SITE.hex, SITE.status(1, due_min=15), age_s=6 * HOUR_S)
    assert shown(desk)["heard_age_s"] == 0


# --- deaf or not ---


def test_a_status_of_before_the_receipt_says_nothing_about_it(desk) -> None:
    for number in range(1, DEAF_AFTER + 2):
        desk.hear(HILL, SITE.report(number, urgency=EMERGENCY))
        desk.pass_time(60)
        desk.take(OTHER.hex, SITE.status(number), age_s=HOUR_S, heard=BY_RADIO)
    assert desk.air.sites[SITE.address].unheard == 0


def test_a_status_of_after_it_that_tells_nothing_of_it_does(desk) -> None:
    for number in range(1, DEAF_AFTER + 2):
        desk.hear(HILL, SITE.report(number, urgency=EMERGENCY))
        desk.pass_time(60)
        desk.take(OTHER.hex, SITE.status(number), age_s=5, heard=BY_RADIO)
    assert desk.air.sites[SITE.address].deaf


def test_a_site_is_not_deaf_because_a_second_relay_is_slow() -> None:
    case = Case()
    case.there = [HILL_ADDRESS, TOWER]
    for _ in range(2 * DEAF_AFTER):
        case.hear(via=HILL_ADDRESS, urgency=EMERGENCY)
        case.wait(40.0)
        case.hear(via=TOWER, urgency=EMERGENCY, fresh=False)
        case.wait(40.0)
    assert case.air.sites[BEILEN].unheard == 0


def test_it_has_its_receipt_when_only_the_second_relay_hears_it_repeat_itself() -> None:
    case = Case()
    case.there = [HILL_ADDRESS, TOWER]
    case.hear(via=HILL_ADDRESS, urgency=EMERGENCY)
    case.wait(40.0)
    case.hear(via=TOWER, urgency=EMERGENCY, fresh=False)
    assert len(case.wait(9.0)) == 1


# --- what moves the air, and what must not ---


def test_what_no_receipt_can_name_orders_none(desk) -> None:
    desk.hear(HILL, SITE.sign(EXPERIMENT, 3, b"", urgency=EMERGENCY))
    desk.hear(HILL, SITE.hello(0, 0))
    desk.pass_time(400)
    assert desk.orders == []


def test_nobody_is_its_own_gateway(desk) -> None:
    desk.take(SITE.hex, SITE.report(1, urgency=EMERGENCY), heard=BY_RADIO)
    desk.pass_time(20)
    assert desk.orders == []


def test_old_figures_of_a_gateway_do_not_count_as_the_channel_of_now(desk) -> None:
    def measured(number: int, pct: int) -> bytes:
        payload = payloads.message_payload({"radio_channel_pct": pct}, status=(0, 1.0, 0))
        return HILL.sign(Kind.STATUS, number, payload)

    desk.take(HILL.hex, measured(100, 5))
    desk.take(HILL.hex, measured(40, 60), age_s=6 * HOUR_S)  # its history comes behind it
    assert desk.air._use[HILL.hex][0] == 5.0


def test_a_relay_is_told_by_receipts_alone_of_what_it_heard(desk) -> None:
    desk.take(SITE.hex, SITE.status(50))
    outcome = desk.hear(HILL, SITE.status(20), SITE.report(40))
    (receipt,) = desk.receipts(outcome)
    assert [(each.address, each.state) for each in receipt.entries] == [(SITE.address, 50)]
    assert desk.histories(outcome) == []
    assert desk.histories(desk.take(SITE.hex, SITE.status(20))), "its own node is told the runs"


def test_a_publisher_without_an_address_does_not_take_the_page_down(desk) -> None:
    desk.take("demo", SITE.report(1), heard=Heard("radio", 3, 1))
    air = SimpleNamespace(facts=lambda address, _: desk.air.facts(address, desk.uptime_s))
    service = SimpleNamespace(air=air, roster=SimpleNamespace(entry=lambda address: None))
    facts = Service.radio_facts(service, SITE.address)  # type: ignore[arg-type]
    assert facts and facts["through"] == "demo"
