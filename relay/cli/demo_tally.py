"""What the demo knows: how each node does, what arrived at the inbox, and whether anything is missing."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, NamedTuple

from relay.cli.demo_stage import DemoNode, Stage
from relay.cli.inbox_page import NoAnswer

REPORTS_SHOWN = 5
LATE_S = 3
OPEN = ("waiting", "sent")


class Layers(NamedTuple):
    """How far a node's way to VRD is open."""

    running: bool
    broker: bool
    inbox: bool


class Tally:
    """Counts over the whole demo, and the newest of everything for the screen."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.nodes = stage.nodes
        self._last_id = 0
        self._seen: Counter[tuple[str, int, bool, int]] = Counter()
        self._texts: Counter[str] = Counter()
        self.accepted: dict[tuple[str, int, bool, int], str] = {}  # what a node said it has on its disk
        self.facts: dict[str, dict[str, Any] | None] = {node.address: None for node in stage.nodes}
        self.known: dict[str, dict[str, Any]] = {}  # the last facts of each node, also while it is down
        self.inbox_broker = ""  # how the inbox stands with the broker; empty: it does not answer
        self.reports: deque[dict[str, Any]] = deque(maxlen=REPORTS_SHOWN)
        self.statuses: dict[str, dict[str, Any]] = {}
        self.outage_seen = False  # every node that runs has noticed it
        self.waited_most = 0  # the most that ever waited on all nodes together
        self.late = 0  # reports that arrived LATE_S or more after they were said
        self.lost = 0  # receipted, and not at the inbox

    def look(self) -> list[dict[str, Any]]:
        """Ask everyone; returns the reports that are new at the inbox, oldest first."""
        for node in self.nodes:
            facts = self.facts[node.address] = node.facts()
            if facts is not None:
                self.known[node.address] = facts
        layers = [self.layers(node) for node in self.nodes]
        self.outage_seen |= any(each.running for each in layers) and not any(
            each.broker for each in layers if each.running
        )
        self.waited_most = max(self.waited_most, sum(map(self.waiting, self.nodes)))
        try:
            self.inbox_broker = str(self._stage.page.get("/healthz")["broker"])
            fresh = self._stage.page.messages(after=self._last_id, limit=100_000, statuses=True)
        except NoAnswer:
            self.inbox_broker = ""
            return []
        reports = [facts for facts in reversed(fresh) if self._take(facts)]
        self.lost = self._lost()
        return reports

    def _take(self, facts: dict[str, Any]) -> bool:
        """Count one message; True for a report."""
        self._last_id = max(self._last_id, facts["id"])
        is_status = facts["kind"] == "status"
        self._seen[facts["address"], facts["epoch"], is_status, facts["number"]] += 1
        if is_status:
            known = self.statuses.get(facts["address"])
            if known is None or (known["epoch"], known["number"]) < (facts["epoch"], facts["number"]):
                self.statuses[facts["address"]] = facts  # older ones follow the newest after an outage
            return False
        self._texts[str(facts.get("values", {}).get("text", ""))] += 1
        self.late += (facts["age_s"] or 0) >= LATE_S
        self.reports.append(facts)
        return True

    def submit(self, node: DemoNode, kind: str, urgency: int, values: dict[str, str]) -> bool:
        """Say something at a node, and remember that it took it."""
        answer = node.submit(kind, urgency, values)
        for number in answer["numbers"] if answer else ():
            self.accepted[node.address, answer["epoch"], False, number] = values["text"]  # type: ignore[index]
        return answer is not None

    def layers(self, node: DemoNode) -> Layers:
        """How far the way of `node` is open now."""
        facts = self.facts[node.address]
        if facts is None:
            return Layers(node.running, False, False)
        link = facts["links"]["mqtt"]
        return Layers(True, link["connected"], link["code"] == "up")

    def receipted(self, node: DemoNode) -> bool:
        """Whether VRD has receipted every report of `node`."""
        facts = self.facts[node.address]
        return facts is not None and not any(facts["queue"]["reports"][state] for state in OPEN)

    def by_radio(self, node: DemoNode) -> bool:
        """Whether `node` speaks through its neighbours: its own way is cut, and not theirs."""
        facts = self.facts[node.address]
        has_radio = bool(facts and facts["radio"] and facts["radio"]["connected"])
        return (
            has_radio
            and not self.layers(node).broker
            and any(self.layers(each).broker for each in self.nodes)
        )

    def count(self, node: DemoNode, *states: str) -> int:
        """How many messages of `node` were in one of `states` when it was last heard."""
        queue = self.known.get(node.address, {}).get("queue", {})
        return sum(queue.get(kind, {}).get(state, 0) for kind in ("reports", "statuses") for state in states)

    def waiting(self, node: DemoNode) -> int:
        """What waits for VRD's receipt at `node`."""
        return self.count(node, *OPEN)

    @property
    def arrived(self) -> int:
        """Messages at the inbox."""
        return self._seen.total()

    def _lost(self) -> int:
        """Nodes were asked before the inbox: what they had a receipt for then, it must hold now."""
        lost = 0
        for node in self.nodes:
            facts = self.known.get(node.address)
            if facts is None:
                continue
            epoch, queue = facts["epoch"], facts["queue"]
            for is_status, kind in ((True, "statuses"), (False, "reports")):
                held = sum(1 for key in self._seen if key[:3] == (node.address, epoch, is_status))
                lost += max(0, queue[kind]["receipted"] - held)
        return lost

    @property
    def missing(self) -> int:
        """Reports that a node took and the inbox does not show: under way, or lost once all is settled."""
        return sum(1 for text in self.accepted.values() if not self._texts[text])

    @property
    def twice(self) -> int:
        """What the inbox shows more than once."""
        texts = sum(count - 1 for text, count in self._texts.items() if text and count > 1)
        return texts + sum(count - 1 for count in self._seen.values())

    @property
    def settled(self) -> bool:
        """Whether every node is up and every report that was said has arrived and was receipted."""
        for node in self.nodes:
            facts = self.facts[node.address]
            if facts is None or not self.layers(node).inbox:
                return False
            if any(facts["queue"]["reports"][state] for state in OPEN) or self.waiting(node) > 1:
                return False
        return self.missing == 0
