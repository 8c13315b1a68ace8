"""A UPS goes through its states while node, broker and inbox run: what operators see of it, and when."""

from __future__ import annotations

import html
import re
import time
from functools import partial
from pathlib import Path

import pytest

from relay.sensors.nut import variables
from tests.e2e.operators import operator_at
from tests.inbox.room import Browser
from tests.sensors.ups import Upsd
from tests.support.process import until
from tests.support.stack import Node, Stack

LABELS = {
    "power": "Stroomvoorziening",
    "lost": "Netspanning weg sinds",
    "battery": "Accu",
    "runtime": "Autonomie",
}
SOON_S = 5.0
GRACE_S = 30.0  # a machine with other work is no fault of ours: this is when we give up waiting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def values(els: Browser, node: Node) -> dict[str, str]:
    """What the site's page says of its power."""
    page = els.get(f"/punt/{node.name}").text
    rows = re.findall(r"<tr[^>]*>\s*<th[^>]*>(.*?)</th>\s*<td[^>]*>(.*?)</td>", page, re.S)
    shown = {_plain(label): _plain(value) for label, value in rows}
    return {name: shown[label] for name, label in LABELS.items() if label in shown}


def _plain(fragment: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", fragment)).split())


def test_what_a_ups_goes_through_is_on_the_operators_page_within_seconds(tmp_path: Path) -> None:
    """No status is due within the hour: what is seen was told because it changed."""
    (tmp_path / "ups").mkdir()
    with Upsd(tmp_path / "ups") as ups, Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        told = partial(variables, "site", "127.0.0.1", ups.port)
        until(lambda: told().get("ups.status") == "OL", 20, "upsd has its UPS")
        stack.nodes["beilen"].configure(sensors__nut=f"site@127.0.0.1:{ups.port}", sensors__power=False)
        stack.start()
        els, node = operator_at(stack), stack.nodes["beilen"]
        took_s: dict[str, float] = {}

        def shows(scene: str, **expected: str) -> None:
            began_s = time.monotonic()
            until(lambda: values(els, node) == expected, GRACE_S, f"{scene}: {expected}, {values(els, node)}")
            took_s[scene] = time.monotonic() - began_s

        shows("on line", power="net", battery="100 %")
        assert node.status()["mains"] == {"power": "mains", "by": ["nut site"], "against": []}
        first = stack.inbox.site(node)["number"]
        ups.tell("OB DISCHRG", "80", "5400")
        shows("on battery", power="accu", lost="0 min", battery="80 %", runtime="90 min")
        ups.tell("OB DISCHRG", "50", "5380")
        shows("half empty", power="accu", lost="0 min", battery="50 %", runtime="89 min")
        ups.tell("OB DISCHRG", "49", "5300")  # goes with the next status
        until(lambda: told()["battery.charge"] == "49", 10, "the UPS says so")
        ups.tell("OB LB DISCHRG", "9", "240")
        shows("low", power="accu", lost="0 min", battery="9 %", runtime="4 min")
        ups.tell("OL CHRG", "12", "600")
        shows("on line again", power="net", battery="12 %")
        assert stack.inbox.site(node)["number"] == first + len(took_s) - 1, "one status for each change"
        # a driver that is gone is no power cut, and no news
        ups.kill_driver()
        until(lambda: node.status()["sensors"][0]["state"] == "failed", 20, "the driver is missed")
        assert values(els, node) == {"power": "net", "battery": "12 %"}
        assert stack.inbox.site(node)["number"] == first + len(took_s) - 1
        assert sorted(took_s.values())[len(took_s) // 2] < SOON_S, took_s  # a busy machine may miss one
