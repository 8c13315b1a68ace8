"""A USB stick as a folder that anybody may have written: read with care, written so that pulling it is safe.

Everything of ours lies in one folder, `naober/`, at most one folder deep:

    verzoek/<address>       requests of nodes           roster      changes and grants
    toelating/<address>     grants for nodes            berichten/  what couriers carry
    kaart/<address>         Wi-Fi of a node, until it is printed

Each step down is opened by itself and never through a symbolic link, so no name on a stick leads to a file
of this machine. Only regular files are read, none beyond its limit, and a pipe is not waited for. What is
written gets a temporary name, is synced and renamed, and its folder is synced: a stick that is pulled out
half-way has the old file or the new one. The temporary name is always the same, so nothing piles up.

Works on FAT, which knows no owners, modes or links. Source: design, "Components"; experience, section 1.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from relay.errors import StorageError, Text

FOLDER = "naober"
REQUESTS, GRANTS, MESSAGES, ROSTER = "verzoek", "toelating", "berichten", "roster"
CARDS = "kaart"
ADDRESS_NAME = re.compile(r"[0-9a-f]{8}")  # what a request or grant is called
LABEL = "NAOBER"
_MOUNTS = (("/media", LABEL), ("/media", f"*/{LABEL}"), ("/run/media", f"*/{LABEL}"), ("/mnt", LABEL))

SCAN_ENTRIES_MAX = 200_000  # names looked at in one folder; beyond them nothing is found
NAMES_MAX = 4096  # names handed back, unless the caller wants fewer
NAME_CHARACTERS_MAX = 100
DEPTH_MAX = 3

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DOWN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_GONE = frozenset({errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN, errno.EREMOTEIO})
_ODD = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EMLINK})


class Names(NamedTuple):
    """What is in a folder of a stick."""

    found: tuple[str, ...]  # sorted
    skipped: int  # names that are not ours, or too many


class Stick:
    """The folder `naober/` below `root`, where a stick is mounted. Nothing is kept open between calls.

    Paths are relative to it, with "/" between at most three names. Every method raises StorageError whose
    `code` is one of: missing, unsafe (a link, pipe, device or folder where a file must be), too_large, full,
    read_only, denied, gone (pulled out, or broken), failed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def __str__(self) -> str:
        return str(self.root)

    def names(self, folder: str, pattern: re.Pattern[str] = _NAME, most: int = NAMES_MAX) -> Names:
        """The names in `folder` that match `pattern` as a whole; none when there is no such folder."""
        found: list[str] = []
        skipped = 0
        try:
            with self._folder(folder) as fd, os.scandir(fd) as entries:
                for seen, entry in enumerate(entries):
                    if seen >= SCAN_ENTRIES_MAX:
                        skipped += 1
                        break
                    if _is_name(entry.name) and pattern.fullmatch(entry.name) and len(found) < most:
                        found.append(entry.name)
                    elif not entry.name.startswith("."):
                        skipped += 1
        except FileNotFoundError:
            return Names((), 0)
        except OSError as error:
            raise self._error(error, folder) from error
        return Names(tuple(sorted(found)), skipped)

    def read(self, path: str, limit: int) -> bytes:
        """The whole file, of at most `limit` bytes."""
        folder, _, name = path.rpartition("/")
        try:
            with self._folder(folder) as fd:
                return _read(os.open(_checked(name), _READ, dir_fd=fd), self._path(path), limit)
        except OSError as error:
            raise self._error(error, path) from error

    def size(self, path: str) -> int | None:
        """Bytes of the regular file at `path`; None when there is none."""
        folder, _, name = path.rpartition("/")
        try:
            with self._folder(folder) as fd:
                found = os.stat(_checked(name), dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._error(error, path) from error
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def write(self, path: str, data: bytes) -> bool:
        """Makes the file hold `data`, and its folders; False when it did already. Synced on return.

        Whatever stood there under that name is replaced, a link itself and never what it points to.
        """
        folder, _, name = path.rpartition("/")
        try:
            with self._folder(folder, make=True) as fd:
                if _holds(fd, _checked(name), data):
                    return False
                _write(fd, name, data)
        except OSError as error:
            raise self._error(error, path) from error
        return True

    def remove(self, path: str) -> None:
        """Takes the file away; none there is fine."""
        folder, _, name = path.rpartition("/")
        try:
            with self._folder(folder) as fd:
                os.unlink(_checked(name), dir_fd=fd)
                os.fsync(fd)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._error(error, path) from error

    @contextmanager
    def _folder(self, path: str, *, make: bool = False) -> Iterator[int]:
        """A descriptor of a folder below `naober/`, each step opened without following a link."""
        steps = [FOLDER, *filter(None, path.split("/"))]
        if len(steps) > DEPTH_MAX:
            raise _unsafe(self._path(path))
        fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for step in steps:
                inner = _down(fd, _checked(step), make)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)

    def _path(self, path: str) -> Path:
        return self.root / FOLDER / path

    def _error(self, error: OSError, path: str) -> StorageError:
        return stick_error(error, self._path(path))


