"""The country whose radio rules this machine's Wi-Fi keeps: without one a Pi keeps its Wi-Fi off."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from relay import files
from relay.wifi.point import COUNTRY

OPTION = f"# Written by `naober setup`.\noptions cfg80211 ieee80211_regdom={COUNTRY}\n"
ASK_TIMEOUT_S = 5.0
_FILE = Path("etc/modprobe.d/naober-wifi.conf")
_MODULE = Path("sys/module/cfg80211/parameters/ieee80211_regdom")
_SAID = re.compile(r"^country ([A-Z0-9]{2}):", re.M)


def set_for_good(root: Path) -> None:
    """Now, where `iw` is there, and at each start from the next on. Raises StorageError."""
    files.make_folder((root / _FILE).parent)
    files.replace(root / _FILE, OPTION.encode())
    _iw("reg", "set", COUNTRY)


def current(root: Path = Path("/")) -> str:
    """Two letters; "00" is none in particular; empty: it can't be told."""
    if found := _SAID.search(_iw("reg", "get")):
        return found[1]
    try:
        return (root / _MODULE).read_text().strip()
    except OSError:
        return ""


def _iw(*arguments: str) -> str:
    """What `iw` prints; nothing where it is not there or refuses."""
    if (iw := shutil.which("iw") or shutil.which("iw", path="/usr/sbin:/sbin")) is None:
        return ""
    try:
        done = subprocess.run(
            [iw, *arguments], capture_output=True, text=True, timeout=ASK_TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
