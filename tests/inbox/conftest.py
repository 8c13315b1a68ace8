from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.inbox import line, pipe, roster_work
from tests.inbox.desk import Desk, Writer
from tests.inbox.running import Bench
from tests.inbox.site import Site
from tests.support.broker import Mosquitto
from tests.support.certs import Authority


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


@pytest.fixture
def site(desk: Desk, node: Writer, other: Writer) -> Iterator[Site]:
    site = Site(desk, node, other)
    yield site
    site.stop()


@pytest.fixture
def bench(tmp_path: Path, node: Writer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A broker, and a roster of one node. No test needs the time that a person or a disk may take."""
    monkeypatch.setattr(pipe, "RETRY_STORE_S", 0.05)
    monkeypatch.setattr(roster_work, "ROSTER_POLL_S", 0.02)
    monkeypatch.setattr(line, "RETRY_MIN_S", 0.02)
    authority = Authority(tmp_path / "ca")
    with Mosquitto(tmp_path / "broker", authority) as broker:
        bench = Bench(tmp_path, authority, broker)
        bench.write_roster(node)
        yield bench
