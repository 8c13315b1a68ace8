from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from relay.core import fields
from relay.sensors.power import PowerSensor

from .trees import lay

AC_ON = {"type": "Mains", "online": "1"}
AC_OFF = {"type": "Mains", "online": "0"}
BATTERY = {
    "type": "Battery",
    "present": "1",
    "status": "Discharging",
    "capacity": "62",
    "energy_now": "31000000",
    "energy_full": "50000000",
    "power_now": "10000000",
}


def supplies(root: Path, **all_of_them: Mapping[str, str | bytes]) -> Path:
    for name, files in all_of_them.items():
        folder = f"sys/class/power_supply/{name}"
        lay(root, {f"{folder}/{file}": contents for file, contents in files.items()})
    return root


def test_on_mains_with_a_battery_beside_it(tmp_path: Path) -> None:
    root = supplies(tmp_path, AC=AC_ON, BAT0={**BATTERY, "status": "Charging"})
    assert PowerSensor(root=root).read() == {"power": "mains", "battery_pct": 62}


def test_on_battery_the_runtime_is_told(tmp_path: Path) -> None:
    root = supplies(tmp_path, AC=AC_OFF, BAT0=BATTERY)
    assert PowerSensor(root=root).read() == {"power": "battery", "battery_pct": 62, "runtime_min": 186}


@pytest.mark.parametrize(
    ("present", "power"),
    [
        ({"AC": AC_OFF, "USB": {"type": "USB", "online": "1"}}, "mains"),
        ({"USB": {"type": "USB_PD", "online": "2"}}, "mains"),
        ({"UPS": {"type": "UPS", "status": "Discharging", "capacity": "9"}}, "battery"),
        ({"BAT": {**BATTERY, "present": "0"}}, None),
        ({"AC": AC_OFF, "BAT": {**BATTERY, "status": "Full"}}, None),  # an unused socket looks like this
        ({"AC": AC_OFF}, None),
        ({"BAT": {**BATTERY, "status": "Unknown"}}, None),
        ({"mouse": {**BATTERY, "scope": "Device"}}, None),
        ({"pen": {"type": "USB", "online": "1", "scope": "Device"}}, None),
        ({"BAT": {**BATTERY, "scope": "System"}}, "battery"),
    ],
)
def test_the_rule_for_the_power_source(
    tmp_path: Path, present: dict[str, dict[str, str]], power: str | None
) -> None:
    assert PowerSensor(root=supplies(tmp_path, **present)).read().get("power") == power


def test_a_machine_without_supplies_says_nothing(tmp_path: Path) -> None:
    assert PowerSensor(root=tmp_path).read() == {}
    (tmp_path / "sys/class/power_supply").mkdir(parents=True)
    assert PowerSensor(root=tmp_path).read() == {}


@pytest.mark.parametrize("garbage", [b"", b"\xff\x00", b"n/a", b"-1", b"101", b"7" * 9000])
def test_garbage_takes_only_its_own_value_away(tmp_path: Path, garbage: bytes) -> None:
    root = supplies(tmp_path, BAT0={"type": "Battery", "status": "Discharging", "capacity": garbage})
    assert PowerSensor(root=root).read() == {"power": "battery"}
    supplies(root, BAT0={"status": garbage, "capacity": "40"})
    assert PowerSensor(root=root).read() == {"battery_pct": 40}
    supplies(root, BAT0={"type": garbage})
    assert PowerSensor(root=root).read() == {}


def test_supplies_that_are_unplugged_while_they_are_read_are_a_normal_case(tmp_path: Path) -> None:
    root = supplies(tmp_path, AC=AC_ON)
    battery = root / "sys/class/power_supply/BAT0"
    stop = threading.Event()

    def unplug_and_plug() -> None:
        while not stop.is_set():
            supplies(root, BAT0=BATTERY)
            shutil.rmtree(battery)

    thread = threading.Thread(target=unplug_and_plug)
    thread.start()
    sensor = PowerSensor(root=root)
    try:
        for _ in range(300):
            values = sensor.read()
            assert values.pop("battery_pct", 62) == 62
            assert values == {"power": "mains"}
    finally:
        stop.set()
        thread.join()


def test_two_batteries_are_weighted_by_what_they_hold(tmp_path: Path) -> None:
    full = {
        **BATTERY,
        "status": "Unknown",
        "capacity": "100",
        "energy_now": "30000000",
        "energy_full": "30000000",
    }
    empty = {**BATTERY, "capacity": "0", "energy_now": "0", "energy_full": "10000000"}
    root = supplies(tmp_path, BAT0=full, BAT1=empty)
    assert PowerSensor(root=root).read()["battery_pct"] == 75


def test_when_one_battery_does_not_say_what_it_holds_the_lowest_counts(tmp_path: Path) -> None:
    root = supplies(tmp_path, BAT0=BATTERY, UPS={"type": "UPS", "status": "Discharging", "capacity": "30"})
    assert PowerSensor(root=root).read()["battery_pct"] == 30
    # nor can µAh be added to µWh
    charge = {"type": "Battery", "capacity": "20", "charge_now": "2000000", "charge_full": "10000000"}
    root = supplies(tmp_path / "other", BAT0=BATTERY, BAT1=charge)
    assert PowerSensor(root=root).read()["battery_pct"] == 20


@pytest.mark.parametrize(
    ("battery", "minutes"),
    [
        ({"time_to_empty_now": "5400"}, 90),
        ({"time_to_empty_avg": "600", "energy_now": "1", "power_now": "1"}, 10),
        ({"time_to_empty_now": "0", "energy_now": "20000000", "power_now": "5000000"}, 240),
        ({"time_to_empty_now": "3932100", "charge_now": "3000000", "current_now": "-1500000"}, 120),
        ({"energy_now": "20000000", "power_now": "0"}, None),
        ({"energy_now": "20000000"}, None),
        ({}, None),
    ],
)
def test_runtime_is_the_driver_s_estimate_or_what_is_left_over_what_flows(
    tmp_path: Path, battery: dict[str, str], minutes: int | None
) -> None:
    root = supplies(tmp_path, BAT0={"type": "Battery", "status": "Discharging", **battery})
    assert PowerSensor(root=root).read().get("runtime_min") == minutes


def test_the_battery_that_is_empty_first_sets_the_runtime(tmp_path: Path) -> None:
    one = {"type": "Battery", "status": "Discharging", "time_to_empty_now": "6000"}
    root = supplies(tmp_path, BAT0=one, BAT1={**one, "time_to_empty_now": "3000"})
    assert PowerSensor(root=root).read()["runtime_min"] == 50


def test_a_battery_without_a_percentage_is_measured_by_what_it_holds(tmp_path: Path) -> None:
    battery = {"type": "Battery", "status": "Charging", "charge_now": "1500", "charge_full": "2000"}
    assert PowerSensor(root=supplies(tmp_path, BAT0=battery)).read() == {"battery_pct": 75}


def test_this_machine_tells_plausible_values() -> None:
    for name, value in PowerSensor().read().items():
        assert fields.check(fields.field_named(name), value) == value
