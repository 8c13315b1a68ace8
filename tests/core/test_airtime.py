"""Airtime by the formula, and the rolling hour that no transmitter may exceed."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core.airtime import (
    HOUR_S,
    LIMIT_MS,
    MODEMS,
    Budget,
    BudgetState,
    Preset,
    Use,
    airtime_ms,
    on_air_bytes,
    packet_ms,
)
from relay.core.message import Clock, Moment

PAYLOADS = (20, 50, 80, 110, 140, 165, 200, 230)
TABLE = """
SHORT_FAST    7 250 5  8 |   48   71   91  114  137   155   181   204
SHORT_SLOW    8 250 5 10 |   90  126  167  203  244   275   321   357
MEDIUM_FAST   9 250 5 12 |  160  232  304  365  437   498   570   642
MEDIUM_SLOW  10 250 5 17 |  300  423  546  669  792   894  1037  1160
LONG_FAST    11 250 5 28 |  559  805 1010 1255 1460  1665  1911  2157
LONG_MODERATE 11 125 8 48 | 1774 2691 3478 4395 5313  5968  7016  7934
LONG_SLOW    12 125 8 89 | 3285 4858 6431 8004 9576 10887 12722 14295
"""
ROWS = [line.split("|") for line in TABLE.strip().splitlines()]
CELLS = [
    (row.split()[0], payload_bytes, int(ms))
    for row, cells in ROWS
    for payload_bytes, ms in zip(PAYLOADS, cells.split(), strict=True)
]
MINUTE_S = 60.0


@pytest.mark.parametrize(("preset", "payload_bytes", "ms"), CELLS)
def test_every_cell_of_the_table(preset: str, payload_bytes: int, ms: int) -> None:
    assert round(airtime_ms(Preset(preset), payload_bytes)) == ms


@pytest.mark.parametrize("row", [row for row, _ in ROWS])
def test_every_preset_modulates_as_in_the_table(row: str) -> None:
    name, *numbers = row.split()
    modem = MODEMS[Preset(name)]
    assert list(map(int, numbers)) == list(msgspec.structs.astuple(modem))


def test_every_preset_has_a_modem_and_a_row() -> None:
    assert set(MODEMS) == set(Preset) == {Preset(row.split()[0]) for row, _ in ROWS}


def test_the_largest_payload_fills_the_largest_packet() -> None:
    assert on_air_bytes(231) == 255
    assert on_air_bytes(127) == 16 + 7 + 127
    assert on_air_bytes(128) == 16 + 8 + 128
    assert on_air_bytes(219, extra_bytes=12) == 255  # a unicast with public-key encryption


def test_a_hundred_bytes_cost_what_the_plan_counts_with() -> None:
    assert round(airtime_ms(Preset.LONG_FAST, 100)) == 1174
    assert round(airtime_ms(Preset.MEDIUM_FAST, 100)) == 345
    assert airtime_ms(Preset.LONG_FAST, 99) == airtime_ms(Preset.LONG_FAST, 103)
    # The signature that newer firmware adds to a broadcast is airtime, too.
    assert airtime_ms(Preset.LONG_FAST, 100, extra_bytes=66) > 1.4 * airtime_ms(Preset.LONG_FAST, 100)


@given(st.sampled_from(Preset), st.integers(0, 254))
def test_more_bytes_never_cost_less(preset: Preset, packet_bytes: int) -> None:
    assert packet_ms(preset, packet_bytes) <= packet_ms(preset, packet_bytes + 1)


# --- the rolling hour ---


def test_statuses_and_relays_have_shares_and_the_last_fifth_is_for_what_is_urgent() -> None:
    budget = Budget()
    assert budget.left_ms(Use.STATUS, False, 0) == pytest.approx(0.6 * LIMIT_MS)
    assert budget.left_ms(Use.RELAY, False, 0) == pytest.approx(0.5 * LIMIT_MS)
    assert budget.left_ms(Use.SPEECH, False, 0) == pytest.approx(0.8 * LIMIT_MS)
    assert budget.left_ms(Use.SPEECH, True, 0) == pytest.approx(LIMIT_MS)
    budget.spend(0.5 * LIMIT_MS, Use.RELAY, 0)
    budget.spend(0.3 * LIMIT_MS, Use.STATUS, 0)
    assert budget.left_ms(Use.RELAY, True, 0) == 0  # urgent or not: its share is a share
    assert budget.left_ms(Use.SPEECH, False, 0) == 0
    assert budget.left_ms(Use.STATUS, False, 0) == 0
    assert budget.left_ms(Use.SPEECH, True, 0) == pytest.approx(0.2 * LIMIT_MS)


def test_the_legal_limit_stops_what_is_urgent_too() -> None:
    budget = Budget()
    budget.spend(LIMIT_MS, Use.SPEECH, 0)
    assert budget.left_ms(Use.SPEECH, True, 0) == 0
    assert budget.room_at_s(1, Use.SPEECH, True, 0) == HOUR_S + MINUTE_S


def test_room_comes_when_enough_of_the_oldest_minutes_are_an_hour_old() -> None:
    budget = Budget(limit_ms=1000)
    for minute in range(5):
        budget.spend(200, Use.SPEECH, minute * MINUTE_S)
    now_s = 5 * MINUTE_S
    assert budget.room_at_s(0, Use.SPEECH, True, now_s) == now_s
    assert budget.room_at_s(200, Use.SPEECH, True, now_s) == HOUR_S + MINUTE_S
    assert budget.room_at_s(300, Use.SPEECH, True, now_s) == HOUR_S + 2 * MINUTE_S
    assert budget.room_at_s(800, Use.SPEECH, False, now_s) == HOUR_S + 5 * MINUTE_S
    assert budget.room_at_s(801, Use.SPEECH, False, now_s) == inf  # more than ever is open to what can wait
    # At that moment, and not a little earlier, there is room.
    assert budget.left_ms(Use.SPEECH, True, HOUR_S + MINUTE_S - 0.01) == 0
    assert budget.left_ms(Use.SPEECH, True, HOUR_S + MINUTE_S) == 200


@given(
    st.lists(
        st.tuples(st.floats(0, 900), st.floats(1, 15_000), st.sampled_from(Use), st.booleans()), max_size=200
    )
)
def test_no_schedule_that_asks_first_exceeds_the_limit_in_any_hour(
    wishes: list[tuple[float, float, Use, bool]],
) -> None:
    budget, now_s = Budget(), 0.0
    sent: list[tuple[float, float]] = []
    for wait_s, ms, use, urgent in wishes:
        now_s += wait_s
        if use is not Use.FIRMWARE and ms <= budget.left_ms(use, urgent, now_s):
            budget.spend(ms, use, now_s)
            sent.append((now_s, ms))
    for at_s, _ in sent:
        hour_ms = sum(ms for when_s, ms in sent if at_s - HOUR_S < when_s <= at_s)
        assert hour_ms <= LIMIT_MS + 1e-6


@given(
    st.lists(st.tuples(st.floats(0, 900), st.floats(1, 100_000)), max_size=60),
    st.floats(1, 300_000),
    st.booleans(),
)
def test_room_is_where_it_was_promised(spent: list[tuple[float, float]], ms: float, urgent: bool) -> None:
    budget, now_s = Budget(), 0.0
    for wait_s, each_ms in spent:
        now_s += wait_s
        budget.spend(each_ms, Use.SPEECH, now_s)
    at_s = budget.room_at_s(ms, Use.SPEECH, urgent, now_s)
    if at_s == inf:
        assert ms > LIMIT_MS * (1.0 if urgent else 0.8)
    else:
        assert budget.left_ms(Use.SPEECH, urgent, at_s) >= ms - 1e-6


def test_what_the_radio_relayed_counts() -> None:
    budget = Budget()
    budget.spend(10_000, Use.SPEECH, 100)
    budget.report(4.0, 200)  # 144 s of the hour, 10 of which are ours
    assert budget.used_ms(200, Use.FIRMWARE) == pytest.approx(134_000)
    assert budget.used_ms(200) == pytest.approx(144_000)
    budget.report(4.0, 260)
    budget.report(3.0, 320)  # a lower count brings nothing back
    assert budget.used_ms(320) == pytest.approx(144_000)
    budget.report(10.0, 380)
    assert budget.left_ms(Use.SPEECH, True, 380) == 0


def test_a_report_does_not_count_our_own_packets_again() -> None:
    budget = Budget()
    for minute in range(120):
        now_s = minute * MINUTE_S
        budget.spend(2000, Use.SPEECH, now_s)
        budget.report(100 * min(minute + 1, 60) * 2000 / (HOUR_S * 1000), now_s + 1)
    assert budget.used_ms(120 * MINUTE_S, Use.FIRMWARE) == 0


def test_a_radio_that_restarts_forgets_its_hour_and_we_do_not() -> None:
    budget = Budget()
    budget.report(6.0, 1000, uptime_s=50_000)
    budget.report(0.0, 1120, uptime_s=60)
    assert budget.used_ms(1120) == pytest.approx(216_000)
    # What it relays after its restart comes on top of what it relayed before.
    budget.report(2.0, 1300, uptime_s=240)
    assert budget.used_ms(1300) == pytest.approx(216_000 + 72_000)
    budget.report(2.0, 1360, uptime_s=300)
    assert budget.used_ms(1360) == pytest.approx(216_000 + 72_000)


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 12), st.floats(0, 8000)), max_size=80))
def test_we_never_count_less_than_the_radio_reports(steps: list[tuple[float, float, float]]) -> None:
    budget, now_s = Budget(), 0.0
    for wait_s, percent, uptime_s in steps:
        now_s += wait_s
        budget.report(percent, now_s, uptime_s)
        assert budget.used_ms(now_s) >= percent * HOUR_S * 10 - 1e-3


# --- on disk ---


def kept(budget: Budget, moment: Moment) -> BudgetState:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(budget.snapshot(moment)), type=BudgetState)


def test_a_restart_changes_nothing() -> None:
    budget = Budget()
    budget.spend(LIMIT_MS / 2, Use.STATUS, 100)
    after = Budget.restore(kept(budget, Moment(200)), Moment(200, boot=1))
    for use in (Use.STATUS, Use.SPEECH, Use.RELAY):
        assert after.left_ms(use, True, 200) == budget.left_ms(use, True, 200)
    budget.spend(1000, Use.STATUS, 210)
    assert after.used_ms(210) == LIMIT_MS / 2  # a copy, not a view


def test_time_without_power_counts_as_zero_unless_both_clocks_are_good() -> None:
    budget = Budget()
    budget.spend(LIMIT_MS, Use.SPEECH, 100)
    state = kept(budget, Moment(200, unix_s=1_000_000, clock=Clock.NTP))
    two_hours_on = 1_000_000 + 7200
    for clock in (Clock.NONE, Clock.INBOX):
        doubtful = Budget.restore(state, Moment(200, unix_s=two_hours_on, clock=clock))
        assert doubtful.left_ms(Use.SPEECH, True, 200) == 0
    good = Budget.restore(state, Moment(200, unix_s=two_hours_on, clock=Clock.NTP))
    assert good.left_ms(Use.SPEECH, True, 200) == LIMIT_MS
    unkept = kept(budget, Moment(200, unix_s=1_000_000, clock=Clock.NONE))
    assert Budget.restore(unkept, Moment(200, unix_s=two_hours_on, clock=Clock.NTP)).used_ms(200) == LIMIT_MS


def test_a_gps_that_lied_before_or_after_the_power_cut_gives_no_airtime() -> None:
    budget = Budget()
    budget.spend(LIMIT_MS, Use.SPEECH, 100)
    for before, after in ((Clock.GPS, Clock.NTP), (Clock.NTP, Clock.GPS), (Clock.GPS, Clock.GPS)):
        state = kept(budget, Moment(200, unix_s=1_000_000, clock=before))
        again = Budget.restore(state, Moment(210, unix_s=2_000_000, clock=after))
        assert again.left_ms(Use.SPEECH, True, 210) == 0


def test_a_clock_that_stepped_back_gives_no_airtime() -> None:
    budget = Budget()
    budget.spend(LIMIT_MS, Use.SPEECH, 100)
    state = kept(budget, Moment(200, unix_s=1_000_000, clock=Clock.NTP))
    after = Budget.restore(state, Moment(210, unix_s=900_000, clock=Clock.NTP))
    assert after.left_ms(Use.SPEECH, True, 210) == 0


def test_the_hour_takes_little_memory_and_disk_however_many_packets() -> None:
    budget = Budget()
    for tenth in range(100_000):
        budget.spend(1, Use.STATUS, tenth / 10)
    state = budget.snapshot(Moment(10_000))
    assert len(state.minutes) <= 62
    assert len(msgspec.msgpack.encode(state)) < 4000
    assert all(one.at_s < two.at_s for one, two in pairwise(state.minutes))
