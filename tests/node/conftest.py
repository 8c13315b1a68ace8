"""Real disks for the tests of a failing one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.disks import CardDisk, Disk, MemoryDisk, mounted


@pytest.fixture(params=[MemoryDisk, CardDisk], ids=["tmpfs", "ext4"])
def disk(request, tmp_path) -> Iterator[Disk]:
    with mounted(request.param(tmp_path / "mount")) as disk:
        yield disk


@pytest.fixture
def card(tmp_path) -> Iterator[CardDisk]:
    with mounted(CardDisk(tmp_path / "mount")) as disk:
        yield disk
