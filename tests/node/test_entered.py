"""What a person entered: kept, aged honestly, and never sent as known when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.core.fields import ENTERED_TOO, FIELDS, entered_names
from relay.core.message import Clock, Moment
from relay.core.receipts import InboxView
from relay.errors import StorageError, ValueRefused
from relay.node.entered import AGE_S_MAX, FILE_NAME, Entered

NOBODY = InboxView()
UNIX_S = 1_800_000_000.0


def at(elapsed_s: float, clock: Clock = Clock.NONE, unix_s: float = 0.0) -> Moment:
    return Moment(elapsed_s, 1, unix_s, clock)


def test_values_are_sent_with_the_age_of_the_oldest(tmp_path: Path) -> None:
    entered = Entered(tmp_path)
    assert entered.values(at(0), NOBODY) == {}
    entered.put({"opening": "open", "water": "low"}, at(0), NOBODY)
    entered.put({"visitors": "42"}, at(1800), NOBODY)
    assert entered.values(at(3600), NOBODY) == {
        "opening": "open",
        "water": "low",
        "visitors": 42,
        "entered_min": 60,
    }
    entered.same(at(3600), NOBODY)
    assert entered.values(at(3660), NOBODY)["entered_min"] == 1


def test_what_is_not_known_any_more_is_left_out_and_never_zero(tmp_path: Path) -> None:
    entered = Entered(tmp_path)
    entered.put({"visitors": "42", "water": "ok"}, at(0), NOBODY)
    entered.put({"visitors": "?"}, at(10), NOBODY)
    assert entered.values(at(10), NOBODY) == {"water": "ok", "entered_min": 0}
    assert entered.values(at(AGE_S_MAX + 1), NOBODY) == {}


def test_it_survives_a_restart_and_is_closed_to_others(tmp_path: Path) -> None:
    Entered(tmp_path).put({"visitors": "42"}, at(100), NOBODY)
    assert Entered(tmp_path).values(at(160), NOBODY) == {"visitors": 42, "entered_min": 1}
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_time_without_power_counts_when_a_clock_knows_it(tmp_path: Path) -> None:
    entered = Entered(tmp_path)
    entered.put({"visitors": "42"}, at(100, Clock.NTP, UNIX_S), NOBODY)
    assert entered.values(at(160, Clock.NTP, UNIX_S + 7200), NOBODY)["entered_min"] == 120
    assert entered.values(at(160), NOBODY)["entered_min"] == 1
    assert entered.values(at(160, Clock.NTP, UNIX_S - 9999), NOBODY)["entered_min"] == 1


def test_another_outbox_makes_it_unknown(tmp_path: Path) -> None:
    Entered(tmp_path).put({"visitors": "42"}, at(5000), NOBODY)
    assert Entered(tmp_path).values(at(10), NOBODY) == {}


@pytest.mark.parametrize(
    "broken", [b"", b"{", b'{"visitors": 3}', b'{"visitors": {"value": 1}}', b"\xff" * 100]
)
def test_a_broken_file_is_nothing_entered(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(broken)
    assert Entered(tmp_path).values(at(10), NOBODY) == {}


@pytest.mark.parametrize(
    "name", ["battery_pct", "text", "need", "version", "router", "entered_min", "entered_too", "reason"]
)
def test_what_is_measured_or_of_a_report_is_refused_and_nothing_changes(tmp_path: Path, name: str) -> None:
    entered = Entered(tmp_path)
    with pytest.raises(ValueRefused):
        entered.put({"visitors": "1", name: "1"}, at(0), NOBODY)
    assert entered.values(at(0), NOBODY) == {}


def test_where_a_sensor_measures_it_counts_and_else_the_status_says_who_told(tmp_path: Path) -> None:
    entered = Entered(tmp_path)
    entered.put({"internet": "out", "fuel_pct": "40", "visitors": "3"}, at(0), NOBODY)
    alone = entered.values(at(600), NOBODY)
    assert entered_names(alone) == {"internet", "fuel_pct", "visitors"}
    beside = entered.values(at(600), NOBODY, {"internet": "works"})
    assert "internet" not in beside and entered_names(beside) == {"fuel_pct", "visitors"}
    assert entered_names({"internet": "works", "indoor_c": 18}) == frozenset()


def test_what_may_be_measured_has_a_bit_and_the_bits_stay_where_they_are() -> None:
    assert set(ENTERED_TOO) == {field.name for field in FIELDS if field.by == "both"}
    assert ENTERED_TOO[:8] == (
        "internet", "mobile", "landline", "heating", "generator", "fuel_pct", "fuel_h", "indoor_c"
    )  # fmt: skip


def test_a_disk_that_refuses_takes_nothing(tmp_path: Path) -> None:
    entered = Entered(tmp_path / "gone")
    with pytest.raises(StorageError):
        entered.put({"visitors": "1"}, at(0), NOBODY)
    assert entered.values(at(0), NOBODY) == {}
