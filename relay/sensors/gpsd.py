"""Time and place by gpsd's JSON protocol (gpsd_json(5)), over TCP.

It tells no field: VRD's register knows where a site is. `note` shows the place to a technician, and `time` is
a clock for a node without NTP. gpsd must run with -n: else it lets the receiver sleep between two reads.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec

from relay.core.fields import Value
from relay.errors import Text
from relay.sensors.base import NO_REASON, SensorError

WATCH = b'?WATCH={"enable":true,"json":true};\n'
CONNECT_TIMEOUT_S = 2.0
FIX_WAIT_S = 6.0
LINE_BYTES_MAX = 10_240  # a SKY report names every satellite
LINES_MAX = 200
MODE_2D = 2
# What is outside comes from a receiver whose count of weeks began anew (every 19.6 years) or that is broken.
EARLIEST_UNIX_S = 1_767_225_600.0  # 2026-01-01: no node ran this before
LATEST_UNIX_S = 2_366_841_600.0  # 2045-01-01
GOOD_FOR_S = 4 * 3600.0  # after the last fix; a Pi's crystal is a second off by then
JUMP_S_MAX = 2.0
SETTLES_S = 1.0


class GpsTime:
    """The time of the last fix, carried on by a clock that cannot be set.

    Read and set on different threads, so each change is one assignment.
    """

    def __init__(self, boottime_s: Callable[[], float]) -> None:
        self._boottime_s = boottime_s
        self._fix: tuple[float, float, float] | None = None  # ahead of boottime, of the last fix, since

    def take(self, unix_s: float) -> None:
        """A fix says that it is `unix_s` now. What no clock can be is not taken."""
        if not EARLIEST_UNIX_S <= unix_s <= LATEST_UNIX_S:
            return
        now_s = self._boottime_s()
        ahead_s, fix = unix_s - now_s, self._fix
        since_s = fix[2] if fix and abs(fix[0] - ahead_s) <= JUMP_S_MAX else now_s
        self._fix = ahead_s, now_s, since_s

    def unix_s(self) -> float | None:
        """Now; None when the last fix is too long ago. Known a little before and longer than `good`."""
        now_s, fix = self._boottime_s(), self._fix
        return None if fix is None or now_s - fix[1] > GOOD_FOR_S + SETTLES_S else now_s + fix[0]

    def good(self) -> bool:
        """Whether `unix_s`, asked a moment ago or soon, is the time."""
        now_s, fix = self._boottime_s(), self._fix
        return fix is not None and now_s - fix[1] <= GOOD_FOR_S and now_s - fix[2] >= SETTLES_S


class _Tpv(msgspec.Struct, tag_field="class", tag="TPV"):
    """A time-position-velocity report, as far as it is of use here."""

    mode: int = 0  # 2: place known, 3: height too
    time: str = ""
    lat: float = 0.0
    lon: float = 0.0
    eph: float | None = None  # metres


class GpsdSensor:
    """No field; a place in `note`, and the time."""

    name = "gps"
    interval_s = 30.0
    timeout_s = CONNECT_TIMEOUT_S + FIX_WAIT_S + 1.0
    max_age_s = 100.0

    def __init__(
        self,
        host: str,
        port: int,
        *,
        boottime_s: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        wait_s: float = FIX_WAIT_S,
    ) -> None:
        self.note = NO_REASON
        self.time = GpsTime(boottime_s)
        self._host, self._port, self._wait_s = host, port, wait_s

    def read(self) -> dict[str, Value]:
        """Nothing; raises SensorError without a fix."""
        self.note = NO_REASON
        report = self._report()
        unix_s = _unix_s(report.time)
        if unix_s is None or not EARLIEST_UNIX_S <= unix_s <= LATEST_UNIX_S:
            raise SensorError(
                Text(
                    f"de ontvanger denkt dat het {report.time} is",
                    f"the receiver believes it is {report.time}",
                ),
                Text("Vernieuw de ontvanger of zijn firmware", "Renew the receiver or its firmware"),
            )
        self.time.take(unix_s)
        about = "" if report.eph is None else f" ±{report.eph:.0f} m"
        place = f"{report.lat:.4f} {report.lon:.4f}{about}"
        clock = f"{report.time[:19].replace('T', ' ')} UTC"
        self.note = Text(f"plaats {place}, tijd {clock}", f"place {place}, time {clock}")
        return {}

    def _report(self) -> _Tpv:
        """The first report with a fix; raises SensorError."""
        heard = False
        try:
            with socket.create_connection((self._host, self._port), CONNECT_TIMEOUT_S) as connection:
                connection.sendall(WATCH)
                deadline_s = time.monotonic() + self._wait_s
                for line in _lines(connection, deadline_s):
                    report = _tpv(line)
                    heard = heard or report is not None
                    if report is not None and report.mode >= MODE_2D and report.time:
                        return report
        except OSError as error:
            if not heard and not isinstance(error, TimeoutError):
                where = f"{self._host}:{self._port}"
                raise SensorError(
                    Text(f"gpsd op {where} antwoordt niet", f"gpsd at {where} does not answer"),
                    Text("Kijk met: systemctl status gpsd", "Look with: systemctl status gpsd"),
                ) from error
        if heard:
            raise SensorError(
                Text("nog geen plaats: te weinig satellieten", "no fix yet: too few satellites"),
                Text("Leg de antenne bij een raam", "Put the antenna at a window"),
            )
        raise SensorError(
            Text("gpsd hoort geen ontvanger", "gpsd hears no receiver"),
            Text("Kijk met: gpsmon; gpsd met -n starten", "Look with: gpsmon; start gpsd with -n"),
        )


def _lines(connection: socket.socket, deadline_s: float) -> Iterator[bytes]:
    """Whole lines, not endlessly many or long; raises TimeoutError at the deadline."""
    held = b""
    for _ in range(LINES_MAX):
        while b"\n" not in held:
            connection.settimeout(max(deadline_s - time.monotonic(), 0.001))
            piece = connection.recv(4096)
            if not piece or len(held) > LINE_BYTES_MAX:
                return
            held += piece
        line, _, held = held.partition(b"\n")
        yield line


def _tpv(line: bytes) -> _Tpv | None:
    try:
        return msgspec.json.decode(line, type=_Tpv)
    except (ValueError, RecursionError):  # another class of report, or no report at all
        return None


def _unix_s(written: str) -> float | None:
    try:
        return datetime.fromisoformat(written).timestamp()
    except (ValueError, OverflowError):
        return None
