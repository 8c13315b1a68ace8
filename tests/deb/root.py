"""A whole Debian in a folder, in which packages are installed for real and nothing of this machine changes.

Made once by debootstrap and kept as an archive in .deb_cache; each use unpacks it anew. Commands run in it
by chroot(1) in a mount namespace of their own, so that /proc and /dev are there and nothing stays mounted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.command import REPOSITORY

CACHE = REPOSITORY / ".deb_cache"
MIRROR = "http://deb.debian.org/debian"
INCLUDED = "python3,systemd,systemd-sysv,udev,init-system-helpers,libstdc++6"
MAKE_TIMEOUT_S = 900
_ENTER = """
mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit 125
root=$1; shift
exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
"""


class Root:
    """A root folder and what is done in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *command: str, **options: object) -> subprocess.Popen[str]:
        """Starts a command in it."""
        enter = [*as_root(), "unshare", "--mount", "sh", "-c", _ENTER, "sh", str(self.folder), *command]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(enter, text=True, **{**pipes, **options})  # type: ignore[call-overload,no-any-return]

    def run(self, *command: str, code: int = 0, timeout_s: float = 110) -> str:
        """What a command in it says; its exit code must be `code`."""
        process = self.start(*command)
        try:
            said, _ = process.communicate(timeout=timeout_s)
        finally:
            if process.poll() is None:
                process.kill()
        assert process.returncode == code, f"{command}: {process.returncode}\n{said[-3000:]}"
        assert "Traceback" not in said, said[-3000:]
        return said

    def put(self, path: str, content: str | bytes, mode: int = 0o644) -> Path:
        """Writes a file in it."""
        file = self / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)
        return file

    def copy(self, source: Path, path: str) -> str:
        """Copies a file into the folder `path` of it; its name there."""
        shutil.copy2(source, (self / path) / source.name)
        return f"{path}/{source.name}"

    def __truediv__(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def version(self) -> str:
        """The version of Naober that dpkg calls installed and whole; "" for none."""
        told = ["-W", "-f", "${db:Status-Abbrev}|${Version}", "naober"]
        query = ["dpkg-query", f"--admindir={self / '/var/lib/dpkg'}", *told]
        done = subprocess.run(query, capture_output=True, text=True)
        state, _, version = done.stdout.partition("|")
        return version if state.strip() == "ii" else ""


@contextmanager
def new_root(release: str) -> Iterator[Root]:
    """A fresh Debian of this release; gone afterwards."""
    archive = _archive(release)
    with TemporaryDirectory(prefix="naober-root-") as name:
        subprocess.run([*as_root(), "tar", "-C", name, "-xf", archive], check=True)
        Path(name).chmod(0o755)
        try:
            yield Root(Path(name))
        finally:
            if os.geteuid() != 0:
                subprocess.run([*as_root(), "find", name, "-mindepth", "1", "-delete"], check=True)


def _archive(release: str) -> Path:
    archive = CACHE / f"root-{release}.tar"
    if not archive.exists():
        CACHE.mkdir(exist_ok=True)
        with TemporaryDirectory(prefix="naober-debootstrap-") as name:
            made, part = Path(name) / "root", Path(name) / "root.tar"
            bootstrap = [*as_root(), "debootstrap", "--variant=minbase", f"--include={INCLUDED}", release]
            done = subprocess.run(
                [*bootstrap, str(made), MIRROR], capture_output=True, text=True, timeout=MAKE_TIMEOUT_S
            )
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-1000:]
            left_out = [f"--exclude=./{path}" for path in ("var/cache/apt/*", "var/lib/apt/lists/*", "dev/*")]
            subprocess.run([*as_root(), "tar", "-C", made, *left_out, "-cf", part, "."], check=True)
            shutil.copy(part, archive.with_suffix(".part"))
            archive.with_suffix(".part").rename(archive)
            if os.geteuid() != 0:
                subprocess.run([*as_root(), "rm", "-rf", "--one-file-system", made], check=True)
    return archive


def as_root() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo", "-n"]
