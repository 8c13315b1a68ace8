"""One whole Naober for the verbs that look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
