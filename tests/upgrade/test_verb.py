"""`naober authority sign-bundle` and `naober upgrade`, as they are typed; tests/deb installs for real."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from relay.trust.authority_laptop import Laptop
from relay.upgrade import bundle, stage
from relay.upgrade.bundle import Package
from tests.support.command import naober


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A bundle with a package that is none."""
    deb = tmp_path / "naober_9.0.0+deb12_amd64.deb"
    deb.write_bytes(b"not installed by any test here")
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    package = Package(deb.name, "bookworm", "amd64", "9.0.0+deb12", deb.stat().st_size, digest)
    path = tmp_path / "naober-9.0.0.bundle"
    bundle.write(path, "9.0.0", [(package, deb)], "- beter")
    return path


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text("zeven zwanen zwemmen\n")
    file.chmod(0o600)
    return file


def test_the_laptop_signs_what_its_network_then_takes(made: Path, secret: Path, tmp_path: Path) -> None:
    folder = tmp_path / "laptop"
    asked = ("--dir", folder, "--passphrase-file", secret)
    assert naober("authority", "init", *asked).returncode == 0
    done = naober("authority", "sign-bundle", made, *asked)
    assert done.returncode == 0, done.stderr
    assert "Naober 9.0.0" in done.stdout and "Getekend" in done.stdout
    laptop = Laptop(folder)
    bundle.must_be_signed(bundle.read(made), laptop.pinned, laptop.network_id)


def test_a_damaged_bundle_is_not_signed(made: Path, secret: Path, tmp_path: Path) -> None:
    data = made.read_bytes()
    made.write_bytes(data[:-1] + b"X")
    done = naober("authority", "sign-bundle", made, "--dir", tmp_path / "laptop", "--passphrase-file", secret)
    assert done.returncode == 2 and "klopt niet" in done.stderr and "Doe:" in done.stderr
    assert made.read_bytes() == data[:-1] + b"X"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "BUNDLE"),
        (("nowhere.bundle",), "niet bruikbaar"),
        (("--stick", "/nonexistent"), "Geen map"),
        (("--stick", "."), "Geen bundel"),
    ],
)
def test_what_can_not_be_done_is_two_lines(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = naober("upgrade", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and said in lines[0] and lines[1].startswith("Doe: ")


def test_a_stick_without_a_bundle_is_no_fault_of_the_stick(tmp_path: Path) -> None:
    assert naober("upgrade", "--stick", tmp_path, "--if-any").returncode == 0


def test_the_newest_bundle_on_a_stick_is_taken(made: Path, tmp_path: Path) -> None:
    for version in ("9.0.0", "10.0.0", "9.9.0"):
        (tmp_path / "stick" / "naober").mkdir(parents=True, exist_ok=True)
        (tmp_path / "stick" / "naober" / f"naober-{version}.bundle").write_bytes(made.read_bytes()[:20])
    done = naober("upgrade", "--stick", tmp_path / "stick", "--show")
    assert "naober-10.0.0.bundle" in done.stderr


def test_the_runner_that_is_put_ready_is_the_one_of_this_version() -> None:
    assert (Path(stage.__file__).parent / "runner.py").is_file()
    text = naober("upgrade", "--status").stdout
    assert "nog geen upgrade" in text
