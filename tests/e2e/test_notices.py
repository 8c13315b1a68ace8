"""VRD speaks to a site, by MQTT and, when that is cut, by radio: real processes."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from relay.core.message import Urgency
from tests.e2e.operators import operator_at
from tests.inbox.room import Browser
from tests.support.command import naober
from tests.support.process import until
from tests.support.radios import RadioStack
from tests.support.stack import Node

RADIO_S = 60  # 13 s until an urgent report goes by radio, and a lost packet is tried again

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def step(els: Browser, node: Node, sent: dict[str, Any], **fields: str) -> None:
    """Once the watch has seen the report, take a step with it."""
    path = f"/melding/{node.address}-{sent['epoch']}-{sent['numbers'][0]}"
    until(lambda: els.get(path).status == 200, 20, "the report is on the operators' pages")
    assert els.post(f"{path}/stap", **fields).headers["location"] == path


def article(els: Browser, notice: int) -> str:
    """What the page says of one notice."""
    return els.get("/berichten").text.partition(f'id="bericht-{notice}"')[2].partition("</article>")[0]


def handling(node: Node, sent: dict[str, Any]) -> list[str | None]:
    asked = {"verb": "where", "epoch": sent["epoch"], "numbers": sent["numbers"]}
    return list(node.ask(asked).get("handling", []))


def test_a_site_hears_who_read_it_and_answers_by_mqtt_and_by_radio(tmp_path: Path) -> None:
    with RadioStack(tmp_path, "beilen", "norg") as stack:
        stack.start()
        els, node = operator_at(stack), stack.nodes["beilen"]
        # by MQTT: read, and a question with an answer
        sent = node.submit("Rook in hal", Urgency.URGENT)
        stack.settle()
        assert handling(node, sent) == [None], "received is not read"
        assert "gelezen" not in naober("status", "--config", node.file).stdout.lower()
        step(els, node, sent, step="seen", version="0")
        until(lambda: handling(node, sent) == ["seen"], 30, "the site hears that VRD has read it")
        assert '"Rook in hal": VRD heeft dit gelezen' in naober("status", "--config", node.file).stdout
        question = {"kind": "question", "scope": "site", "site": "beilen", "urgency": "3", "do": "send"}
        assert (
            els.post("/berichten", text="Nog brandstof?", answer1="ja", answer2="nee", **question).status
            == 303
        )
        until(lambda: node.status()["notices"]["unread"] == 1, 30, "the question is there")
        assert "Nog brandstof?" in naober("status", "--config", node.file).stdout
        until(lambda: "<b>1 van 1</b>" in els.get("/berichten").text, 30, "the sender sees who has it")
        wrong = naober("answer", "1", "3", "--config", node.file)
        assert wrong.returncode == 2 and "1 = ja" in wrong.stderr
        assert "Bewaard: ja" in naober("answer", "1", "1", "--config", node.file).stdout
        until(lambda: "antwoordde “ja”" in els.get("/berichten").text, 30, "the answer is on the page")
        assert json.loads(naober("notices", "--json", "--config", node.file).stdout)["notices"][0]["seen"]
        waiting = ThreadPoolExecutor(1)
        typed = ("send", "report", "--text", "Boom om", "--wait", "25", "--read", "--config", node.file)
        reading = waiting.submit(naober, *typed)
        until(lambda: "Boom om" in els.get("/postvak?toon=alles").text, 20, "the report is in the list")
        found = re.search(
            r'/melding/([0-9a-f-]+)" data-open>[^<]*Boom om', els.get("/postvak?toon=alles").text
        )
        assert found and not reading.done(), "it was received, and nobody has read it"
        assert els.post(f"/melding/{found[1]}/stap", step="handled", version="0").status == 303
        shown = reading.result().stdout.splitlines()
        assert shown[-2:] == ["VRD heeft dit ontvangen", "In behandeling bij VRD"]
        waiting.shutdown()
        # the same by radio
        stack.ways["beilen"].refuse()
        node.wait_code("refused", "lost")
        sent = node.submit("Brand slaat over", Urgency.EMERGENCY)
        until(lambda: "Brand slaat over" in stack.inbox.reports(), RADIO_S, "the emergency arrives by radio")
        step(els, node, sent, step="forwarded", version="0", team="GHOR")
        order = {"kind": "order", "scope": "all", "urgency": "2", "do": "send"}
        assert els.post("/berichten", text="Ontruim de hal", **order).status == 303
        until(lambda: handling(node, sent) == ["forwarded"], RADIO_S, "the site hears by radio what VRD did")
        until(lambda: node.status()["notices"]["unread"] == 1, RADIO_S, "an order to all, by radio")
        assert node.code() != "up"
        shown = naober("notices", "--config", node.file).stdout
        assert "Bericht 2 · Opdracht" in shown and "Door VRD doorgezet: GHOR" in shown
        # and once MQTT is back, VRD knows that both sites have it, and says nothing twice
        els.post("/berichten", text="Ontruim alles", replaces="2", **order)
        shown_here = ("notices", "--config", node.file)
        until(lambda: "vervangen door 3" in naober(*shown_here).stdout, RADIO_S, "one replaces the other")
        assert node.code() != "up"
        stack.ways["beilen"].restore()
        until(lambda: "<b>2 van 2</b>" in article(els, 3), 60, "both are known to have it")
        assert len(node.ask({"verb": "notices"})["notices"]) == 3
