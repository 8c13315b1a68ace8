"""The JSON pages over real HTTP: what they say, what they refuse."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay.config import parse_inbox
from relay.core.message import Clock, Heard, Kind, Urgency
from relay.errors import ConfigError
from relay.inbox.facts import MISSING_RUNS_MAX, punctuality
from relay.inbox.queries import MESSAGES_MAX
from relay.inbox.store import Arrival
from relay.inbox.web import Pages, server
from relay.trust.roster import Roster
from tests.inbox.desk import NETWORK, TIME, UNIX_S, Desk, Key, Writer
from tests.support.broker import free_port


def roster_of(*nodes: Key) -> Roster:
    entries = "".join(
        f'[[node]]\nkey = "{node.public_key.public_bytes_raw().hex()}"\nsite = "Punt {number}"\n'
        f"revoked = {str(node.revoked).lower()}\n"
        for number, node in enumerate(nodes, 1)
    )
    return Roster.parse(f'network_id = "{NETWORK.hex()}"\n{entries}', Path("roster.toml"))


class Site:
    """The pages of a desk, served on loopback."""

    def __init__(self, desk: Desk, *nodes: Key) -> None:
        self.health: dict[str, Any] = {"ok": True, "listening_s": 1e6}
        self.now: Arrival | None = None
        self.port = free_port()
        self._desk = desk
        self.roster = roster_of(*nodes)
        pages = Pages(desk.reader, lambda: self.roster, lambda: self.now or desk.now, lambda: self.health)
        self._server = server(pages.application(), "127.0.0.1", self.port)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()

    def ask(self, path: str, method: str = "GET") -> tuple[int, Any]:
        """Status, and what the JSON says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        connection.close()
        return answer.status, json.loads(body) if body else None

    def sites(self) -> list[dict[str, Any]]:
        status, found = self.ask("/api/sites")
        assert status == 200
        return list(found)

    def messages(self, question: str = "") -> list[dict[str, Any]]:
        status, found = self.ask(f"/api/messages{question}")
        assert status == 200
        return list(found)


@pytest.fixture
def site(desk: Desk, node: Writer, other: Writer) -> Iterator[Site]:
    site = Site(desk, node, other)
    yield site
    site.stop()


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


# --- sites ---


def test_a_site_shows_its_newest_state_with_its_age(
    site: Site, desk: Desk, node: Writer, other: Writer
) -> None:
    desk.take(node.hex, node.status(4, due_min=2), age_s=30)
    desk.wait(60)
    shown, never = site.sites()
    assert (shown["site"], shown["address"], shown["heard"]) == ("Punt 1", node.hex, "on_time")
    assert (shown["heard_age_s"], shown["status_age_s"], shown["next_due_min"]) == (60, 90, 2)
    assert (shown["epoch"], shown["number"], shown["values"]) == (7, 4, {"visitors": 4})
    assert (never["heard"], "values" in never) == ("never", False)


@pytest.mark.parametrize(
    ("waited_s", "heard"), [(170, "on_time"), (190, "overdue"), (350, "overdue"), (370, "silent")]
)
def test_a_site_is_judged_by_the_interval_that_it_announced(
    site: Site, desk: Desk, node: Writer, waited_s: int, heard: str
) -> None:
    desk.take(node.hex, node.status(1, due_min=2))
    desk.wait(waited_s)
    assert site.sites()[0]["heard"] == heard


def test_a_site_that_never_told_an_interval_is_silent_some_day_too(
    site: Site, desk: Desk, node: Writer, other: Writer
) -> None:
    desk.take(node.hex, node.hello(0, 0))
    desk.take(other.hex, other.sign(Kind.STATUS, 1, b"\x00"))
    assert [each["heard"] for each in site.sites()] == ["on_time", "on_time"]
    desk.wait(3600)
    assert [each["heard"] for each in site.sites()] == ["silent", "silent"]
    assert site.sites()[1]["status"] == "undecodable"


