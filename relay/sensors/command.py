"""Anything else: a program that prints values as JSON.

The contract: the program is started without a shell and without input, at each interval. It prints one JSON
object of field names and values (docs/wire.md, "Fields") on standard output, at most 64 KiB, and ends with 0
in time. A value that is null is not known. Its last line on standard error is the reason when it fails. It
runs with the service's rights and an environment of PATH and LANG only. See `config/sensor-command`.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence

import msgspec

from relay.core.fields import Value
from relay.errors import Text
from relay.sensors.base import SensorError
from relay.sensors.mains import Rank

OUTPUT_BYTES_MAX = 64 * 1024
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
PIECE_BYTES = 8192
KILL_WAIT_S = 1.0


class CommandSensor:
    """Whatever fields the program names."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        interval_s: float,
        timeout_s: float,
        mains_rank: Rank = Rank.SITE,
    ) -> None:
        self.name = name
        self.mains_rank = mains_rank
        self.interval_s = interval_s
        self.timeout_s = timeout_s + 2 * KILL_WAIT_S
        self.max_age_s = 3 * interval_s
        self._command, self._limit_s = list(command), timeout_s

    def read(self) -> dict[str, Value]:
        """What it printed; raises SensorError when it did not do as it must."""
        output = self._run()
        try:
            told = msgspec.json.decode(output, type=dict[str, int | float | str | None])
        except (msgspec.DecodeError, RecursionError):
            raise self._fault(Text("gaf geen JSON-object", "printed no JSON object")) from None
        # JSON knows no whole numbers apart: 21.0 is 21, and 21.5 a person would round
        whole = {name: round(each) if isinstance(each, float) else each for name, each in told.items()}
        return {name: each for name, each in whole.items() if each is not None}

    def _run(self) -> bytes:
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=ENVIRONMENT,
                start_new_session=True,  # so that its children end with it
            )
        except OSError as error:
            why = error.strerror or str(error)
            raise self._fault(Text(f"kan niet starten: {why}", f"can't be started: {why}")) from error
        try:
            output, said = _collect(process, time.monotonic() + self._limit_s)
        except TimeoutError:
            limit = f"{self._limit_s:g}"
            raise self._fault(Text(f"was niet klaar in {limit} s", f"did not end in {limit} s")) from None
        finally:
            _end(process)
        if len(output) > OUTPUT_BYTES_MAX:
            raise self._fault(Text("gaf te veel uitvoer", "printed too much"))
        if process.returncode != 0:
            last = (said.decode("utf-8", "replace").strip().splitlines() or [""])[-1]
            code = process.returncode
            raise self._fault(Text(f"eindigde met {code}: {last}", f"ended with {code}: {last}"))
        return output

    def _fault(self, what: Text) -> SensorError:
        line = " ".join(self._command)
        return SensorError(
            Text(f"{self._command[0]} {what.nl}", f"{self._command[0]} {what.en}"),
            Text(f"Probeer het met de hand: {line}", f"Try it by hand: {line}"),
        )


def _collect(process: subprocess.Popen[bytes], until_s: float) -> tuple[bytes, bytes]:
    """Both outputs, as far as they may go, and its end; raises TimeoutError. A flood is not kept."""
    kept = {"out": b"", "error": b""}
    with selectors.DefaultSelector() as ready:
        for name, pipe in (("out", process.stdout), ("error", process.stderr)):
            assert pipe is not None
            ready.register(pipe, selectors.EVENT_READ, name)
        while ready.get_map() and len(kept["out"]) <= OUTPUT_BYTES_MAX:
            left_s = until_s - time.monotonic()
            events = ready.select(max(0.0, left_s))
            if not events and left_s <= 0:
                raise TimeoutError
            for key, _ in events:
                piece = os.read(key.fd, PIECE_BYTES)
                if not piece:
                    ready.unregister(key.fileobj)
                elif len(kept[key.data]) <= OUTPUT_BYTES_MAX:
                    kept[key.data] += piece
    if len(kept["out"]) <= OUTPUT_BYTES_MAX:
        try:
            process.wait(max(0.0, until_s - time.monotonic()) + KILL_WAIT_S)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
    return kept["out"], kept["error"]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of it runs on, its children included."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(KILL_WAIT_S)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
