"""The JSON pages over real HTTP: health, messages, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.config import parse_inbox
from relay.core.message import Clock, Heard, Kind, Urgency
from relay.errors import ConfigError
from relay.inbox.queries import MESSAGES_MAX
from tests.inbox.desk import UNIX_S, Desk, Writer
from tests.inbox.site import Site

# --- health ---


def test_health_is_200_when_all_is_well_and_503_when_not(site: Site) -> None:
    assert site.ask("/healthz") == (200, {"ok": True, "listening_s": 1e6})
    site.health = {"ok": False, "storage": "full"}
    assert site.ask("/healthz") == (503, {"ok": False, "storage": "full"})


# --- what is refused ---


@pytest.mark.parametrize(
    "question",
    [
        "limit=ten",
        "limit=-1",
        "limit=1e3",
        "limit=1_0",
        "limit=%D9%A1",
        "after=",
        "after=99999999999999999999",
        "before=x",
        "address=zz",
        "address=b6971229ff",
        "address=",
        "statuses=yes",
        "adress=b6971229",
    ],
)
def test_a_bad_parameter_is_told_in_one_line(site: Site, question: str) -> None:
    status, told = site.ask(f"/api/messages?{question}")
    assert status == 400
    assert list(told) == ["error"] and "\n" not in told["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(site: Site, method: str) -> None:
    for path in ("/healthz", "/api/sites", "/api/messages"):
        assert site.ask(path, method) == (405, {"error": "Method Not Allowed"})


def test_what_is_not_there_is_told_so(site: Site) -> None:
    assert site.ask("/api/nothing") == (404, {"error": "Not Found"})


def test_storage_that_cannot_be_read_is_503_and_one_line(site: Site, desk: Desk) -> None:
    with desk.store.write():
        desk.store._db.execute("ALTER TABLE message RENAME TO gone")
    status, told = site.ask("/api/messages")
    assert status == 503
    assert "\n" not in told["error"] and "Traceback" not in told["error"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_pages_are_for_this_machine_only(host: str) -> None:
    with pytest.raises(ConfigError):
        parse_inbox(f'[web]\nhost = "{host}"', Path("inbox.toml"))


# --- messages ---


def test_a_report_is_shown_with_all_that_is_known_of_it(site: Site, desk: Desk, node: Writer) -> None:
    report = node.report(1, "Rook in hal", urgency=Urgency.EMERGENCY, exercise=True, confidence=1)
    desk.take("0badcafe", report, age_s=90, heard=Heard("radio", -7, 2))
    [shown] = site.messages()
    assert shown == {
        "id": 1,
        "site": "Punt 1",
        "address": node.hex,
        "epoch": 7,
        "number": 1,
        "kind": "report",
        "urgency": 1,
        "exercise": True,
        "sealed": False,
        "received_s": UNIX_S,
        "age_s": 90,
        "link": "radio",
        "publisher": "0badcafe",
        "heard": {"via": "0badcafe", "snr_db": -7, "hops": 2},
        "standing": "valid",
        "revoked": False,
        "uncounted": False,
        "clone": False,
        "composed_s": UNIX_S,
        "clock": "ntp",
        "values": {"text": "Rook in hal"},
        "unknown_fields": {},
        "confidence": "confirmed",
    }


def test_what_cannot_be_decoded_is_shown_as_hex_and_hides_nothing(
    site: Site, desk: Desk, node: Writer
) -> None:
    broken = node.sign(Kind.REPORT, 1, b"\xc1")
    sealed = node.report(3, "geheim", sealed=True)
    later = node.sign(20, 4, b"\x80")
    desk.take(node.hex, broken, node.report(2, "goed"), sealed, later)
    shown = {each["number"]: each for each in site.messages()}
    assert shown[1]["undecodable"] == broken.hex()
    assert shown[2]["values"] == {"text": "goed"}
    assert shown[3]["sealed"] and shown[3]["undecodable"] == sealed.hex()
    assert shown[4]["uncounted"] and shown[4]["kind"] == "20" and shown[4]["undecodable"] == later.hex()


def test_values_of_later_versions_and_of_any_kind_are_shown(site: Site, desk: Desk, node: Writer) -> None:
    values = {100: 2**64 - 1, 101: b"\xff\x00", 102: 1.5, 103: "\x1b[2J", 104: -(2**63)}
    desk.take(node.hex, node.sign(Kind.REPORT, 1, msgspec.msgpack.encode(values)))
    [shown] = site.messages()
    assert shown["unknown_fields"] == {
        "100": 2**64 - 1,
        "101": "ff00",
        "102": 1.5,
        "103": "\x1b[2J",
        "104": -(2**63),
    }


def test_a_time_without_a_clock_is_estimated_from_the_age(site: Site, desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.report(1, clock=Clock.NONE, time=77), age_s=300)
    desk.take(node.hex, node.report(2, clock=Clock.NONE, time=77), age_s=None)
    unknown, estimated = site.messages()
    assert (estimated["composed_s"], estimated["clock"]) == (UNIX_S - 300, "estimated")
    assert (unknown["composed_s"], unknown["clock"]) == (None, "none")


def test_clones_and_revoked_keys_are_marked(site: Site, desk: Desk, node: Writer, other: Writer) -> None:
    desk.take(node.hex, node.report(1, "een"), node.report(1, "twee"))
    other.revoked = True
    desk.take(other.hex, other.report(1, "drie"))
    marks = {each["values"]["text"]: (each["clone"], each["revoked"]) for each in site.messages()}
    assert marks == {"een": (False, False), "twee": (True, False), "drie": (False, True)}


def test_messages_can_be_filtered_and_paged(site: Site, desk: Desk, node: Writer, other: Writer) -> None:
    for number in range(1, 6):
        desk.take(node.hex, node.report(number), node.status(number))
        desk.take(other.hex, other.report(number))

    def ids(question: str) -> list[int]:
        return [each["id"] for each in site.messages(question)]

    assert ids("") == [15, 13, 12, 10, 9, 7, 6, 4, 3, 1]
    assert ids("?statuses=1") == list(range(15, 0, -1))
    assert ids("?statuses=0") == ids("")
    assert ids("?limit=2&statuses=1") == [15, 14]
    assert ids("?limit=0&statuses=1") == [15]
    assert ids("?before=4&statuses=1") == [3, 2, 1]
    assert ids("?after=12&statuses=1") == [15, 14, 13]
    mine = [each["id"] for each in site.messages("?statuses=1") if each["address"] == node.hex]
    assert ids(f"?address={node.hex}&statuses=1") == mine
    assert ids(f"?address={node.hex[:4]}-{node.hex[4:]}&statuses=1&limit=3") == mine[:3]
    assert len(ids(f"?address={other.hex}")) == 5
    assert ids("?address=00000000") == []


def test_a_page_has_a_limit(site: Site, desk: Desk, node: Writer) -> None:
    for start in range(1, 701, 100):
        desk.take(node.hex, *[node.report(number) for number in range(start, start + 100)])
    assert len(site.messages("?limit=100000")) == MESSAGES_MAX
    assert len(site.messages()) == 100
