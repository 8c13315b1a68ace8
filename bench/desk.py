"""What the site's page takes: memory of a node with its page and two sensors, and the weight of the pages.

As installed on a Pi: an environment of its own with a node's packages and the page's.
"""

from __future__ import annotations

import re
import tempfile
import time
import urllib.request
from itertools import cycle, islice
from pathlib import Path

import msgspec

from bench.footprint import REPOSITORY, node_environment, rss_mb
from bench.stack import stack, until
from relay.cli.ports import free_port

REQUESTS = 200
PAGES = (
    "/",
    "/stand",
    "/hulp",
    "/melden",
    "/verstuurd",
    "/berichten",
    "/koerier",
    "/uitleg",
    "/levend",
    "/en/",
)
SETTLE_S = 5
PAUSE_S = 0.02  # a few people at once, no attack
_PARTS = re.compile(r'(?:href|src)="(/static/[^"]+)"')


class Desk(msgspec.Struct):
    """One run's figures."""

    rss_mb: float
    page_kb: float  # of the heaviest page with all that it loads, nothing compressed
    heaviest: str


def fetch(url: str) -> bytes:
    """A page of the node's; raises OSError."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def weight_kb(base: str, page: str) -> float:
    """A page and every file that it names."""
    html = fetch(base + page)
    parts = set(_PARTS.findall(html.decode()))
    return (len(html) + sum(len(fetch(base + each)) for each in parts)) / 1000


def desk() -> Desk:
    """A node that is heard, its page asked for 200 times."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(dir=REPOSITORY) as folder:
        program = node_environment(Path(folder) / "venv", "page")
        with stack(Path(folder) / "stack", program) as made:
            made.add_node(
                "beilen", page__host="127.0.0.1", page__port=port, sensors__host=True, sensors__power=True
            )
            made.start("broker")
            made.start("inbox")
            node = made.start("beilen")
            until(lambda: _answers(base), 30)
            time.sleep(SETTLE_S)
            for page in islice(cycle(PAGES), REQUESTS):
                fetch(base + page)
                time.sleep(PAUSE_S)
            time.sleep(SETTLE_S)
            weights = {page: weight_kb(base, page) for page in PAGES if page != "/levend"}
            heaviest = max(weights, key=lambda page: weights[page])
            return Desk(rss_mb(node.pid), weights[heaviest], heaviest)


def _answers(base: str) -> bool:
    try:
        return bool(fetch(base + "/"))
    except OSError:
        return False
