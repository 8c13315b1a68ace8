"""A Victron installation, played over a real Mosquitto, and what may come instead of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.core.fields import Value
from relay.errors import ConfigError
from relay.mqtt import Options
from relay.sensors import victron
from relay.sensors.base import SensorError
from relay.sensors.victron import VictronSensor, values_of
from tests.sensors.venus import PORTAL, Venus
from tests.support.command import naober
from tests.support.process import until

ON_GRID = {
    "system/0/Ac/ActiveIn/Source": 1,
    "system/0/Dc/Battery/Soc": 97.6,
    "system/0/Dc/Battery/TimeToGo": None,
    "battery/512/Soc": 97.6,
    "generator/0/State": 0,
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(victron, "RETRY_S", 0.2)
    monkeypatch.setattr(victron, "IDLE_S", 3.0)


@pytest.fixture
def venus(tmp_path: Path) -> Iterator[Venus]:
    with Venus(tmp_path) as venus:
        for topic, value in ON_GRID.items():
            venus.tell(topic, value)
        yield venus


def read(sensor: VictronSensor) -> dict[str, Value] | str:
    """Values, or the English reason why there are none."""
    try:
        return sensor.read()
    except SensorError as error:
        return error.what.en


def test_an_installation_is_followed_from_grid_to_battery_to_generator_and_back(venus: Venus) -> None:
    sensor = VictronSensor("127.0.0.1", venus.port, PORTAL)
    # one read is enough, as `naober sensors` does it
    assert read(sensor) == {"power": "mains", "battery_pct": 97, "generator": "standby"}
    assert venus.keepalives == 1
    venus.tell("system/0/Dc/Battery/TimeToGo", 5460)
    venus.tell("system/0/Ac/ActiveIn/Source", 240)
    expected = {"power": "battery", "battery_pct": 97, "runtime_min": 91, "generator": "standby"}
    until(lambda: read(sensor) == expected, 10)
    venus.tell("generator/0/State", 1)
    venus.tell("system/0/Ac/ActiveIn/Source", 2)
    venus.tell("system/0/Dc/Battery/Soc", 41)
    until(lambda: read(sensor) == {"power": "generator", "battery_pct": 41, "generator": "running"}, 10)
    venus.tell("system/0/Ac/ActiveIn/Source", 1)
    venus.tell("generator/0/State", 10)
    until(lambda: read(sensor) == {"power": "mains", "battery_pct": 41, "generator": "fault"}, 10)
    # the battery monitor is unplugged
    venus.tell("battery/512/Soc", None)
    venus.tell("system/0/Dc/Battery/Soc", None)
    until(lambda: read(sensor) == {"power": "mains", "generator": "fault"}, 10)
    assert venus.keepalives == 1, "changes come by themselves"


def test_a_venus_that_is_switched_off_leaves_nothing_known_and_is_found_again(venus: Venus) -> None:
    sensor = VictronSensor("127.0.0.1", venus.port, PORTAL)
    until(lambda: isinstance(read(sensor), dict), 10)
    venus.stop()
    until(lambda: "Victron: " in str(read(sensor)), 10)
    venus.start()
    until(lambda: isinstance(found := read(sensor), dict) and found["power"] == "mains", 60)


def test_another_portal_and_nobody_at_all_say_why(venus: Venus) -> None:
    assert "says nothing of 0123456789ab" in str(read(VictronSensor("127.0.0.1", venus.port, "0123456789ab")))
    venus.stop()
    assert "refused" in str(read(VictronSensor("127.0.0.1", venus.port, PORTAL)))


def test_naober_sensors_shows_it_after_one_read(venus: Venus, tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    victron = f'host = "127.0.0.1"\nport = {venus.port}\nportal = "{PORTAL}"\n'
    file.write_text(f'[node]\nstate = "."\n[sensors.victron]\n{victron}[sensors.network]\nactive = false\n')
    done = naober("sensors", "--config", file)
    line = next(line for line in done.stdout.splitlines() if line.startswith("victron"))
    assert "goed" in line and "Stroomvoorziening net" in line and "Accu 97 %" in line
    assert "Stroomvoorziening net (volgens victron)" in done.stdout.splitlines()[-1]
    assert done.stderr == ""


def test_a_secured_device_is_told_its_password_by_tls(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    with Venus(tmp_path, password="zeer geheim") as venus:
        venus.tell("system/0/Ac/ActiveIn/Source", 1)
        sensor = VictronSensor("127.0.0.1", venus.port, PORTAL, str(secret))
        assert "can't read" in str(read(sensor))
        secret.write_text("verkeerd\n")
        until(lambda: "ot authori" in str(read(sensor)), 10, str(read(sensor)))
        secret.write_text("zeer geheim\n")
        until(lambda: read(sensor) == {"power": "mains"}, 10)


def test_values_that_are_not_repeated_are_not_known(venus: Venus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(victron, "HEARD_AGE_S_MAX", 0.5)
    sensor = VictronSensor("127.0.0.1", venus.port, PORTAL)
    until(lambda: "says nothing" in str(read(sensor)), 10)


def test_what_is_no_value_does_no_harm(venus: Venus) -> None:
    sensor = VictronSensor("127.0.0.1", venus.port, PORTAL)
    until(lambda: isinstance(read(sensor), dict), 10)
    for payload in (b"", b"\xff", b'{"value": "seven"}', b'{"value": 1e300}', b"[" * 900, b'{"value": [1]}'):
        venus.say_raw("system/0/Ac/ActiveIn/Source", payload)
    for number in range(200):
        venus.say_raw(f"battery/{number}/Soc", b'{"value": 50}')
    venus.say_raw("system/0/Dc/Battery/Soc", b'{"value": 55}')
    until(lambda: read(sensor) == {"battery_pct": 55, "generator": "standby"}, 10)
    assert len(sensor._heard) == victron.TOPICS_MAX


def test_nobody_reads_any_more_and_the_connection_ends(venus: Venus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(victron, "IDLE_S", 0.2)
    monkeypatch.setattr(victron, "KEEPALIVE_S", 0.1)
    sensor = VictronSensor("127.0.0.1", venus.port, PORTAL)
    read(sensor)
    until(lambda: sensor._thread is not None and not sensor._thread.is_alive(), 10)
    until(lambda: isinstance(read(sensor), dict), 10, "and begins anew when somebody does")


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ({}, {}),
        ({"system/0/Ac/ActiveIn/Source": 0.0}, {}),  # not available: no input is known to be off
        ({"system/0/Ac/ActiveIn/Source": 3.0}, {"power": "mains"}),
        ({"system/0/Ac/ActiveIn/Source": 240.0, "vebus/276/Ac/State/IgnoreAcIn1": 1.0}, {}),
        (
            {"system/0/Ac/ActiveIn/Source": 240.0, "vebus/276/Ac/State/IgnoreAcIn1": 0.0},
            {"power": "battery"},
        ),
        ({"battery/1/Soc": 80.0, "battery/2/Soc": 30.9}, {"battery_pct": 30}),
        ({"battery/1/Soc": -1.0}, {}),
        ({"system/0/Ac/ActiveIn/Source": 240.0, "battery/1/TimeToGo": 864000.0}, {"power": "battery"}),
        ({"generator/0/State": 0.0, "generator/1/State": 2.0}, {"generator": "running"}),
        ({"generator/0/State": 99.0}, {}),
        ({"solarcharger/1/Soc": 3.0, "batteryx/1/Soc": 2.0, "battery/1/2/Soc": 4.0}, {}),
    ],
)
def test_what_venus_writes_as_our_fields(heard: dict[str, float], expected: dict[str, Value]) -> None:
    assert values_of(heard) == expected


def test_only_a_device_of_the_building_is_listened_to_without_tls() -> None:
    with pytest.raises(ConfigError, match="TLS"):
        Options(host="192.0.2.7", port=1883, client_id="x")
    VictronSensor("192.0.2.7", 1883, PORTAL)
