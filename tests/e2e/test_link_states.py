"""Each way of not being heard has a name of its own in `naober status`, and the backlog arrives after it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.process import POLL_S, until
from tests.support.proxy import Proxy
from tests.support.stack import Node, Stack

QUIET_S = 1.0
WRITE_UP = "pattern write naober/1/up/%u\n"


def backlog(node: Node, count: int = 3) -> list[str]:
    """Reports made while nobody hears them: each is kept and waits."""
    texts = [f"in het donker {number}" for number in range(1, count + 1)]
    for text in texts:
        node.submit(text)
    assert node.open_reports() == count
    return texts


def arrives(stack: Stack, texts: list[str], timeout_s: float = 30.0) -> None:
    """All of it, in order, and each once."""
    stack.settle(timeout_s)
    assert stack.inbox.reports() == texts


def has_nothing_to_say(stack: Stack, node: Node) -> None:
    """Until the statuses of its first seconds are over, and at the inbox."""
    was, since = node.last_state(), time.monotonic()
    while time.monotonic() < since + QUIET_S:
        if node.last_state() != was:
            was, since = node.last_state(), time.monotonic()
        time.sleep(POLL_S)
    stack.wait_newest(node)


def explained(node: Node) -> str:
    """What `naober status` says beside the code: one sentence, with what to do."""
    link = (node.status() or {})["links"]["mqtt"]
    assert all(link[each][language] for each in ("what", "do") for language in ("nl", "en"))
    return f"{link['what']['en']} {link['do']['en']}"


def test_no_broker_at_all_is_called_refused(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        node.start()
        texts = backlog(node)
        node.wait_code("refused")
        assert "Mosquitto" in explained(node)

        stack.broker.start()
        stack.inbox.start()
        arrives(stack, texts)


def test_a_broker_that_accepts_connections_and_answers_nothing_is_called_silent(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        stack.broker.start()
        stack.inbox.start()
        stack.broker.pause()  # the kernel goes on accepting for it
        node.start()
        texts = backlog(node)
        node.wait_code("silent")
        assert "accepts but does not answer" in explained(node)

        stack.broker.resume()
        arrives(stack, texts)


@pytest.mark.slow
def test_a_connection_that_falls_into_a_black_hole_is_noticed_and_called_silent(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack, Proxy(stack.broker.port) as proxy:
        node = stack.nodes["beilen"]
        node.configure(mqtt__port=proxy.port, mqtt__keepalive_s=5)
        stack.start()
        proxy.hole()  # the connection stands, and nothing passes any more
        texts = backlog(node)
        node.wait_code("silent", timeout_s=30)

        proxy.restore()
        arrives(stack, texts)


@pytest.mark.slow
def test_a_broker_that_refuses_the_publish_is_called_publish_refused(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        stack.start()
        acl = stack.broker.acl_file.read_text()
        assert WRITE_UP in acl
        stack.broker.acl_file.write_text(acl.replace(WRITE_UP, ""))
        stack.broker.reload()
        until(lambda: "Reloading config" in stack.broker.log())
        texts = backlog(node)
        node.wait_code("publish_refused")
        assert "ACL" in explained(node)

        stack.broker.acl_file.write_text(acl)
        stack.broker.reload()
        arrives(stack, texts)
        node.wait_code("up")


@pytest.mark.parametrize("goes", ["kill", "stop"])
def test_a_broker_whose_inbox_went_is_called_unheard_at_once(tmp_path: Path, goes: str) -> None:
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        node = stack.nodes["beilen"]
        stack.start()
        has_nothing_to_say(stack, node)
        getattr(stack.inbox, goes)()
        node.wait_code("unheard", timeout_s=5)  # told by the inbox's will or goodbye; nothing was sent
        assert "inbox" in explained(node)
        texts = backlog(node)
        assert node.code() == "unheard"

        stack.inbox.start()
        arrives(stack, texts)
        node.wait_code("up")


def test_an_inbox_that_hangs_behind_a_live_broker_is_called_inbox_silent(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        stack.broker.start()
        stack.inbox.start()
        stack.inbox.pause()
        node.start()
        texts = backlog(node)
        node.wait_code("inbox_silent")
        assert "inbox" in explained(node)

        stack.inbox.resume()
        arrives(stack, texts)
        node.wait_code("up")
