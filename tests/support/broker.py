"""A real Mosquitto with the shipped configuration, ACL and TLS, in a temporary folder.

authority = Authority(tmp_path / "ca")
with Mosquitto(tmp_path / "broker", authority) as broker:
    options = Options(host=broker.host, port=broker.port, client_id="t", tls=authority.context("inbox"))
    broker.kill()   # SIGKILL, as a power cut
    broker.start()  # on the same port
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from relay.cli.ports import free_port
from tests.support.certs import Authority, Pair

SHIPPED = Path(__file__).parents[2] / "config" / "mosquitto"
START_TIMEOUT_S = 10.0
RUNNING = " running\n"


class Mosquitto:
    """One broker; started by `with`, or by `start`. `host` is a name in its certificate."""

    host = "localhost"

    def __init__(
        self, folder: Path, authority: Authority, *, persistence: bool = True, server: Pair | None = None
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.log_file = folder / "log"
        self.acl_file = folder / "naober.acl"  # change it and call `reload`
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        shutil.copy(SHIPPED / "naober.acl", self.acl_file)
        self._configure(authority, server or authority.server(), persistence)

    def _configure(self, authority: Authority, server: Pair, persistence: bool) -> None:
        text = (SHIPPED / "naober.conf").read_text(encoding="utf-8")
        changes = {
            "\nlistener 8883\n": f"\nlistener {self.port} 127.0.0.1\n",
            "\ncafile /etc/mosquitto/certs/ca.crt\n": f"\ncafile {authority.ca_file}\n",
            "\ncertfile /etc/mosquitto/certs/server.crt\n": f"\ncertfile {server.cert}\n",
            "\nkeyfile /etc/mosquitto/certs/server.key\n": f"\nkeyfile {server.key}\n",
            "\nacl_file /etc/mosquitto/naober.acl\n": f"\nacl_file {self.acl_file}\n",
            "\npersistence_location /var/lib/mosquitto/\n": f"\npersistence_location {self.folder}/\n",
            "\npersistence true\n": f"\npersistence {str(persistence).lower()}\n",
        }
        for shipped, here in changes.items():
            assert text.count(shipped) == 1, f"not in the shipped configuration: {shipped!r}"
            text = text.replace(shipped, here)
        if os.geteuid() == 0:
            text += "\nuser root\n"  # or it gives up the right to read our temporary folder
        (self.folder / "mosquitto.conf").write_text(text, encoding="utf-8")

    def start(self) -> None:
        """Starts it and waits until it takes connections."""
        assert self._process is None
        starts = self.log().count(RUNNING)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [_binary(), "-c", self.folder / "mosquitto.conf"], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"Mosquitto ended: {self.log()}"
            if self.log().count(RUNNING) > starts:  # it listens before it has read its key
                return
            time.sleep(0.01)
        raise AssertionError(f"Mosquitto does not listen: {self.log()}")

    def kill(self) -> None:
        """SIGKILL: it saves and says nothing."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: it saves what it keeps, and says goodbye. Nothing happens when it does not run."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP: the kernel still accepts TCP connections for it, nobody answers them."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def reload(self) -> None:
        """SIGHUP: it reads its ACL again."""
        self._signal(signal.SIGHUP)

    def log(self) -> str:
        """All it has said since the first start."""
        return self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)  # it may be paused
            process.wait(START_TIMEOUT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def _binary() -> str:
    found = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    assert found, "mosquitto is not installed: sudo apt-get install mosquitto"
    return found
