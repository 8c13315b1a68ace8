"""What `naober doctor --fix` may do: one safe thing per place, each of which can be done twice."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from relay.doctor.case import Case
from relay.doctor.finding import Finding
from relay.doctor.machine import PRIVATE_FILES, UNIT
from relay.errors import NaoberError, Text
from relay.processes import of_ours

RADIO_SET_S = 120.0
SYSTEMCTL_S = 60.0


def fix(case: Case, finding: Finding) -> Text:
    """Do it, and tell what was done. Raises NaoberError when it could not be."""
    return FIXES[finding.fix](case)


def _rights(case: Case) -> Text:
    """Keys are closed to others, and belong to whose folder they are in. Links are left alone."""
    try:
        owner = case.state.stat()
        case.state.chmod(owner.st_mode & 0o770)
        for name in PRIVATE_FILES:
            path = case.state / name
            if not path.is_file() or path.is_symlink():
                continue
            path.chmod(0o600)
            if os.geteuid() == 0:
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    except OSError as error:
        raise NaoberError(
            Text(f"Rechten niet gewijzigd: {error.strerror}", f"Rights not changed: {error.strerror}"),
            Text("herhaal dit met sudo", "repeat this with sudo"),
        ) from error
    return Text("rechten hersteld", "rights restored")


def _start(case: Case) -> Text:
    _run(["systemctl", "start", UNIT], None, SYSTEMCTL_S)
    return Text("dienst gestart", "service started")


def _radio(case: Case) -> Text:
    _run(*of_ours("relay.cli", "radio", "set", "--config", str(case.file)), RADIO_SET_S)
    return Text("radio ingesteld", "radio set")


def _run(command: list[str], environment: dict[str, str] | None, timeout_s: float) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NaoberError(Text(str(error), str(error))) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit {done.returncode}"]
        raise NaoberError(Text(said[0], said[0]), said[1].partition(": ")[2] if len(said) > 1 else "")


def _page(case: Case) -> Text:
    from relay.wifi import country, setting

    country.set_for_good(setting.ROOT)
    setting.switch_on(setting.ROOT)
    return Text("wifi aangezet", "Wi-Fi switched on")


FIXES: dict[str, Callable[[Case], Text]] = {
    "rights": _rights,
    "start": _start,
    "radio": _radio,
    "page": _page,
}
