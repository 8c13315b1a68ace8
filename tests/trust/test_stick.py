"""Sticks: what anybody may have put on them, and what a stick does that is pulled out or full."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from relay.errors import StorageError
from relay.trust import stick as sticks
from relay.trust.stick import ADDRESS_NAME, Stick, read_file

LIMIT = 1024


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    (tmp_path / "stick").mkdir()
    return Stick(tmp_path / "stick")


@pytest.fixture
def folder(stick: Stick) -> Path:
    made = stick.root / "naober/verzoek"
    made.mkdir(parents=True)
    return made


def code_of(error: pytest.ExceptionInfo[StorageError]) -> str:
    what, do = error.value.what, error.value.do
    assert what.nl and what.en and do.nl and do.en
    assert "\n" not in what.nl + do.nl
    return error.value.code


# --- what is written can be read


def test_what_is_written_can_be_read_and_its_folders_are_made(stick: Stick) -> None:
    assert stick.write("berichten/ontvangst/3f9a21c4", b"one")
    assert stick.read("berichten/ontvangst/3f9a21c4", LIMIT) == b"one"
    assert stick.size("berichten/ontvangst/3f9a21c4") == 3
    assert stick.names("berichten/ontvangst").found == ("3f9a21c4",)


def test_the_same_again_is_not_written_again(stick: Stick) -> None:
    assert stick.write("roster", b"one")
    before = (stick.root / "naober/roster").stat().st_ino
    assert not stick.write("roster", b"one")
    assert (stick.root / "naober/roster").stat().st_ino == before
    assert stick.write("roster", b"two") and stick.read("roster", LIMIT) == b"two"


def test_nothing_there_is_said_or_empty(stick: Stick) -> None:
    assert stick.names("verzoek") == ((), 0)
    assert stick.size("verzoek/3f9a21c4") is None
    stick.remove("verzoek/3f9a21c4")
    with pytest.raises(StorageError) as error:
        stick.read("verzoek/3f9a21c4", LIMIT)
    assert code_of(error) == "missing"
    assert list(stick.root.iterdir()) == []


def test_a_write_that_fails_half_way_leaves_the_old_file_alone(
    stick: Stick, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick.write("roster", b"old")
    for number, code in ((errno.ENOSPC, "full"), (errno.EROFS, "read_only"), (errno.EIO, "gone")):

        def fails(fd: int, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fails)
            with pytest.raises(StorageError) as error:
                stick.write("roster", b"new")
        assert code_of(error) == code
        assert stick.read("roster", LIMIT) == b"old"
        assert [file.name for file in (stick.root / "naober").iterdir()] == ["roster"]


def test_what_an_earlier_write_left_half_done_is_swept_up_by_the_next(stick: Stick) -> None:
    stick.write("roster", b"old")
    (stick.root / "naober/.roster.part").write_bytes(b"half")
    stick.write("roster", b"new")
    assert [file.name for file in (stick.root / "naober").iterdir()] == ["roster"]


# --- what strangers put there


def test_a_link_is_never_followed_for_reading(stick: Stick, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (folder / "3f9a21c4").symlink_to(secret)
    with pytest.raises(StorageError) as error:
        stick.read("verzoek/3f9a21c4", LIMIT)
    assert code_of(error) == "unsafe"
    assert stick.size("verzoek/3f9a21c4") is None


@pytest.mark.parametrize("linked", ["naober", "naober/verzoek"])
def test_a_folder_that_is_a_link_is_refused(stick: Stick, tmp_path: Path, linked: str) -> None:
    outside = tmp_path / "outside"
    (outside / "verzoek").mkdir(parents=True)
    (stick.root / linked).parent.mkdir(exist_ok=True)
    (stick.root / linked).symlink_to(outside, target_is_directory=True)
    for attempt in (
        lambda: stick.names("verzoek"),
        lambda: stick.read("verzoek/3f9a21c4", LIMIT),
        lambda: stick.write("verzoek/3f9a21c4", b"mine"),
    ):
        with pytest.raises(StorageError) as error:
            attempt()
        assert code_of(error) == "unsafe"
    assert list((outside / "verzoek").iterdir()) == []


def test_writing_replaces_a_link_and_not_what_it_points_to(
    stick: Stick, folder: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (folder / "3f9a21c4").symlink_to(victim)
    (folder / ".3f9a21c4.part").symlink_to(victim)
    stick.write("verzoek/3f9a21c4", b"theirs")
    assert victim.read_bytes() == b"mine"
    assert stick.read("verzoek/3f9a21c4", LIMIT) == b"theirs"


def test_pipes_sockets_and_folders_are_no_files_and_nobody_waits_for_them(stick: Stick, folder: Path) -> None:
    os.mkfifo(folder / "00000001")
    (folder / "00000002").mkdir()
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(str(folder / "00000003"))
        for name in ("00000001", "00000002", "00000003"):
            with pytest.raises(StorageError) as error:
                stick.read(f"verzoek/{name}", LIMIT)
            assert code_of(error) in ("unsafe", "gone")


def test_a_file_of_ten_gigabytes_is_not_taken_in(stick: Stick, folder: Path) -> None:
    with (folder / "3f9a21c4").open("wb") as file:
        file.truncate(10 * 1024**3)
    with pytest.raises(StorageError) as error:
        stick.read("verzoek/3f9a21c4", LIMIT)
    assert code_of(error) == "too_large"
    (folder / "exact").write_bytes(bytes(LIMIT))
    assert len(stick.read("verzoek/exact", LIMIT)) == LIMIT


@pytest.mark.parametrize("path", ["../x", "verzoek/..", "/etc/passwd/", "a/b/c/d", "verzoek/.hidden", "a\0b"])
def test_paths_stay_inside(stick: Stick, path: str) -> None:
    with pytest.raises(StorageError):
        stick.write(path, b"x")
    assert not any(file.is_file() for file in stick.root.parent.rglob("*"))


def test_names_that_are_not_ours_are_counted_and_passed_over(
    stick: Stick, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("3f9a21c4", "Thumbs.db", "3F9A21C4", "3f9a21c4x", ".DS_Store", "éé", "a" * 200):
        (folder / name).touch()
    assert stick.names("verzoek", ADDRESS_NAME) == (("3f9a21c4",), 5)
    (folder / "00000001").touch()
    assert stick.names("verzoek", ADDRESS_NAME, most=1).skipped == 6
    monkeypatch.setattr(sticks, "SCAN_ENTRIES_MAX", 3)
    names = stick.names("verzoek")
    assert len(names.found) <= 3 and names.skipped >= 1


def test_a_stick_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as error:
        Stick(tmp_path / "away").write("roster", b"x")
    assert code_of(error) == "missing"
    with pytest.raises(StorageError) as error:
        read_file(tmp_path / "away", LIMIT)
    assert code_of(error) == "missing"


def test_a_named_file_may_be_a_link_but_no_pipe(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_file(tmp_path / "link", LIMIT) == b"x"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError) as error:
        read_file(tmp_path / "pipe", LIMIT)
    assert code_of(error) == "unsafe"


def test_a_stick_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAOBER_STICK", str(tmp_path))
    assert sticks.find() == tmp_path
    monkeypatch.delenv("NAOBER_STICK")
    (tmp_path / "NAOBER").mkdir()
    monkeypatch.setattr(sticks, "_MOUNTS", ((str(tmp_path), "NAOBER"),))
    assert sticks.find() is None  # a folder that nothing is mounted on
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    assert sticks.find() == tmp_path / "NAOBER"
