"""What holds for every simulation in the tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.soak import where


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory: a simulated card fails by the simulator's doing, and a real one would only be slow."""
    with tempfile.TemporaryDirectory(prefix="naober-sim-", dir=where()) as folder:
        yield Path(folder)
