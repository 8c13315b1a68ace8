"""What holds for every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from zlib import crc32

import pytest

from tests.support.broker import Mosquitto
from tests.support.certs import Authority

# CI may start us in the background, with SIGINT ignored; commands under test would inherit that, and
# Ctrl-C is part of what is tested
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Strew the slow tests among the others: xdist gives each worker a stretch of the list to begin with.

    Left in their folders one worker would get all that wait in real time, and another all that compute. They
    go between two files, so that what a file sets up for its tests is set up once.
    """
    slow = sorted((item for item in items if item.get_closest_marker("slow")), key=_anyhow)
    quick = [item for item in items if not item.get_closest_marker("slow")]
    left, passed = list(slow), 0
    items.clear()
    for _, group in groupby(quick, key=lambda item: item.path):
        of_file = list(group)
        items += of_file
        passed += len(of_file)
        due = len(slow) * passed // len(quick) - (len(slow) - len(left))
        items += left[:due]
        del left[:due]
    items += left


def _anyhow(item: pytest.Item) -> int:
    return crc32(item.nodeid.encode())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Signs certificates for one test."""
    return Authority(tmp_path / "ca")


@pytest.fixture
def broker(tmp_path: Path, authority: Authority) -> Iterator[Mosquitto]:
    """A broker with the shipped configuration, running."""
    with Mosquitto(tmp_path / "broker", authority) as running:
        yield running
