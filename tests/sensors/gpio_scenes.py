"""Contacts on lines of the kernel's own simulated GPIO chip (gpio-sim), through the real libgpiod.

Runs as root inside a kernel that has gpio-sim: see gpio_kernel.py. Ends with GOOD on a line of its own.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from relay.cli import main
from relay.core.fields import Value
from relay.sensors.base import SensorError
from relay.sensors.gpio import GpioSensor

CONFIG = Path("/sys/kernel/config/gpio-sim")
LINES = 8


class Chip:
    """A chip of eight lines."""

    def __init__(self) -> None:
        self._device = CONFIG / "naober"
        (self._device / "bank0").mkdir(parents=True)
        (self._device / "bank0" / "num_lines").write_text(str(LINES))

    def plug(self) -> Path:
        """It is there: its device."""
        (self._device / "live").write_text("1")
        self._name = (self._device / "bank0" / "chip_name").read_text().strip()
        return Path("/dev", self._name)

    def unplug(self) -> None:
        """It is gone, whoever holds its lines."""
        (self._device / "live").write_text("0")

    def pull(self, line: int, level: str) -> None:
        """What hangs on that line: up or down."""
        host = Path("/sys/devices/platform") / (self._device / "dev_name").read_text().strip()
        (host / self._name / f"sim_gpio{line}" / "pull").write_text(f"pull-{level}")


@contextlib.contextmanager
def scene(what: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        print(f"BAD: {what}")
        raise
    print(f"ok: {what}")


def read(sensor: GpioSensor) -> dict[str, Value] | str:
    try:
        return sensor.read()
    except SensorError as error:
        return error.what.en


@contextlib.contextmanager
def bouncing(chip: Chip, line: int, *, for_s: float, then: str) -> Iterator[None]:
    def bounce() -> None:
        end_s = time.monotonic() + for_s
        while time.monotonic() < end_s:
            for level, pause_s in (("down", 0.02), ("up", 0.05), ("down", 0.03), ("up", 0.02)):
                chip.pull(line, level)
                time.sleep(pause_s)
        chip.pull(line, then)

    thread = threading.Thread(target=bounce)
    thread.start()
    yield
    thread.join()


def soon(sensor: GpioSensor, expected: dict[str, Value]) -> None:
    end_s = time.monotonic() + 5
    while (found := read(sensor)) != expected:
        assert time.monotonic() < end_s, found
        time.sleep(0.01)


def play() -> None:
    chip = Chip()
    device = str(chip.plug())
    meter = GpioSensor("meter", device, 3, "power")
    with scene("a contact is followed"):
        chip.pull(3, "up")
        assert read(meter) == {"power": "mains"}
        chip.pull(3, "down")
        assert read(meter) == {"power": "battery"}
    with scene("a line that is pulled to ground when it is active"):
        generator = GpioSensor("gen", device, 2, "generator", active_low=True)
        chip.pull(2, "up")
        assert read(generator) == {"generator": "standby"}
        chip.pull(2, "down")
        assert read(generator) == {"generator": "running"}
    with scene("a contact that bounces when it opens, and one that never comes to rest"):
        with bouncing(chip, 2, for_s=0.12, then="up"):
            soon(generator, {"generator": "standby"})
        told = []
        with bouncing(chip, 6, for_s=4.0, then="up"):
            for _ in range(3):
                restless = GpioSensor("restless", device, 6, "generator", debounce_ms=300)
                told.append(read(restless))
                restless._let_go()
        assert f"{device} line 6 chatters" in told, told
        assert read(restless) == {"generator": "running"}
        restless._let_go()
    with scene("the line's own pull"):
        for line, pull, word in ((4, "up", "open"), (5, "down", "closed")):
            door = GpioSensor("door", device, line, "door", pull=pull)
            assert read(door) == {"door": word}
            door._let_go()
    with scene("a line that somebody else holds, and one that is not there"):
        assert read(GpioSensor("other", device, 3, "power")) == f"{device} line 3: is used by another program"
        assert "does not have this line" in str(read(GpioSensor("far", device, LINES, "power")))
    with scene("a chip that is unplugged and plugged in again"):
        chip.unplug()
        for sensor in (meter, generator):
            assert isinstance(read(sensor), str), "not known, and not the last value"
        assert "does not exist" in str(read(meter))
        device = str(chip.plug())
        meter = GpioSensor("meter", device, 3, "power")
        chip.pull(3, "up")
        assert read(meter) == {"power": "mains"}
    with scene("naober sensors"):
        meter._let_go()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "node.toml")
            file.write_text(
                f'[node]\nstate = "{folder}"\n[sensors]\nhost = false\npower = false\n'
                "[sensors.network]\nactive = false\n"
                f'[[sensors.gpio]]\nname = "meter"\nchip = "{device}"\nline = 3\nmeans = "power"\n'
            )
            main(["sensors", "--config", str(file)])


if __name__ == "__main__":
    play()
    print("GOOD")
    sys.stdout.flush()
