"""NetworkManager, asked by its own command: which Wi-Fi there is, what it does, load this, switch that on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time

import msgspec

from relay.errors import NaoberError, Text
from relay.wifi.point import CONNECTION

ASK_TIMEOUT_S = 10.0
UP_TIMEOUT_S = 45.0
UP_TRIES = 5
UP_PAUSE_S = 2.0
ACTIVE = "activated"
NOT_CONNECTED = ("", "--")


class Device(msgspec.Struct, frozen=True):
    """One Wi-Fi device."""

    name: str
    access_point: bool  # whether it can be one
    connection: str  # that is active on it; empty: none


class ManagerError(NaoberError):
    """NetworkManager is not there, does not run, or refused."""


def is_there() -> bool:
    """Whether NetworkManager's command is on this machine."""
    return shutil.which("nmcli") is not None


def can_give_addresses() -> bool:
    """Whether what NetworkManager shares a connection with is on this machine."""
    return any(shutil.which("dnsmasq", path=path) for path in (None, "/usr/sbin:/sbin:/usr/local/sbin"))


def devices() -> list[Device]:
    """Every Wi-Fi device of this machine. Raises ManagerError."""
    listed = run("-g", "DEVICE,TYPE", "device", "status")
    names = [name for name, kind in map(_pair, listed.splitlines()) if kind == "wifi"]
    return [_device(name) for name in names]


def _device(name: str) -> Device:
    wanted = "GENERAL.CONNECTION,WIFI-PROPERTIES.AP"
    told = dict(map(_pair, run("-t", "-f", wanted, "device", "show", name).splitlines()))
    connection = told.get("GENERAL.CONNECTION", "")
    return Device(
        name, told.get("WIFI-PROPERTIES.AP") == "yes", "" if connection in NOT_CONNECTED else connection
    )


def active() -> dict[str, str]:
    """The connections that are up, or on their way, with their state ("activated", "activating").

    Raises ManagerError.
    """
    lines = run("-t", "-f", "NAME,STATE", "connection", "show", "--active").splitlines()
    return dict(map(_pair, lines))


def load(path: str) -> None:
    """Have it read the keyfile at `path` again. Raises ManagerError."""
    run("connection", "load", path)


def up(name: str = CONNECTION) -> None:
    """Switch a connection on, and wait for it. Raises ManagerError.

    A new Raspberry Pi OS has its Wi-Fi off until somebody names a country; a device that was just switched on
    takes a moment until it can be used. All in all it takes no longer than UP_TIMEOUT_S.
    """
    run("radio", "wifi", "on")
    end_s = time.monotonic() + UP_TIMEOUT_S
    for again in reversed(range(UP_TRIES)):
        wait_s = max(1.0, end_s - time.monotonic())
        try:
            run("--wait", f"{wait_s:.0f}", "connection", "up", "id", name, timeout_s=wait_s + 5)
        except ManagerError:
            if active().get(name) == ACTIVE:
                return
            if not again or time.monotonic() >= end_s:
                raise
            time.sleep(UP_PAUSE_S)
        else:
            return


def down(name: str = CONNECTION) -> None:
    """Switch it off, whether it was on or not."""
    try:
        run("connection", "down", "id", name)
    except ManagerError:
        return


def run(*arguments: str, timeout_s: float = ASK_TIMEOUT_S) -> str:
    """What `nmcli` prints. Raises ManagerError with its own words."""
    try:
        done = subprocess.run(
            ["nmcli", *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C.UTF-8"},  # its words are read, in English
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _refused(str(error)) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit {done.returncode}"]
        raise _refused(said[0].removeprefix("Error: "))
    return done.stdout


def _refused(said: str) -> ManagerError:
    return ManagerError(
        Text(f"NetworkManager: {said}", f"NetworkManager: {said}"),
        Text("sudo systemctl status NetworkManager", "sudo systemctl status NetworkManager"),
    )


def _pair(line: str) -> tuple[str, str]:
    """A terse line of nmcli: "NAME:VALUE", with a backslash before a colon that belongs to either."""
    parts = [re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\):", line)]
    return parts[0], ":".join(parts[1:])
