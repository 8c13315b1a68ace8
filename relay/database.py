"""What the node's outbox and the inbox's store share of SQLite: opening, migrations, errors in words."""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relay.errors import StorageError, Text

MEMORY = ":memory:"
READABLE = 1000  # user_version: this times the oldest schema that may go on with it, plus its own number
_READABLE_FROM = re.compile(r"-- readable from: (\d{1,3})\n")

_CODES = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_PERM: "read_only",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_CANTOPEN: "cannot_open",
}
_OS_CODES = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read_only",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
    errno.ENOENT: "cannot_open",
    errno.ENOTDIR: "cannot_open",
}
_WORDS = {
    "full": Text("Opslag is vol", "Storage is full"),
    "read_only": Text("Opslag is alleen-lezen", "Storage is read-only"),
    "corrupt": Text("Opslag is beschadigd", "Storage is corrupt"),
    "busy": Text("Opslag is in gebruik door een ander programma", "Storage is in use by another program"),
    "cannot_open": Text("Opslag kan niet worden geopend", "Storage cannot be opened"),
    "failed": Text("Opslag werkt niet", "Storage does not work"),
}


def storage_error(error: Exception, path: str | Path) -> StorageError:
    """A StorageError that says which of the cases it is."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    code = _CODES.get(primary, "failed")
    if isinstance(error, OSError):
        code = _OS_CODES.get(error.errno or 0, "failed")
    elif "malformed" in str(error) or "not a database" in str(error):
        code = "corrupt"
    words = _WORDS[code]
    return StorageError(
        Text(f"{words.nl}: {path} ({error})", f"{words.en}: {path} ({error})"),
        Text("controleer de geheugenkaart of schijf", "check the card or disk"),
        code=code,
    )


@contextmanager
def storage_errors(path: str | Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into a StorageError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise storage_error(error, path) from error


def connect(
    path: str | Path,
    *,
    page_bytes: int = 4096,
    cache_kib: int = 512,
    read_only: bool = False,
    alone: bool = False,
    check_same_thread: bool = True,
) -> sqlite3.Connection:
    """A connection that commits only when told to; WAL and synchronous=FULL on disk.

    With synchronous=FULL a commit in WAL mode is synced to the card before it returns: that is what
    "safe before anyone is told so" rests on. NORMAL would sync only at checkpoints.

    `alone` keeps every other process out, and so needs no memory shared through a file: on a full disk
    a store into such memory is a SIGBUS, seen on an ext4 with blocks smaller than a page.
    """
    name = f"{Path(path).absolute().as_uri()}?mode=ro" if read_only else str(path)
    db = sqlite3.connect(name, uri=read_only, isolation_level=None, check_same_thread=check_same_thread)
    try:
        if alone:
            db.execute("PRAGMA locking_mode=EXCLUSIVE")  # first: the next one looks into the file
        db.execute(f"PRAGMA cache_size=-{cache_kib}")
        db.execute("PRAGMA busy_timeout=5000")
        if not read_only:
            db.execute(f"PRAGMA page_size={page_bytes}")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA journal_size_limit=4194304")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing; committed, so on disk, when the block ends."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    try:
        db.execute("COMMIT")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def migrate(db: sqlite3.Connection, folder: Path) -> None:
    """Bring the schema up to date with the numbered .sql files in `folder`.

    Each file runs in a transaction of its own together with the number it leaves in user_version. A file
    whose first line is `-- readable from: N` only adds tables: a program that knows the schema up to N may
    go on with what it leaves, so that an upgrade can be turned back (versions N and N - 1 work on one file).
    That N stands in user_version as well, in thousands. Any other database of a later version is refused:
    going on would lose what it holds.
    """
    found: int = db.execute("PRAGMA user_version").fetchone()[0]
    readable_from, version = divmod(found, READABLE)
    scripts = sorted(folder.glob("*.sql"))
    if version > len(scripts) >= readable_from > 0:
        return
    if version > len(scripts):
        raise StorageError(
            Text("Opslag is van een nieuwere versie", "Storage is of a later version"),
            Text("installeer de nieuwere versie opnieuw", "install the later version again"),
            code="newer",
        )
    for number, script in enumerate(scripts[version:], version + 1):
        text = script.read_text(encoding="utf-8")
        said = _READABLE_FROM.match(text)
        left = number + READABLE * (int(said[1]) if said else 0)
        db.executescript(f"BEGIN IMMEDIATE;\n{text}\nPRAGMA user_version={left};\nCOMMIT;")


def is_sound(db: sqlite3.Connection) -> bool:
    """Whether SQLite finds its own file in order."""
    return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
