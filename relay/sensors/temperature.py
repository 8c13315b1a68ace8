"""Indoor temperature by a 1-Wire thermometer (DS18B20) or an IIO sensor (BME280, SHT3x), from /sys.

One device is named in node.toml by its folder: a box may have two thermometers of which only one hangs in the
room. A DS18B20 that lost its power says 85 °C at its start: that is no temperature.
"""

from __future__ import annotations

from pathlib import Path

from relay.core.fields import Value
from relay.errors import Text
from relay.sensors.base import SensorError
from relay.sensors.files import number, text

POWER_ON_MILLI = 85_000
LOW_MILLI, HIGH_MILLI = -50_000, 100_000
ONE_WIRE = "sys/bus/w1/devices"
IIO = "sys/bus/iio/devices"


class TemperatureSensor:
    """indoor_c, in whole degrees."""

    name = "temperature"
    interval_s = 30.0
    timeout_s = 10.0  # a 1-Wire conversion takes 0.75 s, and the bus may be slow
    max_age_s = 120.0

    def __init__(self, device: str, *, root: Path = Path("/")) -> None:
        """`device`: a name below 1-Wire's or IIO's devices, such as 28-00000a1b2c3d or iio:device0."""
        self._device, self._root = device, root

    def read(self) -> dict[str, Value]:
        """The temperature; raises SensorError when there is none."""
        milli = self._one_wire()
        if milli is None:
            milli = self._iio()
        if milli is None or not LOW_MILLI <= milli <= HIGH_MILLI:
            raise SensorError(
                Text(f"thermometer {self._device} geeft niets", f"thermometer {self._device} says nothing"),
                Text(f"Kijk in /{ONE_WIRE} en /{IIO}", f"Look into /{ONE_WIRE} and /{IIO}"),
            )
        return {"indoor_c": round(milli / 1000)}

    def _one_wire(self) -> int | None:
        milli = number(self._root / ONE_WIRE / self._device / "temperature")
        return None if milli == POWER_ON_MILLI else milli

    def _iio(self) -> int | None:
        folder = self._root / IIO / self._device
        ready = number(folder / "in_temp_input")  # in thousandths of a degree, ready made
        if ready is not None:
            return ready
        raw, scale = text(folder / "in_temp_raw"), text(folder / "in_temp_scale")
        offset = text(folder / "in_temp_offset") or "0"
        try:
            return round((float(raw or "") + float(offset)) * float(scale or ""))
        except (ValueError, OverflowError):
            return None
