"""Puts a backup back: all of it is read and judged beside where it must come before anything changes.

1. Unpack into a folder that no service can reach: known names only, each with its checksum, to the last byte.
2. Judge: settings that parse, keys that can be read and belong together, databases that are sound.
3. What is there already stops it; with `replace` it is moved aside, and kept.
4. Settings first, databases last: a restore that was cut short is simply done again.

Source: design, rule 5; issue "inbox backup|restore".
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import hashlib
import os
import shutil
import sqlite3
import struct
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from relay import config, files, toml, toml_text
from relay.errors import ConfigError, NaoberError, StorageError, Text
from relay.inbox.backup import ASIDE, FILES_MAX, MANIFEST, NAME, SUMS, Manifest, judge_room
from relay.inbox.standby import SET_UP, mark
from relay.inbox.store import STORE_NAME, Store
from relay.trust import keys
from relay.trust.locked_stream import Unlocked, damaged, is_locked

TEMPORARY = ".naober-restore-"
BROKER = "broker"  # a folder of settings that belongs to Mosquitto
_LITTLE_BYTES_MAX = 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_MODES = {0o600, 0o640, 0o644}
_FLOCK = "hhqqi4x"  # struct flock of fcntl(2) on 64-bit Linux
_SHARED_AT, _SHARED_BYTES = 0x40000002, 510  # SHARED_FIRST and SHARED_SIZE of SQLite


class Restored(NamedTuple):
    """What came back."""

    manifest: Manifest
    files: int
    aside: list[Path]  # folders with what was there before


def is_closed(backup: Path) -> bool:
    """Whether it takes a passphrase; raises StorageError."""
    try:
        with backup.open("rb") as file:
            return is_locked(file.read(64))
    except OSError as error:
        raise StorageError(
            Text(f"Kan {backup} niet lezen: {error.strerror}", f"Cannot read {backup}: {error.strerror}"),
            Text("Zit de schijf of stick erin?", "Is the disk or stick in?"),
        ) from error


def restore(
    backup: Path,
    folder: Path,
    state: Path,
    passphrase: str | None,
    *,
    replace: bool = False,
    standby: bool = False,
) -> Restored:
    """Put `backup` back, settings into `folder` and the rest into `state`; as a standby, or as the inbox.

    Raises StorageError, KeyFileError for a wrong passphrase or a damaged file, ConfigError for what is in it;
    then nothing has changed.
    """
    files.make_folder(state, 0o700, "naober")
    _judge_stopped(state)
    # what root writes and gives away must not lie where the service can put a link in its place
    aside = state.parent if os.geteuid() == 0 else state
    for left in aside.glob(f"{TEMPORARY}*"):
        shutil.rmtree(left, ignore_errors=True)  # of a run that was killed
    try:
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=aside) as name:
            unpacked = Path(name)
            with _opened(backup, passphrase) as packed:
                manifest = _unpack(packed, unpacked, str(backup))
            _judge(unpacked, folder, state, manifest, SET_UP if standby else "")
            return _put(unpacked, folder, state, manifest, replace=replace)
    except OSError as error:
        raise files.storage_error(error, state) from error


# --- 1 ---


@contextlib.contextmanager
def _opened(backup: Path, passphrase: str | None) -> Iterator[BinaryIO]:
    """The packed archive; damage of any sort is one error."""
    what = str(backup)
    with backup.open("rb") as file:
        stream = Unlocked(file, passphrase, what) if passphrase is not None else file
        try:
            yield gzip.GzipFile(fileobj=stream, mode="rb")  # type: ignore[misc]
            while stream.read(_PIECE_BYTES):
                pass  # to its end: a file that was cut off is found out there
        except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, msgspec.MsgspecError) as error:
            raise damaged(what) from error


def _unpack(packed: BinaryIO, unpacked: Path, what: str) -> Manifest:
    """Every file of it into `unpacked`; gives what it says of itself."""
    manifest: Manifest | None = None
    claimed: dict[str, str] = {}
    found: dict[str, str] = {}
    with tarfile.open(fileobj=packed, mode="r|") as archive:
        for member in archive:
            source = archive.extractfile(member) if member.isreg() else None
            if source is None or len(found) >= FILES_MAX:
                raise damaged(what)
            if member.name in (MANIFEST, SUMS):
                if member.size > _LITTLE_BYTES_MAX:
                    raise damaged(what)
                if member.name == MANIFEST:
                    manifest = msgspec.json.decode(source.read(), type=Manifest)
                else:
                    claimed = msgspec.json.decode(source.read(), type=dict[str, str])
            elif NAME.fullmatch(member.name) and member.name not in found:
                judge_room(unpacked, member.size)
                found[member.name] = _write(unpacked / member.name, source, member.mode)
            else:
                raise damaged(what)
    while packed.read(_PIECE_BYTES):
        pass
    if manifest is None or claimed != found or manifest.format != 1:
        raise damaged(what)
    return manifest


def _write(path: Path, source: object, mode: int) -> str:
    """Write and sync; gives its checksum."""
    summed = hashlib.sha256()
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, files.PRIVATE), "wb") as file:
        while piece := source.read(_PIECE_BYTES):  # type: ignore[attr-defined]
            summed.update(piece)
            file.write(piece)
        os.fchmod(file.fileno(), mode if mode in _MODES else files.PRIVATE)
        file.flush()
        os.fsync(file.fileno())
    return summed.hexdigest()


# --- 2 ---


def _judge(unpacked: Path, folder: Path, state: Path, manifest: Manifest, standby: str) -> None:
    """Whether an inbox can live with it; paths in its settings become those of here.

    `standby`: why it stands by; empty for one that goes on, whatever it did when the backup was made.
    """
    file = unpacked / "config" / config.INBOX_FILE
    if not file.is_file() or not (unpacked / "state" / STORE_NAME).is_file():
        raise damaged("inbox.toml, inbox.db")
    _move(file, manifest, folder, state)
    settings = config.load_inbox(file)
    key = keys.load(unpacked / "state" / settings.signing_key.name)
    if keys.address_of(keys.public_bytes(key)).hex() != manifest.address:
        raise damaged(settings.signing_key.name)
    store = Store(unpacked / "state")  # sound, and of a version that we know; brought up to date
    mark(store, standby)
    store.close()
    for database in (unpacked / "state").glob("*.db"):
        with contextlib.closing(sqlite3.connect(database)) as db:
            if db.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
                raise damaged(database.name)


def _move(file: Path, manifest: Manifest, folder: Path, state: Path) -> None:
    """Settings that name the folders of the machine that was name those of this one."""
    text = toml.read_text(file)
    here = {str(manifest.state): str(state.absolute()), str(manifest.folder): str(folder.absolute())}
    changes: dict[tuple[str, str], toml_text.Plain] = {}
    for section, name in (("inbox", "state"), ("mqtt", "key"), ("mqtt", "ca"), ("mqtt", "certificate")):
        was = toml_text.look_up(text, section, name)
        for old, new in here.items():
            if isinstance(was, str) and Path(was).is_relative_to(old):
                changes[section, name] = str(new / Path(was).relative_to(old))
                break
    file.write_text(toml_text.fill(text, changes), "utf-8")
    broker = file.parent / BROKER / "naober.conf"
    if broker.is_file():
        moved = broker.read_text("utf-8").replace(f"{manifest.folder}/", f"{here[manifest.folder]}/")
        broker.write_text(moved, "utf-8")


# --- 3 and 4 ---


def _judge_stopped(state: Path) -> None:
    """Nothing may be put under a running inbox: in WAL mode whoever has the database open holds a lock on it.

    Asked of the kernel and not of SQLite, which would begin by repairing what it opens.
    """
    try:
        with (state / STORE_NAME).open("r+b") as file:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _SHARED_AT, _SHARED_BYTES, 0)
            answer = fcntl.fcntl(file.fileno(), fcntl.F_OFD_GETLK, asked)
    except FileNotFoundError:
        return
    if struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK:
        raise NaoberError(
            Text("Het postvak draait nog", "The inbox is still running"), "sudo systemctl stop naober-inbox"
        )


def _put(unpacked: Path, folder: Path, state: Path, manifest: Manifest, *, replace: bool) -> Restored:
    # databases last, and of them the messages: with those it is an inbox
    names = sorted(
        (path.relative_to(unpacked) for path in unpacked.glob("*/**/*") if path.is_file()),
        key=lambda name: (name.parts[0] == "state", name.suffix == ".db", name.name == STORE_NAME, name),
    )
    roots = {"config": folder, "state": state}
    targets = {name: roots[name.parts[0]].joinpath(*name.parts[1:]) for name in names}
    logs = [
        path.with_name(path.name + part)
        for path in targets.values()
        for part in ("-wal", "-shm")
        if path.suffix == ".db"
    ]
    there = [path for path in [*targets.values(), *logs] if os.path.lexists(path)]
    if there and not replace:
        raise ConfigError(
            Text(f"Hier is al een postvak: {there[0]}", f"There is an inbox here already: {there[0]}"),
            Text(
                "Met --replace komt de back-up in zijn plaats; wat er is blijft bewaard",
                "With --replace the backup takes its place; what is there is kept",
            ),
        )
    aside = _set_aside(there, roots)
    for name, target in targets.items():
        _make_folders(target.parent, roots[name.parts[0]], is_config=name.parts[0] == "config")
        _give(unpacked / name, target.parent)
        _move_file(unpacked / name, target)
        files.sync_folder(target.parent)
    return Restored(manifest, len(names), aside)


def _move_file(source: Path, target: Path) -> None:
    """Never into a folder that appeared under the name of the file."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        part = target.with_name(f".{target.name}.part")
        part.unlink(missing_ok=True)
        shutil.copy2(source, part, follow_symlinks=False)
        _give(part, target.parent)
        part.replace(target)


def _set_aside(there: list[Path], roots: dict[str, Path]) -> list[Path]:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    made: list[Path] = []
    for root in dict.fromkeys(roots.values()):
        mine = [path for path in there if path.is_relative_to(root)]
        if mine:
            made.append(root / f"{ASIDE}{stamp}")
            files.make_folder(made[-1], 0o700)
        for path in mine:
            kept = made[-1] / path.relative_to(root)
            kept.parent.mkdir(0o700, parents=True, exist_ok=True)
            path.rename(kept)
    return made


def _make_folders(parent: Path, root: Path, *, is_config: bool) -> None:
    """As `naober setup inbox` makes them."""
    if is_config:
        files.make_folder(root)
        if parent != root:
            files.make_folder(parent, 0o750, "mosquitto" if parent.name == BROKER else "")
    else:
        files.make_folder(root, 0o700, "naober")
        if parent != root:
            files.make_folder(parent, 0o700, "naober")


def _give(path: Path, folder: Path) -> None:
    """What root puts into a service's folder must be the service's."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
