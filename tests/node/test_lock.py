"""One owner of an outbox at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from relay.errors import StorageError
from relay.node import lock
from tests.support.command import REPOSITORY

_HOLDER = (
    "import sys, time; from pathlib import Path; from relay.node import lock\n"
    "with lock.hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)


def holding(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, folder], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_owner_is_told_the_pid_of_the_first_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    process = holding(tmp_path)
    try:
        with pytest.raises(lock.AlreadyOwned) as refused, lock.hold(tmp_path, wait_s=0.0):
            pass
        assert refused.value.pid == process.pid
        assert f"pid {process.pid}" in refused.value.what.nl
    finally:
        process.kill()
        process.communicate()
    with lock.hold(tmp_path, wait_s=0.0):
        pass


def test_it_is_waited_for(tmp_path: Path) -> None:
    process = holding(tmp_path)
    end = threading.Timer(0.3, process.kill)
    end.start()
    with lock.hold(tmp_path, wait_s=10.0):
        pass
    end.join()
    process.communicate()


def test_nothing_is_written_so_a_full_or_read_only_card_can_be_owned(tmp_path: Path) -> None:
    with lock.hold(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Cannot open"), lock.hold(tmp_path / "none"):
        pass


def test_no_file_stays_open_after_a_refusal(tmp_path: Path) -> None:
    with lock.hold(tmp_path):
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(5):
            with pytest.raises(lock.AlreadyOwned), lock.hold(tmp_path, wait_s=0.0):
                pass
        assert len(list(Path("/proc/self/fd").iterdir())) == before
