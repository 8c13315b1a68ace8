"""The real daemon shows its page, which says "ontvangen" only after the inbox's signed receipt (V3)."""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.request
from pathlib import Path

from relay.cli.ports import free_port
from tests.support.process import until
from tests.support.stack import Stack


def words(port: int, path: str = "/") -> str:
    """What a page says; empty while there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            page = answer.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return ""
    page = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_a_broker_that_took_it_is_no_receipt_and_a_kill_changes_nothing(tmp_path: Path) -> None:
    port = free_port()
    with Stack(tmp_path, "beilen", page__host="127.0.0.1", page__port=port) as stack:
        node = stack.nodes["beilen"]
        stack.start()
        until(lambda: "beilen" in words(port), why="the page of the daemon")
        assert node.status()["page"]["serving"] is True
        until(lambda: "VRD hoort ons" in words(port), why="a receipt names this node")

        stack.inbox.pause()
        node.submit("water is op")  # Mosquitto takes it, and acknowledges it
        until(lambda: node.status()["queue"]["reports"]["sent"] == 1, why="it is under way")
        stack.broker.kill()
        assert "water is op" in words(port) and "ontvangen" not in words(port, "/verstuurd")

        node.kill()
        node.start()
        until(lambda: "water is op" in words(port, "/verstuurd"), why="the list is there again")
        assert "ontvangen" not in words(port, "/verstuurd")

        stack.broker.start()
        stack.inbox.resume()
        until(lambda: "ontvangen" in words(port, "/verstuurd"), 60, "the inbox holds it")
