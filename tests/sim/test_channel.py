"""The air: who receives what, and what spoils it."""

from __future__ import annotations

from random import Random

import pytest

from relay.core.airtime import Preset
from relay.sim.channel import CAPTURE_DB, Channel, Tuning
from relay.sim.places import SEATS, Place, distance_km, path_loss_db, place_at
from relay.sim.timeline import Timeline
from tests.sim.air import Chip

FAR_KM = 200.0


def row(*xs_km: float, preset: Preset = Preset.LONG_FAST) -> tuple[Timeline, list[Chip]]:
    timeline = Timeline()
    channel = Channel(timeline, Random(1), shadowing_db=0.0)
    return timeline, [Chip(channel, index, Place(x, 0.0), Tuning(preset)) for index, x in enumerate(xs_km)]


def test_who_is_near_receives_at_the_end_of_the_frame_and_who_is_far_does_not() -> None:
    timeline, (sender, near, far) = row(0, 1, FAR_KM)
    sender.send("hello", 1.0)
    timeline.run_until(0.999)
    assert near.got == []
    timeline.run_until(1.0)
    assert near.got == ["hello"]
    assert far.got == sender.got == []


def test_two_frames_of_like_strength_spoil_each_other() -> None:
    timeline, (left, middle, right) = row(0, 1, 2)
    left.send("one")
    timeline.run_until(0.5)
    right.send("two")
    timeline.run_until(5)
    assert middle.got == []
    assert middle.chip.collisions == 1


def test_the_frame_being_received_survives_a_much_weaker_one() -> None:
    timeline, (near, middle, far) = row(0, 1, 4)
    margin_db = near.channel.link_db(near.chip, middle.chip) - near.channel.link_db(far.chip, middle.chip)
    assert margin_db > CAPTURE_DB
    near.send("strong")
    timeline.run_until(0.5)
    far.send("weak")
    timeline.run_until(5)
    assert middle.got == ["strong"]


def test_a_much_stronger_frame_takes_over_in_the_preamble_and_not_after_it() -> None:
    for wait_s, received in ((0.05, ["strong"]), (0.5, [])):
        timeline, (near, middle, far) = row(0, 1, 4)
        far.send("weak", 1.0)
        timeline.run_until(wait_s)
        near.send("strong", 1.0)
        timeline.run_until(5)
        assert middle.got == received


def test_who_sends_hears_nothing() -> None:
    timeline, (one, other) = row(0, 1)
    one.send("long", 2.0)
    timeline.run_until(0.5)
    other.send("short", 0.5)
    timeline.run_until(5)
    # neither what comes while one sends, nor the rest of what had begun before one stopped
    assert one.got == other.got == []


def test_a_hidden_node_is_not_sensed_and_collides() -> None:
    timeline, (left, middle, right) = row(0, 6, 12)  # the ends don't hear each other
    assert left.channel.link_db(left.chip, right.chip) < 0 < left.channel.link_db(left.chip, middle.chip)
    left.send("one")
    timeline.run_until(0.5)
    assert middle.chip.senses(0.5)
    assert not right.chip.senses(0.5)
    right.send("two")
    timeline.run_until(5)
    assert middle.got == []


def test_a_frame_is_sensed_only_after_a_slot() -> None:
    timeline, (one, other) = row(0, 1)
    one.send("frame")
    slot_s = Tuning().slot_s
    timeline.run_until(slot_s * 0.9)
    assert not other.chip.senses(timeline.now_s)
    timeline.run_until(slot_s * 1.1)
    assert other.chip.senses(timeline.now_s)
    assert other.chip.receives(timeline.now_s)
    timeline.run_until(2)
    assert not other.chip.senses(timeline.now_s)


def test_another_preset_or_region_is_another_world() -> None:
    timeline = Timeline()
    channel = Channel(timeline, Random(1), 0.0)
    tunings = [Tuning(), Tuning(Preset.MEDIUM_FAST), Tuning(region="EU_433")]
    chips = [Chip(channel, index, Place(index, 0), tuning) for index, tuning in enumerate(tunings)]
    chips[0].send("hello")
    timeline.run_until(2)
    assert all(chip.got == [] for chip in chips)
    channel.retune(chips[1].chip, tunings[0])
    chips[0].send("again")
    timeline.run_until(4)
    assert chips[1].got == ["again"]


def test_a_sender_that_loses_power_is_received_by_nobody() -> None:
    timeline, (sender, near) = row(0, 1)
    sender.send("cut")
    timeline.run_until(0.5)
    sender.chip.switch(False)
    sender.chip.switch(True)
    timeline.run_until(2)
    assert near.got == []
    sender.send("whole")
    timeline.run_until(4)
    assert near.got == ["whole"]


def test_the_edge_of_reception_is_soft_and_a_slower_preset_reaches_farther() -> None:
    reach: dict[Preset, list[float]] = {}
    for preset in (Preset.LONG_FAST, Preset.SHORT_FAST):
        for km in (1, 3, 5, 7, 9, 12):
            timeline, (sender, ear) = row(0, km, preset=preset)
            for _ in range(100):
                sender.send("x", 0.5)
                timeline.run_until(timeline.now_s + 1)
            reach.setdefault(preset, []).append(len(ear.got) / 100)
    assert reach[Preset.LONG_FAST][0] == reach[Preset.SHORT_FAST][0] == 1.0
    assert any(0.05 < share < 0.95 for share in reach[Preset.LONG_FAST] + reach[Preset.SHORT_FAST])
    assert sum(reach[Preset.LONG_FAST]) > sum(reach[Preset.SHORT_FAST]) + 1


@pytest.mark.parametrize(
    ("low_m", "high_m", "least_km", "most_km"), [(5, 5, 3, 7), (10, 10, 5, 9), (10, 30, 9, 15)]
)
def test_antennas_reach_as_far_as_in_the_field(
    low_m: float, high_m: float, least_km: float, most_km: float
) -> None:
    channel = Channel(Timeline(), Random(1), 0.0)
    base = Chip(channel, 0, Place(0, 0, high_m))
    kms = [km / 2 for km in range(1, 60)]
    chips = [Chip(channel, index, Place(km, 0, low_m)) for index, km in enumerate(kms, 1)]
    heard = [km for km, chip in zip(kms, chips, strict=True) if channel.link_db(base.chip, chip.chip) > 0]
    assert least_km <= max(heard) <= most_km


def test_shadowing_belongs_to_a_pair_whoever_else_is_there() -> None:
    def margin_db(extra: int) -> float:
        channel = Channel(Timeline(), Random(5))
        for index in range(extra):
            Chip(channel, 100 + index, Place(1, 1))
        one, other = Chip(channel, 1, Place(0, 0)), Chip(channel, 2, Place(3, 0))
        there, back = channel.link_db(one.chip, other.chip), channel.link_db(other.chip, one.chip)
        assert there == back
        return there

    assert margin_db(0) == margin_db(7)
    plain = Channel(Timeline(), Random(5), 0.0)
    pair = Chip(plain, 1, Place(0, 0)), Chip(plain, 2, Place(3, 0))
    assert margin_db(0) != plain.link_db(pair[0].chip, pair[1].chip)


def test_loss_grows_with_distance_and_the_map_is_that_of_drenthe() -> None:
    losses = [path_loss_db(Place(0, 0), Place(km, 0)) for km in (0.001, 0.1, 1, 5, 20, 60)]
    assert losses == sorted(losses)
    assert len(SEATS) == 12
    assen, emmen = place_at(*SEATS["Assen"]), place_at(*SEATS["Emmen"])
    assert distance_km(assen, emmen) == pytest.approx(33.5, abs=1)
