"""A backup holds all that an inbox is and nothing of a node; a restore is whole, or nothing has changed."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import os
import sqlite3
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay import config, files
from relay.errors import ConfigError, KeyFileError, NaoberError, StorageError
from relay.inbox import backup, restoring
from relay.inbox.store import STORE_NAME, Store
from relay.toml_text import fill
from relay.trust import keys

PASSPHRASE = "paard batterij nietje klopt"
CHEAP = 10
MESSAGES = 300
OF_A_NODE = {"var/node.key", "var/grant", "var/outbox.db", "var/control.sock"}
BROKER_KEY = "-----BEGIN PRIVATE KEY-----\nvan de broker\n"


class Host:
    """Folders as `naober setup inbox` leaves them, and a store with messages."""

    def __init__(self, root: Path) -> None:
        self.folder, self.state = root / "etc", root / "var"
        (self.folder / "broker").mkdir(parents=True)
        self.state.mkdir(mode=0o700)

    def fill(self) -> None:
        shipped = files.shipped(config.INBOX_FILE).read_text("utf-8")
        wanted = {("inbox", "state"): str(self.state), ("mqtt", "key"): str(self.state / "inbox-tls.key")}
        self.put("etc/inbox.toml", fill(shipped, wanted), 0o644)
        self.put("etc/ca.pem", "certificaat", 0o644)
        self.put("etc/broker/broker.key", BROKER_KEY)
        self.put("etc/broker/naober.conf", f"keyfile {self.folder}/broker/broker.key\n", 0o640)
        self.put("var/inbox-tls.key", "geheim van TLS")
        self.put("var/roster", "papieren")
        self.put("var/inbox-grant", "toelating van het postvak")
        self.put("var/node.key", "van een gateway ernaast")
        self.put("var/grant", "van een gateway ernaast")
        self.put("var/outbox.db", "van een gateway ernaast")
        self.put("var/control.sock", "geen bestand van ons")
        keys.load_or_create(self.state / "inbox.key")
        with contextlib.closing(sqlite3.connect(self.state / "operators.db")) as db:
            db.execute("CREATE TABLE account (name TEXT)")
        with contextlib.closing(Store(self.state)) as store, store.write():
            for number in range(MESSAGES):
                store.keep_fact(f"feit {number}", "x" * 300)

    def put(self, name: str, text: str, mode: int = 0o600) -> None:
        path = self.folder.parent / name
        path.write_text(text)
        path.chmod(mode)

    @property
    def settings(self) -> config.InboxConfig:
        return config.load_inbox(self.folder / config.INBOX_FILE)

    def back_up(self, target: Path, passphrase: str | None = PASSPHRASE) -> backup.Made:
        return backup.make(self.settings, self.folder, target, passphrase, cost_log2=CHEAP)

    def restore(self, made: Path, passphrase: str | None = PASSPHRASE, **how: bool) -> restoring.Restored:
        return restoring.restore(made, self.folder, self.state, passphrase, **how)

    def all(self) -> dict[str, tuple[int, bytes]]:
        """Every file with its mode and contents."""
        root = self.folder.parent
        return {
            str(path.relative_to(root)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }

    def facts(self) -> int:
        with contextlib.closing(sqlite3.connect(self.state / STORE_NAME)) as db:
            return int(db.execute("SELECT count(*) FROM fact").fetchone()[0])


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "host")
    made.fill()
    return made


@pytest.fixture
def other(tmp_path: Path) -> Host:
    return Host(tmp_path / "elders")


@pytest.fixture
def made(host: Host, tmp_path: Path) -> Path:
    return host.back_up(tmp_path / "een.backup").path


@pytest.mark.parametrize("passphrase", [PASSPHRASE, None])
def test_all_of_an_inbox_comes_back_and_nothing_of_a_node(
    host: Host, other: Host, tmp_path: Path, passphrase: str | None
) -> None:
    told = host.back_up(tmp_path / "een.backup", passphrase)
    assert stat.S_IMODE(told.path.stat().st_mode) == 0o600
    assert told.size_bytes == told.path.stat().st_size
    other.restore(told.path, passphrase)
    before, after = host.all(), other.all()
    assert set(after) == set(before) - OF_A_NODE
    assert "var/operators.db" in after
    same = set(after) - {"etc/inbox.toml", "var/operators.db", "etc/broker/naober.conf", f"var/{STORE_NAME}"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert other.facts() == host.facts() >= MESSAGES
    # its settings are those of where it is now
    assert other.settings.inbox.state == other.state
    assert other.settings.mqtt.key == other.state / "inbox-tls.key"
    assert str(other.folder) in (other.folder / "broker/naober.conf").read_text()


def test_without_the_passphrase_nothing_can_be_read_from_it(host: Host, made: Path) -> None:
    data = made.read_bytes()
    raw = keys.load(host.state / "inbox.key").private_bytes_raw()
    for secret in (raw, base64.b64encode(raw)[4:40], b"geheim van TLS", b"inbox.toml", b"\x1f\x8b\x08"):
        assert secret not in data
    with pytest.raises(KeyFileError, match="Wrong passphrase"):
        host.restore(made, "een ander wachtwoord", replace=True)


def test_it_is_made_while_the_inbox_writes_and_holds_what_was_committed(
    host: Host, other: Host, tmp_path: Path
) -> None:
    facts = host.facts()
    with contextlib.closing(Store(host.state)) as running:
        with running.write():
            running.keep_fact("committed", "1")
        with running.write():
            running.keep_fact("not yet", "1")
            told = host.back_up(tmp_path / "een.backup")
    other.restore(told.path)
    assert other.facts() == facts + 1
    assert not list(host.state.glob(".*")), "no copy is left behind"


def test_under_a_running_inbox_nothing_is_put_back(host: Host, made: Path) -> None:
    with contextlib.closing(Store(host.state)):
        with pytest.raises(NaoberError, match="still running") as refused:
            host.restore(made, replace=True)
        assert "systemctl stop" in refused.value.do.nl
    host.restore(made, replace=True)


def test_what_is_there_stops_it_and_with_replace_it_is_kept(host: Host, made: Path) -> None:
    host.put("var/register.toml", "van na de back-up")
    host.put("var/roster", "nieuwer")
    before = host.all()
    with pytest.raises(ConfigError, match="There is an inbox here"):
        host.restore(made)
    assert host.all() == before
    back = host.restore(made, replace=True)
    assert (host.state / "roster").read_text() == "papieren"
    assert (host.state / "register.toml").read_text() == "van na de back-up", "not in the backup: left alone"
    (aside,) = (path for path in back.aside if path.parent == host.state)
    assert (aside / "roster").read_text() == "nieuwer"
    assert stat.S_IMODE(aside.stat().st_mode) == 0o700
    again = host.back_up(made.with_name("twee.backup"))
    assert again.files == len(set(before) - OF_A_NODE), "nothing of what was set aside"


def test_a_log_of_the_old_database_is_not_played_into_the_restored_one(host: Host, made: Path) -> None:
    log = host.state / f"{STORE_NAME}-wal"
    with contextlib.closing(Store(host.state)) as running:
        for number in range(50):
            with running.write():
                running.keep_fact(f"later {number}", "y" * 500)
        left = log.read_bytes()
    log.write_bytes(left)  # as a power cut leaves it
    (host.state / STORE_NAME).write_bytes(b"rubbish" * 1000)  # as a worn card does
    back = host.restore(made, replace=True)
    assert not log.exists()
    assert host.facts() == MESSAGES
    assert (host.state / back.aside[-1] / log.name).exists()


def test_nothing_is_overwritten_and_a_broken_run_leaves_nothing(
    host: Host, made: Path, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="exists"):
        host.back_up(made)
    (host.state / "inbox.key").chmod(0o644)
    with pytest.raises(KeyFileError):
        host.back_up(tmp_path / "twee.backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["een.backup", "host"]


def test_what_may_not_be_read_stops_it_instead_of_being_left_out(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(folder: Path) -> Iterator[Path]:
        if folder.name == "broker":
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(KeyFileError, match="No access to"):
        host.back_up(tmp_path / "een.backup")
    assert not list(tmp_path.glob("*een*"))


def test_a_damaged_backup_changes_nothing_wherever_it_is_damaged(host: Host, other: Host, made: Path) -> None:
    data = made.read_bytes()
    for at in (0, 20, 60, len(data) // 2, len(data) - 1):
        made.write_bytes(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :])
        with pytest.raises(KeyFileError):
            other.restore(made)
        made.write_bytes(data[:at])
        with pytest.raises(KeyFileError):
            other.restore(made)
    assert other.all() == {}
    assert not list(other.state.iterdir())


def test_on_a_stick_that_keeps_nobody_out_plain_is_refused(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fchmod = os.fchmod
    monkeypatch.setattr(os, "fchmod", lambda fd, mode: fchmod(fd, 0o755))  # as FAT answers
    with pytest.raises(KeyFileError, match="everyone can read"):
        host.back_up(tmp_path / "stick.tar.gz", None)
    assert not (tmp_path / "stick.tar.gz").exists()


# --- hostile, without a passphrase ---


def spoilt(made: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> Path:
    """The same archive after `change` of its members."""
    with tarfile.open(made, "r:gz") as archive:
        members = [(info, archive.extractfile(info).read()) for info in archive]
    change(members)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data))
    file = made.with_name("spoilt.tar.gz")
    file.write_bytes(gzip.compress(out.getvalue(), 1))
    return file


def named(name: str) -> Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]:
    def add(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        members.insert(1, (tarfile.TarInfo(name), b"x"))

    return add


def link(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    info = tarfile.TarInfo("state/inbox.key")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/shadow"
    members.insert(1, (info, b""))


def content(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    at = next(at for at, (info, _) in enumerate(members) if info.name == "state/roster")
    members[at] = (members[at][0], b"andere papieren")


def no_key(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members[:] = [each for each in members if each[0].name != "state/inbox.key"]
    sums = json.loads(members[-1][1])
    del sums["state/inbox.key"]
    members[-1] = (members[-1][0], json.dumps(sums).encode())


@pytest.mark.parametrize(
    "change",
    [
        named("../../etc/passwd"), named("/etc/passwd"), named("state/../../x"), named("state/a/b/c"),
        named("state/.ssh"), named("elsewhere/x"), named("state/roster"), link, content, no_key,
        lambda members: members.pop(0), lambda members: members.pop(),
    ],
)  # fmt: skip
def test_an_archive_that_is_not_ours_changes_nothing(
    host: Host, other: Host, tmp_path: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]
) -> None:
    host.back_up(tmp_path / "een.tar.gz", None)
    with pytest.raises(NaoberError):
        other.restore(spoilt(tmp_path / "een.tar.gz", change), None)
    assert not list(other.state.iterdir())
    assert other.all() == {}


def test_a_database_of_a_later_version_is_refused(host: Host, other: Host, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(host.state / STORE_NAME)) as db:
        db.execute("PRAGMA user_version=99")
    told = host.back_up(tmp_path / "een.backup")
    with pytest.raises(StorageError) as refused:
        other.restore(told.path)
    assert refused.value.code == "newer"
    assert other.all() == {}


def test_a_service_that_was_taken_over_finds_nothing_of_a_restore_to_put_a_link_in_place_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root unpacks where the service's user can't write; and a folder in the way takes no file in."""
    old, new = Host(tmp_path / "old"), Host(tmp_path / "new")
    old.fill()
    made = tmp_path / "backup"
    backup.make(old.settings, old.folder, made, PASSPHRASE, cost_log2=CHEAP)
    put, trap = restoring._put, tmp_path / "trap"
    trap.mkdir()
    seen: list[Path] = []

    def spring(unpacked: Path, *args: object, **named: bool) -> object:
        seen.append(unpacked)
        (new.state / "inbox.key").symlink_to(trap)  # after all was judged
        monkeypatch.setattr(os.path, "lexists", lambda _path: False)  # and after it was looked for
        return put(unpacked, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(restoring, "_put", spring)
    restoring.restore(made, new.folder, new.state, PASSPHRASE)
    assert list(trap.iterdir()) == []
    assert not (new.state / "inbox.key").is_symlink()
    assert new.state not in seen[0].parents or os.geteuid() != 0
