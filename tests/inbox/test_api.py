"""The REST API and the metrics: by a token only, as their own description says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.core.message import Urgency
from relay.inbox.pages.api import BASE, ENDPOINTS, VERSION, openapi
from tests.inbox.room import OpenRoom


class System:
    """Another system with a token."""

    def __init__(self, room: OpenRoom, token: str) -> None:
        self._browser, self._token = room.browser(), token

    def get(self, path: str) -> tuple[int, Any, Any]:
        answer = self._browser.ask("GET", path, headers={"Authorization": f"Bearer {self._token}"})
        kind = answer.headers["content-type"]
        return answer.status, json.loads(answer.text) if "json" in kind else answer.text, answer.headers


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        one = room.writers[0]
        room.vrd.desk.take(one.hex, one.status(1), one.report(1, "Rook in hal", urgency=Urgency.EMERGENCY))
        room.vrd.watch.look()
        yield room


@pytest.fixture
def system(room: OpenRoom) -> System:
    return System(room, room.vrd.operators.tokens.make("lcms", "test"))


def test_without_a_token_nothing_but_the_description_is_given(room: OpenRoom) -> None:
    for token in ("", "x", "🙂".encode().decode("latin-1")):
        for path in [*(BASE + each.path.replace("{id}", "P1") for each in ENDPOINTS), "/metrics"]:
            status, content, headers = System(room, token).get(path)
            assert (status, headers["content-type"]) == (401, "application/problem+json"), path
            assert content["status"] == 401
            assert headers["www-authenticate"] == "Bearer"
    assert room.browser("els").get(BASE + "/punten").status == 401  # a session is no token
    assert System(room, "").get(BASE + "/openapi.json")[1] == openapi()


def test_a_void_token_opens_nothing(room: OpenRoom, system: System) -> None:
    assert system.get(BASE + "/punten")[0] == 200
    room.vrd.operators.tokens.make("lcms", "test")
    assert system.get(BASE + "/punten")[0] == 401


def test_every_path_of_the_description_answers_as_it_says(room: OpenRoom, system: System) -> None:
    report = str(room.vrd.operators.open_reports()[0].id)
    for path, operations in openapi()["paths"].items():
        shown = path.replace("{id}", "P1" if "punten" in path else report)
        status, content, headers = system.get(BASE + shown)
        assert status == 200 and isinstance(content, dict), path
        assert headers["api-version"] == VERSION
        assert system.get(BASE + shown + "?onzin=1")[0] == 400
        if "{id}" in path:
            assert system.get(BASE + path.replace("{id}", "niemand"))[0] == 404
            assert "404" in operations["get"]["responses"]


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "1e3", "٣", "99999999999999999999", ""])
def test_a_limit_that_does_not_fit_is_refused(system: System, limit: str) -> None:
    from urllib.parse import quote

    status, content, _ = system.get(f"{BASE}/meldingen?limiet={quote(limit)}")
    assert status == 400 and "limiet" in content["detail"]


def test_what_is_said_is_what_the_pages_show(room: OpenRoom, system: System) -> None:
    (report,) = system.get(BASE + "/meldingen")[1]["meldingen"]
    assert (report["tekst"], report["urgentie"], report["toestand"], report["baan"]) == (
        "Rook in hal",
        1,
        "nieuw",
        "echt",
    )
    sites = system.get(BASE + "/punten")[1]["punten"]
    assert [site["toestand"] for site in sites] == ["unknown", "never", "never"]
    assert sites[0]["waarden"]["visitors"]["leeftijd_s"] == 0
    alarms = system.get(BASE + "/alarmen")[1]["alarmen"]
    assert (alarms[0]["niveau"], alarms[0]["regel"]) == (1, "call")


def test_the_metrics_count_and_name_nobody(system: System) -> None:
    text = system.get("/metrics")[1]
    assert 'naober_sites{state="never"} 2' in text
    assert "naober_unread 1" in text
    assert "Rook" not in text and "Punt" not in text
    for line in text.splitlines():
        assert line.startswith("#") or float(line.rpartition(" ")[2]) >= 0
