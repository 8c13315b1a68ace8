"""/api/sites: each node with its newest state, its punctuality, and what should be known of it."""

from __future__ import annotations

import pytest

from relay.core.message import Kind
from relay.inbox.facts import MISSING_RUNS_MAX, punctuality
from relay.inbox.store import Arrival
from tests.inbox.desk import TIME, UNIX_S, Desk, Writer
from tests.inbox.site import Site, roster_of


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
