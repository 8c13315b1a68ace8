"""The bell at work: asks the inbox each second, and plays what is to be heard, or works a lamp."""

from __future__ import annotations

import contextlib
import http.client
import logging
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from relay import systemd
from relay.config.inbox import BellSection
from relay.errors import NaoberError, Text
from relay.inbox.bell import tones
from relay.inbox.bell.ringing import SILENT_S, Answer, Ringing

PLAYERS = (("aplay", "-q"), ("pw-play",), ("paplay",))  # the first that is here
ASK_S = 1.0
ANSWER_TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 64 * 1024
PLAY_TIMEOUT_S = 10.0

log = logging.getLogger("naober.bell")


class Player:
    """Sounds a tone by the command that the configuration has for it, else by a player of this machine."""

    def __init__(self, settings: BellSection, files: Mapping[str, Path]) -> None:
        """Raises NaoberError when there is nothing to play with."""
        own = {name: tuple(getattr(settings, name)) for name in tones.TONES}
        missing = [name for name, command in own.items() if not command]
        player = next((each for each in PLAYERS if shutil.which(each[0])), None)
        if missing and player is None:
            raise NaoberError(
                Text("Er is niets om geluid mee te maken", "There is nothing to make a sound with"),
                Text(
                    "sudo apt install alsa-utils, of zet een commando onder [bell] in inbox.toml",
                    "sudo apt install alsa-utils, or put a command under [bell] in inbox.toml",
                ),
            )
        self._commands = {name: own[name] or (*(player or ()), str(files[name])) for name in tones.TONES}
        self._failed = False

    def play(self, name: str) -> None:
        """Until it has sounded. What fails is in the log once, until it works again."""
        why = _run(self._commands[name])
        if why and not self._failed:
            log.error("the bell can't sound: %s", why)
        self._failed = bool(why)


def _run(command: Sequence[str]) -> str:
    """Why it failed; empty when it did not."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PLAY_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    said = done.stderr.decode(errors="replace").strip()[-200:]
    return f"{command[0]} ended with {done.returncode}: {said}"


class Bell:
    """Of the inbox whose JSON page is at `host`:`port`."""

    def __init__(self, settings: BellSection, host: str, port: int, silent_s: float = SILENT_S) -> None:
        self._settings, self._at, self._silent_s = settings, (host, port), silent_s

    def run(self, stop: threading.Event) -> None:
        """Ring until `stop`. Raises NaoberError when it can never ring."""
        with TemporaryDirectory(prefix="naober-bell-") as folder:
            player = Player(self._settings, tones.write(Path(folder)))
            ringing = Ringing(time.monotonic(), self._silent_s)
            systemd.notify("READY=1")
            while not stop.is_set():
                for name in self._due(ringing):
                    player.play(name)
                systemd.notify("WATCHDOG=1")
                stop.wait(ASK_S)

    def test(self) -> None:
        """Every tone, one after the other."""
        with TemporaryDirectory(prefix="naober-bell-") as folder:
            player = Player(self._settings, tones.write(Path(folder)))
            for name in tones.TONES:
                player.play(name)

    def _due(self, ringing: Ringing) -> list[str]:
        answer = self._ask(*ringing.asked)
        return ringing.heard(answer, time.monotonic()) if answer else ringing.silent(time.monotonic())

    def _ask(self, run: str, newest: int) -> Answer | None:
        """What the inbox says; None when nothing, or nonsense, has come within ANSWER_TIMEOUT_S."""
        connection = http.client.HTTPConnection(*self._at, timeout=ANSWER_TIMEOUT_S)
        with contextlib.closing(connection):
            hang_up = threading.Timer(ANSWER_TIMEOUT_S, lambda: _hang_up(line))
            hang_up.daemon = True
            try:
                connection.connect()
                line = connection.sock
                hang_up.start()  # its own time-out is that of each piece, and pieces may be single bytes
                connection.request("GET", f"/api/bell?run={run}&after={newest}")
                answer = connection.getresponse()
                body = answer.read(ANSWER_BYTES_MAX)
                return msgspec.json.decode(body, type=Answer) if answer.status == 200 else None
            except (OSError, http.client.HTTPException, ValueError, RecursionError):
                return None  # or it is no inbox that answers there
            finally:
                hang_up.cancel()


def _hang_up(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
