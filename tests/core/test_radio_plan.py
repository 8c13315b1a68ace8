"""The formulas for all sites together give the table of the design."""

from __future__ import annotations

import pytest

from relay.core.airtime import Preset
from relay.core.radio_plan import airtime_s, interval_s, receipt_wait_s, window_s

LONG_FAST, MEDIUM_FAST = Preset.LONG_FAST, Preset.MEDIUM_FAST


@pytest.mark.parametrize(
    ("preset", "sites", "interval_min", "window_min"),
    [
        (LONG_FAST, 12, 15, 2.5),
        (LONG_FAST, 50, 48, 11),
        (LONG_FAST, 150, 145, 32),
        (MEDIUM_FAST, 12, 15, 0.7),
        (MEDIUM_FAST, 50, 15, 3),
        (MEDIUM_FAST, 150, 42, 9),
    ],
)
def test_intervals_and_windows(preset, sites, interval_min, window_min) -> None:
    assert interval_s(sites, preset) / 60 == pytest.approx(interval_min, rel=0.03)
    assert window_s(sites, preset) / 60 == pytest.approx(window_min, rel=0.15)


@pytest.mark.parametrize(("preset", "seconds"), [(LONG_FAST, 1.174), (MEDIUM_FAST, 0.345)])
def test_the_airtime_of_a_usual_message(preset, seconds) -> None:
    assert airtime_s(preset) == pytest.approx(seconds, rel=0.01)


@pytest.mark.parametrize(("preset", "seconds"), [(LONG_FAST, 300), (MEDIUM_FAST, 90)])
def test_how_long_a_receipt_waits_for_others(preset, seconds) -> None:
    assert receipt_wait_s(preset) == pytest.approx(seconds, rel=0.03)
