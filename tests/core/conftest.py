"""Both ends, for the tests of a node's side."""

from __future__ import annotations

import pytest

from tests.support.ends import InboxEnd, NodeEnd


@pytest.fixture
def node() -> NodeEnd:
    return NodeEnd()


@pytest.fixture
def inbox() -> InboxEnd:
    return InboxEnd()
