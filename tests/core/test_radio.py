"""What goes by radio, and when: statuses, reports, orders, and never more than the law allows."""

from __future__ import annotations

import itertools

import pytest

from relay.core import wire
from relay.core.airtime import LIMIT_MS, Preset, Use
from relay.core.events import GaveBack, TookOver
from relay.core.message import Clock, Draft, Kind, Numbering, Urgency
from relay.core.orders import ORDER_LIFE_S
from relay.core.radio_plan import interval_s, window_s
from relay.core.tries import TRIES, TRIES_URGENT
from tests.support.ends import InboxEnd, converse
from tests.support.radio_end import RadioEnd, advice, kinds

HOUR_S = 3600.0
LONG_FAST = Preset.LONG_FAST


@pytest.fixture
def node() -> RadioEnd:
    return RadioEnd()


@pytest.fixture
def inbox() -> InboxEnd:
    return InboxEnd()


# --- urgent ---


@pytest.mark.parametrize("urgency", [Urgency.EMERGENCY, Urgency.URGENT])
def test_an_urgent_report_without_a_receipt_is_on_the_air_within_15_s(node, urgency) -> None:
    node.report("brand", urgency)
    sent = node.run(15.1)
    assert kinds(sent) == ["report"]
    assert 10.0 <= sent[0].at_s - 1000.0 <= 13.0
    assert sent[0].transmission.urgency == urgency


def test_an_urgent_report_that_mqtt_delivered_stays_off_the_air(node, inbox) -> None:
    node.connect()
    converse(node, inbox)
    node.report("brand", Urgency.EMERGENCY)
    converse(node, inbox)
    assert node.run(600.0) == []


def test_once_the_radio_has_taken_over_an_emergency_does_not_wait(node) -> None:
    node.dark()
    before_s = node.now_s
    node.report("brand", Urgency.EMERGENCY)
    sent = [each for each in node.run(3.0) if each.kind == "report"]
    assert sent and sent[0].at_s <= before_s + 2.0


def test_an_urgent_report_is_tried_six_times_with_growing_pauses(node) -> None:
    node.dark()
    node.report("brand", Urgency.EMERGENCY)
    node.run(7200.0)
    at_s = [each.at_s for each in node.air if each.kind == "report"][:TRIES_URGENT]
    pauses = [later - earlier for earlier, later in itertools.pairwise(at_s)]
    assert len(pauses) == TRIES_URGENT - 1
    assert all(20 < pauses[0] < 70 and later > 1.1 * earlier for earlier, later in itertools.pairwise(pauses))


def test_each_try_carries_the_age_of_the_report(node) -> None:
    node.dark()
    node.report("brand", Urgency.EMERGENCY)
    node.run(600.0)
    ages = [
        (each.at_s, wire.decode_radio_frame(each.transmission.frame).age_s)
        for each in node.air
        if each.kind == "report"
    ]
    assert all(abs(age - (at_s - 1060.0)) <= 1 + 0.06 * age for at_s, age in ages if age)


def test_a_receipt_ends_the_tries(node, inbox) -> None:
    node.dark()
    node.report("brand", Urgency.EMERGENCY)
    node.run(4.0)
    node.receipted(inbox, upto=1)
    assert "report" not in kinds(node.run(2 * HOUR_S))


def test_urgent_without_a_token_waits_with_the_others(node) -> None:
    for n in range(5):
        node.report(f"nood {n}", Urgency.EMERGENCY)
    sent = node.run(20.0)
    assert sorted(each.header.number for each in sent) == [1, 2, 3]


def test_urgent_goes_before_everything_else(node) -> None:
    node.report_radio(ready=False)
    node.dark()
    node.run(window_s(50, LONG_FAST))
    node.reports(3)
    node.report("brand", Urgency.EMERGENCY)
    node.run(3.0)
    node.report_radio()
    assert node.run(2.0)[0].header.urgency == Urgency.EMERGENCY


# --- statuses ---


def test_nothing_else_goes_while_mqtt_may_still_come_back(node) -> None:
    node.reports(3)
    node.status()
    assert node.run(59.0) == []


