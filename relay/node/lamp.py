"""The lamp of a Pi, as its install sheet explains it: steady, double blink, quick, slow.

A stick that is put in has the lamp to itself (systemd/naober-stick@.service), and so has whoever else set it:
only what the system shows by itself is ours to change. Source: experience, section 1 ("LED").
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

NAMES = ("ACT", "led0")
SYSTEM = frozenset({"mmc0", "mmc1", "actpwr", "default-on"})  # triggers that a Pi has by itself
TRIGGER_BYTES_MAX = 4096
LOOK_S = 5.0
QUICK_S = 0.1
_FAULTS = ("N05", "revoked")


class Sign(Enum):
    """What it shows, and the kernel's trigger for it."""

    STEADY = "default-on"  # both links are proven
    DOUBLE = "heartbeat"  # one is
    SLOW = "timer"  # none yet: busy
    QUICK = "none"  # a fault; we blink ourselves, since the timer's pace is root's to set


def sign_of(facts: Mapping[str, Any], proven: object) -> Sign:
    """By what `naober status` tells and what was proven: "both", "mqtt", "radio", or neither.

    A link that is away is no fault: the other one works on, and messages are kept.
    """
    radio = facts["radio"]
    wrong = bool(radio) and str(radio["code"])[:1] == "R"
    if wrong or facts["storage"] or facts["links"]["mqtt"]["code"] in _FAULTS:
        return Sign.QUICK
    return {"both": Sign.STEADY, "mqtt": Sign.DOUBLE, "radio": Sign.DOUBLE}.get(str(proven), Sign.SLOW)


def find(leds: Path) -> Path | None:
    """The lamp that this service may set; None where there is none."""
    for name in NAMES:
        try:
            with (leds / name / "trigger").open("r+b"):
                return leds / name
        except OSError:
            continue
    return None


class Lamp:
    """One lamp."""

    def __init__(self, folder: Path, sign: Callable[[], Coroutine[Any, Any, Sign]]) -> None:
        """`sign` is asked every few seconds."""
        self._trigger, self._brightness = folder / "trigger", folder / "brightness"
        self._sign = sign
        self._found = self._now()
        self._set = ""

    async def run(self) -> None:
        """A loop of the daemon; at its end the lamp is what it was, and claims nothing."""
        try:
            while True:
                await self._show(await self._sign())
        finally:
            if self._is_ours():
                self._write(self._trigger, self._found)

    async def _show(self, sign: Sign) -> None:
        """For a few seconds."""
        if self._is_ours() and sign.value != self._now():
            self._write(self._trigger, sign.value)
            self._set = sign.value
        if sign is not Sign.QUICK or not self._is_ours():
            await asyncio.sleep(LOOK_S)
            return
        for blink in range(int(LOOK_S / QUICK_S)):
            self._write(self._brightness, str(1 - blink % 2))
            await asyncio.sleep(QUICK_S)

    def _is_ours(self) -> bool:
        return self._now() in {self._set, self._found, *SYSTEM}

    def _now(self) -> str:
        """The trigger in force stands in brackets among all that there are."""
        text = self._trigger.read_bytes()[:TRIGGER_BYTES_MAX].decode("ascii", "replace")
        return text.partition("[")[2].partition("]")[0] or text.strip()

    @staticmethod
    def _write(file: Path, text: str) -> None:
        with file.open("r+b") as there:
            there.write(text.encode())
