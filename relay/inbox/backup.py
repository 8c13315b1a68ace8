"""All that an inbox is, in one file: messages, keys, papers, VRD's decisions, settings, the broker's files.

It is made while the inbox runs. SQLite copies each database in one read transaction, which holds up nobody;
the other files are small and written whole (relay.files). What belongs to a node that shares the folder stays
behind: its key never leaves its device, and an old outbox would only be found out.

    manifest.json · config/inbox.toml, config/broker/... · state/inbox.db, state/inbox.key, ... · sums.json

A restore may be of any age: the inbox's next epoch is above all before (rule 5), so nodes believe what it
then says it holds, and send the rest again.

Source: design, rule 5 ("An inbox may forget"); issue "inbox backup|restore".
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import stat
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

import msgspec

from relay import __version__, files
from relay.config import INBOX_FILE, InboxConfig
from relay.database import storage_errors
from relay.errors import KeyFileError, StorageError, Text
from relay.inbox.store import STORE_NAME
from relay.trust import keys
from relay.trust.locked_stream import COST_LOG2, Locked

MANIFEST, SUMS = "manifest.json", "sums.json"
FILES_MAX = 512
SPARE_BYTES = 64 * 1024 * 1024  # that a copy of the databases leaves free
COMPRESSION = 3
TEMPORARY = ".backup-"
# within `config` and `state`: one folder down at most; hidden, temporary and socket files are nothing of ours
NAME = re.compile(r"(config|state)(/[A-Za-z0-9][A-Za-z0-9_.-]{0,99}){1,2}")
_OF_A_NODE = re.compile(r"(node[.-]|outbox|grant$|proof\.json$)")
ASIDE = "before-restore-"  # a folder of what a restore took the place of
_PASSING = re.compile(r".*(-wal|-shm|-journal|\.sock|\.lock|\.part|\.probe)$|naober-\d+$|last-fault\.txt$")


class Manifest(msgspec.Struct, frozen=True):
    """What stands in front."""

    format: int
    version: str  # of Naober
    made_s: int  # unix time, by the clock of the inbox host
    network_id: str
    address: str  # of the inbox key
    folder: str  # of settings
    state: str
    messages: int
    newest_s: int  # when the newest message arrived; 0: none


class Made(NamedTuple):
    """A backup that is on disk."""

    path: Path
    size_bytes: int
    manifest: Manifest
    files: int


def make(
    config: InboxConfig, folder: Path, target: Path, passphrase: str | None, *, cost_log2: int = COST_LOG2
) -> Made:
    """Write the backup of the inbox whose settings are in `folder` to `target`, which must not be there.

    `passphrase` None: readable by whoever holds the file, so only where it can be closed to others.
    Raises StorageError, and KeyFileError where a key can't be read.
    """
    state = config.inbox.state
    with storage_errors(state), _readable(), _copies(state) as databases:
        manifest = _manifest(config, folder, databases)
        found = {**_below(folder, "config", apart=state), **_below(state, "state"), **databases}
        _judge_count(state, len(found))
        partial = target.with_name(f".{target.name}.part")
        try:
            _write(partial, found, manifest, passphrase, cost_log2)
            if os.path.lexists(target):
                raise exists(target)
            partial.rename(target)
            files.sync_folder(target.parent)
        finally:
            partial.unlink(missing_ok=True)
    return Made(target, target.stat().st_size, manifest, len(found))


def exists(target: Path) -> StorageError:
    """Nothing is overwritten."""
    return StorageError(
        Text(f"{target} bestaat al", f"{target} exists"), Text("Kies een andere naam", "Choose another name")
    )


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Half a backup is none: what this user may not read stops it."""
    try:
        yield
    except PermissionError as error:
        raise KeyFileError(
            Text(f"Geen toegang tot {error.filename}", f"No access to {error.filename}"),
            Text("Herhaal dit met sudo", "Repeat this with sudo"),
        ) from error


@contextlib.contextmanager
def _copies(state: Path) -> Iterator[dict[str, Path]]:
    """Copies of the databases as they are at one moment each, by their names in the backup."""
    for left in state.glob(f"{TEMPORARY}*"):
        shutil.rmtree(left, ignore_errors=True)  # of a run that was killed
    databases = [path for path in sorted(state.glob("*.db")) if not _OF_A_NODE.match(path.name)]
    if not any(path.name == STORE_NAME for path in databases):
        raise StorageError(
            Text(f"Hier is geen postvak: {state}", f"There is no inbox here: {state}"),
            Text("Geef --config van het postvak", "Give --config of the inbox"),
        )
    judge_room(state, sum(path.stat().st_size for path in databases))
    with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=state) as name:
        copies = {f"state/{path.name}": Path(name) / path.name for path in databases}
        for path, copy in zip(databases, copies.values(), strict=True):
            _copy_database(path, copy)
        yield copies


