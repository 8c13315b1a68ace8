"""Several files that belong together: looked at first, then all written, and nothing replaced unasked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from relay import files
from relay.errors import ConfigError, Text

MADE = Text("gemaakt", "made")
KEPT = Text("was er al", "was there")
REPLACED = Text("vervangen", "replaced")


class Wanted(NamedTuple):
    """A file as it must become."""

    path: Path
    data: bytes
    mode: int = files.PUBLIC


class Done(NamedTuple):
    """What became of a file."""

    path: Path
    what: Text


def carry_out(wanted: Sequence[Wanted], *, replace: bool) -> list[Done]:
    """Makes each file, in order; files that are right already are left alone.

    Without `replace` a file that holds something else stops all of it before anything has changed, with
    a ConfigError that names it. Raises StorageError when the disk refuses.
    """
    found = [_read(file.path) for file in wanted]
    for file, old in zip(wanted, found, strict=True):
        if old is not None and old != file.data and not replace:
            raise ConfigError(
                Text(f"{file.path} bestaat al en is anders", f"{file.path} exists and is different"),
                Text(
                    "Kijk wat erin staat; vervangen kan met --replace", "Look into it; --replace replaces it"
                ),
            )
    return [_write(file, old) for file, old in zip(wanted, found, strict=True)]


def _write(file: Wanted, old: bytes | None) -> Done:
    if old == file.data:
        return Done(file.path, KEPT)
    files.make_folder(file.path.parent)
    files.replace(file.path, file.data, file.mode)
    return Done(file.path, MADE if old is None else REPLACED)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise files.storage_error(error, path) from error
