"""The lamp says what the install sheet says of it, and leaves alone what others show."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from relay.labels.sheet import LIGHTS
from relay.node import lamp
from relay.node.lamp import Lamp, Sign, sign_of

KERNEL = "none timer heartbeat default-on [mmc0] mmc1 cpu\n"
GOOD = {"storage": None, "radio": {"code": "connected"}, "links": {"mqtt": {"code": "up"}}}


@pytest.fixture
def led(tmp_path: Path) -> Path:
    folder = tmp_path / "ACT"
    folder.mkdir()
    (folder / "brightness").write_text("0")
    (folder / "trigger").write_text("")
    return folder


def now(led: Path) -> str:
    """A plain file keeps what is longer than what was written last."""
    return (led / "trigger").read_text().rstrip()


def shown(led: Path, sign: Sign, monkeypatch: pytest.MonkeyPatch, seconds: float = 0.1) -> list[str]:
    """The trigger, and the brightness, at the end of a while; then the lamp is let go of."""
    monkeypatch.setattr(lamp, "LOOK_S", 0.02)
    monkeypatch.setattr(lamp, "QUICK_S", 0.002)
    monkeypatch.setattr(Lamp, "_write", staticmethod(lambda file, text: file.write_text(text)))

    async def asked() -> Sign:
        return sign

    async def work() -> list[str]:
        task = asyncio.create_task(Lamp(led, asked).run())
        await asyncio.sleep(seconds)
        found = [now(led)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return found

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("change", "proven", "sign"),
    [
        ({}, "both", Sign.STEADY),
        ({}, "mqtt", Sign.DOUBLE),
        ({}, "radio", Sign.DOUBLE),
        ({}, None, Sign.SLOW),
        ({"links": {"mqtt": {"code": "unreachable"}}}, "both", Sign.STEADY),  # the radio works on
        ({"links": {"mqtt": {"code": "N05"}}}, "both", Sign.QUICK),
        ({"links": {"mqtt": {"code": "revoked"}}}, "both", Sign.QUICK),
        ({"storage": {"nl": "vol", "en": "full"}}, "both", Sign.QUICK),
        ({"radio": {"code": "R03"}}, "both", Sign.QUICK),
        ({"radio": None}, "mqtt", Sign.DOUBLE),
    ],
)
def test_what_it_shows(change: dict[str, Any], proven: str | None, sign: Sign) -> None:
    assert sign_of(GOOD | change, proven) is sign


def test_the_sheet_explains_every_sign() -> None:
    assert {light.split()[0] for light, _ in LIGHTS} >= {"vast", "dubbel", "snel", "langzaam"}


@pytest.mark.parametrize("sign", [Sign.STEADY, Sign.DOUBLE, Sign.SLOW])
def test_it_takes_the_lamp_from_the_system_and_gives_it_back(
    led: Path, sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    (led / "trigger").write_text(KERNEL)
    assert shown(led, sign, monkeypatch) == [sign.value]
    assert now(led) == "mmc0"


def test_a_fault_blinks_quickly(led: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (led / "trigger").write_text(KERNEL)
    seen = []
    monkeypatch.setattr(Path, "write_text", _noting(seen, Path.write_text))
    assert shown(led, Sign.QUICK, monkeypatch) == ["none"]
    assert seen[:4] == ["1", "0", "1", "0"]


def _noting(seen: list[str], write: Any) -> Any:
    def noted(self: Path, text: str) -> int:
        if self.name == "brightness":
            seen.append(text)
        return int(write(self, text))

    return noted


def test_a_stick_that_is_in_keeps_the_lamp(led: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (led / "trigger").write_text(KERNEL)
    made = Lamp(led, lambda: asyncio.sleep(0, Sign.STEADY))
    (led / "trigger").write_text("none [timer] heartbeat mmc0\n")
    monkeypatch.setattr(lamp, "LOOK_S", 0.01)
    asyncio.run(made._show(Sign.STEADY))
    assert now(led) == "none [timer] heartbeat mmc0"


def test_a_machine_without_a_lamp_or_without_the_right_to_it_has_none(led: Path, tmp_path: Path) -> None:
    assert lamp.find(tmp_path) == led
    (led / "trigger").unlink()
    assert lamp.find(tmp_path) is None
