"""A real gpsd with a receiver that gpsfake plays, what may answer in its place, and the clock it makes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.cli.ports import free_port
from relay.core.message import Clock
from relay.node.clocks import machine_clocks
from relay.sensors.base import SensorError
from relay.sensors.gpsd import (
    EARLIEST_UNIX_S,
    GOOD_FOR_S,
    LINE_BYTES_MAX,
    SETTLES_S,
    GpsdSensor,
    GpsTime,
)
from tests.support.process import until

NOON_UNIX_S = 1_795_521_600.0  # 24 November 2026, 12:00 UTC


def sentence(body: str) -> str:
    check = 0
    for each in body.encode():
        check ^= each
    return f"${body}*{check:02X}\r\n"


def receiver(date: str, *, fix: bool) -> str:
    """What a receiver in Beilen says in a minute, at noon."""
    said = ""
    for second in range(60):
        time = f"1200{second:02d}.00"
        if fix:
            said += sentence(f"GPRMC,{time},A,5251.7800,N,00630.8400,E,0.0,0.0,{date},,,A")
            said += sentence(f"GPGGA,{time},5251.7800,N,00630.8400,E,1,08,0.9,20.0,M,40.0,M,,")
            said += sentence("GPGSA,A,3,01,02,03,04,05,06,07,08,,,,,1.6,0.9,1.3")
        else:
            said += sentence(f"GPRMC,{time},V,,,,,,,{date},,,N")
            said += sentence(f"GPGGA,{time},,,,,0,00,99.9,,,,,,")
            said += sentence("GPGSA,A,1,,,,,,,,,,,,,99.9,99.9,99.9")
    return said


@contextlib.contextmanager
def gpsd(folder: Path, said: str) -> Iterator[int]:
    """gpsd with a receiver that says this, again and again."""
    port, file = free_port(), folder / "receiver.nmea"
    file.write_text(said)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["gpsfake", "-c", "0.05", "-P", str(port), file], stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # gpsd too, which it has started
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def read(sensor: GpsdSensor) -> str:
    """What a technician reads of it, in English."""
    try:
        sensor.read()
    except SensorError as error:
        assert sensor.note == ("", "")
        return error.what.en
    return sensor.note.en


def test_time_and_place_of_a_receiver_are_known_through_a_real_gpsd(tmp_path: Path) -> None:
    with gpsd(tmp_path, receiver("241126", fix=True)) as port:
        sensor = GpsdSensor("127.0.0.1", port)
        until(lambda: read(sensor).startswith("place 52.8630 6.5140 ±17 m, time 2026-11-24 12:0"), 20)
        unix_s = sensor.time.unix_s()
        assert unix_s is not None and NOON_UNIX_S <= unix_s < NOON_UNIX_S + 300
    assert "does not answer" in read(sensor)
    assert sensor.time.unix_s() is not None, "the time is known without it, for hours"


def test_a_receiver_without_satellites_has_no_time(tmp_path: Path) -> None:
    with gpsd(tmp_path, receiver("241126", fix=False)) as port:
        sensor = GpsdSensor("127.0.0.1", port, wait_s=1.0)
        until(lambda: read(sensor) == "no fix yet: too few satellites", 20)
        assert sensor.time.unix_s() is None


FIX = b'{"class":"TPV","mode":3,"time":"%s","lat":52.9,"lon":6.5}\n'


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (FIX % b"2026-11-24T12:00:00.000Z", "place 52.9000 6.5000, time 2026-11-24 12:00:00 UTC"),
        (FIX % b"2007-04-10T12:00:00.000Z", "the receiver believes it is 2007-04-10T12:00:00.000Z"),
        (FIX % b"2061-04-10T12:00:00.000Z", "the receiver believes it is 2061-04-10T12:00:00.000Z"),
        (FIX % b"yesterday", "the receiver believes it is yesterday"),
        (b'{"class":"VERSION"}\n{"class":"SKY","satellites":[]}\n', "gpsd hears no receiver"),
        (b'{"class":"TPV","mode":1}\n', "no fix yet: too few satellites"),
        (b'{"class":"TPV","mode":"three"}\n{"class":"TPV","lat":NaN}\n', "gpsd hears no receiver"),
        (b"", "gpsd hears no receiver"),
        (b"\xff" * (LINE_BYTES_MAX * 3), "gpsd hears no receiver"),
        (b"[" * 5000 + b"\n", "gpsd hears no receiver"),
        (b"\n" * 5000, "gpsd hears no receiver"),
    ],
)
def test_whatever_answers_on_that_port_does_no_harm(said: bytes, expected: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(100)
                connection.sendall(said)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(100)

        thread = threading.Thread(target=answer)
        thread.start()
        assert read(GpsdSensor("127.0.0.1", server.getsockname()[1], wait_s=0.5)) == expected
        thread.join(5)


def test_gps_is_the_clock_where_ntp_is_not_and_never_before_it_is_settled() -> None:
    now_s, synchronised = 50.0, False
    satellites = GpsTime(lambda: now_s)
    clocks = machine_clocks(lambda: synchronised, satellites)
    assert clocks.quality() is Clock.NONE
    satellites.take(NOON_UNIX_S)
    # the first fix came between the two questions of one moment: not yet good
    assert (clocks.quality(), clocks.unix_s()) == (Clock.NONE, NOON_UNIX_S)
    now_s += SETTLES_S
    assert (clocks.quality(), clocks.unix_s()) == (Clock.GPS, NOON_UNIX_S + SETTLES_S)
    now_s += GOOD_FOR_S - SETTLES_S
    assert (clocks.quality(), clocks.unix_s()) == (Clock.GPS, NOON_UNIX_S + GOOD_FOR_S)
    now_s += SETTLES_S  # and it ends for the quality first
    assert (clocks.quality(), clocks.unix_s()) == (Clock.NONE, NOON_UNIX_S + GOOD_FOR_S + SETTLES_S)
    now_s += 1
    assert satellites.unix_s() is None
    synchronised = True
    assert clocks.quality() is Clock.NTP and abs(clocks.unix_s() - NOON_UNIX_S) > 3600


def test_a_fix_that_jumps_has_to_settle_anew_and_one_of_another_age_is_not_taken() -> None:
    now_s = 50.0
    time = GpsTime(lambda: now_s)
    time.take(NOON_UNIX_S)
    now_s += 10
    time.take(NOON_UNIX_S + 11)  # a second of delay on the way is no jump
    assert time.good()
    time.take(NOON_UNIX_S + 40)
    assert not time.good() and time.unix_s() == NOON_UNIX_S + 40
    time.take(EARLIEST_UNIX_S - 1)
    assert time.unix_s() == NOON_UNIX_S + 40
