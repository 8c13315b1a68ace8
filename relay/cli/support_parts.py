"""What goes into the file for remote help, each part a text: nothing of it is a key or a message."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from relay import __version__
from relay.config import NodeConfig
from relay.core import wire
from relay.errors import NaoberError, WireError

PART_BYTES_MAX = 2 * 1024 * 1024
LOG_LINES = 2000
COMMAND_TIMEOUT_S = 10.0
COPY_BYTES_MAX = 256 * 1024 * 1024
GONE = "[removed]"
PACKAGES = ("cryptography", "msgspec", "paho-mqtt", "meshtastic", "protobuf", "starlette", "uvicorn")

_PEM = re.compile(r"-----BEGIN [A-Z ]*-----.*?(?:-----END [A-Z ]*-----|\Z)", re.S)
# 16 bytes and more as hexadecimal or base64: public ones go too, since nobody can see the difference
_LONG = re.compile(
    r"(?<![0-9A-Za-z+/_-])(?:[0-9a-fA-F]{32,}|[A-Za-z0-9+/_-]{22,}={1,2}|[A-Za-z0-9+/_-]{43})(?![0-9A-Za-z+/_-])"
)
# other ways in which a key of 16 or 32 bytes gets into a note or a log
_SHAPES = re.compile(
    r"https?://meshtastic\.org/\S+"  # a shared channel
    r"|(?<![0-9A-Za-z+/_-])(?=[0-9A-Z+/_-]*[a-z])(?=[0-9a-z+/_-]*[A-Z])(?=[A-Za-z+/_-]*[0-9])[A-Za-z0-9+/_-]{22}"
    r"(?![0-9A-Za-z+/=_-])"  # base64 without its end
    r"|\b[0-9a-fA-F]{2}(?:[: ][0-9a-fA-F]{2}){15,}\b|(?:\\x[0-9a-fA-F]{2}){6,}|\b\d{1,3}(?:, ?\d{1,3}){15,}\b"
)
_NAMED = re.compile(r"(?im)\b(\w*(?:password|passphrase|secret|token|psk)\w*\s*[=:]\s*)\S.*$")

Part = Callable[[], str]


def scrubbed(text: str) -> str:
    """`text` without what could be a secret; it may be cut at PART_BYTES_MAX, from its beginning."""
    text = _SHAPES.sub(GONE, _PEM.sub(GONE, text))
    text = _NAMED.sub(rf"\1{GONE}", text)
    text = _LONG.sub(lambda found: found[0] if _is_path_like(found[0]) else GONE, text)
    return text[-PART_BYTES_MAX:]


def _is_path_like(word: str) -> bool:
    """A device in /dev/serial/by-id is long, and what the helper needs most."""
    return word.startswith("/") or "usb-" in word


def silent(status: dict[str, Any] | None) -> dict[str, Any] | None:
    """The daemon's facts without what VRD wrote: how many notices there are, and not what they say."""
    if not status or not isinstance(notices := status.get("notices"), dict):
        return status
    counted = {name: len(each) if isinstance(each, list) else each for name, each in notices.items()}
    return {**status, "notices": counted}


def parts(settings: NodeConfig, file: Path, status: dict[str, Any] | None) -> dict[str, Part]:
    """File name and what makes it."""
    from relay.cli.inbox_page import dump

    return {
        "doctor.json": lambda: dump(_doctor(settings, file), indent=1),
        "status.json": lambda: dump(silent(status), indent=1),
        "node.toml": lambda: file.read_text("utf-8", "replace"),
        "versions.txt": versions,
        "files.txt": lambda: listing(settings.node.state),
        "outbox.txt": lambda: outbox(settings.node.state),
        "proof.json": lambda: (settings.node.state / "proof.json").read_text(),
        "usb.txt": usb,
        "network.txt": lambda: command("ip", "-br", "address"),
        "service.txt": lambda: command("systemctl", "status", "--no-pager", "--lines=0", "naober-node"),
        "log.txt": lambda: command("journalctl", "-u", "naober-node", "-n", str(LOG_LINES), "--no-pager"),
    }


def made(part: Part) -> bytes:
    """The part, scrubbed; or why it could not be made: the rest helps all the same."""
    try:
        text = part()
    except (OSError, NaoberError, ValueError, sqlite3.Error) as error:
        text = f"not made: {type(error).__name__}: {error}\n"
    return scrubbed(text).encode("utf-8", "replace")


def _doctor(settings: NodeConfig, file: Path) -> dict[str, object]:
    from relay.cli.doctor import as_json
    from relay.doctor.case import open_case
    from relay.doctor.rounds import look

    return as_json(look(open_case(settings, file)))


def versions() -> str:
    """Of everything that could matter."""
    told = [f"naober {__version__}", f"python {platform.python_version()}", f"kernel {platform.release()}"]
    told += [f"machine {platform.machine()}", f"sqlite {sqlite3.sqlite_version}"]
    for name in PACKAGES:
        try:
            told.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            told.append(f"{name} not installed")
    for file in (Path("/etc/os-release"), Path("/proc/device-tree/model")):
        if file.exists():
            told.append(file.read_text("utf-8", "replace").replace("\0", ""))
    return "\n".join(told) + "\n"


def listing(folder: Path) -> str:
    """Names, modes, owners and sizes in the node's folder; no contents."""
    told = []
    for path in sorted(folder.iterdir()):
        found = path.lstat()
        told.append(f"{found.st_mode:06o} {found.st_uid}:{found.st_gid} {found.st_size:>10} {path.name}")
    disk = shutil.disk_usage(folder)
    return "\n".join([*told, f"free {disk.free} of {disk.total} bytes"]) + "\n"


def outbox(folder: Path) -> str:
    """Whether a copy of the outbox is sound, and what it counts; no contents."""
    from relay.database import is_sound
    from relay.node.station import OUTBOX_NAME

    names = [name for name in (OUTBOX_NAME, f"{OUTBOX_NAME}-wal") if (folder / name).exists()]
    if sum((folder / name).stat().st_size for name in names) > COPY_BYTES_MAX:
        return "too large to look at\n"
    with TemporaryDirectory(prefix="naober-support-") as copy:
        for name in names:
            shutil.copyfile(folder / name, Path(copy) / name)
        with closing(sqlite3.connect(Path(copy) / OUTBOX_NAME)) as db:
            sound = is_sound(db)
            rows = db.execute("SELECT epoch, numbering, envelope FROM message").fetchall()
    counts: Counter[tuple[int, int, int]] = Counter()
    for epoch, numbering, envelope in rows:
        counts[epoch, numbering, _kind(bytes(envelope))] += 1
    told = [
        f"epoch {epoch} numbering {each} kind {kind}: {count}"
        for (epoch, each, kind), count in sorted(counts.items())
    ]
    return "\n".join([f"sound: {sound}", *told]) + "\n"


def _kind(envelope: bytes) -> int:
    try:
        return wire.parse_header(envelope).kind
    except WireError:
        return -1


def usb() -> str:
    """Radio boards, and what else is on USB."""
    from relay.links.meshtastic.boards import boards, others

    told = [f"radio {each.name} {each.path}" for each in boards()]
    return "\n".join([*told, *(f"other {each.id} {each.name}" for each in others())]) + "\n"


def command(*words: str) -> str:
    """What a command says; why not, where it is not there."""
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{words[0]}: {error}\n"
    return done.stdout + done.stderr