def test_the_first_status_comes_within_the_window_and_is_fresh(node) -> None:
    node.status()
    node.dark()
    sent = node.run(window_s(50, LONG_FAST) + 5)
    first = next(each for each in sent if each.kind == "status")
    assert wire.decode_radio_frame(first.transmission.frame).age_s <= 60


def test_first_sends_of_many_sites_are_spread_over_the_window() -> None:
    firsts = []
    for seed in range(40):
        node = RadioEnd(seed)
        node.status()
        node.dark()
        firsts.append(node.run(window_s(50, LONG_FAST) + 5)[0].at_s - 1060.0)
    wide_s = window_s(50, LONG_FAST)
    assert min(firsts) < 0.15 * wide_s and max(firsts) > 0.85 * wide_s


def test_without_a_receipt_the_first_status_goes_three_times_and_then_at_the_interval(node) -> None:
    node.status()
    node.dark()
    node.run(6 * HOUR_S)
    at_s = [each.at_s for each in node.air if each.kind == "status"]
    pauses = [later - earlier for earlier, later in itertools.pairwise(at_s)]
    wide_s, plan_s = window_s(50, LONG_FAST), interval_s(50, LONG_FAST)
    assert all(abs(pause - wide_s) < 5 for pause in pauses[:2])
    assert all(0.74 * plan_s < pause < 1.26 * plan_s + 5 for pause in pauses[2:])


def test_a_receipt_that_names_the_node_ends_the_repeats(node, inbox) -> None:
    node.status()
    node.dark()
    node.run(window_s(50, LONG_FAST) + 1)
    node.receipted(inbox, state=1)
    node.run(1.4 * interval_s(50, LONG_FAST))
    assert kinds(node.air).count("status") == 2


def test_a_receipt_before_the_first_status_does_not_delay_it(node, inbox) -> None:
    node.dark()
    node.report("brand", Urgency.EMERGENCY)
    node.run(3.0)
    node.receipted(inbox, upto=1)
    assert "status" in kinds(node.run(window_s(50, LONG_FAST)))


def test_a_busy_channel_doubles_the_interval_and_a_full_one_leaves_only_urgent(node) -> None:
    node.dark()
    node.run(2 * HOUR_S)
    quiet_s = node.on_air.interval_s
    node.report_radio(channel_pct=30.0)
    assert node.on_air.interval_s == 2 * quiet_s
    node.report_radio(channel_pct=45.0)
    node.reports(2)
    assert node.run(4 * HOUR_S) == []
    node.report("brand", Urgency.EMERGENCY)
    assert "report" in kinds(node.run(3.0))


def test_the_inbox_advises_the_interval_and_the_next_outage_begins_without_it(node, inbox) -> None:
    node.dark()
    node.hear_radio(advice(inbox, 20.0))
    assert node.on_air.interval_s == pytest.approx(20 * 60, rel=0.05)
    node.connect()
    converse(node, inbox, 300.0)
    assert any(isinstance(event, GaveBack) for event in [*node.events, *node.forwarder.take_news()])
    node.forwarder.link_changed("mqtt", False, node.moment)
    node.dark()
    assert node.on_air.interval_s == interval_s(50, LONG_FAST)


def test_advice_from_before_the_outage_counts_for_nothing(node, inbox) -> None:
    node.hear_radio(advice(inbox, 20.0))
    node.dark()
    assert node.on_air.interval_s == interval_s(50, LONG_FAST)


def test_old_statuses_never_go_by_radio(node) -> None:
    node.status(20)
    node.dark()
    node.run(window_s(50, LONG_FAST) + 1)
    assert {each.header.number for each in node.air if each.kind == "status"} == {21}


# --- reports that are not urgent ---


def test_reports_are_tried_four_times_and_then_once_per_interval(node) -> None:
    node.makes_statuses = False
    node.report()
    node.dark()
    node.run(24 * HOUR_S)
    at_s = [each.at_s for each in node.air]
    plan_s = interval_s(50, LONG_FAST)
    pauses = [later - earlier for earlier, later in itertools.pairwise(at_s)][TRIES:]
    assert pauses and all(0.74 * plan_s < pause < 1.26 * plan_s + 61 for pause in pauses)


