"""One real process of ours: started, killed, stopped and started again, with all it said in one file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from tests.support.command import REPOSITORY, clean_environment

T = TypeVar("T")

DEADLINE_S = 20.0
END_TIMEOUT_S = 20.0
POLL_S = 0.02


def until(what: Callable[[], T | None], timeout_s: float = DEADLINE_S, why: str = "") -> T:
    """The first answer of `what` that is neither None nor False; AssertionError when none comes in time."""
    end = time.monotonic() + timeout_s
    while True:
        answer = what()
        if answer is not None and answer is not False:
            return answer
        assert time.monotonic() < end, f"not within {timeout_s:g} s: {why or what}"
        time.sleep(POLL_S)


class Process:
    """`naober` with some arguments. `ready` says whether it does its work."""

    def __init__(self, name: str, arguments: Sequence[str | Path], folder: Path) -> None:
        self.name = name
        self.log_file = folder / f"{name}.log"
        self._arguments = [str(each) for each in arguments]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *before: str, wait: bool = True, **environment: str) -> None:
        """Start it, behind the command `before` if given; waits until it is `ready`."""
        assert self._process is None, f"{self.name} runs already"
        command = [*before, sys.executable, "-m", "relay.cli", *self._arguments]
        everything = {**clean_environment(), "PYTHONPATH": str(REPOSITORY), **environment}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=everything)
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Until it does its work; AssertionError with its log when it ends instead."""

        def answers() -> bool:
            assert self.running, f"{self.name} ended: {self.log()[-2000:]}"
            return self.ready()

        until(answers, why=f"{self.name} is ready")

    def ready(self) -> bool:
        """Whether it answers."""
        return True

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, as a power cut is to a process. Nothing happens when it does not run."""
        self.end(signal.SIGKILL)

    def stop(self) -> tuple[int, float]:
        """SIGTERM; its exit code, and the seconds that it took."""
        started = time.monotonic()
        return self.end(signal.SIGTERM), time.monotonic() - started

    def end(self, number: signal.Signals | None = None) -> int:
        """Send a signal, if any, and wait for the end; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if number is not None:
            process.send_signal(number)
        try:
            return process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_TIMEOUT_S)
            raise AssertionError(f"{self.name} did not end: {self.log()[-2000:]}") from None

    def pause(self) -> None:
        """SIGSTOP: it is there and does nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def log(self) -> str:
        """All it has said since the first start."""
        return self.log_file.read_text("utf-8", "replace") if self.log_file.exists() else ""

    def memory_kib(self, what: str = "VmRSS") -> int:
        """What it holds in memory now."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1])
        raise AssertionError(f"no {what} of {self.name}")
