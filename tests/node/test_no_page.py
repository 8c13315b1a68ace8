"""A node whose page can't be shown is a node all the same."""

from __future__ import annotations

import logging
import sys
from typing import Any

import msgspec
import pytest

from relay.config import NodeConfig, PageSection
from relay.node.compose import make_page

NOTHING: Any = None


def test_a_page_that_lacks_a_package_leaves_the_node_without_and_says_which(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [each for each in sys.modules if each.startswith("relay.node.desk.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    config = msgspec.structs.replace(NodeConfig(), page=PageSection(host="127.0.0.1"))
    with caplog.at_level(logging.ERROR):
        assert make_page(NOTHING, config, b"", NOTHING, NOTHING, NOTHING, NOTHING, NOTHING) is None
    assert "uvicorn" in caplog.text and "install-node" in caplog.text
