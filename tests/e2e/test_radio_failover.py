"""MQTT fails for some sites and the radio carries what matters: real daemons, real broker, one channel."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from relay.core.message import Urgency
from tests.support.command import naober
from tests.support.process import until
from tests.support.radios import URGENT_MAX_S, RadioStack, radio
from tests.support.stack import STATES, Node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SITES = ("beilen", "assen", "norg")
PASSED_ON_S = 2.0  # from the air to the inbox's disk, by way of a neighbour
TAKES_OVER_S = 75.0  # 60 s without a broker, and a start window of seconds
BY_RADIO_S = 60.0
BACK_S = 30.0  # the pauses between its tries are short here


def urgent(node: Node, text: str) -> float:
    """An emergency that must not wait; when it was safe on the node's disk."""
    node.submit(text, Urgency.EMERGENCY)
    return time.monotonic()


def arrives(stack: RadioStack, text: str, timeout_s: float) -> None:
    """Until the inbox has it on its disk."""
    until(lambda: text in stack.inbox.reports(), timeout_s, f"{text} arrives")


def sent(node: Node, use: str) -> int:
    """How many packets of one use its radio was given since the daemon's start."""
    return int(radio(node).get("sent", {}).get(use, 0))


def everything_is_accounted_for(stack: RadioStack, texts: list[str], timeout_s: float = 90.0) -> None:
    """Every report is there, none twice, each node knows it, and each node's history is complete."""
    stack.settle(timeout_s)
    assert sorted(stack.inbox.reports()) == sorted(texts)
    for node in stack.nodes.values():
        until(lambda node=node: history(stack, node) >= kept(node), timeout_s, f"history of {node.name}")
        stack.wait_newest(node)
    rows = [(row.address, row.epoch, row.number, row.variant) for row in stack.inbox.rows(STATES)]
    assert len(rows) == len(set(rows))


def kept(node: Node) -> set[tuple[int, int]]:
    """Epoch and number of each status on the node's disk."""
    with node.outbox() as db:
        return set(db.execute("SELECT epoch, number FROM message WHERE numbering = 1").fetchall())


def history(stack: RadioStack, node: Node) -> set[tuple[int, int]]:
    """The same, at the inbox."""
    return {(row.epoch, row.number) for row in stack.inbox.rows(STATES) if row.address == node.address}


@pytest.mark.parametrize("cut", [("beilen",), ("beilen", "assen")], ids=["one site", "all but the gateway"])
def test_sites_without_broker_are_heard_by_radio_and_hear_their_receipts(
    tmp_path: Path, cut: tuple[str, ...]
) -> None:
    with RadioStack(tmp_path, *SITES) as stack:
        stack.start()
        dark = [stack.nodes[name] for name in cut]
        for name in cut:
            stack.ways[name].refuse()
        for node in dark:
            node.wait_code("refused", "lost")
        texts = [f"brand in {node.name}" for node in dark]
        for node, text in zip(dark, texts, strict=True):
            urgent(node, text)
        for text in texts:
            arrives(stack, text, URGENT_MAX_S + PASSED_ON_S)
        # the receipt returns by radio, as no other way is open
        for node in dark:
            until(lambda node=node: node.open_reports() == 0, BY_RADIO_S, f"receipts reach {node.name}")
            assert node.code() != "up"
        # then the radio takes over, and statuses follow
        for node in dark:
            until(lambda node=node: sent(node, "status") > 0, TAKES_OVER_S, f"{node.name} takes over")
            assert radio(node)["taken_over"]
            until(
                lambda node=node: stack.inbox.site(node)["link"] == "radio", BY_RADIO_S, "its status is heard"
            )
        for node in stack.nodes.values():
            assert radio(node)["taken_over"] == (node in dark)
            assert node in dark or sent(node, "status") == 0
        shown = naober("status", "--config", dark[0].file)
        assert shown.returncode == 1  # its MQTT is out
        assert "heeft het overgenomen van MQTT" in shown.stdout
        gateway = naober("status", "--config", stack.nodes["norg"].file).stdout
        for node in dark:
            assert f"{node.address[:4]}-{node.address[4:]} (" in gateway, "whom it hears"
        for name in cut:
            stack.ways[name].restore()
        for node in dark:
            node.wait_code("up", timeout_s=BACK_S)
        everything_is_accounted_for(stack, texts)


