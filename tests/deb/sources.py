"""Packages of versions that do not exist: this source under another number, with one table more."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from relay import __version__
from relay.trust.local import LocalAuthority
from relay.trust.release import release_of, sign_release
from relay.upgrade import bundle
from tests.support.command import REPOSITORY

BUILD_TIMEOUT_S = 300
FIRST_S = 1_800_000_000  # SOURCE_DATE_EPOCH of version 1.0.0


def source(folder: Path, version: str) -> Path:
    """A source tree that says it is `version`; from 1.2.0 on its outbox has a table more than before."""
    tree = folder / f"source-{version}"
    if tree.exists():
        return tree
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("relay", "config", "systemd", "docs"):
        shutil.copytree(REPOSITORY / name, tree / name, ignore=ignored)
    for name in ("README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tree / name)
    about = tree / "relay" / "__init__.py"
    about.write_text(about.read_text().replace(f'"{__version__}"', f'"{version}"'))
    if version >= "1.2":
        migrations = tree / "relay/node/migrations"
        number = len(list(migrations.glob("*.sql"))) + 1
        text = f"-- readable from: {number - 1}\nCREATE TABLE later (x);\n"
        (migrations / f"{number:03}_later.sql").write_text(text)
    return tree


def build(
    tree: Path, out: Path, release: str = "bookworm", arch: str = "amd64", date_s: int = FIRST_S
) -> Path:
    """The .deb of a source tree; quick rather than small."""
    script = [sys.executable, str(REPOSITORY / "systemd/deb/build.py"), "--level", "1"]
    what = ["--release", release, "--arch", arch, "--source", str(tree), "--out", str(out)]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SOURCE_DATE_EPOCH": str(date_s)}
    done = subprocess.run(
        [*script, *what], env=environment, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.split()[0])


def make_bundle(path: Path, version: str, *debs: Path) -> Path:
    """An unsigned bundle of these packages, as `make bundle` makes it."""
    script = [sys.executable, str(REPOSITORY / "systemd/deb/bundle.py"), "--version", version]
    done = subprocess.run([*script, "--out", str(path), *map(str, debs)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


def sign(path: Path, authority: LocalAuthority) -> Path:
    """Signs it as `naober authority sign-bundle` does."""
    found = bundle.read(path)
    release = release_of(found.manifest.version, found.manifest_bytes)
    bundle.add_signature(path, sign_release(release, authority.private, authority.network_id))
    return path
