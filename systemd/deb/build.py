"""Builds the .debs of Naober, for any of its targets on any machine; nothing of them is run here.

    make deb                                     all of them, into dist/
    python systemd/deb/build.py --here           for this machine
    python systemd/deb/build.py --release trixie --arch amd64 --out /tmp

The same source, lock and SOURCE_DATE_EPOCH give the same bytes. dpkg-deb does the packing: it is on every
Debian machine, and needs no root.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import wheels
from wheels import TARGETS, Target

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".deb_cache"
SITE = "usr/lib/naober/site"
UNITS = "usr/lib/systemd/system"
DOCS = "usr/share/doc/naober"
CONFFILES = {"sites.toml": "etc/naober/sites.toml"}  # the other settings are written by `naober setup`
SCRIPTS = ("postinst", "prerm", "postrm")
MAINTAINER = "Naober <naober@localhost>"


def version(source: Path) -> str:
    """Of Naober, as its package says."""
    text = (source / "relay" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"', text, re.M)
    assert found, "relay/__init__.py names no version"
    return found[1]


def date_s() -> int:
    """The time that all files get: SOURCE_DATE_EPOCH, else that of the last commit."""
    if said := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(said)
    log = ["git", "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no git, or not a clone
        return int((ROOT / "CHANGELOG.md").stat().st_mtime)
    return int(done.stdout)


def build(target: Target, out: Path, *, source: Path = ROOT, level: int = 19) -> Path:
    """The .deb of `target` in `out`; `level` is how hard zstd tries."""
    name = f"naober_{version(source)}+deb{target.debian}_{target.arch}.deb"
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        _program(source, tree / SITE)
        for wheel in wheels.fetch(target, CACHE / f"{target.python}-{target.arch}"):
            wheels.unpack(wheel, tree / SITE)
        _system(source, tree)
        _about(target, source, tree)
        _seal(tree)
        out.mkdir(parents=True, exist_ok=True)
        pack = ["dpkg-deb", "--root-owner-group", "--threads-max=1", "-Zzstd", f"-z{level}", "--build"]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(date_s())}
        part = Path(folder) / name
        subprocess.run([*pack, tree, part], check=True, env=environment, stdout=subprocess.DEVNULL)
        shutil.copyfile(part, out / name)
    return out / name


def _program(source: Path, site: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    shutil.copytree(source / "relay", site / "relay", ignore=ignored)
    shutil.copytree(source / "config", site / "relay" / "shipped", ignore=ignored)


def _system(source: Path, tree: Path) -> None:
    """What belongs to the machine: command, units, user, rules, settings, documents."""
    systemd = source / "systemd"
    _put(systemd / "deb" / "naober", tree / "usr/bin/naober", 0o755)
    for unit in _units(source):
        _put(unit, tree / UNITS / unit.name)
    _put(systemd / "naober.sysusers", tree / "usr/lib/sysusers.d/naober.conf")
    _put(systemd / "deb" / "tmpfiles.conf", tree / "usr/lib/tmpfiles.d/naober.conf")
    _put(systemd / "deb" / "journald.conf", tree / "usr/lib/systemd/journald.conf.d/naober.conf")
    for rules in systemd.glob("*.rules"):
        _put(rules, tree / "usr/lib/udev/rules.d" / rules.name)
    for name, path in CONFFILES.items():
        _put(source / "config" / name, tree / path)
    for document in ("README.md", "CHANGELOG.md", *sorted((source / "docs").glob("*.md"))):
        _put(source / document, tree / DOCS / Path(document).name)
    _put(source / "LICENSE", tree / DOCS / "copyright")


def _units(source: Path) -> list[Path]:
    kinds = ("service", "path", "timer")
    return sorted(unit for kind in kinds for unit in (source / "systemd").glob(f"naober*.{kind}"))


def _paths(source: Path) -> list[str]:
    """The units that wait for something, and are started at once."""
    return [unit.name for unit in _units(source) if unit.suffix in (".path", ".timer")]


def _put(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    target.chmod(mode)


def _about(target: Target, source: Path, tree: Path) -> None:
    """The package's own description, conffiles, checksums and scripts."""
    files = sorted(file for file in tree.rglob("*") if file.is_file())
    major, minor = target.python.split(".")
    values = {
        "VERSION": f"{version(source)}+deb{target.debian}",
        "ARCH": target.arch,
        "MAINTAINER": MAINTAINER,
        "SIZE": str(sum(-(-file.stat().st_size // 1024) for file in files)),
        "PYTHON": target.python,
        "PYTHON_NEXT": f"{major}.{int(minor) + 1}",
        "GLIBC": f"2.{wheels.GLIBC_MINOR_MAX}",
        "PATHS": " ".join(_paths(source)),
    }
    debian = tree / "DEBIAN"
    debian.mkdir()
    for name in ("control", *SCRIPTS):
        text = (source / "systemd" / "deb" / name).read_text(encoding="utf-8")
        (debian / name).write_text(re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], text))
    (debian / "conffiles").write_text("".join(f"/{path}\n" for path in CONFFILES.values()))
    sums = (f"{_md5(file)}  {file.relative_to(tree)}\n" for file in files if "etc" not in file.parts)
    (debian / "md5sums").write_text("".join(sums))


def _md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()  # dpkg's form, to find rot


def _seal(tree: Path) -> None:
    """One mode and one time for all: whoever builds, and when, must not show."""
    when = date_s()
    for path in _bottom_up(tree):
        if path.is_dir():
            path.chmod(0o755)
        else:
            runs = path.parent.name == "bin" or (path.parent.name == "DEBIAN" and path.name in SCRIPTS)
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (when, when))


def _bottom_up(tree: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(tree, topdown=False):
        yield from (Path(folder) / name for name in names)
        yield Path(folder)


def here() -> Target:
    """The target that this machine is; raises SystemExit when it is none."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")
    try:
        release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        release = ""
    for target in TARGETS:
        if (target.release, target.arch) == (release, arch):
            return target
    raise SystemExit(
        "No package of Naober fits this machine. Do: take 64-bit Debian or Raspberry Pi OS, 12 or 13"
    )


def main() -> None:
    """Builds what the command line asks for, and says where it is."""
    parser = argparse.ArgumentParser(description="the .debs of Naober")
    parser.add_argument("--release", choices=sorted({target.release for target in TARGETS}))
    parser.add_argument("--arch", choices=sorted({target.arch for target in TARGETS}))
    parser.add_argument("--here", action="store_true", help="for this machine only")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="DIR")
    parser.add_argument("--source", type=Path, default=ROOT, metavar="DIR")
    parser.add_argument("--level", type=int, default=19, help="of zstd: 1 quick, 19 small")
    args = parser.parse_args()
    for target in [here()] if args.here else TARGETS:
        if args.release in (None, target.release) and args.arch in (None, target.arch):
            made = build(target, args.out, source=args.source, level=args.level)
            digest = hashlib.sha256(made.read_bytes()).hexdigest()
            sys.stdout.write(f"{made}  {made.stat().st_size / 1e6:.1f} MB  sha256 {digest}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
