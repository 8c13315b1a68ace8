"""Key files, addresses, control numbers and the epoch, on real files."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import KeyFileError, LedgerError, StorageError
from relay.trust import certificates, keys
from relay.trust.keys import EPOCH_MAX, EpochFile

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "node.key"


def test_a_key_is_made_once_and_then_kept(key_file: Path) -> None:
    first = keys.load_or_create(key_file)
    again = keys.load_or_create(key_file)
    assert keys.public_bytes(first) == keys.public_bytes(again) == keys.public_bytes(keys.load(key_file))


def test_the_key_file_is_what_other_programs_call_pkcs8(key_file: Path) -> None:
    made = keys.load_or_create(key_file)
    read = load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(read, Ed25519PrivateKey)
    assert read.private_bytes_raw() == made.private_bytes_raw()
    # and theirs is ours
    key_file.unlink()
    keys.create_private(key_file, certificates.make_tls_key())
    assert keys.public_bytes(keys.load(key_file))


def test_a_key_of_another_kind_is_refused(key_file: Path) -> None:
    other = X25519PrivateKey.generate()
    keys.create_private(key_file, other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyFileError, match="damaged"):
        keys.load(key_file)


def test_a_running_node_loads_no_more_of_cryptography_than_it_needs() -> None:
    heavy = "cryptography.hazmat.primitives.serialization"
    code = f"import sys, relay.trust.keys; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_a_key_file_is_closed_to_others_whatever_the_umask(key_file: Path) -> None:
    old = os.umask(0)
    try:
        keys.load_or_create(key_file)
    finally:
        os.umask(old)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in key_file.parent.iterdir()] == ["node.key"]


def test_file_and_folder_are_synced_before_the_key_is_used(key_file: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    code = "import sys, pathlib; from relay.trust import keys; keys.load_or_create(pathlib.Path(sys.argv[1]))"
    subprocess.run(
        [
            "strace",
            "-f",
            "-y",
            "-o",
            trace,
            "-e",
            "trace=openat,fsync,link,linkat",
            sys.executable,
            "-c",
            code,
            key_file,
        ],
        check=True,
        cwd=Path(__file__).parents[2],
    )
    lines = [line for line in trace.read_text().splitlines() if str(key_file.parent) in line]
    made = next(i for i, line in enumerate(lines) if "O_EXCL" in line)
    file_synced = next(i for i, line in enumerate(lines) if "fsync" in line and ".node.key" in line)
    named = next(i for i, line in enumerate(lines) if "link" in line.split("(")[0])
    folder_synced = next(
        i for i, line in enumerate(lines) if i > named and f"<{key_file.parent}>" in line and "fsync" in line
    )
    assert made < file_synced < named < folder_synced


def test_of_many_callers_at_once_all_get_the_same_key(key_file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keys.public_bytes(keys.load_or_create(key_file)), range(8)))
    assert len(set(made)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_a_key_that_others_may_open_is_refused_with_the_command_to_type(key_file: Path, mode: int) -> None:
    keys.load_or_create(key_file)
    key_file.chmod(mode)
    for opened in (keys.load, keys.load_or_create):
        with pytest.raises(KeyFileError) as caught:
            opened(key_file)
        assert caught.value.do.nl == f"chmod 600 {key_file}"
    key_file.chmod(0o600)
    keys.load(key_file)


@root_only
def test_a_key_of_another_user_is_refused(key_file: Path) -> None:
    keys.load_or_create(key_file)
    os.chown(key_file, 12345, 12345)
    with pytest.raises(KeyFileError, match="another user"):
        keys.load(key_file)


@root_only
def test_what_root_makes_in_the_folder_of_a_service_belongs_to_the_service(key_file: Path) -> None:
    key_file.parent.mkdir()
    os.chown(key_file.parent, 12345, 12345)
    keys.load_or_create(key_file)
    assert key_file.stat().st_uid == 12345
    keys.load(key_file)  # and root may look at it there


def test_a_missing_key_is_named(key_file: Path) -> None:
    with pytest.raises(KeyFileError, match="missing"):
        keys.load(key_file)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 300, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_key_is_refused_and_never_replaced(key_file: Path, content: bytes) -> None:
    key_file.parent.mkdir()
    key_file.write_bytes(content)
    key_file.chmod(0o600)
    with pytest.raises(KeyFileError, match="damaged"):
        keys.load_or_create(key_file)
    assert key_file.read_bytes() == content


def test_a_public_certificate_is_no_key(key_file: Path) -> None:
    keys.create_private(key_file, certificates.make_authority("x")[0])
    with pytest.raises(KeyFileError, match="damaged"):
        keys.load(key_file)


def test_a_folder_in_place_of_a_key_is_refused(key_file: Path) -> None:
    key_file.mkdir(parents=True)
    with pytest.raises(KeyFileError):
        keys.load_or_create(key_file)


def test_a_dangling_link_in_place_of_a_key_is_refused(key_file: Path) -> None:
    key_file.parent.mkdir()
    key_file.symlink_to(key_file.parent / "elsewhere")
    with pytest.raises(KeyFileError):
        keys.load_or_create(key_file)
    assert not (key_file.parent / "elsewhere").exists()


def test_an_address_is_the_first_four_bytes_of_sha256() -> None:
    public = bytes(range(32))
    address = keys.address_of(public)
    assert address == hashlib.sha256(public).digest()[:4] == bytes.fromhex("630dcd29")
    assert keys.address_text(address) == "630dcd29"
    assert keys.show(address) == "630d-cd29"


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=3))
def test_a_control_number_is_five_times_five_digits(parts: list[bytes]) -> None:
    groups = keys.control_number(*parts).split(" ")
    assert [len(group) for group in groups] == [5] * 5
    assert all(group.isdecimal() for group in groups)


def test_a_control_number_changes_with_each_part_and_its_border() -> None:
    numbers = {
        keys.control_number(*parts) for parts in ((b"ab", b"c"), (b"a", b"bc"), (b"abc",), (b"abc", b""))
    }
    assert len(numbers) == 4
    assert keys.control_number(b"ab", b"c") in numbers


def test_an_epoch_that_was_never_written_is_zero(tmp_path: Path) -> None:
    assert EpochFile(tmp_path / "node.epoch").read() == 0


def test_an_epoch_goes_up_and_stays_up(tmp_path: Path) -> None:
    epoch = EpochFile(tmp_path / "node.epoch")
    epoch.raise_to(17)
    epoch.raise_to(17)
    assert EpochFile(tmp_path / "node.epoch").read() == 17
    with pytest.raises(LedgerError):
        epoch.raise_to(16)
    with pytest.raises(LedgerError):
        epoch.raise_to(EPOCH_MAX + 1)
    epoch.raise_to(EPOCH_MAX)
    assert epoch.read() == EPOCH_MAX


@pytest.mark.parametrize(
    "content", [b"", b"abc", b"-1\n", b"1.5", b"17\n18\n", b"\0\0\0", b"4294967296", b" 7", "٣".encode()]
)
def test_a_damaged_epoch_is_never_taken_for_a_number_nor_overwritten(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "node.epoch"
    file.write_bytes(content)
    with pytest.raises(StorageError) as caught:
        EpochFile(file).read()
    assert caught.value.code == "corrupt"
    assert caught.value.do.nl
    with pytest.raises(StorageError):
        EpochFile(file).raise_to(100)
    assert file.read_bytes() == content


def test_an_epoch_is_synced_before_it_takes_the_old_ones_place(tmp_path: Path) -> None:
    folder, trace = tmp_path / "state", tmp_path / "trace"
    folder.mkdir()
    code = (
        "import sys, pathlib; from relay.trust import keys\n"
        "keys.EpochFile(pathlib.Path(sys.argv[1])).raise_to(5)"
    )
    subprocess.run(
        [
            "strace",
            "-f",
            "-y",
            "-o",
            trace,
            "-e",
            "trace=fsync,rename,renameat,renameat2",
            sys.executable,
            "-c",
            code,
            folder / "node.epoch",
        ],
        check=True,
        cwd=Path(__file__).parents[2],
    )
    calls = [line.split(" ", 1)[1].lstrip() for line in trace.read_text().splitlines() if str(folder) in line]
    assert [call.split("(")[0].rstrip("at2") for call in calls] == ["fsync", "rename", "fsync"]
    assert f"<{folder}>" in calls[2], "the folder last"