def test_nobody_is_called_silent_while_the_inbox_itself_did_not_listen(
    site: Site, desk: Desk, node: Writer
) -> None:
    desk.take(node.hex, node.status(1, due_min=1))
    desk.wait(3600)
    for listening_s, heard in ((0.0, "not_judged"), (80.0, "not_judged"), (100.0, "silent")):
        site.health["listening_s"] = listening_s
        assert site.sites()[0]["heard"] == heard
    assert punctuality(10, 60, 0) == "on_time"  # good news needs no judge


def test_ages_hold_when_the_clock_steps_either_way(site: Site, desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.status(1, due_min=2), age_s=5)
    for step_s in (-400_000_000, 300_000_000):
        site.now = Arrival(UNIX_S + step_s, "boot-1", desk.uptime_s + 20)
        shown = site.sites()[0]
        assert (shown["heard_age_s"], shown["status_age_s"], shown["heard"]) == (20, 25, "on_time")


def test_after_a_reboot_an_age_is_as_long_as_that_at_least(site: Site, desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.status(1, due_min=2), age_s=5)
    site.now = Arrival(UNIX_S + 500, "boot-2", 90.0)
    assert site.sites()[0]["heard_age_s"] == 500
    site.now = Arrival(0, "boot-2", 900.0)  # rebooted without a clock
    shown = site.sites()[0]
    assert (shown["heard_age_s"], shown["status_age_s"], shown["heard"]) == (900, 905, "silent")


def test_missing_reports_are_shown_those_behind_the_last_too(site: Site, desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.report(1), node.report(4))
    assert site.sites()[0]["missing_reports"] == [[2, 3]]
    desk.take(node.hex, node.status(1, last_report=6))
    assert site.sites()[0]["missing_reports"] == [[2, 3], [5, 6]]
    desk.take(node.hex, *[node.report(number) for number in (2, 3, 5, 6, 7)])
    assert site.sites()[0]["missing_reports"] == []  # and one more than the status knew of


def test_the_low_byte_of_a_status_counts_on_past_256(site: Site, desk: Desk, node: Writer) -> None:
    for start in range(1, 301, 100):
        desk.take(node.hex, *[node.report(number) for number in range(start, start + 100)])
    desk.take(node.hex, node.status(1, last_report=302))
    assert site.sites()[0]["missing_reports"] == [[301, 302]]
    desk.take(node.hex, node.status(2, last_report=290))
    assert site.sites()[0]["missing_reports"] == []


def test_all_missing_of_a_node_of_which_no_report_came(site: Site, desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.status(1, last_report=3))
    assert site.sites()[0]["missing_reports"] == [[1, 3]]


def test_missing_reports_of_a_closed_epoch_are_past(site: Site, desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.report(9, epoch=7))
    desk.take(node.hex, node.report(1, epoch=8))
    assert site.sites()[0]["missing_reports"] == []


def test_of_countless_holes_the_newest_are_shown(site: Site, desk: Desk, node: Writer) -> None:
    for start in range(1, 801, 200):
        desk.take(node.hex, *[node.report(number) for number in range(start, start + 200, 2)])
    missing = site.sites()[0]["missing_reports"]
    assert len(missing) == MISSING_RUNS_MAX
    assert missing[-1] == [798, 798]


def test_findings_stand_with_their_site(site: Site, desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.report(1, "een"), node.report(1, "twee"), node.status(1, time=TIME - 1000))
    codes = {each["code"]: each["count"] for each in site.sites()[0]["findings"]}
    assert codes == {"clone": 1, "clock": 1}


def test_the_pages_follow_the_roster(site: Site, desk: Desk, node: Writer, other: Writer) -> None:
    desk.take(node.hex, node.report(1))
    node.revoked = True
    site.roster = roster_of(other, node)
    assert [(each["site"], each["revoked"]) for each in site.sites()] == [("Punt 1", False), ("Punt 2", True)]
    site.roster = roster_of(other)
    assert site.messages()[0]["site"] is None
