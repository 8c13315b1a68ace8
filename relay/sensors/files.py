"""Reading the small files of /proc and /sys, where missing, empty and garbled are everyday cases."""

from __future__ import annotations

from pathlib import Path

FILE_BYTES_MAX = 65_536


def text(path: Path) -> str | None:
    """Contents of `path` without surrounding blanks, at most 64 KiB; None when it cannot be read.

    A driver answers a read with any error it likes, and what was listed a moment ago may be unplugged:
    None says "not known", whatever the cause.
    """
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX).decode(errors="replace").strip()
    except OSError:
        return None


def number(path: Path) -> int | None:
    """The whole number in `path`; None when it is missing or anything else."""
    try:
        return int(text(path) or "")
    except ValueError:
        return None


def entries(folder: Path) -> list[Path]:
    """What `folder` holds, by name; nothing when it does not exist."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
