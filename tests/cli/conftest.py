"""One whole Naober for the verbs that look at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.trust import inbox_setup, node_setup
from tests.cli.setting_up import HOST, World
from tests.support.stack import Stack

NORG = "Dorpshuis Norg"
BEILEN = "Kazerne Beilen"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Broker, inbox and two nodes, up. A test that stops something starts it again."""
    with Stack(tmp_path_factory.mktemp("stack"), NORG, BEILEN, plain=True) as running:
        running.start()
        yield running


@pytest.fixture
def url(stack: Stack) -> tuple[str, str]:
    """Where the inbox's page is, as an option."""
    return "--url", f"http://127.0.0.1:{stack.inbox.web_port}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def asked(world: World) -> World:
    """The inbox is admitted; the node has asked. Without the command line, which is slower."""
    inbox, node = world.inbox, world.node
    inbox.put(inbox_setup.prepare(inbox_setup.Place(inbox.folder, inbox.state, HOST)))
    inbox_setup.apply(world.admit_inbox(), inbox.folder, inbox.state)
    node.put(node_setup.prepare(node.state))
    return world


@pytest.fixture
def enrolled(asked: World) -> World:
    grant = asked.admit(asked.node)
    node_setup.apply(grant, asked.node.folder, asked.node.state)
    asked.tell_inbox(grant)
    return asked
