"""The UPS sensor against a real upsd with NUT's own dummy driver, and against one that lies."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.core.fields import Value
from relay.sensors.base import SensorError
from relay.sensors.nut import ANSWER_LINES_MAX, NutSensor
from tests.sensors.ups import Upsd
from tests.support.process import until


@pytest.fixture
def upsd(tmp_path: Path) -> Iterator[Upsd]:
    with Upsd(tmp_path) as upsd:
        yield upsd


def read(sensor: NutSensor) -> dict[str, Value] | str:
    """Values, or the English reason why there are none."""
    try:
        return sensor.read()
    except SensorError as error:
        return error.what.en


def test_a_ups_is_followed_from_mains_to_battery_and_back(upsd: Upsd) -> None:
    sensor = NutSensor("site", port=upsd.port)
    until(lambda: read(sensor) == {"power": "mains", "battery_pct": 100}, 15)
    upsd.tell("OB DISCHRG", "57", "1234")
    until(lambda: isinstance(found := read(sensor), dict) and found.get("power") == "battery", 10)
    assert read(sensor) == {"power": "battery", "battery_pct": 57, "runtime_min": 20}
    upsd.tell("OB LB", "9", "100")
    until(lambda: isinstance(found := read(sensor), dict) and found.get("battery_pct") == 9, 10)
    assert read(sensor) == {"power": "battery", "battery_pct": 9, "runtime_min": 1}
    upsd.tell("OL CHRG", "10")
    until(lambda: read(sensor) == {"power": "mains", "battery_pct": 10}, 10)


def test_a_ups_that_contradicts_itself_is_not_believed(upsd: Upsd) -> None:
    sensor = NutSensor("site", port=upsd.port)
    upsd.tell("CAL OL OB", "50")
    until(lambda: read(sensor) == {"battery_pct": 50}, 15)


def test_a_cable_that_is_out_makes_values_unknown_not_old(upsd: Upsd) -> None:
    sensor = NutSensor("site", port=upsd.port)
    until(lambda: isinstance(read(sensor), dict), 15)
    upsd.kill_driver()
    until(lambda: isinstance(read(sensor), str), 15)
    said = read(sensor)
    assert isinstance(said, str) and "site" in said


def test_an_upsd_that_is_gone_and_a_ups_that_nobody_knows_say_so(upsd: Upsd) -> None:
    until(lambda: isinstance(read(NutSensor("site", port=upsd.port)), dict), 15)
    assert read(NutSensor("other", port=upsd.port)) == "upsd knows no UPS other"
    upsd.stop()
    assert "does not answer" in str(read(NutSensor("site", port=upsd.port)))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            b'VAR site ups.status "OL"\nVAR site battery.charge "99.6"\nEND LIST VAR site\n',
            {"power": "mains", "battery_pct": 99},
        ),
        # to be replaced: fed by the mains all the same
        (b'VAR site ups.status "OL RB"\nEND LIST VAR site\n', {"power": "mains"}),
        (b'VAR site battery.charge "nan"\nVAR site battery.runtime "1e999"\nEND LIST\n', {}),
        (b'VAR site ups.status "O\\"B"\nEND LIST\n', {}),
        (b"", "upsd: connection closed"),
        (b"ERR DATA-STALE\n", "UPS site does not answer upsd any more"),
        (b'VAR site x "y"\n' * (ANSWER_LINES_MAX + 5), "upsd: too long an answer"),
        (b"\xff\xfe" * 3000, "upsd: connection closed"),
    ],
)
def test_whatever_answers_on_that_port_does_no_harm(said: bytes, expected: dict[str, Value] | str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(said)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(100)

        thread = threading.Thread(target=answer)
        thread.start()
        found = read(NutSensor("site", port=server.getsockname()[1]))
        thread.join(5)
    assert found == expected
