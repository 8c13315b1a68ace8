from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inbox.desk import Desk, Writer


@pytest.fixture
def node() -> Writer:
    """A node that the inbox knows."""
    return Writer("beilen")


@pytest.fixture
def other() -> Writer:
    """Another that it knows."""
    return Writer("norg")


@pytest.fixture
def desk(tmp_path: Path, node: Writer, other: Writer) -> Iterator[Desk]:
    desk = Desk(tmp_path, node, other)
    yield desk
    desk.close()
