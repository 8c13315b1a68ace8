"""Sensors that are programs, and thermometers: what they print, and every way in which they fail."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from relay.core.fields import Value
from relay.sensors.base import SensorError
from relay.sensors.command import OUTPUT_BYTES_MAX, CommandSensor
from relay.sensors.temperature import TemperatureSensor

SAMPLE = Path(__file__).parents[2] / "config" / "sensor-command"


def run(script: str, limit_s: float = 5.0) -> dict[str, Value] | str:
    """Values that a shell script prints, or the English reason why there are none."""
    try:
        return CommandSensor("test", ["/bin/sh", "-c", script], 60, limit_s).read()
    except SensorError as error:
        return error.what.en


def test_a_program_says_what_it_knows_and_null_is_not_known() -> None:
    assert run("""echo '{"generator": "running", "fuel_pct": 61.6, "fuel_h": null}'""") == {
        "generator": "running",
        "fuel_pct": 62,
    }


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "ended with 3"),
        ("echo niet goed >&2; exit 1", "niet goed"),
        ("echo geen json", "no JSON object"),
        ("echo '[1]'", "no JSON object"),
        ("echo '{\"x\": [1]}'", "no JSON object"),
        ("echo '{\"fuel_pct\": NaN}'", "no JSON object"),
        ("true", "no JSON object"),
        (f"head -c {OUTPUT_BYTES_MAX + 1} /dev/zero", "too much"),
        ("cat /dev/zero", "too much"),
        ("kill -9 $$", "ended with -9"),
    ],
)
def test_a_program_that_does_not_keep_the_contract_says_why(script: str, reason: str) -> None:
    found = run(script)
    assert isinstance(found, str) and reason in found


def test_a_program_that_hangs_is_ended_with_its_children() -> None:
    began = time.monotonic()
    found = run("sleep 987654 & exec sleep 987653", limit_s=0.3)
    assert isinstance(found, str) and "did not end in 0.3 s" in found
    assert time.monotonic() - began < 5
    still = subprocess.run(["pgrep", "-f", "sleep 98765[34]"], capture_output=True, check=False)
    assert still.stdout == b""


def test_a_program_sees_nothing_of_the_service() -> None:
    found = run("""[ -z "$HOME$NAOBER_LANG" ] && [ "$LANG" = C.UTF-8 ] && echo '{"fuel_pct": 1}'""")
    assert found == {"fuel_pct": 1}


def test_a_program_that_is_not_there_says_so() -> None:
    with pytest.raises(SensorError) as caught:
        CommandSensor("x", ["/nonexistent/x"], 60, 1).read()
    assert "can't be started" in caught.value.what.en


def test_the_sample_keeps_the_contract() -> None:
    assert CommandSensor("sample", [str(SAMPLE)], 60, 5).read() == {"generator": "standby"}


# --- thermometers


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("device", "files", "degrees"),
    [
        ("28-01", {"sys/bus/w1/devices/28-01/temperature": "20437\n"}, 20),
        ("28-01", {"sys/bus/w1/devices/28-01/temperature": "-1600\n"}, -2),
        ("iio:device0", {"sys/bus/iio/devices/iio:device0/in_temp_input": "18900\n"}, 19),
        (
            "iio:device0",
            {
                "sys/bus/iio/devices/iio:device0/in_temp_raw": "6400",
                "sys/bus/iio/devices/iio:device0/in_temp_scale": "2.67",
                "sys/bus/iio/devices/iio:device0/in_temp_offset": "-200",
            },
            17,
        ),
    ],
)
def test_a_thermometer_is_read(tmp_path: Path, device: str, files: dict[str, str], degrees: int) -> None:
    assert TemperatureSensor(device, root=tree(tmp_path, files)).read() == {"indoor_c": degrees}


@pytest.mark.parametrize("text", ["85000", "", "x", "-127000", "999999999"])
def test_a_thermometer_that_is_broken_says_nothing(tmp_path: Path, text: str) -> None:
    root = tree(tmp_path, {"sys/bus/w1/devices/28-01/temperature": text})
    with pytest.raises(SensorError):
        TemperatureSensor("28-01", root=root).read()
    with pytest.raises(SensorError):
        TemperatureSensor("28-02", root=root).read()
