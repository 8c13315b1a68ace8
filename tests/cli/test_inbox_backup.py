"""`naober inbox backup` and `restore`, as typed."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from relay.inbox.standby import SET_UP, Standby
from relay.inbox.store import Store
from tests.inbox.test_backup import PASSPHRASE, Host
from tests.support.command import naober


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "host")
    made.fill()
    return made


def secret(tmp_path: Path, text: str = PASSPHRASE, mode: int = 0o600) -> Path:
    file = tmp_path / "wachtwoord"
    file.write_text(text + "\n")
    file.chmod(mode)
    return file


def test_there_and_back_with_what_to_do_next(host: Host, tmp_path: Path) -> None:
    closing = ("--passphrase-file", secret(tmp_path))
    settings = ("inbox", "--config", host.folder / "inbox.toml")
    made = naober(*settings, "backup", tmp_path, *closing)
    assert made.returncode == 0, made.stderr
    (file,) = tmp_path.glob("naober-inbox-*.backup")
    assert str(file) in made.stdout and "0 berichten" in made.stdout and "andere plaats" in made.stdout
    again = naober(*settings, "backup", file, *closing)
    assert again.returncode == 2 and "bestaat al" in again.stderr and "Doe: " in again.stderr
    place = ("--dir", host.folder, "--state", host.state)
    there = naober("inbox", "restore", file, *place, *closing)
    assert there.returncode == 2 and "--replace" in there.stderr
    back = naober("inbox", "restore", file, *place, *closing, "--replace", "--lang", "en")
    assert back.returncode == 0, back.stderr
    assert "Restored: inbox" in back.stdout and "before-restore-" in back.stdout
    assert "naober inbox import STICK" in back.stdout
    wrong = naober(
        "inbox", "restore", file, *place, "--passphrase-file", secret(tmp_path, "iets heel anders")
    )
    assert wrong.returncode == 2 and "Verkeerd wachtwoord" in wrong.stderr


@pytest.mark.parametrize(("text", "mode", "said"), [("kort", 0o600, "te kort"), (PASSPHRASE, 0o644, "0644")])
def test_a_passphrase_that_is_short_or_open_to_others_is_refused(
    host: Host, tmp_path: Path, text: str, mode: int, said: str
) -> None:
    file = secret(tmp_path, text, mode)
    refused = naober(
        "inbox", "--config", host.folder / "inbox.toml", "backup", tmp_path, "--passphrase-file", file
    )
    assert refused.returncode == 2 and said in refused.stderr and "Doe: " in refused.stderr
    assert not list(tmp_path.glob("naober-inbox*"))


def test_a_disk_that_is_not_there_gets_no_file_in_its_place(host: Host, tmp_path: Path) -> None:
    missing = tmp_path / "BACKUP"
    made = naober("inbox", "--config", host.folder / "inbox.toml", "backup", missing, "--plain")
    assert made.returncode == 2 and not missing.exists()
    assert f"Geen map: {missing}\nDoe: Zit de schijf erin?" in made.stderr


def test_plain_says_what_it_is_worth(host: Host, tmp_path: Path) -> None:
    made = naober(
        "inbox", "--config", host.folder / "inbox.toml", "backup", "--plain", tmp_path / "een.tar.gz"
    )
    assert made.returncode == 0, made.stderr
    assert "LET OP" in made.stdout
    assert (tmp_path / "een.tar.gz").stat().st_mode & 0o777 == 0o600


def test_where_there_is_no_inbox_or_no_backup_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "niets").write_bytes(b"niets")
    for file in (tmp_path / "niets", tmp_path / "weg"):
        refused = naober("inbox", "restore", file, "--dir", tmp_path / "d", "--state", tmp_path / "s")
        assert refused.returncode == 2 and len(refused.stderr.splitlines()) <= 2


def test_a_standby_is_told_what_to_do_next_and_cannot_take_over_while_it_does_not_run(
    host: Host, tmp_path: Path
) -> None:
    closing = ("--passphrase-file", secret(tmp_path))
    settings = ("inbox", "--config", host.folder / "inbox.toml")
    file = tmp_path / "een.backup"
    assert naober(*settings, "backup", file, *closing).returncode == 0
    other = Host(tmp_path / "other")
    place = ("--dir", other.folder, "--state", other.state, "--replace")

    def why() -> str:
        store = Store(other.state)
        with contextlib.closing(store):
            return Standby(store, 0).why

    back = naober("inbox", "restore", file, "--standby", *place, *closing)
    assert back.returncode == 0 and "Dit is een reserve" in back.stdout, back.stderr
    assert why() == SET_UP
    asked = naober("inbox", "--config", other.folder / "inbox.toml", "take-over")
    assert asked.returncode == 2 and "draait niet" in asked.stderr and why() == SET_UP
    # a backup of a standby that is put back to be the inbox is the inbox
    again = tmp_path / "twee.backup"
    made = naober("inbox", "--config", other.folder / "inbox.toml", "backup", again, *closing)
    assert made.returncode == 0, made.stderr
    assert naober("inbox", "restore", again, *place, *closing).returncode == 0
    assert why() == ""
