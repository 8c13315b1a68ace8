"""VRD begins an exercise at a site and ends it, by MQTT and by radio: real processes."""

from __future__ import annotations

from datetime import datetime, timedelta
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

RADIO_S = 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


def exercise_of(node: Node) -> dict[str, Any] | None:
    status = node.status()
    return status["exercise"] if status else None


def begin(coor: Browser, name: str, **fields: str) -> None:
    until_ = (datetime.now().astimezone() + timedelta(hours=2)).strftime("%H:%M")
    assert coor.post("/oefening", name=name, until=until_, **fields).status == 303


def test_it_begins_and_ends_at_the_site_by_mqtt_by_radio_and_after_a_restart(tmp_path: Path) -> None:
    with RadioStack(tmp_path, "beilen", "norg") as stack:
        stack.start()
        coor, beilen, norg = operator_at(stack, "coor"), stack.nodes["beilen"], stack.nodes["norg"]
        until(lambda: stack.inbox.site(beilen).get("values"), 30, "the first status")
        begin(coor, "Stroomuitval", **{"scope": "several", "punt-beilen": "1"})
        until(lambda: exercise_of(beilen), 30, "it begins at the site")
        assert exercise_of(norg) is None, "it is for one of the two"
        shown = naober("status", "--config", beilen.file).stdout
        assert 'OEFENING "Stroomuitval" (VRD), nog ' in shown
        until(lambda: "1 van 1 punten weten het" in coor.get("/").text, 30, "VRD sees who knows")
        until(lambda: "▨" in coor.get("/").text, 30, "and that the site exercises")
        # what is said here is marked, an emergency must say which, and what is real stays real
        typed = ("send", "report", "--config", beilen.file, "--text")
        assert naober(*typed, "proef: water op").returncode == 0
        asked = naober(*typed, "brand", "--urgency", "1")
        assert asked.returncode == 2 and "oefening of echt" in asked.stderr
        assert naober(*typed, "brand", "--urgency", "1", "--real").returncode == 0
        until(lambda: "brand" in coor.get("/postvak").text, 30, "the real one is in the real lane")
        assert "proef: water op" not in coor.get("/postvak?toon=alles").text
        # a restart ends nothing, and begins nothing anew
        beilen.kill()
        beilen.start()
        until(lambda: exercise_of(beilen), 30, "it goes on after a power cut")
        beilen.wait_code("up", timeout_s=30)
        assert coor.post("/oefening/einde", number="1").status == 303
        until(lambda: exercise_of(beilen) is None, 30, "it ends at the site")
        until(lambda: "▨" not in coor.get("/").text, 30, "and VRD sees that the site is real again")
        # by radio only
        stack.ways["beilen"].refuse()
        beilen.wait_code("refused", "lost")
        beilen.submit("Dak lekt", Urgency.URGENT)
        until(lambda: "Dak lekt" in stack.inbox.reports(), RADIO_S, "the inbox hears this site by radio")
        begin(coor, "Alleen radio", scope="all")
        until(lambda: exercise_of(norg), 30, "at the site on MQTT")
        until(lambda: exercise_of(beilen), RADIO_S, "and at the one that only radio reaches")
        assert beilen.code() != "up"
        begun = exercise_of(beilen)
        assert begun is not None and 0 < begun["left_s"] <= 7200 and begun["name"] == "Alleen radio"
