"""What this machine knows about itself: temperature, load, memory, disk and starts.

Three sensors rather than one, by what can hang together: /proc and plain sysfs hardly ever do, the Pi's
firmware mailbox and a dying memory card do. Whatever a machine doesn't have is absent.
"""

from __future__ import annotations

import os
from pathlib import Path

from relay.core.fields import Value
from relay.errors import StorageError, Text
from relay.files import replace
from relay.sensors.base import SensorError
from relay.sensors.files import entries, number, text
from relay.sensors.routes import device_with

CPU_ZONES = ("cpu", "soc", "x86_pkg_temp")  # in order of preference; part of a thermal zone's type
UNDERVOLTAGE_NOW, THROTTLED_NOW, UNDERVOLTAGE_EARLIER, THROTTLED_EARLIER = (1 << n for n in (0, 2, 16, 18))
GET_THROTTLED = Path("sys/devices/platform/soc/soc:firmware/get_throttled")


class HostSensor:
    """CPU temperature, load, memory, uptime and networks that are up, from /proc and /sys below `root`."""

    name = "host"
    interval_s = 30.0
    timeout_s = 5.0
    max_age_s = 100.0

    def __init__(self, *, root: Path = Path("/"), cores: int | None = None, own_wifi: str = "") -> None:
        """`own_wifi`: our address on our own Wi-Fi, which is not counted."""
        self._root = root
        self._own_wifi = own_wifi
        self._cores = cores or os.cpu_count() or 1

    def read(self) -> dict[str, Value]:
        """What is there of cpu_c, load_pct, memory_free_pct, uptime_h, interfaces_up.

        Raises SensorError when nothing at all can be read.
        """
        found = {
            "cpu_c": cpu_c(self._root),
            "load_pct": load_pct(self._root, self._cores),
            "memory_free_pct": memory_free_pct(self._root),
            "uptime_h": uptime_h(self._root),
            "interfaces_up": interfaces_up(self._root, device_with(self._root, self._own_wifi)),
        }
        known: dict[str, Value] = {name: value for name, value in found.items() if value is not None}
        if not known:
            raise SensorError(
                Text("/proc en /sys zijn niet te lezen", "/proc and /sys cannot be read"),
                Text("Controleer de rechten van de dienst", "Check what the service may read"),
            )
        return known


class FirmwareSensor:
    """Undervoltage and throttling of a Raspberry Pi; nothing on other machines.

    `now` and `earlier` come from the firmware's get_throttled (bits 0 and 16: undervoltage, 2 and 18:
    throttled) or from the rpi_volt alarm. That driver clears the firmware's memory every few seconds, so
    what this sensor saw itself counts as `earlier` too.
    """

    name = "firmware"
    interval_s = 10.0
    timeout_s = 5.0
    max_age_s = 40.0

    def __init__(self, *, root: Path = Path("/")) -> None:
        self._root = root
        self._seen: set[str] = set()

    def read(self) -> dict[str, Value]:
        """What is there of undervoltage and throttled."""
        values: dict[str, Value] = {}
        bits = _hexadecimal(self._root / GET_THROTTLED)
        alarm = _volt_alarm(self._root)
        if bits is not None:
            values["throttled"] = self._grade("throttled", bits & THROTTLED_NOW, bits & THROTTLED_EARLIER)
        if bits is not None or alarm is not None:
            now = (bits or 0) & UNDERVOLTAGE_NOW or alarm or 0
            values["undervoltage"] = self._grade("undervoltage", now, (bits or 0) & UNDERVOLTAGE_EARLIER)
        return values

    def _grade(self, name: str, now: int, earlier: int) -> str:
        if now or earlier:
            self._seen.add(name)
        return "now" if now else "earlier" if name in self._seen else "no"


