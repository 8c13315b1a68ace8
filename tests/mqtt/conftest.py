"""A broker with the shipped configuration, and what a node and the inbox connect to it with."""

from __future__ import annotations

import pytest

from relay.mqtt import Options
from tests.support.broker import Mosquitto
from tests.support.certs import Authority

NODE = "0a1b2c3d"


@pytest.fixture
def node(broker: Mosquitto, authority: Authority) -> Options:
    return Options(host=broker.host, port=broker.port, client_id=f"{NODE}-1", tls=authority.context(NODE))


@pytest.fixture
def inbox(broker: Mosquitto, authority: Authority) -> Options:
    return Options(host=broker.host, port=broker.port, client_id="inbox-1", tls=authority.context("inbox"))
