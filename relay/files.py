"""Files that must survive a power cut, and must not be read by others while they are being written.

A file is written whole under a temporary name in its own folder, synced, and only then given its name;
the folder is synced last. So a reader, or a machine that lost power, sees the old file or the new one.
"""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Callable
from pathlib import Path

from relay.errors import StorageError, Text

PRIVATE = 0o600
PUBLIC = 0o644

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EACCES, errno.EPERM})


def shipped(name: str) -> Path:
    """A file of `config/` as it comes with Naober: inside the installed package, or beside its source."""
    package = Path(__file__).parent
    installed = package / "shipped" / name
    return installed if installed.exists() else package.parent / "config" / name


def write_new(path: Path, data: bytes, mode: int = PRIVATE) -> None:
    """Makes `path` with `data`; raises FileExistsError when it is there already, else StorageError.

    Of two writers exactly one succeeds, and neither leaves a half-written file under the name.
    """
    _write(path, data, mode, os.link)


def replace(path: Path, data: bytes, mode: int = PUBLIC) -> None:
    """Makes `path` hold `data`, whatever was there before; raises StorageError."""
    _write(path, data, mode, os.replace)


def make_folder(path: Path, mode: int = 0o755, user: str = "") -> None:
    """Makes `path` and what lies above it; an existing folder stays as it is. Raises StorageError.

    When root makes it for a service, it belongs to `user`, if there is such a user.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    try:
        path.mkdir(mode, exist_ok=True)
        path.chmod(mode)  # said outright: the umask would decide otherwise
        if user and os.geteuid() == 0:
            _give_to_user(path, user)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error


def sync_folder(path: Path) -> None:
    """Makes names that were made or changed in `path` survive a power cut; raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def storage_error(error: OSError, path: Path) -> StorageError:
    """What the operating system said about `path`, as an error with a code and a way out."""
    reason = error.strerror or str(error)
    what = Text(f"Kan niet schrijven: {path}: {reason}", f"Cannot write {path}: {reason}")
    if error.errno in _FULL:
        return StorageError(
            what, Text("Maak ruimte vrij op deze schijf", "Free some disk space"), code="full"
        )
    if error.errno == errno.EROFS:
        do = Text("Vervang de geheugenkaart", "Replace the SD card")
        return StorageError(what, do, code="read_only")
    if error.errno in _DENIED:
        do = Text(
            "Herhaal dit met sudo, of kies een andere map", "Repeat with sudo, or choose another folder"
        )
        return StorageError(what, do, code="denied")
    return StorageError(what)


def _write(path: Path, data: bytes, mode: int, name: Callable[[Path, Path], None]) -> None:
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        _write_synced(temporary, data, mode)
        try:
            name(temporary, path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise
    except OSError as error:
        raise storage_error(error, path) from error


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(fd, mode)  # said outright: the umask would decide otherwise
        _give_to_folder_owner(fd, path.parent)
        os.fsync(fd)


def _give_to_folder_owner(fd: int, folder: Path) -> None:
    """What `sudo naober setup` makes in the service's folder must be the service's."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(fd, owner.st_uid, owner.st_gid)


def _give_to_user(path: Path, user: str) -> None:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return
    os.chown(path, entry.pw_uid, entry.pw_gid)