def _judge_count(state: Path, count: int) -> None:
    if count > FILES_MAX:
        raise StorageError(
            Text(f"{count} bestanden in {state}: dat is geen postvak", f"{count} files in {state}: no inbox"),
            Text("Haal eruit wat er niet hoort", "Remove what does not belong there"),
        )


def judge_room(state: Path, needed_bytes: int) -> None:
    """Raises StorageError when so much would fill the disk."""
    room = os.statvfs(state)
    if room.f_bavail * room.f_frsize < needed_bytes + SPARE_BYTES:
        megabytes = (needed_bytes + SPARE_BYTES) // 1_000_000
        raise StorageError(
            Text(f"Te weinig ruimte in {state}", f"Too little room in {state}"),
            Text(f"Maak {megabytes} MB vrij", f"Free {megabytes} MB"),
            code="full",
        )


def _copy_database(path: Path, copy: Path) -> None:
    copy.touch(files.PRIVATE)
    # mode=rw: one that may not write leaves a log behind when no inbox runs
    source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    with contextlib.closing(source), contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)  # all pages in one step: one moment, and no writer waits
        target.execute("PRAGMA journal_mode=DELETE")  # one file, complete by itself


def _manifest(config: InboxConfig, folder: Path, databases: dict[str, Path]) -> Manifest:
    key = keys.public_bytes(keys.load(config.signing_key))
    with contextlib.closing(sqlite3.connect(databases[f"state/{STORE_NAME}"])) as db:
        messages, newest_s = db.execute("SELECT count(*), max(received_s) FROM message").fetchone()
    return Manifest(
        1, __version__, int(time.time()), config.inbox.network_id, keys.address_of(key).hex(),
        str(folder.absolute()), str(config.inbox.state.absolute()), messages, newest_s or 0,
    )  # fmt: skip


def _below(folder: Path, prefix: str, *, apart: Path | None = None) -> dict[str, Path]:
    """Regular files in `folder` and one below, by their names in the backup; no databases, not `apart`."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if _is_left_out(path) or (apart and path.absolute() == apart.absolute()):
            continue
        inside = sorted(path.iterdir()) if path.is_dir() and not path.is_symlink() else [path]
        for each in inside:
            name = f"{prefix}/{each.relative_to(folder).as_posix()}"
            is_ours = NAME.fullmatch(name) and not _is_left_out(each) and each.suffix != ".db"
            if is_ours and stat.S_ISREG(each.lstat().st_mode):
                found[name] = each
    if f"config/{INBOX_FILE}" not in found and prefix == "config":
        raise StorageError(Text(f"{INBOX_FILE} ontbreekt in {folder}", f"No {INBOX_FILE} in {folder}"))
    return found


def _is_left_out(path: Path) -> bool:
    name = path.name
    return bool(_OF_A_NODE.match(name) or _PASSING.match(name)) or name.startswith((".", ASIDE))


# --- writing ---


def _write(
    partial: Path, found: dict[str, Path], manifest: Manifest, passphrase: str | None, cost_log2: int
) -> None:
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, files.PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        if passphrase is None:
            _judge_closed(descriptor, partial.parent)
            _archive(file, found, manifest)
        else:
            locked = Locked(file, passphrase, cost_log2=cost_log2)
            with io.BufferedWriter(locked) as buffered:
                _archive(buffered, found, manifest)
                buffered.flush()
                locked.finish()
        file.flush()
        os.fsync(descriptor)


def _judge_closed(descriptor: int, folder: Path) -> None:
    """A stick with FAT can't keep anyone out."""
    os.fchmod(descriptor, files.PRIVATE)
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != files.PRIVATE:
        raise KeyFileError(
            Text(f"In {folder} kan ieder alles lezen", f"In {folder} everyone can read everything"),
            Text("Laat --plain weg: dan gaat er een wachtwoord op", "Leave out --plain: a passphrase then"),
        )


def _archive(file: BinaryIO | io.BufferedWriter, found: dict[str, Path], manifest: Manifest) -> None:
    sums: dict[str, str] = {}
    with (
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=COMPRESSION) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        _add_bytes(archive, MANIFEST, msgspec.json.encode(manifest))
        for name, path in found.items():
            with path.open("rb") as source:
                info = archive.gettarinfo(arcname=name, fileobj=source)
                info.uid = info.gid = 0
                info.uname = info.gname = ""
                summed = _Summed(source)
                archive.addfile(info, summed)
                sums[name] = summed.digest()
        _add_bytes(archive, SUMS, json.dumps(sums).encode())


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), files.PRIVATE
    archive.addfile(info, io.BytesIO(data))


class _Summed(io.RawIOBase):
    """Passes on what is read of `source`, and keeps its SHA-256."""

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__()
        self._source, self._sum = source, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self._sum.update(data)
        return data

    def digest(self) -> str:
        return self._sum.hexdigest()
