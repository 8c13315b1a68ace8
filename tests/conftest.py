"""What holds for every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.certs import Authority

# CI may start us in the background, with SIGINT ignored; commands under test would inherit that, and
# Ctrl-C is part of what is tested
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Signs certificates for one test."""
    return Authority(tmp_path / "ca")


@pytest.fixture
def broker(tmp_path: Path, authority: Authority) -> Iterator[Mosquitto]:
    """A broker with the shipped configuration, running."""
    with Mosquitto(tmp_path / "broker", authority) as running:
        yield running
