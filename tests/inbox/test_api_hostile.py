"""The REST API asked anything: it answers as its own description says, and never with a fault of its own."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.core.message import Kind, Urgency
from relay.inbox.pages.api import BASE, openapi
from tests.inbox.room import OpenRoom

DESCRIPTION = openapi()
PATHS = sorted(DESCRIPTION["paths"])
EXAMPLES = 150
# What HTTP itself can carry; the client refuses the rest before it leaves.
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


class Asked(NamedTuple):
    """One answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Client:
    """Asks on a connection of its own."""

    def __init__(self, room: OpenRoom) -> None:
        self.port = room.port
        self.token = room.vrd.operators.tokens.make("lcms", "test")
        self.reports = [str(report.id) for report in room.vrd.operators.reports()]

    def ask(self, path: str, method: str = "GET", **headers: str) -> Asked:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        sent = {"Authorization": f"Bearer {self.token}"} | headers
        connection.request(method, path, headers=sent)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return Asked(answer.status, answer.headers, body)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with OpenRoom(tmp_path_factory.mktemp("room")) as room:
        one, two, _ = room.writers
        room.vrd.desk.take(one.hex, one.status(1), one.report(1, "Rook in hal", urgency=Urgency.EMERGENCY))
        room.vrd.desk.take(two.hex, two.status(1), two.report(1, "water", kind=Kind.REQUEST))
        room.vrd.watch.look()
        yield Client(room)


def must_be_as_described(path: str, answer: Asked) -> None:
    """Status, media type and headers are among those that the description lists for `path`."""
    responses: dict[str, Any] = DESCRIPTION["paths"][path]["get"]["responses"]
    assert str(answer.status) in responses, (path, answer)
    kinds = list(responses[str(answer.status)]["content"])
    assert answer.headers["content-type"] in kinds, (path, answer)
    content = json.loads(answer.body)
    assert isinstance(content, dict)
    assert answer.headers["api-version"] == DESCRIPTION["info"]["version"]
    if answer.status >= 400:  # RFC 9457
        assert content["status"] == answer.status and content["title"] and content["detail"]


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    path=st.sampled_from(PATHS),
    name=st.one_of(st.sampled_from(["P1", "P2"]), TEXTS.filter(lambda text: text.strip("./") != "")),
    query=st.dictionaries(
        st.one_of(st.sampled_from(["limiet", "limit"]), TEXTS),
        st.one_of(TEXTS, st.integers().map(str)),
        max_size=3,
    ),
)
def test_any_name_and_any_parameter_is_answered_as_described(
    client: Client, path: str, name: str, query: dict[str, str]
) -> None:
    whole = BASE + path.replace("{id}", quote(name.replace("/", ""), safe="") or "x")
    must_be_as_described(path, client.ask(f"{whole}?{urlencode(query)}" if query else whole))


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(path=st.sampled_from(PATHS), authorization=HEADER, accept=HEADER)
def test_any_authorization_but_the_token_is_refused_as_described(
    client: Client, path: str, authorization: str, accept: str
) -> None:
    answer = client.ask(BASE + path.replace("{id}", "P1"), Authorization=authorization, Accept=accept)
    assert answer.status == 401
    must_be_as_described(path, answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_nothing_can_be_written(client: Client, method: str) -> None:
    for path in PATHS:
        answer = client.ask(BASE + path.replace("{id}", "P1"), method)
        assert answer.status == 405, (method, path)


def test_what_is_there_is_given(client: Client) -> None:
    for path in PATHS:
        name = client.reports[0] if "meldingen" in path else "P1"
        answer = client.ask(BASE + path.replace("{id}", name))
        assert answer.status == 200, path
        must_be_as_described(path, answer)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(number=st.one_of(st.integers(-5, 600), st.integers(), st.text("0123456789٣²", max_size=8)))
def test_the_limit_is_what_the_description_says(client: Client, number: int | str) -> None:
    path = "/meldingen"
    (limit,) = DESCRIPTION["paths"][path]["get"]["parameters"]
    answer = client.ask(f"{BASE}{path}?{urlencode({'limiet': number})}")
    must_be_as_described(path, answer)
    fits = isinstance(number, int) and limit["schema"]["minimum"] <= number <= limit["schema"]["maximum"]
    if isinstance(number, int):
        assert (answer.status == 200) is fits, number