class DiskSensor:
    """Free space of the file system that holds `state`, and how often this machine started.

    Starts are counted in the file `boots` in that folder: once per boot_id of the kernel, from 1 when
    the file is new or broken. On a disk that cannot be written the count is absent.
    """

    name = "disk"
    interval_s = 60.0
    timeout_s = 10.0
    max_age_s = 200.0

    def __init__(self, state: Path, *, root: Path = Path("/")) -> None:
        self._state = state
        self._root = root
        self._boots: int | None = None

    def read(self) -> dict[str, Value]:
        """disk_free_pct, and boots when it could be kept. Raises OSError when `state` cannot be asked."""
        values: dict[str, Value] = {"disk_free_pct": disk_free_pct(self._state)}
        if self._boots is None:
            self._boots = count_boot(self._state, self._root)
        if self._boots is not None:
            values["boots"] = self._boots
        return values


def cpu_c(root: Path) -> int | None:
    """°C of the hottest zone of the best kind there is: a Wi-Fi chip's zone is not the processor's."""
    zones = [
        (text(zone / "type") or "", number(zone / "temp"))
        for zone in entries(root / "sys/class/thermal")
        if zone.name.startswith("thermal_zone")
    ]
    for kind in CPU_ZONES:
        found = [milli for name, milli in zones if kind in name and milli is not None]
        if found:
            return round(max(found) / 1000)
    return None


def load_pct(root: Path, cores: int) -> int | None:
    """% of all cores together, over the last minute; above 100 when work is waiting."""
    load = _first_number(root / "proc/loadavg")
    return None if load is None else round(100 * load / cores)


def memory_free_pct(root: Path) -> int | None:
    """% of the memory that programs can still get (MemAvailable), rounded down."""
    amounts = {}
    for line in (text(root / "proc/meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        if name in ("MemTotal", "MemAvailable"):
            amounts[name] = rest.removesuffix("kB").strip()
    try:
        return 100 * int(amounts["MemAvailable"]) // int(amounts["MemTotal"])
    except (KeyError, ValueError, ZeroDivisionError):
        return None


def uptime_h(root: Path) -> int | None:
    """Whole hours since the kernel started."""
    uptime_s = _first_number(root / "proc/uptime")
    return None if uptime_s is None else int(uptime_s // 3600)


def interfaces_up(root: Path, ours: str | None = None) -> int | None:
    """How many network interfaces carry traffic, loopback and `ours` apart; some only tell by carrier."""
    folder = root / "sys/class/net"
    if not folder.is_dir():
        return None
    others = [one for one in entries(folder) if one.name not in ("lo", ours)]
    states = [(text(one / "operstate"), text(one / "carrier")) for one in others]
    return sum(state == "up" or (state == "unknown" and carrier == "1") for state, carrier in states)


def disk_free_pct(folder: Path) -> int:
    """% of the file system that ordinary users can still fill, rounded down, as df counts. Raises OSError."""
    disk = os.statvfs(folder)
    usable = disk.f_blocks - disk.f_bfree + disk.f_bavail
    return 100 * disk.f_bavail // usable if usable else 0


def count_boot(state: Path, root: Path = Path("/")) -> int | None:
    """Starts of this machine so far, this one included; None when that cannot be known or kept.

    The file says "count boot_id"; a power cut leaves the old count or the new one.
    """
    boot_id = text(root / "proc/sys/kernel/random/boot_id")
    if not boot_id:
        return None
    file = state / "boots"
    said, _, of_boot = (text(file) or "").partition(" ")
    count = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0
    if count and of_boot == boot_id:
        return count
    try:
        replace(file, f"{count + 1} {boot_id}\n".encode())
    except StorageError:
        return None
    return count + 1


def _first_number(path: Path) -> float | None:
    words = (text(path) or "").split()
    try:
        value = float(words[0])
    except (IndexError, ValueError):
        return None
    return value if 0 <= value < 1e12 else None  # NaN is neither


def _hexadecimal(path: Path) -> int | None:
    try:
        return int(text(path) or "", 16)
    except ValueError:
        return None


def _volt_alarm(root: Path) -> int | None:
    for device in entries(root / "sys/class/hwmon"):
        if text(device / "name") == "rpi_volt":
            return number(device / "in0_lcrit_alarm")
    return None
