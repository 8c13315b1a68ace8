"""Papers on disk: a set of grants and changes in one bounded file, the same on node, inbox, laptop and stick.

Nothing is judged here; what is in the file counts only when an authority signed it (`trust.roster`). A
merge is a union, so neither order nor route matters, and two programs that add at once lose nothing.

Source: trust design, "the roster is a set of papers".
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from relay import files
from relay.core import wire
from relay.errors import StorageError, Text, WireError

NAME = "roster"
PAPERS_BYTES_MAX = 8 * 1024 * 1024  # inbox, laptop, stick: 10,000 grants
CHANGES_BYTES_MAX = 64 * 1024  # a node keeps changes only: 400 of them

_papers = msgspec.msgpack.Decoder(list[bytes])


def encode(envelopes: Iterable[bytes]) -> bytes:
    """The file of a set of papers: a MessagePack array, in byte order, each once."""
    return msgspec.msgpack.encode(sorted(set(envelopes)))


def decode(data: bytes) -> frozenset[bytes]:
    """The papers in a file; raises WireError when it is none. No paper is looked at."""
    if len(data) > PAPERS_BYTES_MAX:
        raise WireError("roster too long")
    try:
        found = _papers.decode(data)
    except (ValueError, RecursionError) as error:
        raise WireError(f"roster: {error}") from None
    if any(not wire.ENVELOPE_BYTES_MIN <= len(each) <= wire.INBOX_ENVELOPE_BYTES_MAX for each in found):
        raise WireError("roster with what is no paper in it")
    return frozenset(found)


class Papers:
    """The papers at `path`; none when there is no file. Add only what was verified."""

    def __init__(self, path: Path, bytes_max: int = PAPERS_BYTES_MAX) -> None:
        """Reads the file; raises StorageError (`corrupt`, `failed`, `denied`)."""
        self.path = path
        self._bytes_max = bytes_max
        self.envelopes = _read(path)
        self._dropped: frozenset[bytes] = frozenset()

    def add(self, envelopes: Iterable[bytes]) -> list[bytes]:
        """Takes what is new into memory, and says what that was; `save` makes it last."""
        new = sorted(set(envelopes) - self.envelopes)
        self.envelopes |= frozenset(new)
        return new

    def keep_only(self, envelopes: Iterable[bytes]) -> None:
        """Drops all others that are known here; `save` makes it last."""
        kept = frozenset(envelopes)
        self._dropped = (self._dropped | self.envelopes) - kept
        self.envelopes = kept

    def save(self) -> None:
        """Writes the union with what another program put into the file meanwhile.

        Raises StorageError: `full` when it would outgrow its limit, else what the disk said.
        """
        files.make_folder(self.path.parent, 0o700)
        with _locked(self.path):
            there = _read(self.path)
            self.envelopes |= there - self._dropped
            if self.envelopes == there:
                return
            data = encode(self.envelopes)
            if len(data) > max(self._bytes_max, _allowed_by(there)):
                raise _too_large(self.path)
            files.replace(self.path, data, files.PRIVATE)


def _read(path: Path) -> frozenset[bytes]:
    try:
        with path.open("rb") as file:
            data = file.read(PAPERS_BYTES_MAX + 1)
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        what = Text(f"Kan niet lezen: {path}: {error.strerror}", f"Cannot read {path}: {error.strerror}")
        raise StorageError(what, Text("Herhaal dit met sudo", "Repeat with sudo"), code="denied") from error
    try:
        return decode(data)
    except WireError:
        raise StorageError(
            Text(f"Roster is beschadigd: {path}", f"The roster is damaged: {path}"),
            Text(
                "Zet het bestand opzij en haal het roster opnieuw: van een stick, of van het postvak",
                "Set the file aside and fetch the roster again: from a stick, or from the inbox",
            ),
            code="corrupt",
        ) from None


def _allowed_by(there: frozenset[bytes]) -> int:
    """A file that is larger than a node's may be is that of the inbox on the same machine."""
    return PAPERS_BYTES_MAX if len(encode(there)) > CHANGES_BYTES_MAX else 0


def _too_large(path: Path) -> StorageError:
    return StorageError(
        Text(f"Roster is vol: {path}", f"The roster is full: {path}"),
        Text("Bel beheer: er zijn te veel wijzigingen", "Call the administrator: there are too many changes"),
        code="full",
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Not on the folder: that is locked by the daemon itself for all its life (node/lock)."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, files.PRIVATE)
        if os.geteuid() == 0:  # the service must be able to open it, too
            owner = path.parent.stat()
            os.fchown(fd, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise files.storage_error(error, lock) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
