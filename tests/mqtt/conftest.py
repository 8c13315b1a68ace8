"""A broker with the shipped configuration, and what a node and the inbox connect to it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.mqtt import Options
from tests.support.broker import Mosquitto
from tests.support.certs import Authority

NODE = "0a1b2c3d"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def broker(tmp_path: Path, authority: Authority) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker", authority) as running:
        yield running


@pytest.fixture
def node(broker: Mosquitto, authority: Authority) -> Options:
    return Options(host=broker.host, port=broker.port, client_id=f"{NODE}-1", tls=authority.context(NODE))


@pytest.fixture
def inbox(broker: Mosquitto, authority: Authority) -> Options:
    return Options(host=broker.host, port=broker.port, client_id="inbox-1", tls=authority.context("inbox"))
