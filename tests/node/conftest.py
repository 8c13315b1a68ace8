"""Real disks for the tests of a failing one; the page of a site."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.disks import CardDisk, Disk, MemoryDisk, mounted
from tests.support.desk import DeskStage, outage_desk


@pytest.fixture(params=[MemoryDisk, CardDisk], ids=["tmpfs", "ext4"])
def disk(request, tmp_path) -> Iterator[Disk]:
    with mounted(request.param(tmp_path / "mount")) as disk:
        yield disk


@pytest.fixture
def card(tmp_path) -> Iterator[CardDisk]:
    with mounted(CardDisk(tmp_path / "mount")) as disk:
        yield disk


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskStage]:
    with DeskStage(tmp_path_factory.mktemp("desk")) as stage:
        yield stage


@pytest.fixture
def site(served: DeskStage) -> DeskStage:
    """The story from its beginning."""
    vars(served.desk).update(vars(outage_desk()))
    served.access._posts.clear()
    return served
