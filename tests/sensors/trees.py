"""Lays out the files that a kernel would show, and waits for what a board should come to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

DEADLINE_S = 10.0


def lay(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write `files` (path below `root` to contents) and give `root` back."""
    for name, contents in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return root


async def until(true: Callable[[], bool], said: str) -> None:
    """Return as soon as `true()`; fail with `said` after ten seconds."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, said
        await asyncio.sleep(0.005)
