"""The real `naober`, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TIMEOUT_S = 30


def naober(
    *arguments: str | Path, cwd: Path | None = None, umask: int = -1, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs `naober` with these arguments and waits for it. No output of it may ever hold a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "relay.cli", *map(str, arguments)],
        cwd=cwd,
        env={**clean_environment(), **environment},
        umask=umask,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
    )
    if "--debug" not in arguments:
        assert "Traceback" not in done.stdout + done.stderr
    return done


def clean_environment() -> dict[str, str]:
    """This process's environment, in which the command finds its source and speaks its default language."""
    kept = {name: value for name, value in os.environ.items() if name != "NAOBER_LANG"}
    return {**kept, "PYTHONPATH": str(REPOSITORY)}