def test_a_deaf_site_with_a_hundred_reports_asks_once_per_interval(node) -> None:
    node.makes_statuses = False
    node.reports(100)
    node.dark()
    node.run(48 * HOUR_S)
    numbers = [each.header.number for each in node.air]
    assert set(numbers) == {1, 2, 3, 4, 5, 6, 7}, "those that were begun when four were spent"
    assert len(numbers) <= 7 * TRIES + 48 * HOUR_S / (0.75 * interval_s(50, LONG_FAST))


def test_a_receipt_lets_a_site_that_seemed_deaf_go_on(node, inbox) -> None:
    node.makes_statuses = False
    node.reports(6)
    node.dark()
    node.run(24 * HOUR_S)
    node.receipted(inbox, upto=4)
    node.run(HOUR_S)
    assert {5, 6} <= {each.header.number for each in node.air}


def test_what_is_not_for_the_air_waits_for_mqtt(node) -> None:
    draft = Draft(kind=Kind.REPORT, values={"casualties_t1": 3}, urgency=Urgency.EMERGENCY)
    node.forwarder.submit([draft], node.moment)
    node.dark()
    assert "report" not in kinds(node.run(HOUR_S))


def test_what_does_not_fit_the_packet_waits_for_mqtt() -> None:
    node = RadioEnd(payload_bytes_max=165)
    node.report("x" * 120, Urgency.EMERGENCY)
    node.report("kort", Urgency.EMERGENCY)
    assert [each.header.number for each in node.run(20.0)] == [2]


def test_a_radio_that_takes_less_than_it_was_said_to_is_believed(node) -> None:
    node.report("x" * 120, Urgency.EMERGENCY)
    node.report("kort", Urgency.EMERGENCY)
    node.run(5.0)
    node.report_radio(payload_bytes_max=165)
    assert {each.header.number for each in node.run(20.0)} == {2}
    node.report_radio()  # another radio, after all
    assert 1 in {each.header.number for each in node.run(20.0)}


def test_a_new_epoch_begins_its_tries_anew(node) -> None:
    node.dark()
    node.report("brand", Urgency.EMERGENCY)
    node.run(10.0)
    node.forwarder.begin_epoch(50, node.moment)
    assert [each.header.epoch for each in node.run(5.0) if each.kind == "report"] == [
        node.forwarder.state.epoch
    ]


# --- the law ---


@pytest.mark.parametrize("preset", [Preset.LONG_FAST, Preset.LONG_SLOW])
def test_no_hour_holds_more_than_the_law_allows(preset) -> None:
    node = RadioEnd(preset=preset, sites=1)
    node.dark()
    for _ in range(40):
        for n in range(10):
            node.report(f"nood {n}", Urgency.EMERGENCY)
        node.run(300.0)
    spent = [(each.at_s, each.transmission.airtime_ms) for each in node.air]
    for start_s, _ in spent:
        assert sum(ms for at_s, ms in spent if start_s <= at_s < start_s + HOUR_S) <= LIMIT_MS


def test_what_the_radio_relayed_comes_off_the_hour(node) -> None:
    node.report_radio(air_util_tx_pct=9.99, uptime_s=7200.0)
    node.report("brand", Urgency.EMERGENCY)
    assert node.run(600.0) == []


def test_an_urgent_report_goes_in_the_moment_in_which_the_hour_has_room(node) -> None:
    node.now_s = 1030.0
    node.report_radio(air_util_tx_pct=10.0, uptime_s=7200.0)
    room_s = node.now_s - node.now_s % 60 + 60 + HOUR_S  # that minute counts until it is an hour old
    node.report_radio()
    node.report("brand", Urgency.EMERGENCY)
    sent = node.run(HOUR_S + 120)
    assert sent and sent[0].at_s == pytest.approx(room_s, abs=0.1)


def test_the_last_fifth_is_for_urgent(node) -> None:
    node.report_radio(air_util_tx_pct=8.5, uptime_s=7200.0)
    node.status()
    node.reports(3)
    node.dark()
    assert node.run(1000.0) == []
    node.report("brand", Urgency.EMERGENCY)
    assert kinds(node.run(3.0)) == ["report"]


