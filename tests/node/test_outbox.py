"""The Outbox port on disk and in memory: one suite, and what only a disk can show."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import relay
from relay.core.ledger import Event as Move
from relay.core.ledger import Ledger
from relay.core.log import READ_ROWS_MAX, LogState, Row
from relay.core.message import Numbering
from relay.core.ranges import Ranges
from relay.core.receipts import InboxView
from relay.database import MEMORY, migrate
from relay.errors import StorageError
from relay.node.outbox import MIGRATIONS, PAGE_BYTES, SAVE_INTERVAL_S, SqliteOutbox
from tests.node.parts import REPORT, STATE, database, rows_on_disk
from tests.support.command import REPOSITORY, clean_environment


class Epochs:
    """Notes what is asked of the epoch file."""

    def __init__(self) -> None:
        self.raised: list[int] = []

    def __call__(self, epoch: int) -> None:
        self.raised.append(epoch)


@pytest.fixture(params=["disk", "memory"])
def outbox(request, tmp_path):
    made = SqliteOutbox(tmp_path / "outbox.db" if request.param == "disk" else MEMORY, Epochs())
    made.begin_epoch(None, state(7), [])
    yield made
    made.close()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "outbox.db"


def open_outbox(path: Path) -> SqliteOutbox:
    made = SqliteOutbox(path, Epochs())
    if not made.newest_epoch():
        made.begin_epoch(None, state(7), [])
    return made


def state(epoch: int, reports: int = 0, states: int = 0) -> LogState:
    return LogState(epoch, {REPORT: Ledger(reports), STATE: Ledger(states)}, InboxView())


def row(number: int, numbering: Numbering = REPORT, urgency: int = 3, elapsed_s: int = 0) -> Row:
    return Row(numbering, number, urgency, 1, elapsed_s, number.to_bytes(2) * 10 + bytes(64))


# --- the port ---


def test_rows_come_back_as_they_went_in_ascending_and_a_limited_number_at_once(outbox):
    rows = [row(number) for number in range(1, READ_ROWS_MAX + 10)]
    outbox.append(rows)
    outbox.append([row(1, STATE)])
    assert outbox.read(REPORT, 1, 1000) == rows[:READ_ROWS_MAX]
    assert outbox.read(REPORT, 130, 132) == rows[129:132]
    assert outbox.read(STATE, 1, 9) == [row(1, STATE)]


def test_a_number_is_never_written_twice_and_a_batch_is_kept_whole_or_not_at_all(outbox):
    outbox.append([row(1)])
    size = outbox.size_bytes
    with pytest.raises(StorageError):
        outbox.append([row(2), row(1)])
    assert outbox.read(REPORT, 1, 9) == [row(1)]
    assert outbox.size_bytes == size


def test_the_signature_of_a_row_that_is_gone_is_not_known(outbox):
    outbox.append([row(1), row(2)])
    assert outbox.signature(REPORT, 1) == bytes(64)
    outbox.forget(REPORT, [(1, 1)])
    assert outbox.signature(REPORT, 1) is None
    assert outbox.signature(STATE, 2) is None


def test_a_new_epoch_hides_the_rows_of_the_one_before_and_keeps_them(outbox):
    outbox.append([row(1), row(2)])
    outbox.begin_epoch(state(7, 2), state(20, 1), [row(1, elapsed_s=5)])
    assert outbox.read(REPORT, 1, 9) == [row(1, elapsed_s=5)]
    assert outbox.newest_epoch() == 20
    assert outbox.load(7).ledgers[REPORT].last == 2
    assert len(outbox.read(REPORT, 1, 9)) == 2


def test_the_size_is_what_a_fresh_count_gives(outbox):
    outbox.append([row(number) for number in range(1, 50)])
    outbox.begin_epoch(state(7, 49), state(8, 1), [row(1)])
    assert outbox.forget_closed() == 49
    outbox.append([row(2), row(3), row(1, STATE)])
    assert outbox.forget(REPORT, [(1, 1), (3, 9)]) == 2
    assert outbox.size_bytes == outbox._measure() > 0


def test_messages_are_forgotten_by_age_counted_in_running_time(outbox):
    outbox.append([row(number, elapsed_s=number * 100) for number in range(1, 6)])
    assert outbox.forget(REPORT, [(1, 4)], older_than_s=300) == 2
    assert [each.number for each in outbox.read(REPORT, 1, 9)] == [3, 4, 5]
    outbox.begin_epoch(state(7, 5), state(8), [])
    assert outbox.forget_closed(older_than_s=400) == 1


def test_the_oldest_can_be_asked_by_urgency(outbox):
    outbox.append([row(number, urgency=1 + number % 4) for number in range(1, 13)])
    assert [each.number for each in outbox.oldest(REPORT, (2, 12), 2, (4, 4))] == [3, 7]
    assert [each.number for each in outbox.oldest(REPORT, (2, 12), 3)] == [2, 3, 4]


def test_the_numbers_that_are_there_can_be_asked(outbox):
    outbox.append([row(number) for number in range(1, 10)])
    outbox.forget(REPORT, [(3, 4)])
    assert outbox.present(REPORT, (1, 9)) == Ranges([(1, 2), (5, 9)])
    assert outbox.present(REPORT, (5, 9)) == Ranges([(5, 9)])
    assert outbox.present(STATE, (1, 9)) == Ranges()


# --- the disk ---


def test_a_commit_is_synced_by_the_settings_that_rule_one_rests_on(path):
    outbox = open_outbox(path)
    assert outbox._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert outbox._db.execute("PRAGMA synchronous").fetchone()[0] == 2
    outbox.close()


def test_no_memory_is_shared_through_a_file_since_a_full_disk_would_make_it_a_bus_error(path):
    for _ in range(2):
        outbox = open_outbox(path)
        outbox.append([row(len(outbox.read(REPORT, 1, 9)) + 1)])
        assert sorted(file.name for file in path.parent.iterdir()) == ["outbox.db", "outbox.db-wal"]
        outbox.close()


def test_the_epoch_file_is_raised_before_the_epoch_is_on_disk(path):
    seen = []

    def raise_epoch(epoch: int) -> None:
        seen.append((epoch, rows_on_disk(path)))
        raise StorageError("power is lost here")

    outbox = open_outbox(path)
    outbox._raise_epoch = raise_epoch
    with pytest.raises(StorageError):
        outbox.begin_epoch(state(7), state(30, 1), [row(1)])
    assert seen == [(30, [])]
    assert outbox.newest_epoch() == 7
    outbox.close()


def test_what_the_inbox_said_rides_with_a_later_commit_or_is_kept_at_once(path):
    outbox = open_outbox(path)
    outbox.append([row(number) for number in (1, 2, 3)])
    told = state(7, 3)
    told.ledgers[REPORT].apply(Move.RECEIPT, 1, 2)
    outbox.save(told, durable=False)
    outbox.append([row(4, elapsed_s=SAVE_INTERVAL_S - 1)])
    assert saved(path, 7).count(0) == 4  # nothing of it is on disk: all wait
    outbox.append([row(5, elapsed_s=SAVE_INTERVAL_S)])
    assert not saved(path, 7).open().runs(1, 2)
    told.ledgers[REPORT].apply(Move.RECEIPT, 3)
    outbox.save(told, durable=True)
    # messages committed after it wait
    assert saved(path, 7).open().runs() == [(4, 5)]
    outbox.close()


def saved(path: Path, epoch: int) -> Ledger:
    copy = path.with_name(f"copy-{time.monotonic_ns()}")
    for part in ("", "-wal"):
        shutil.copy(path.with_name(path.name + part), copy.with_name(copy.name + part))
    other = SqliteOutbox(copy, Epochs())
    ledger = other.load(epoch).ledgers[REPORT]
    other.abandon()
    return ledger


def test_an_outbox_of_a_later_version_is_refused_and_left_alone(path):
    open_outbox(path).close()
    with database(path) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StorageError) as caught:
        SqliteOutbox(path, Epochs())
    assert caught.value.code == "newer"
    assert caught.value.do.nl
    assert path.read_bytes() == before


def test_migrations_are_numbered_without_holes():
    names = sorted(script.name for script in MIGRATIONS.glob("*.sql"))
    assert [int(name[:3]) for name in names] == list(range(1, len(names) + 1))


def test_each_migration_runs_once_and_a_failed_one_leaves_what_was(tmp_path):
    scripts = tmp_path / "migrations"
    scripts.mkdir()
    (scripts / "001_a.sql").write_text("CREATE TABLE a (x);\nINSERT INTO a VALUES (1);")
    with database(tmp_path / "db") as db:
        migrate(db, scripts)
        migrate(db, scripts)
        assert db.execute("SELECT count(*) FROM a").fetchone() == (1,)
        (scripts / "002_b.sql").write_text("UPDATE a SET x = 2;\nCREATE TABLE a (x);")
        with pytest.raises(Exception, match="already exists"):
            migrate(db, scripts)
    with database(tmp_path / "db") as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT x FROM a").fetchone() == (1,)


def test_what_a_later_version_only_added_is_no_hindrance_to_go_back(tmp_path):
    scripts = tmp_path / "migrations"
    scripts.mkdir()
    (scripts / "001_a.sql").write_text("CREATE TABLE a (x);\n")
    (scripts / "002_b.sql").write_text("-- readable from: 1\nCREATE TABLE b (x);\n")
    with database(tmp_path / "db") as db:
        migrate(db, scripts)
        migrate(db, scripts)
        (scripts / "002_b.sql").rename(tmp_path / "002_b.sql")
        migrate(db, scripts)  # by the version before
        db.execute("INSERT INTO a VALUES (1)")
        (tmp_path / "002_b.sql").rename(scripts / "002_b.sql")
        (scripts / "003_c.sql").write_text("-- readable from: 2\nCREATE TABLE c (x);\n")
        migrate(db, scripts)
        assert db.execute("SELECT a.x, c.x FROM a LEFT JOIN c").fetchall() == [(1, None)]
        for later in ("002_b.sql", "003_c.sql"):
            (scripts / later).unlink()
        with pytest.raises(StorageError) as caught:
            migrate(db, scripts)  # by one of two versions before
        assert caught.value.code == "newer"


@pytest.mark.parametrize("folder", sorted(Path(relay.__file__).parent.rglob("migrations")), ids=str)
def test_every_migration_after_the_first_can_be_turned_back(folder):
    scripts = sorted(folder.glob("*.sql"))
    assert scripts
    for number, script in enumerate(scripts[1:], 2):
        found = re.match(r"-- readable from: (\d+)\n", script.read_text())
        assert found and int(found[1]) < number, f"{script} must only add, and say so in its first line"
        assert not re.search(r"^\s*(ALTER|DROP|UPDATE|DELETE)\b", script.read_text(), re.M | re.I)


def test_a_broken_file_is_refused_and_let_go_of(path):
    outbox = open_outbox(path)
    outbox.append([row(number) for number in range(1, 100)])
    outbox.close()
    sound = path.read_bytes()
    path.write_bytes(sound[:PAGE_BYTES] + b"\x55" * (len(sound) - PAGE_BYTES))
    with pytest.raises(StorageError) as caught:
        SqliteOutbox(path, Epochs())
    assert caught.value.code == "corrupt"
    assert not any(str(path) in str(link) for link in open_files())


def open_files() -> list[Path]:
    return [link.resolve() for link in Path("/proc/self/fd").iterdir()]


def test_every_number_that_was_reported_survives_sigkill(tmp_path):
    chance = random.Random(2)
    reported: set[tuple[int, int]] = set()
    for _ in range(6):
        reported |= write_until_killed(tmp_path, chance.uniform(0.02, 0.3))
    kept = {row[:2] for row in rows_on_disk(tmp_path / "outbox.db")}
    assert len(reported) > 50
    assert reported <= kept


def write_until_killed(folder: Path, after_s: float) -> set[tuple[int, int]]:
    """Epoch and number of all that a process reported as kept, before it was killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.node.writer", str(folder)],
        cwd=REPOSITORY,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        lines = [process.stdout.readline()]
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines()
    whole = [line.split() for line in lines if line.strip().endswith(".")]
    return {(int(epoch), int(number)) for epoch, number, _ in whole}
