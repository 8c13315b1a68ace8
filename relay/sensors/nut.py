"""A UPS through NUT (Network UPS Tools), by its network protocol (RFC 9271).

`power` is what the UPS says of itself: `mains` while its status has OL, `battery` while it has OB. A UPS
that says both, or neither, is not believed: it is being calibrated or replaced. `battery_pct` and
`runtime_min` are its own estimates; runtime is given on battery only, since on mains it is a promise about
a load that may change. Data that upsd calls stale are not data.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

from relay.core.fields import Value
from relay.errors import Text
from relay.sensors.base import SensorError
from relay.sensors.mains import Rank

PORT = 3493
LINE_BYTES_MAX = 1024
ANSWER_LINES_MAX = 512
CONNECT_TIMEOUT_S = 2.0
_VARIABLE = re.compile(r'^VAR \S+ (\S+) "((?:[^"\\]|\\.)*)"$')


class NutSensor:
    """power, battery_pct and runtime_min of one UPS."""

    interval_s = 2.0
    timeout_s = 4.0
    max_age_s = 20.0
    mains_rank = Rank.UPS

    def __init__(self, ups: str, host: str = "127.0.0.1", port: int = PORT) -> None:
        self.name = f"nut {ups}"
        self._ups, self._host, self._port = ups, host, port

    def read(self) -> dict[str, Value]:
        """What the UPS says now; raises SensorError when upsd or the UPS does not answer."""
        told = variables(self._ups, self._host, self._port)
        flags = told.get("ups.status", "").split()
        on_mains, on_battery = "OL" in flags, "OB" in flags
        power = None if on_mains == on_battery else "mains" if on_mains else "battery"
        found: dict[str, Value | None] = {
            "power": power,
            "battery_pct": _whole(told.get("battery.charge"), 0, 100),
        }
        runtime_s = _whole(told.get("battery.runtime"), 0, 10_000_000)
        if power == "battery" and runtime_s is not None:
            found["runtime_min"] = runtime_s // 60
        return {name: value for name, value in found.items() if value is not None}


def variables(ups: str, host: str, port: int) -> dict[str, str]:
    """Every variable of `ups`; raises SensorError with what upsd said."""
    try:
        with socket.create_connection((host, port), CONNECT_TIMEOUT_S) as connection:
            connection.sendall(f"LIST VAR {ups}\n".encode())
            with connection.makefile("r", encoding="utf-8", errors="replace", newline="\n") as lines:
                return _listed(ups, lines.readline)
    except OSError as error:
        raise SensorError(
            Text(f"upsd op {host}:{port} antwoordt niet", f"upsd at {host}:{port} does not answer"),
            Text("Kijk met: systemctl status nut-server", "Look with: systemctl status nut-server"),
        ) from error


def _listed(ups: str, read_line: Callable[[int], str]) -> dict[str, str]:
    told: dict[str, str] = {}
    for _ in range(ANSWER_LINES_MAX):
        line = read_line(LINE_BYTES_MAX).rstrip("\n")
        if line.startswith("END LIST"):
            return told
        if line.startswith("ERR ") or not line:
            raise _refused(ups, line.removeprefix("ERR "))
        if found := _VARIABLE.match(line):
            told[found[1]] = re.sub(r"\\(.)", r"\1", found[2])
    raise _refused(ups, "too long an answer")


def _refused(ups: str, why: str) -> SensorError:
    known = {
        "UNKNOWN-UPS": Text(f"upsd kent geen UPS {ups}", f"upsd knows no UPS {ups}"),
        "DATA-STALE": Text(f"UPS {ups} antwoordt upsd niet meer", f"UPS {ups} does not answer upsd any more"),
        "DRIVER-NOT-CONNECTED": Text(
            f"driver van UPS {ups} draait niet", f"driver of UPS {ups} is not running"
        ),
        "ACCESS-DENIED": Text("upsd weigert dit apparaat", "upsd refuses this machine"),
    }
    said = why or "connection closed"
    return SensorError(
        known.get(why, Text(f"upsd: {said}", f"upsd: {said}")),
        Text("Kijk met: upsc -l", "Look with: upsc -l"),
    )


def _whole(text: str | None, low: int, high: int) -> int | None:
    """A number as drivers write it, with or without a fraction; None for what is out of bounds."""
    try:
        value = int(float(text or ""))
    except (ValueError, OverflowError):
        return None
    return value if low <= value <= high else None