def test_what_was_not_sent_is_given_back_and_tried_a_little_later(node) -> None:
    node.dark()
    node.report("brand", Urgency.EMERGENCY)
    sent = node.run(2.1)[-1].transmission
    used_ms = node.on_air.budget.used_ms(node.now_s)
    node.on_air.not_sent(sent)
    assert node.on_air.budget.used_ms(node.now_s) == pytest.approx(used_ms - sent.airtime_ms)
    again = [each for each in node.run(12.0) if each.kind == "report"]
    assert len(again) == 1


def test_nothing_goes_to_a_radio_that_is_not_ready_and_what_waits_goes_when_it_is(node) -> None:
    node.report_radio(ready=False)
    node.report("brand", Urgency.EMERGENCY)
    assert node.run(600.0) == []
    node.report_radio()
    assert kinds(node.run(1.0)) == ["report"]


# --- taking over and back ---


def test_it_tells_when_it_takes_over(node) -> None:
    node.dark()
    assert [event for event in node.events if isinstance(event, TookOver)] == [TookOver("broker")]


def test_mqtt_that_answers_silences_the_radio_at_once(node, inbox) -> None:
    node.reports(3)
    node.dark()
    node.connect()
    converse(node, inbox)
    node.reports(3)
    converse(node, inbox)
    assert node.run(HOUR_S) == []
    assert not node.ledger().open()


def test_a_receipt_by_radio_frees_what_mqtt_would_send(node, inbox) -> None:
    node.reports(2)
    node.dark()
    node.receipted(inbox, upto=2)
    node.connect()
    converse(node, inbox)
    assert ("report", 1) not in inbox.taken
    assert not node.ledger(Numbering.REPORT).open()


# --- orders of the inbox ---


def order(node: RadioEnd, *envelopes: bytes) -> None:
    frame = wire.encode_batch([wire.Entry(envelope) for envelope in envelopes])
    node.events += node.forwarder.order(frame, node.moment)


def test_a_gateway_transmits_what_the_inbox_orders(node, inbox) -> None:
    receipt = inbox.receipt(b"", inbox.entry(b"abcd", 3))
    order(node, receipt)
    sent = node.run(1.0)
    assert [wire.decode_radio_frame(each.transmission.frame).envelope for each in sent] == [receipt]
    assert sent[0].transmission.use is Use.SPEECH


def test_an_order_that_the_inbox_did_not_sign_is_junk(node) -> None:
    stranger = InboxEnd(RadioEnd().signer)
    order(node, stranger.receipt(b""))
    assert node.run(5.0) == []
    assert node.on_air.counts["junk"] == 1


def test_an_order_that_is_too_late_is_dropped(node, inbox) -> None:
    node.report_radio(ready=False)
    order(node, inbox.receipt(b"", inbox.entry(b"abcd", 3)))
    node.run(ORDER_LIFE_S + 1)
    node.report_radio()
    assert node.run(10.0) == []


def test_a_newer_receipt_for_the_same_nodes_takes_the_place_of_an_older(node, inbox) -> None:
    node.report_radio(ready=False)
    order(node, inbox.receipt(b"", inbox.entry(b"abcd", 3)))
    newer = inbox.receipt(b"", inbox.entry(b"abcd", 3), inbox.entry(b"efgh", 3))
    order(node, newer)
    node.report_radio()
    sent = node.run(10.0)
    assert [wire.decode_radio_frame(each.transmission.frame).envelope for each in sent] == [newer]


def test_orders_are_bounded(node, inbox) -> None:
    node.report_radio(ready=False)
    for n in range(200):
        order(node, inbox.receipt(b"", inbox.entry(n.to_bytes(4, "big"), 3)))
    assert len(node.on_air.orders) == 16


# --- time ---


def test_a_node_without_a_clock_takes_the_time_from_receipts_by_radio(node, inbox) -> None:
    node.hear_radio(inbox.receipt(b""))
    node.now_s += 100
    header = wire.parse_header(node.report().envelope)
    assert (header.clock, header.time) == (Clock.INBOX, inbox.time + 100)


def test_a_receipt_that_was_delayed_an_hour_or_replayed_does_not_set_the_time_back(node, inbox) -> None:
    late = inbox.receipt(b"")
    node.now_s += 3600
    inbox.time += 3600
    node.hear_radio(inbox.receipt(b""))
    for _ in range(3):
        node.hear_radio(late)
    assert wire.parse_header(node.report().envelope).time == inbox.time
