"""Writes lock.txt anew: the newest Python packages that pyproject.toml allows, with hashes of their wheels.

    make deb-lock

Versions are chosen once, for the first target, and must be there for all the others.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from wheels import FETCH_TIMEOUT_S, LOCK, TARGETS, Target, options

ROOT = Path(__file__).parents[2]
LEFT_OUT = frozenset({"demo", "test"})  # extras that no installed Naober needs
_NAME = re.compile(r"[-_.]+")


def wanted(pyproject: Path = ROOT / "pyproject.toml") -> list[str]:
    """What Naober and its extras require, apart from themselves."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = [lines for name, lines in project["optional-dependencies"].items() if name not in LEFT_OUT]
    lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
    return sorted(line for line in lines if not line.startswith("naober["))


def normal(name: str) -> str:
    """A package's name as the index compares it (PEP 503)."""
    return _NAME.sub("-", name).lower()


def pins(lock: Path = LOCK) -> dict[str, str]:
    """Name and version of each package in the lock."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.M))


def _download(target: Target, requirements: list[str], folder: Path) -> list[Path]:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command = [*pip, *options(target), f"--dest={folder}", *requirements]
    subprocess.run(command, check=True, timeout=FETCH_TIMEOUT_S)
    return sorted(folder.glob("*.whl"))


def main() -> None:
    """Resolves, fetches and writes."""
    found: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        for target in TARGETS:
            folder = Path(name) / f"{target.release}-{target.arch}"
            chosen = sorted(found)  # after the first target: exactly these
            for wheel in _download(target, ["--no-deps", *chosen] if chosen else wanted(), folder):
                package, version = wheel.name.split("-")[:2]
                digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
                found.setdefault(f"{normal(package)}=={version}", set()).add(digest)
    lines = ["# Made by `make deb-lock`: what goes into the .debs, and the hashes of its wheels."]
    for pin, digests in sorted(found.items()):
        lines.append(" \\\n".join([pin, *(f"    --hash=sha256:{digest}" for digest in sorted(digests))]))
    LOCK.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
