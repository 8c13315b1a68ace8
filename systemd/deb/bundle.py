"""Makes an upgrade bundle of .debs: dist/naober-X.bundle, unsigned.

make bundle
naober authority sign-bundle dist/naober-X.bundle      on VRD's laptop; then it may go onto machines
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from relay import __version__  # noqa: E402
from relay.upgrade.bundle import Package, write  # noqa: E402

RELEASES = {"deb12": "bookworm", "deb13": "trixie"}
_NAME = re.compile(r"naober_(?P<version>.+\+(?P<debian>deb\d+))_(?P<arch>[a-z0-9]+)\.deb")


def package(file: Path) -> Package:
    """What the manifest says of a .deb; raises SystemExit for another file."""
    found = _NAME.fullmatch(file.name)
    if found is None or found["debian"] not in RELEASES:
        raise SystemExit(f"{file.name} is no package of Naober")
    data = file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return Package(file.name, RELEASES[found["debian"]], found["arch"], found["version"], len(data), digest)


def notes(version: str) -> str:
    """What CHANGELOG.md says of a version."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(version)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return found[1].strip() if found else ""


def main() -> None:
    """Writes the bundle of the packages that are named, or of all in dist/."""
    parser = argparse.ArgumentParser(description="an upgrade bundle")
    parser.add_argument("debs", nargs="*", type=Path)
    parser.add_argument("--version", default=__version__)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    debs = args.debs or sorted((ROOT / "dist").glob(f"naober_{args.version}+deb*.deb"))
    out = args.out or ROOT / "dist" / f"naober-{args.version}.bundle"
    write(out, args.version, [(package(deb), deb) for deb in debs], notes(args.version))
    sys.stdout.write(f"{out}  {out.stat().st_size / 1e6:.1f} MB  not signed\n")


if __name__ == "__main__":
    main()
