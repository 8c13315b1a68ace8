"""The package that is installed now, made again from its files: the way back when its .deb is not at hand.

dpkg keeps all that is needed: the list of files, the description and the scripts. Conffiles are left
out: as they were shipped they are not here any more, and as a technician left them dpkg would take them for
what was shipped, and overwrite them the next time. Left out, they stay on the disk as they are.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from relay.errors import NaoberError, Text
from relay.upgrade.machine import PACKAGE, Machine, output

CONTROL = ("md5sums", "preinst", "postinst", "prerm", "postrm", "triggers")
PACK_TIMEOUT_S = 900
_OF_DPKG = re.compile(r"^(Status|Conffiles):.*\n(?: .*\n)*", re.M)


def repack(machine: Machine, target: Path, root: Path = Path("/")) -> None:
    """Makes the installed package at `target`; raises NaoberError when that can't be done."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".repack-") as name:
        tree = Path(name)
        tree.chmod(0o755)
        listed = output("dpkg-query", "-W", "-f", "${Conffiles}", PACKAGE)
        conffiles = {line.split()[0] for line in listed.splitlines() if line.strip()}
        for line in output("dpkg-query", "-L", PACKAGE).splitlines():
            if line in conffiles:
                continue
            _take(root / line.lstrip("/"), tree / line.lstrip("/"))
        debian = tree / "DEBIAN"
        debian.mkdir(mode=0o755)
        about = output("dpkg-query", "-s", PACKAGE) + "\n"
        (debian / "control").write_text(_OF_DPKG.sub("", about), encoding="utf-8")
        for each in CONTROL:
            file = Path(output("dpkg-query", "--control-path", PACKAGE, each) or "/nonexistent")
            if file.exists():
                shutil.copy2(file, debian / each)
        part = tree.with_suffix(".deb")
        # quick rather than small: it is read once at most, on this machine
        pack = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(part)]
        done = subprocess.run(pack, capture_output=True, text=True, timeout=PACK_TIMEOUT_S)
        if done.returncode:
            part.unlink(missing_ok=True)
            raise NaoberError(
                Text(
                    f"Het pakket van nu ({machine.installed}) is niet te bewaren: {done.stderr[-200:]}",
                    f"The present package ({machine.installed}) can't be kept: {done.stderr[-200:]}",
                ),
                Text(
                    "Niets is gewijzigd. Maak ruimte op de kaart",
                    "Nothing has changed. Make room",
                ),
            )
        part.rename(target)


def _take(source: Path, target: Path) -> None:
    if source.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
