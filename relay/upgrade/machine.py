"""What this machine is, and which Naober it has. Asks dpkg and systemd; changes nothing."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import NamedTuple

from relay import config
from relay.errors import ConfigError, NaoberError, Text

PACKAGE = "naober"
COMMAND_TIMEOUT_S = 60


class Machine(NamedTuple):
    """Which package fits, and which is installed."""

    release: str
    arch: str
    installed: str  # dpkg's version


class Trust(NamedTuple):
    """Whose bundles this machine takes."""

    authority_keys: tuple[bytes, ...]
    network_id: bytes


def output(*command: str, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
    """What a command says; "" when it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def this_machine() -> Machine:
    """Raises NaoberError where Naober was not installed from its package."""
    try:
        release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        release = ""
    status = output("dpkg-query", "-W", "-f", "${db:Status-Status}|${Version}", PACKAGE)
    state, _, version = status.partition("|")
    if state != "installed":
        raise NaoberError(
            Text("Naober is hier geen pakket", "Naober is no package here"),
            Text("Installeer het eerst met sudo apt install ./naober_...deb", "Install the .deb first"),
        )
    return Machine(release, output("dpkg", "--print-architecture"), version)


def upstream(version: str) -> str:
    """Naober's own version of dpkg's: 1.2.0 of 1.2.0+deb12."""
    return version.partition("+deb")[0]


def is_older(version: str, than: str) -> bool:
    """Whether dpkg finds `version` older."""
    done = subprocess.run(["dpkg", "--compare-versions", version, "lt", than], timeout=COMMAND_TIMEOUT_S)
    return done.returncode == 0


def roles(folder: Path = config.FOLDER) -> list[str]:
    """What this machine was set up as: node, inbox, both or nothing."""
    named = {"node": config.NODE_FILE, "inbox": config.INBOX_FILE}
    return [role for role, name in named.items() if (folder / name).exists()]


def trust(folder: Path = config.FOLDER) -> Trust:
    """The authorities in force, by this machine's grant and the changes that it has heard of since.

    Raises ConfigError on a machine that was not enrolled yet.
    """
    from relay.trust.judging import judge
    from relay.trust.roster_file import Papers

    for role in roles(folder):
        settings = (
            config.load_node(folder / config.NODE_FILE)
            if role == "node"
            else config.load_inbox(folder / config.INBOX_FILE)
        )
        if settings.authority_keys and settings.network_id:
            known = Papers(settings.roster_file).envelopes
            judged = judge(known, settings.authority_keys, settings.network_id)
            return Trust(judged.authority_keys or settings.authority_keys, settings.network_id)
    raise ConfigError(
        Text("Dit apparaat is nog niet ingeleerd", "This machine is not enrolled yet"),
        Text("Doe eerst naober setup en naober enrol", "First do naober setup and naober enrol"),
    )
