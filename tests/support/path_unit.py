"""What naober-broker.path and .service do, without systemd: the access list goes to the broker."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from relay.inbox import broker_acl
from tests.support.broker import Mosquitto

LOOK_S = 0.05


class PathUnit:
    """As long as the block lasts."""

    def __init__(self, state: Path, broker: Mosquitto) -> None:
        self._file, self._broker = state / broker_acl.NAME, broker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.applied: list[str] = []  # reload or restart

    def _watch(self) -> None:
        seen = b""
        while not self._stop.wait(LOOK_S):
            now = self._file.read_bytes() if self._file.exists() else b""
            if now == seen:
                continue
            seen = now
            shutil.copy(self._file, self._broker.acl_file)
            if broker_acl.RESTART.encode() in now:
                self._broker.stop()
                self._broker.start()
                self.applied.append("restart")
            else:
                self._broker.reload()
                self.applied.append("reload")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
