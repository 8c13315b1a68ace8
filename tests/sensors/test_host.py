from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from relay.core import fields
from relay.sensors.base import SensorError
from relay.sensors.host import (
    GET_THROTTLED,
    DiskSensor,
    FirmwareSensor,
    HostSensor,
    count_boot,
)

from .trees import lay

PI = {
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/class/thermal/thermal_zone1/type": "brcmfmac_wifi\n",
    "sys/class/thermal/thermal_zone1/temp": "61000\n",
    "sys/class/thermal/cooling_device0/type": "cpufreq-cpu0\n",
    "proc/loadavg": "0.60 0.20 0.10 1/84 5600\n",
    "proc/meminfo": "MemTotal:         948304 kB\nMemFree:  10 kB\nMemAvailable:     474151 kB\n",
    "proc/uptime": "93784.12 300000.00\n",
    "sys/class/net/lo/operstate": "unknown\n",
    "sys/class/net/lo/carrier": "1\n",
    "sys/class/net/eth0/operstate": "down\n",
    "sys/class/net/wlan0/operstate": "up\n",
    "sys/class/net/wg0/operstate": "unknown\n",
    "sys/class/net/wg0/carrier": "1\n",
    "sys/class/net/dummy0/operstate": "unknown\n",
    "sys/class/net/dummy0/carrier": "0\n",
    "sys/class/net/bonding_masters": "\n",
}
BOOT_ID = Path("proc/sys/kernel/random/boot_id")


def test_a_pi_tells_what_it_is_doing(tmp_path: Path) -> None:
    assert HostSensor(root=lay(tmp_path, PI), cores=4).read() == {
        "cpu_c": 48,  # not the Wi-Fi chip's 61
        "load_pct": 15,
        "memory_free_pct": 49,  # rounded down
        "uptime_h": 26,
        "interfaces_up": 2,  # wlan0 and wg0
    }


@pytest.mark.parametrize(
    "broken", [b"", b"garbage", b"\xff\xfe\x00", b"-", b"nan nan", b"1e999 x", b"9" * 5000]
)
def test_a_garbled_file_takes_only_its_own_value_away(tmp_path: Path, broken: bytes) -> None:
    root = lay(tmp_path, PI)
    for name in ("sys/class/thermal/thermal_zone0/temp", "proc/loadavg", "proc/meminfo", "proc/uptime"):
        lay(root, {name: broken})
    assert HostSensor(root=root, cores=4).read() == {"interfaces_up": 2}


def test_a_machine_without_networks_up_counts_zero_and_one_without_the_folder_nothing(tmp_path: Path) -> None:
    root = lay(tmp_path, {"sys/class/net/eth0/operstate": "down"})
    assert HostSensor(root=root).read() == {"interfaces_up": 0}
    (tmp_path / "other/proc").mkdir(parents=True)
    lay(tmp_path / "other", {"proc/uptime": "10.0"})
    assert HostSensor(root=tmp_path / "other").read() == {"uptime_h": 0}


def test_the_zone_of_the_processor_is_preferred_to_that_of_the_chip_around_it(tmp_path: Path) -> None:
    zones = {"0": ("soc-thermal", "70000"), "1": ("cpu0-thermal", "50000"), "2": ("cpu1-thermal", "55500")}
    for number, (kind, temp) in zones.items():
        folder = f"sys/class/thermal/thermal_zone{number}"
        lay(tmp_path, {f"{folder}/type": kind, f"{folder}/temp": temp})
    assert HostSensor(root=tmp_path).read() == {"cpu_c": 56}


def test_a_host_that_lets_nothing_be_read_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="cannot be read"):
        HostSensor(root=tmp_path).read()


@pytest.mark.parametrize(
    ("bits", "undervoltage", "throttled"),
    [
        ("0", "no", "no"),
        ("50000", "earlier", "earlier"),
        ("50005", "now", "now"),
        ("1", "now", "no"),
        ("40004", "no", "now"),
        ("a000a", "no", "no"),  # frequency capped and the soft limit are neither
    ],
)
def test_the_firmware_s_bits_are_told_apart(
    tmp_path: Path, bits: str, undervoltage: str, throttled: str
) -> None:
    root = lay(tmp_path, {str(GET_THROTTLED): bits + "\n"})
    assert FirmwareSensor(root=root).read() == {"undervoltage": undervoltage, "throttled": throttled}


