"""`make deb-test`: every package that `make deb` builds. By itself too long for `make test`."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest

from tests.deb import sources
from tests.deb.story import new_machine, told
from tests.support.command import REPOSITORY

pytestmark = pytest.mark.timeout(1200)

MACHINES = {"amd64": 62, "arm64": 183}  # ELF e_machine
PAGE_BYTES_MAX = {"amd64": 4096, "arm64": 16384}  # a Pi 5 has pages of 16 KiB
TARGETS = [
    (release, python, arch)
    for release, python in (("bookworm", "3.11"), ("trixie", "3.13"))
    for arch in ("amd64", "arm64")
]


def test_a_machine_with_trixie_from_its_first_package_to_its_last(tmp_path: Path) -> None:
    with new_machine("trixie", tmp_path) as machine:
        told(machine)


@pytest.mark.parametrize(("release", "python", "arch"), TARGETS)
def test_what_is_inside_runs_on_its_target(release: str, python: str, arch: str, tmp_path: Path) -> None:
    deb = sources.build(REPOSITORY, tmp_path, release, arch)
    tree = tmp_path / "tree"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = (tree / "DEBIAN/control").read_text()
    assert f"Architecture: {arch}\n" in control
    assert f"python3 (>= {python}), python3 (<< 3.{int(python[2:]) + 1})" in control
    site = tree / "usr/lib/naober/site"
    libraries = [file for file in site.rglob("*") if ".so" in file.name and file.is_file()]
    assert len(libraries) > 10
    for library in libraries:
        machine, align = _elf(library)
        assert machine == MACHINES[arch], library
        assert align >= PAGE_BYTES_MAX[arch], library
        for tag in re.findall(r"cpython-(\d+)", library.name):
            assert tag == python.replace(".", ""), library
    assert not [file for file in tree.rglob("*") if file.suffix == ".pyc" or file.name == "__pycache__"]


def _elf(file: Path) -> tuple[int, int]:
    """Machine, and the least alignment of what is loaded, of a 64-bit little-endian ELF file."""
    data = file.read_bytes()
    assert data[:6] == b"\x7fELF\x02\x01", file
    machine, headers_at = struct.unpack_from("<H", data, 18)[0], struct.unpack_from("<Q", data, 32)[0]
    size, count = struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", data, headers_at + size * at) for at in range(count)]
    return machine, min(header[7] for header in headers if header[0] == 1)


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    first = sources.build(sources.source(tmp_path / "a", "1.1.0"), tmp_path / "one")
    again = sources.build(sources.source(tmp_path / "b", "1.1.0"), tmp_path / "two")
    assert first.read_bytes() == again.read_bytes()
    later = sources.build(
        sources.source(tmp_path / "b", "1.1.0"), tmp_path / "three", date_s=sources.FIRST_S + 1
    )
    assert later.read_bytes() != first.read_bytes(), "the date is that of the source"
