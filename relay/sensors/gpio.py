"""A contact on a GPIO line: mains present, generator runs, door open. Through the kernel's /dev/gpiochipN.

The line is held as long as the node runs, so that its pull stays and nobody else takes it. Contacts bounce:
a change counts when it is still there a little later. That is done here, since few chips can, and the kernel
only where the line has an interrupt.
"""

from __future__ import annotations

import contextlib
import errno
import time
from typing import TYPE_CHECKING, Literal, TypeAlias

from relay.core.fields import Value
from relay.errors import Text
from relay.sensors.base import SensorError
from relay.sensors.mains import Rank

if TYPE_CHECKING:
    from gpiod.line_request import LineRequest

CONSUMER = "naober"
DEBOUNCE_MS = 50
TRIES = 5
LOOKS = 5
Means: TypeAlias = Literal["power", "generator", "door"]
Pull: TypeAlias = Literal["none", "up", "down"]

WORDS: dict[Means, tuple[str, str]] = {  # of a contact that is active, and of one that is not
    "power": ("mains", "battery"),
    "generator": ("running", "standby"),
    "door": ("open", "closed"),
}
REASONS = {
    errno.ENOENT: Text("bestaat niet", "does not exist"),
    errno.ENODEV: Text("is geen GPIO-chip", "is no GPIO chip"),
    errno.EACCES: Text("mag deze dienst niet openen", "may not be opened by this service"),
    errno.EPERM: Text("mag deze dienst niet openen", "may not be opened by this service"),
    errno.EBUSY: Text("is in gebruik bij een ander programma", "is used by another program"),
    errno.EINVAL: Text("heeft deze lijn niet", "does not have this line"),
    errno.EOPNOTSUPP: Text('kan dat niet: pull = "none"', 'can\'t do that: pull = "none"'),
}


class GpioSensor:
    """One field, by one contact."""

    interval_s = 1.0
    timeout_s = 2.0
    max_age_s = 10.0
    mains_rank = Rank.SITE

    def __init__(
        self,
        name: str,
        chip: str,
        line: int,
        means: Means,
        *,
        active_low: bool = False,
        pull: Pull = "none",
        debounce_ms: int = DEBOUNCE_MS,
    ) -> None:
        """`chip` is a path, `line` its offset there; an active contact says the first of WORDS."""
        self.name = f"gpio {name}"
        self._chip, self._line, self._means = chip, line, means
        self._active_low, self._pull, self._debounce_ms = active_low, pull, debounce_ms
        self._request: LineRequest | None = None
        self._active: bool | None = None  # as it was last

    def read(self) -> dict[str, Value]:
        """What the contact says now; raises SensorError when the line can't be had."""
        try:
            if self._request is None:
                self._request = self._take()
            self._active = self._settled(self._request)
        except ImportError:
            raise SensorError(
                Text("het Python-pakket gpiod ontbreekt", "the Python package gpiod is missing"),
                Text("Installeer het: pip install gpiod", "Install it: pip install gpiod"),
            ) from None
        except (OSError, ValueError) as error:
            self._let_go()
            self._active = None
            raise self._refused(error) from error
        return {self._means: WORDS[self._means][0 if self._active else 1]}

    def _settled(self, request: LineRequest) -> bool:
        """Whether the contact is active; raises SensorError when it does not come to rest."""
        active = bool(request.get_value(self._line).value)
        for _ in range(TRIES):
            if active == self._active or self._stays(request, active):
                return active
            active = bool(request.get_value(self._line).value)
        raise SensorError(
            Text(f"{self._chip} lijn {self._line} klappert", f"{self._chip} line {self._line} chatters"),
            Text(
                "Kijk naar de bedrading; of hoger: debounce_ms", "Look at its wires; or a higher debounce_ms"
            ),
        )

    def _stays(self, request: LineRequest, active: bool) -> bool:
        """Whether it is still so, each time that it is looked at within `debounce_ms`."""
        for _ in range(LOOKS):
            time.sleep(self._debounce_ms / 1000 / LOOKS)
            if bool(request.get_value(self._line).value) != active:
                return False
        return True

    def _take(self) -> LineRequest:
        import gpiod  # a node without contacts does not load it
        from gpiod.line import Bias, Direction

        pull = {"none": Bias.AS_IS, "up": Bias.PULL_UP, "down": Bias.PULL_DOWN}[self._pull]
        settings = gpiod.LineSettings(
            direction=Direction.INPUT,
            bias=pull,
            active_low=self._active_low,
        )
        return gpiod.request_lines(self._chip, {self._line: settings}, consumer=CONSUMER)

    def _let_go(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            with contextlib.suppress(OSError, ValueError):
                request.release()

    def _refused(self, error: OSError | ValueError) -> SensorError:
        number = error.errno if isinstance(error, OSError) else errno.EINVAL
        why = REASONS.get(number or 0) or Text(str(error), str(error))
        return SensorError(
            Text(
                f"{self._chip} lijn {self._line}: {why.nl}",
                f"{self._chip} line {self._line}: {why.en}",
            ),
            Text("Kijk met: gpioinfo", "Look with: gpioinfo"),
        )