def find() -> Path | None:
    """Where a stick called NAOBER is mounted, if it is; NAOBER_STICK names another folder."""
    if named := os.environ.get("NAOBER_STICK"):
        return Path(named)
    for parent, pattern in _MOUNTS:
        for found in sorted(Path(parent).glob(pattern)):
            if os.path.ismount(found):
                return found
    return None


def read_file(path: Path, limit: int) -> bytes:
    """A file that a person named, wherever it is: regular, at most `limit` bytes. Raises StorageError."""
    try:
        return _read(os.open(path, _READ & ~os.O_NOFOLLOW), path, limit)
    except OSError as error:
        raise stick_error(error, path) from error


def stick_error(error: OSError, path: Path) -> StorageError:
    """What the operating system said about `path` on a stick, as an error with a code and a way out."""
    number = error.errno or 0
    if number in (errno.ENOENT,):
        return StorageError(
            Text(f"Niet gevonden: {path}", f"Not found: {path}"),
            Text(
                "Kijk naar de naam. Staat het op een stick: zit die erin?",
                "Look at the name. If it is on a stick: is that in?",
            ),
            code="missing",
        )
    if number in _ODD:
        return _unsafe(path)
    if number in _FULL:
        return StorageError(
            Text(f"De stick is vol: {path}", f"The stick is full: {path}"),
            Text("Maak ruimte of neem een andere stick", "Make room, or take another stick"),
            code="full",
        )
    if number == errno.EROFS:
        return StorageError(
            Text(f"De stick is alleen-lezen: {path}", f"The stick is read-only: {path}"),
            Text(
                "Schuif het lipje om, of neem een andere stick", "Move its write lock, or take another stick"
            ),
            code="read_only",
        )
    if number in (errno.EACCES, errno.EPERM):
        return StorageError(
            Text(f"Geen toegang tot {path}", f"No access to {path}"),
            Text("Herhaal dit met sudo, of noem een andere map", "Repeat with sudo, or name another folder"),
            code="denied",
        )
    if number in _GONE:
        return StorageError(
            Text(f"De stick is er niet meer of is kapot: {path}", f"The stick is gone, or is broken: {path}"),
            Text(
                "Doe hem er weer in en herhaal dit; er is niets verloren",
                "Put it back in and repeat this; nothing is lost",
            ),
            code="gone",
        )
    reason = error.strerror or str(error)
    return StorageError(Text(f"{path}: {reason}", f"{path}: {reason}"))


def _is_name(name: str) -> bool:
    return len(name) <= NAME_CHARACTERS_MAX and _NAME.fullmatch(name) is not None


def _checked(name: str) -> str:
    if not _is_name(name):
        raise _unsafe(Path(name))
    return name


def _unsafe(path: Path) -> StorageError:
    return StorageError(
        Text(f"Geen gewoon bestand of map: {path}", f"Not a regular file or folder: {path}"),
        Text("Haal het van de stick en herhaal dit", "Take it off the stick and repeat this"),
        code="unsafe",
    )


def _down(fd: int, step: str, make: bool) -> int:
    try:
        return os.open(step, _DOWN, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):
        os.mkdir(step, 0o755, dir_fd=fd)
        os.fsync(fd)
    return os.open(step, _DOWN, dir_fd=fd)


def _read(fd: int, path: Path, limit: int) -> bytes:
    """All of the file behind `fd`, which is closed."""
    with os.fdopen(fd, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise _unsafe(path)
        parts: list[bytes] = []
        left = limit + 1  # its size is not asked: it may grow while it is read
        while left and (part := file.read(min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
    if not left:
        raise StorageError(
            Text(f"Te groot: {path} (hoogstens {limit} bytes)", f"Too large: {path} (at most {limit} bytes)"),
            Text("Haal het van de stick en herhaal dit", "Take it off the stick and repeat this"),
            code="too_large",
        )
    return b"".join(parts)


def _holds(fd: int, name: str, data: bytes) -> bool:
    try:
        return _read(os.open(name, _READ, dir_fd=fd), Path(name), len(data)) == data
    except (OSError, StorageError):
        return False


def _write(fd: int, name: str, data: bytes) -> None:
    temporary = f".{name}.part"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=fd)
    try:
        with os.fdopen(os.open(temporary, _MAKE, 0o644, dir_fd=fd), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=fd)
        raise
    os.fsync(fd)