def test_a_black_hole_is_left_by_radio_and_when_it_closes_nothing_is_missing(tmp_path: Path) -> None:
    """The worst broker: the connection stands, and whatever goes in is lost."""
    with RadioStack(tmp_path, *SITES, status__interval_s=5) as stack:
        stack.start()
        node = stack.nodes["beilen"]
        node.submit("voor het gat")
        stack.settle()
        stack.ways["beilen"].hole()
        started = urgent(node, "brand")
        until(lambda: sent(node, "speech") > 0, URGENT_MAX_S + 1, "on the air")
        assert time.monotonic() - started <= URGENT_MAX_S + 0.5, "the answer to the question takes time, too"
        arrives(stack, "brand", PASSED_ON_S)
        node.submit("water", Urgency.ROUTINE)
        node.submit("nog een brand", Urgency.URGENT)
        arrives(stack, "nog een brand", URGENT_MAX_S + PASSED_ON_S)
        assert "water" not in stack.inbox.reports()  # it can wait, and airtime is scarce
        node.wait_code("silent", timeout_s=60)
        stack.ways["beilen"].restore()
        node.wait_code("up", timeout_s=BACK_S)
        everything_is_accounted_for(stack, ["voor het gat", "brand", "water", "nog een brand"])


@pytest.mark.parametrize("falls", ["radio", "daemon", "both"])
def test_what_falls_in_the_middle_of_an_outage_loses_nothing(tmp_path: Path, falls: str) -> None:
    with RadioStack(tmp_path, *SITES) as stack:
        stack.start()
        node = stack.nodes["beilen"]
        stack.ways["beilen"].refuse()
        node.wait_code("refused", "lost")
        urgent(node, "eerste")
        arrives(stack, "eerste", URGENT_MAX_S + PASSED_ON_S)
        spent_ms = radio(node)["budget"]["used_ms"]
        if falls in ("radio", "both"):
            stack.radios.kill()
            until(lambda: not radio(node)["connected"], 20, "the node knows that its radio went")
        urgent(node, "tweede")  # perhaps with no radio at all
        if falls in ("daemon", "both"):
            node.kill()
        if falls in ("radio", "both"):
            stack.radios.start()
        if falls in ("daemon", "both"):
            node.start()
            # what was sent in this hour is not forgotten: the law counts on
            assert radio(node)["budget"]["used_ms"] >= spent_ms
        for each in stack.nodes.values():
            stack.wait_radio(each)
        urgent(node, "derde")
        for text in ("tweede", "derde"):
            arrives(stack, text, 2 * URGENT_MAX_S + PASSED_ON_S)
        stack.ways["beilen"].restore()
        node.wait_code("up", timeout_s=BACK_S)
        everything_is_accounted_for(stack, ["eerste", "tweede", "derde"])


def test_an_inbox_that_restarts_sends_nobody_but_the_urgent_to_the_radio(tmp_path: Path) -> None:
    with RadioStack(tmp_path, *SITES, status__interval_s=5) as stack:
        stack.start()
        stack.inbox.kill()
        for node in stack.nodes.values():
            node.submit(f"gewoon in {node.name}")
        caller = stack.nodes["beilen"]
        urgent(caller, "brand")
        until(lambda: sent(caller, "speech") > 0, URGENT_MAX_S + 1, "the urgent one is on the air")
        # longer than a broker may be away
        time.sleep(70)
        for node in stack.nodes.values():
            assert not radio(node)["taken_over"]
            assert sent(node, "status") == 0
            assert (sent(node, "speech") > 0) == (node is caller)
        stack.inbox.start()
        for node in stack.nodes.values():
            node.wait_code("up", timeout_s=BACK_S)
        everything_is_accounted_for(stack, ["brand", *(f"gewoon in {name}" for name in SITES)])
