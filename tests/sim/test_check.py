"""The checkers see what they are there to see: each is shown a record that breaks its rule."""

from __future__ import annotations

import pytest

from relay.sim.check import violations
from relay.sim.record import Record, Said, Sent


@pytest.fixture
def record() -> Record:
    """A good one: an urgent and a routine report, both arrived and receipted."""
    record = Record()
    for text, urgency, at_s in (("urgent", 1, 100.0), ("routine", 3, 200.0)):
        record.said[text] = Said(
            "beilen", text, urgency, at_s, arrived_s=at_s + 5, link="radio", shown=1, receipted_s=at_s + 9
        )
    record.sent = [
        Sent("beilen", 101.0, 1, "speech", 300.0, "urgent"),
        Sent("beilen", 201.0, 3, "speech", 300.0, "routine"),
    ]
    record.state_known["beilen"] = (7, 30, 900.0)
    record.state_best["beilen"] = (7, 30)
    record.duty_worst_pct["beilen"] = 9.99
    return record


def broken(record: Record) -> list[str]:
    return [line.partition(":")[0] for line in violations(record)]


def test_a_good_record_breaks_nothing(record) -> None:
    assert violations(record) == []


def test_a_report_that_neither_arrived_nor_is_held(record) -> None:
    record.said["lost"] = Said("beilen", "lost", 3, 50.0)
    assert broken(record) == ["nothing_is_lost"]
    record.ended["beilen"] = 1
    assert broken(record) == []


def test_a_report_that_is_held_though_its_line_works(record) -> None:
    record.said["stuck"] = Said("beilen", "stuck", 3, 50.0)
    record.ended["beilen"], record.end_s, record.line_good_s["beilen"] = 1, 90_000.0, 90_000.0 - 7300
    assert broken(record) == ["everything_arrives_in_the_end"]
    record.line_good_s["beilen"] = 90_000.0 - 7000
    assert broken(record) == []


def test_a_receipt_for_what_never_arrived(record) -> None:
    record.said["lie"] = Said("beilen", "lie", 3, 50.0, receipted_s=60.0)
    record.ended["beilen"] = 1
    assert broken(record) == ["no_receipt_is_a_lie"]


def test_a_report_that_is_shown_twice(record) -> None:
    record.said["routine"].shown = 2
    assert broken(record) == ["nothing_is_shown_twice"]


def test_a_report_that_nobody_said(record) -> None:
    record.strangers["spook"] = 1
    assert broken(record) == ["nothing_is_shown_twice"]


def test_a_state_that_went_back(record) -> None:
    record.state_best["beilen"] = (7, 31)
    assert broken(record) == ["the_newest_state_is_known"]


def test_routine_that_went_while_urgent_waited(record) -> None:
    record.sent[0] = Sent("beilen", 150.0, 1, "speech", 300.0, "urgent")
    record.said["urgent"].arrived_s = record.said["urgent"].receipted_s = 160.0
    record.sent.append(Sent("beilen", 140.0, 4, "status", 300.0))
    assert broken(record) == ["urgent_goes_before_routine"]


def test_a_transmitter_over_its_hour(record) -> None:
    record.duty_worst_pct["beilen"] = 10.01
    assert broken(record) == ["no_transmitter_breaks_the_law"]


@pytest.mark.parametrize("what", ["outbox_bytes", "heard_bytes"])
def test_memory_or_disk_without_end(record, what) -> None:
    record.most(what, 10**9)
    assert broken(record) == ["everything_has_its_limit"]


def test_routine_on_the_air_while_only_the_inbox_was_away(record) -> None:
    record.only_the_inbox_failed = True
    assert broken(record) == ["an_inbox_restart_sends_nobody_to_the_radio"]
