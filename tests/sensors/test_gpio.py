"""What a machine without GPIO says of a contact. Contacts on a real kernel: gpio_kernel.py."""

from __future__ import annotations

import sys

import pytest

from relay.sensors.base import SensorError
from relay.sensors.gpio import GpioSensor


@pytest.mark.parametrize(
    ("chip", "why"),
    [
        ("/dev/gpiochip77", "/dev/gpiochip77 line 17: does not exist"),
        ("/dev/null", "/dev/null line 17: is no GPIO chip"),
    ],
)
def test_a_chip_that_is_none_is_told_by_the_real_library(chip: str, why: str) -> None:
    sensor = GpioSensor("meter", chip, 17, "power", pull="up", debounce_ms=20)
    for _ in range(2):
        with pytest.raises(SensorError) as refused:
            sensor.read()
        assert refused.value.what.en == why


def test_without_the_library_it_is_said_which_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(SensorError, match="gpiod"):
        GpioSensor("meter", "/dev/gpiochip0", 17, "power").read()
