"""The Python packages that go into a .deb: fetched by name, version and hash, and laid out as they run.

Wheels are unpacked here, not installed by pip: what pip writes beside them differs from one pip to the next,
and the same inputs must give the same bytes. Nothing of them is run, so that one machine packs for all.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

LOCK = Path(__file__).with_name("lock.txt")
GLIBC_MINOR_MIN, GLIBC_MINOR_MAX = 17, 36  # Bookworm's glibc is 2.36; wheels for an older one run as well
FETCH_TIMEOUT_S = 1200
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_OF_THE_INSTALLER = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


class Target(NamedTuple):
    """What a .deb is for."""

    release: str  # Debian's, and Raspberry Pi OS's after it
    debian: int
    python: str
    arch: str  # as dpkg says it


TARGETS = tuple(
    Target(release, debian, python, arch)
    for release, debian, python in (("bookworm", 12, "3.11"), ("trixie", 13, "3.13"))
    for arch in ("arm64", "amd64")
)


def options(target: Target) -> list[str]:
    """What tells pip to look for wheels of `target` instead of this machine."""
    machine = _MACHINES[target.arch]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_MINOR_MIN, GLIBC_MINOR_MAX + 1)]
    abis = [f"cp{target.python.replace('.', '')}", "abi3", "none"]
    return [
        "--only-binary=:all:",
        f"--python-version={target.python}",
        "--implementation=cp",
        *(f"--abi={abi}" for abi in abis),
        *(f"--platform={platform}" for platform in (*platforms, f"manylinux2014_{machine}")),
    ]


def fetch(target: Target, folder: Path) -> list[Path]:
    """The locked wheels of `target` in `folder`, which keeps them for the next time. Raises SystemExit."""
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once share this folder
        return _fetched(target, folder)


def _fetched(target: Target, folder: Path) -> list[Path]:
    stamp = folder / "lock.txt"
    if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
        for old in folder.iterdir():
            old.unlink()
        locked = ["--no-deps", "--require-hashes", f"--requirement={LOCK}"]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command = [*pip, *options(target), *locked, f"--dest={folder}"]
        done = subprocess.run(command, timeout=FETCH_TIMEOUT_S)
        if done.returncode:
            raise SystemExit("Not all Python packages could be fetched. Do: check the network, and repeat")
        stamp.write_bytes(LOCK.read_bytes())
    return sorted(folder.glob("*.whl"))


def unpack(wheel: Path, site: Path) -> None:
    """Lays out `wheel` in `site` as Python imports it; commands that it brings along are left out."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.is_dir() or (place := _place(PurePosixPath(member.filename))) is None:
                continue
            target = site / place
            if target.exists():
                raise SystemExit(f"{wheel.name} brings {place}, which another package brings too")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(member))


def _place(path: PurePosixPath) -> PurePosixPath | None:
    """Where a member of a wheel belongs below the site folder (PEP 427); None: not needed."""
    if path.is_absolute() or ".." in path.parts:
        raise SystemExit(f"a wheel with a path outside of itself: {path}")
    top = path.parts[0]
    if top.endswith(".data"):
        return PurePosixPath(*path.parts[2:]) if path.parts[1] in ("purelib", "platlib") else None
    if top.endswith(".dist-info") and path.name in _OF_THE_INSTALLER:
        return None
    return path
