"""The forms at a real node that nobody hears: what is on its disk, byte for byte (V5, V9)."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from relay.cli.ports import free_port
from relay.core.fields import LEVELS_NUMBER
from relay.core.message import Message
from relay.core.payloads import may_go_by_radio, message_of
from relay.core.wire import ENVELOPE_BYTES_MAX, parse_header
from tests.node.volunteer import Volunteer
from tests.support.desk import Answer
from tests.support.process import until
from tests.support.stack import Node, Stack

TIMEOUT_S = 15.0
WATER_POSITION = 6  # among the levels


class Served:
    """The page of a node."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str) -> Answer:
        return self._ask("GET", path)

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Answer:
        return self._ask("POST", path, urlencode(fields), headers or {})

    def _ask(self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
        form = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        connection.request(method, path, body, form | (headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return Answer(answer.status, answer.headers, text)


@contextmanager
def a_node(folder: Path, **settings: Any) -> Iterator[tuple[Node, Volunteer]]:
    """With a page and somebody before it; without broker or inbox."""
    node, port = Stack(folder, "beilen").nodes["beilen"], free_port()
    node.configure(page__host="127.0.0.1", page__port=port, page__capacity=120, **settings)
    node.start()
    try:
        until(lambda: bool((node.status() or {}).get("page", {}).get("serving")), 20, "the page is there")
        yield node, Volunteer(Served(port))
    finally:
        node.kill()


def newest(node: Node, numbering: int) -> bytes:
    """The envelope that was written last."""
    with node.outbox() as db:
        query = "SELECT envelope FROM message WHERE numbering = ? ORDER BY epoch DESC, number DESC LIMIT 1"
        return bytes((db.execute(query, (numbering,)).fetchone() or (b"",))[0])


def status(node: Node) -> Message:
    said = message_of(newest(node, 1))
    assert said is not None
    return said


def raw(envelope: bytes) -> dict[int, Any]:
    """The numbers of the fields, as another program reads them."""
    import msgpack

    unpacked: dict[int, Any] = msgpack.unpackb(
        envelope[parse_header(envelope).payload_at + 3 : -64], strict_map_key=False
    )
    return unpacked


def test_what_is_not_known_is_absent_and_the_longest_text_is_one_packet(tmp_path: Path) -> None:
    with a_node(tmp_path) as (node, anna):
        anna.open("/stand/mensen")
        anna.press("Bewaren", visitors="40", staff="0")
        assert "Bewaard" in anna.page.text
        anna.open("/stand/voorraad")
        anna.press("Bewaren", water="low")
        until(lambda: status(node).values.get("water") == "low", 20)
        said = raw(newest(node, 1))
        assert (said[12], said[11]) == (40, 0)  # nobody works here: that is known
        assert said[LEVELS_NUMBER] >> 2 * WATER_POSITION & 3 == 2
        assert {13, 14, 15, 16, 17, 18, 10}.isdisjoint(said)

        anna.open("/stand/mensen")
        anna.press("Weet ik niet (Aantal bezoekers)")
        anna.press("Bewaren")
        anna.open("/stand/voorraad")
        anna.press("Bewaren", water="?")
        until(lambda: "water" not in status(node).values, 20)
        said = raw(newest(node, 1))
        assert 12 not in said and said[11] == 0
        assert said.get(LEVELS_NUMBER, 0) >> 2 * WATER_POSITION & 3 == 0

        anna.open("/papier")
        anna.press("Verder", hours="2", visitors="30")
        anna.press("Bewaren")
        until(lambda: status(node).values.get("visitors") == 30, 20)
        assert status(node).values["entered_min"] in (120, 121)

        anna.open("/hulp")
        anna.press("Communicatie")
        anna.press("Verder", amount="1000000", amount_unit="hours", text="é" * 62)
        anna.press("▲ 1 Nood")
        anna.press("▲ Ja, verstuur NOOD")
        assert anna.path.startswith("/verstuurd/") and "Bewaard op dit apparaat" in anna.page.text
        envelope = newest(node, 0)
        said_there = message_of(envelope)
        assert said_there and said_there.values["text"] == "é" * 62 and "parts" not in said_there.values
        assert len(envelope) <= ENVELOPE_BYTES_MAX


def test_casualties_do_not_keep_a_site_off_the_air(tmp_path: Path) -> None:
    with a_node(tmp_path, radio__host="127.0.0.1", radio__port=free_port()) as (node, anna):
        anna.open("/stand/mensen")
        anna.press("Bewaren", visitors="40", casualties_t1="2")
        until(lambda: status(node).values.get("visitors") == 40, 20)
        assert may_go_by_radio(newest(node, 1))
        assert anna.open("/stand/mensen").fields["casualties_t1"] == "2"


def test_an_emergency_in_an_exercise_bears_what_its_button_said(tmp_path: Path) -> None:
    with a_node(tmp_path) as (node, anna):
        node.ask({"verb": "exercise", "do": "start", "seconds": 600})
        sent = []
        for button in ("OEFENING Ja, verstuur NOOD – OEFENING", "▲ Ja, verstuur NOOD – dit is ECHT"):
            anna.open("/melden")
            anna.press("Brand")
            anna.press("OEFENING Verder")
            anna.press("▲ 1 Nood")
            anna.press(button)
            sent.append(parse_header(newest(node, 0)))
        assert [each.exercise for each in sent] == [True, False]
        assert [each.number for each in sent] == [1, 2] and {each.urgency for each in sent} == {1}
