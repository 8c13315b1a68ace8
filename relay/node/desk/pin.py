"""The PIN for the building's network, and how fast it may be guessed: slower each time, never shut out."""

from __future__ import annotations

import hmac
import logging
import random
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from relay import files

NAME = "page-pin"  # in the node's state folder
DIGITS = 6
FREE_TRIES = 3  # wrong ones before the first wait
WAIT_MAX_S = 60.0
DEVICES_MAX = 256  # whose failures are remembered
TOGETHER_MAX = 20  # wrong ones of all devices at once, then one per TOGETHER_EVERY_S
TOGETHER_EVERY_S = 10.0
FORGIVEN_S = 3600.0  # after so long without a wrong one a device begins anew

log = logging.getLogger("naober.desk")


def load_or_create(path: Path) -> str:
    """The PIN in `path`, made with mode 0600 when there is none. Raises StorageError."""
    try:
        return load(path)
    except FileNotFoundError:
        return renew(path)


def load(path: Path) -> str:
    """The PIN in `path`; raises FileNotFoundError, StorageError."""
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise files.storage_error(error if isinstance(error, OSError) else OSError(5), path) from error


def renew(path: Path) -> str:
    """Put another PIN into `path`: whoever came in by the old one is asked again. Raises StorageError."""
    pin = f"{random.SystemRandom().randrange(10**DIGITS):0{DIGITS}d}"
    files.replace(path, f"{pin}\n".encode(), files.PRIVATE)
    return pin


class Guard:
    """Judges what is typed. `now` counts seconds and never goes back."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # times, and when the last
        self._together, self._since = float(TOGETHER_MAX), now()
        self._told = False  # that somebody guesses, since the last quiet time

    def wait_s(self, device: str) -> float:
        """How long `device` has to wait before its next try."""
        times, last = self._wrong.get(device, (0, 0.0))
        now = self._now()
        own = last + _wait(times) - now if times else 0.0
        return max(0.0, own, (1.0 - self._left()) * TOGETHER_EVERY_S)

    def judge(self, device: str, typed: str, pin: str) -> bool:
        """Whether `typed` is the PIN. A wrong one costs; ask `wait_s` first."""
        digits = "".join(letter for letter in typed if letter.isascii() and letter.isdigit())
        if pin and hmac.compare_digest(digits.encode(), pin.encode()):
            self._wrong.pop(device, None)
            return True
        times, last = self._wrong.pop(device, (0, 0.0))
        times = 0 if self._now() - last > FORGIVEN_S else times
        self._wrong[device] = (times + 1, self._now())
        if len(self._wrong) > DEVICES_MAX:
            self._wrong.popitem(last=False)
        left = self._left()
        self._told = self._told and left < TOGETHER_MAX
        self._together, self._since = left - 1, self._now()
        if self._together < 1 and not self._told:
            self._told = True
            log.warning(
                "somebody guesses the PIN of the page, last from %s: %d wrong ones", device, TOGETHER_MAX
            )
        return False

    def _left(self) -> float:
        gained = (self._now() - self._since) / TOGETHER_EVERY_S
        return min(float(TOGETHER_MAX), self._together + gained)


def _wait(times: int) -> float:
    return 0.0 if times < FREE_TRIES else min(WAIT_MAX_S, 2.0 ** min(times - FREE_TRIES + 1, 16))
