"""A real upsd with NUT's dummy driver, on loopback, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from relay.cli.ports import free_port
from tests.support.process import until

DRIVER = "/lib/nut/dummy-ups"
_UPS = "[site]\ndriver = dummy-ups\nport = {folder}/site.dev\nmode = dummy-once\npollinterval = 1\n"


class Upsd:
    """One UPS called `site`; `tell` is what happens to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._written_s = 0
        self._processes: list[subprocess.Popen[bytes]] = []
        for name, text in (
            ("nut.conf", "MODE=netserver\n"),
            ("ups.conf", _UPS.format(folder=folder)),
            ("upsd.conf", f"LISTEN 127.0.0.1 {self.port}\nMAXAGE 3\nSTATEPATH {folder}\n"),
            ("upsd.users", ""),
        ):
            (folder / name).write_text(text)
            (folder / name).chmod(0o640)
        self._environment = os.environ | {
            "NUT_CONFPATH": str(folder),
            "NUT_STATEPATH": str(folder),
            "NUT_ALTPIDPATH": str(folder),
            "NUT_PIDPATH": str(folder),
        }

    def tell(self, status: str, charge: str = "100", runtime_s: str = "3600") -> None:
        """What the UPS is from now on."""
        file = self._folder / "new.dev"
        file.write_text(f"ups.status: {status}\nbattery.charge: {charge}\nbattery.runtime: {runtime_s}\n")
        # the driver reads it again when its time has changed, by whole seconds
        self._written_s = max(self._written_s + 1, int(time.time()))
        os.utime(file, (self._written_s, self._written_s))
        file.rename(self._folder / "site.dev")

    def __enter__(self) -> Self:
        self.tell("OL")
        self.start_driver()
        self._start(["/lib/nut/upsd", "-F", "-u", "root"])
        return self

    def start_driver(self) -> None:
        """The driver, in the foreground."""
        self._start([DRIVER, "-F", "-a", "site", "-u", "root"])
        until(lambda: any(self._folder.glob("dummy-ups-site")), 10)

    def _start(self, command: list[str]) -> None:
        with (self._folder / "log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )

    def kill_driver(self) -> None:
        """The cable is out, or the driver crashed."""
        self._processes[0].kill()
        self._processes[0].wait()

    def stop(self) -> None:
        """upsd is gone as well."""
        for process in self._processes:
            process.kill()
            process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
