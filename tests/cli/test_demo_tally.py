"""The demo's own count: "lost 0, twice 0" means something only if it can say otherwise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from relay.cli.demo_tally import Tally
from relay.cli.inbox_page import NoAnswer


class Page:
    """An inbox's page that says what a test wants."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.away = False

    def get(self, path: str) -> dict[str, str]:
        if self.away:
            raise NoAnswer("away")
        return {"broker": "connected"}

    def messages(self, *, after: int, limit: int, statuses: bool) -> list[dict[str, Any]]:
        return [row for row in reversed(self.rows) if row["id"] > after]

    def add(self, number: int, text: str, *, kind: str = "report", epoch: int = 1) -> None:
        self.rows.append(
            {
                "id": len(self.rows) + 1,
                "address": "a",
                "epoch": epoch,
                "kind": kind,
                "number": number,
                "age_s": 9,
                "values": {"text": text},
            }
        )


class Node:
    """A node that says what a test wants."""

    address, running = "a", True

    def __init__(self) -> None:
        self.receipted, self.waiting, self.code = 0, 0, "up"

    def facts(self) -> dict[str, Any]:
        none = {"waiting": 0, "sent": 0, "receipted": 0}
        reports = {"waiting": self.waiting, "sent": 0, "receipted": self.receipted}
        links = {"mqtt": {"connected": self.code == "up", "code": self.code}}
        return {"epoch": 1, "queue": {"reports": reports, "statuses": none}, "links": links}

    def submit(self, kind: str, urgency: int, values: dict[str, str]) -> dict[str, Any]:
        self.waiting += 1
        return {"epoch": 1, "numbers": [self.waiting]}


@pytest.fixture
def scene() -> tuple[Tally, Node, Page]:
    node, page = Node(), Page()
    return Tally(SimpleNamespace(nodes=[node], page=page)), node, page  # type: ignore[arg-type]


def test_a_report_is_missing_until_the_inbox_shows_it(scene: tuple[Tally, Node, Page]) -> None:
    tally, node, page = scene
    assert tally.submit(node, "report", 3, {"text": "een"})  # type: ignore[arg-type]
    tally.look()
    assert (tally.missing, tally.settled, tally.waited_most) == (1, False, 1)
    page.add(1, "een")
    node.waiting, node.receipted = 0, 1
    assert [each["number"] for each in tally.look()] == [1]
    assert (tally.missing, tally.lost, tally.twice, tally.settled) == (0, 0, 0, True)
    assert tally.late == 1


def test_a_receipt_for_what_the_inbox_does_not_hold_is_a_loss(scene: tuple[Tally, Node, Page]) -> None:
    tally, node, page = scene
    page.add(1, "een")
    node.receipted = 2
    tally.look()
    assert tally.lost == 1


@pytest.mark.parametrize(("number", "text", "epoch"), [(1, "een", 1), (7, "een", 1), (1, "een", 2)])
def test_what_the_inbox_shows_again_is_counted_as_twice(
    scene: tuple[Tally, Node, Page], number: int, text: str, epoch: int
) -> None:
    tally, _, page = scene
    page.add(1, "een")
    tally.look()
    assert tally.twice == 0
    page.add(number, text, epoch=epoch)
    tally.look()
    assert tally.twice >= 1


def test_an_outage_counts_only_when_every_running_node_sees_it(scene: tuple[Tally, Node, Page]) -> None:
    tally, node, page = scene
    tally.look()
    assert not tally.outage_seen
    node.code = "refused"
    page.away = True
    assert tally.look() == []
    assert tally.outage_seen
    assert tally.inbox_broker == ""
    assert not tally.settled


def test_after_an_outage_the_highest_status_is_shown_not_the_last_to_arrive(
    scene: tuple[Tally, Node, Page],
) -> None:
    tally, _, page = scene
    page.add(9, "new", kind="status")
    page.add(4, "old", kind="status")
    tally.look()
    assert tally.statuses["a"]["number"] == 9