def test_undervoltage_that_the_driver_has_forgotten_stays_known_as_earlier(tmp_path: Path) -> None:
    root = lay(
        tmp_path, {"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon0/name": "cpu\n"}
    )
    alarm = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
    sensor = FirmwareSensor(root=root)
    seen = []
    for value in ("0", "1", "0"):
        lay(root, {alarm: value})
        seen.append(sensor.read())
    assert seen == [{"undervoltage": "no"}, {"undervoltage": "now"}, {"undervoltage": "earlier"}]


def test_a_machine_without_that_firmware_says_nothing_about_it(tmp_path: Path) -> None:
    assert FirmwareSensor(root=tmp_path).read() == {}
    assert FirmwareSensor(root=lay(tmp_path, {str(GET_THROTTLED): "?"})).read() == {}


def test_starts_are_counted_once_per_boot_and_survive_the_process(tmp_path: Path) -> None:
    root, state = lay(tmp_path / "root", {str(BOOT_ID): "aaaa\n"}), tmp_path / "state"
    state.mkdir()
    for boot, expected in (("aaaa", 1), ("aaaa", 1), ("bbbb", 2), ("bbbb", 2), ("aaaa", 3)):
        lay(root, {str(BOOT_ID): boot + "\n"})
        assert DiskSensor(state, root=root).read()["boots"] == expected
        assert [file.name for file in state.iterdir()] == ["boots"]


@pytest.mark.parametrize("broken", [b"", b"\0" * 40, b"many aaaa", b"-3 aaaa", b"99999999999999 aaaa"])
def test_a_broken_count_starts_again(tmp_path: Path, broken: bytes) -> None:
    root = lay(tmp_path, {str(BOOT_ID): "aaaa\n", "boots": broken})
    assert count_boot(tmp_path, root) == 1
    assert count_boot(tmp_path, root) == 1


def test_a_count_that_cannot_be_kept_is_absent_and_free_space_is_still_told(tmp_path: Path) -> None:
    # a folder in the place of the file: refused even to root
    root = lay(tmp_path / "root", {str(BOOT_ID): "aaaa\n"})
    state = tmp_path / "state"
    (state / "boots").mkdir(parents=True)
    sensor = DiskSensor(state, root=root)
    assert list(sensor.read()) == ["disk_free_pct"]
    # and it is told as soon as it can be
    (state / "boots").rmdir()
    assert sensor.read()["boots"] == 1


def test_free_space_is_what_df_says() -> None:
    free = DiskSensor(Path("/dev/shm"), root=Path("/nonexistent")).read()["disk_free_pct"]
    df = subprocess.run(["df", "--output=pcent", "/dev/shm"], capture_output=True, text=True, check=True)
    used = int(df.stdout.split()[-1].removesuffix("%"))
    assert isinstance(free, int)
    assert abs(100 - used - free) <= 1


def test_a_state_folder_that_has_gone_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DiskSensor(tmp_path / "gone").read()


def test_this_machine_tells_plausible_values(tmp_path: Path) -> None:
    values = {**HostSensor().read(), **FirmwareSensor().read(), **DiskSensor(tmp_path).read()}
    for name, value in values.items():
        assert fields.check(fields.field_named(name), value) == value
    assert values["boots"] == 1
    assert values["uptime_h"] == int(time.clock_gettime(time.CLOCK_BOOTTIME) // 3600)
    assert 1 <= int(values["memory_free_pct"]) <= 100
    assert int(values["load_pct"]) >= 0
    assert -20 <= int(values.get("cpu_c", 40)) <= 110


@pytest.mark.skipif(os.geteuid() != 0, reason="a read-only file system can be mounted by root only")
def test_on_a_read_only_disk_the_count_is_absent(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(state)])
    if mounted.returncode:
        pytest.skip("this machine may not mount")
    try:
        assert list(DiskSensor(state).read()) == ["disk_free_pct"]
    finally:
        subprocess.run(["umount", str(state)], check=True)
