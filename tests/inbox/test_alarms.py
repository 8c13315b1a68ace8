"""The alarm engine over time: what an operator is told, how often, and when nobody is called silent."""

from __future__ import annotations

import random

import msgspec
import pytest

from relay.inbox.alarms.engine import Engine
from relay.inbox.alarms.facts import Call, Own, Picture, Reading, Site
from relay.inbox.alarms.state import EMERGENCY, SYSTEM, URGENT, Change, Mute, State
from relay.inbox.alarms.thresholds import Thresholds

MINUTE = 60.0
HOUR = 3600.0


class Room:
    """Sites that speak at their own intervals, an engine that looks every 5 s, and ears that count."""

    def __init__(self, sites: int = 50, interval_s: float = 60.0, seed: int = 1) -> None:
        self.engine = Engine(Thresholds())
        self.now_s = 0.0
        self.chance = random.Random(seed)
        self.interval_s = {f"s{at}": interval_s for at in range(sites)}
        self.spoke_s = {key: -self.chance.uniform(0, interval_s) for key in self.interval_s}
        self.count = dict.fromkeys(self.interval_s, 1)
        self.cut: set[str] = set()
        self.radio: set[str] = set()
        self.values: dict[str, dict[str, int | str]] = {}
        self.calls: dict[int, Call] = {}
        self.own = Own(gateways={"Assen": 0.0})
        self.told: list[Change] = []

    def picture(self) -> Picture:
        sites = []
        for key, spoke_s in self.spoke_s.items():
            readings = {name: Reading(value, 0.0) for name, value in self.values.get(key, {}).items()}
            sites.append(
                Site(
                    key=key,
                    name=f"Site {key}",
                    in_service_s=10 * HOUR,
                    heard_age_s=self.now_s - spoke_s,
                    heard_count=self.count[key],
                    interval_s=self.interval_s[key],
                    by_radio=key in self.radio,
                    values=readings,
                )
            )
        return Picture(now_s=self.now_s, sites=tuple(sites), calls=tuple(self.calls.values()), own=self.own)

    def run(self, seconds: float, step_s: float = 5.0) -> list[Change]:
        """What is told within that time."""
        told: list[Change] = []
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += step_s
            for key, interval_s in self.interval_s.items():
                if key not in self.cut and self.now_s - self.spoke_s[key] >= interval_s:
                    self.spoke_s[key], self.count[key] = self.now_s, self.count[key] + 1
            told += self.engine.step(self.picture())
        self.told += told
        return told


def heard(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.kind, change.rule) for change in changes if change.sound]


def test_a_quiet_province_says_nothing() -> None:
    room = Room()
    assert room.run(2 * HOUR, 10) == []


def test_forty_sites_cut_at_once_are_one_alarm_and_one_sound_in_ten_minutes() -> None:
    room = Room()
    room.run(10 * MINUTE)
    room.cut = {f"s{at}" for at in range(40)}
    told = room.run(10 * MINUTE)
    assert [(change.kind, change.rule) for change in told] == [("grouped", "silent")]
    assert told[0].sound == URGENT
    assert told[0].count == 40


def test_the_nine_that_never_return_are_named_after_the_deadline() -> None:
    room = Room()
    room.run(10 * MINUTE)
    room.cut = {f"s{at}" for at in range(40)}
    began_s = room.now_s
    room.run(15 * MINUTE)
    (group,) = room.engine.state.groups
    assert room.engine.acknowledge("silent", group.key, "operator A", room.now_s)
    for at in range(9, 40):  # they come back by radio, with its own interval
        room.cut.discard(f"s{at}")
        room.radio.add(f"s{at}")
        room.interval_s[f"s{at}"] = 15 * MINUTE
    told = room.run(70 * MINUTE)
    remain = [change for change in told if change.kind == "remain"]
    assert len(remain) == 1
    assert sorted(remain[0].names) == sorted(f"Site s{at}" for at in range(9))
    assert remain[0].at_s - began_s <= HOUR + 20 * MINUTE
    assert heard(told) == [("remain", "silent")]
    silent = {alarm.subject for alarm in room.engine.alarms if alarm.rule == "silent"}
    assert silent == {f"s{at}" for at in range(9)}


def test_a_dead_gateway_is_one_alarm_of_our_own_and_nobody_is_silent() -> None:
    room = Room(sites=20, interval_s=30 * MINUTE)
    room.radio = set(room.interval_s)
    room.run(30 * MINUTE)
    room.cut = set(room.interval_s)
    began_s = room.now_s
    told = []
    for _ in range(6 * 60):
        room.own = Own(gateways={"Assen": room.now_s - began_s})
        told += room.run(MINUTE, 30)
    assert heard(told) == [("raised", "own_gateway")]
    assert told[0].sound == SYSTEM
    assert not [alarm for alarm in room.engine.alarms if alarm.rule in ("silent", "overdue")]


def test_after_our_own_fault_a_site_gets_its_interval_before_it_is_called_silent() -> None:
    room = Room(sites=3, interval_s=30 * MINUTE)
    room.own = Own(broker=False)
    room.cut = {"s0", "s1", "s2"}
    room.run(3 * HOUR, 30)
    room.own = Own()
    room.cut = {"s0"}
    told = room.run(30 * MINUTE, 30)
    assert not [change for change in told if change.rule == "silent"]
    told = room.run(HOUR, 30)
    assert [change.name for change in told if change.rule == "silent"] == ["Site s0"]


@pytest.mark.parametrize(("name", "low", "high"), [("runtime_min", 118, 122), ("runtime_min", 43, 47)])
def test_a_value_that_hovers_at_its_threshold_is_at_most_two_alarms_an_hour(
    name: str, low: int, high: int
) -> None:
    room = Room(sites=1)
    told = []
    for minute in range(60):
        room.values["s0"] = {name: low if minute % 2 else high, "power": "battery"}
        told += room.run(MINUTE)
    raised = [change for change in told if change.rule == "runtime" and change.kind in ("raised", "worse")]
    assert 1 <= len(raised) <= 2


def test_what_comes_and_goes_is_told_as_hovering_and_stays_until_an_hour_is_calm() -> None:
    room = Room(sites=1)
    told = []
    for _ in range(6):
        room.values["s0"] = {"opening": "full"}
        told += room.run(3 * MINUTE)
        room.values["s0"] = {"opening": "open"}
        told += room.run(3 * MINUTE)
    kinds = [change.kind for change in told if change.rule == "full"]
    assert kinds.count("raised") == 2
    assert kinds.count("hovering") == 1
    assert kinds[-1] == "hovering"
    assert [change.kind for change in room.run(61 * MINUTE)] == ["cleared"]


def test_a_restart_with_acknowledged_alarms_makes_no_sound() -> None:
    room = Room(sites=12)
    for at in range(4):
        room.values[f"s{at}"] = {"opening": "full"}
    room.calls = {
        at: Call(id=str(at), site="s9", name="Site s9", urgency=1, is_request=False, acknowledged=False)
        for at in (1, 2)
    }
    room.run(5 * MINUTE)
    for alarm in room.engine.alarms:
        room.engine.acknowledge(alarm.rule, alarm.subject, "operator A", room.now_s)
    (group,) = room.engine.state.groups
    room.engine.acknowledge(group.rule, group.key, "operator A", room.now_s)
    room.calls = {at: msgspec.structs.replace(call, acknowledged=True) for at, call in room.calls.items()}
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(room.engine.state), type=State)
    room.engine = Engine(Thresholds(), kept)
    assert heard(room.run(20 * MINUTE)) == []


def test_the_second_operator_is_told_that_somebody_was_first() -> None:
    room = Room(sites=1)
    room.calls = {
        1: Call(id=str(1), site="s0", name="Site s0", urgency=1, is_request=False, acknowledged=False)
    }
    room.run(5)
    assert room.engine.acknowledge("emergency", "1", "operator A", room.now_s) is not None
    assert room.engine.acknowledge("emergency", "1", "operator B", room.now_s) is None
    assert room.engine.alarms[0].acknowledged_by == "operator A"


def test_an_emergency_sounds_at_once_and_escalates_until_somebody_takes_it() -> None:
    room = Room(sites=1)
    room.calls = {
        7: Call(id=str(7), site="s0", name="Site s0", urgency=1, is_request=False, acknowledged=False)
    }
    assert [change.sound for change in room.run(5)] == [EMERGENCY]
    told = room.run(20 * MINUTE)
    assert heard(told) == [("escalated", "emergency")]
    room.calls[7] = msgspec.structs.replace(room.calls[7], acknowledged=True)
    assert [change.kind for change in room.run(5)] == ["cleared"]


def test_a_request_speaks_again_when_its_time_runs_out_and_nobody_forwarded_it() -> None:
    room = Room(sites=1)
    call = Call(id=str(3), site="s0", name="Site s0", urgency=3, is_request=True, acknowledged=True)
    room.calls = {3: msgspec.structs.replace(call, needed_within_s=2 * HOUR)}
    assert room.run(MINUTE) == []
    room.calls = {3: msgspec.structs.replace(call, needed_within_s=59 * MINUTE)}
    assert heard(room.run(MINUTE)) == [("raised", "deadline")]
    room.calls = {3: msgspec.structs.replace(call, needed_within_s=50 * MINUTE, forwarded=True)}
    assert [change.kind for change in room.run(MINUTE)] == ["cleared"]


def test_mains_lost_everywhere_is_one_silent_alarm_and_the_short_batteries_are_told_by_themselves() -> None:
    room = Room(sites=50)
    for key in room.interval_s:
        room.values[key] = {"power": "battery", "runtime_min": 400}
    room.values["s3"] = {"power": "battery", "runtime_min": 30}
    told = room.run(10 * MINUTE)
    assert [(c.kind, c.rule, c.level) for c in told if c.rule == "mains" and c.kind == "grouped"] == [
        ("grouped", "mains", 3)
    ]
    assert ("raised", "runtime", "Site s3") in [(c.kind, c.rule, c.name) for c in told]
    assert heard(told) == [("raised", "runtime")]


def test_in_a_flood_only_an_emergency_keeps_its_sound() -> None:
    room = Room(sites=50)
    room.calls = {
        at: Call(
            id=str(at), site=f"s{at}", name=f"Site s{at}", urgency=2, is_request=False, acknowledged=False
        )
        for at in range(1, 31)
    }
    sounds = [change.sound for change in room.run(5)]
    assert sounds.count(URGENT) == Thresholds().storm.flood_alarms
    room.calls[99] = Call(id=str(99), site="s40", name="x", urgency=1, is_request=False, acknowledged=False)
    told = room.run(4 * MINUTE)
    assert [change.sound for change in told].count(EMERGENCY) == 1
    chimes = [change for change in room.told if change.kind == "flood"]
    assert 1 <= len(chimes) <= 3


def test_a_muted_rule_is_told_without_a_sound_until_its_end_but_our_own_faults_always_sound() -> None:
    room = Room(sites=2)
    room.engine.mutes = [
        Mute(rule="full", by="operator A", reason="test", until_s=10 * MINUTE),
        Mute(rule="own_storage", by="operator A", reason="test", until_s=10 * MINUTE),
    ]
    room.values["s0"] = {"opening": "full"}
    told = room.run(3 * MINUTE)
    assert [change.kind for change in told] == ["raised"]
    assert heard(told) == []
    room.own = Own(storing=False)
    assert heard(room.run(5)) == [("raised", "own_storage")]
    room.run(10 * MINUTE)
    room.values["s1"] = {"opening": "full"}
    assert heard(room.run(3 * MINUTE)) == [("raised", "full")]


def test_a_battery_that_ran_out_by_its_own_account_is_expected_silent_not_silent() -> None:
    room = Room(sites=1)
    room.run(MINUTE)
    room.cut = {"s0"}
    site = room.picture().sites[0]
    runs_out = {"runtime_min": Reading(30, 0.0), "power": Reading("battery", 0.0)}
    told = []
    for minute in range(120):
        room.now_s += MINUTE
        aged = {name: msgspec.structs.replace(each, age_s=minute * MINUTE) for name, each in runs_out.items()}
        heard_age_s = minute * MINUTE
        shown = msgspec.structs.replace(site, values=aged, heard_age_s=heard_age_s)
        told += room.engine.step(Picture(now_s=room.now_s, sites=(shown,)))
    rules = [(change.kind, change.rule) for change in told if change.rule != "runtime"]
    assert ("raised", "expected_silent") in rules
    assert [alarm.rule for alarm in room.engine.alarms if alarm.rule == "silent"] == []


def test_silence_ends_after_two_messages_or_one_and_ten_minutes() -> None:
    room = Room(sites=1, interval_s=5 * MINUTE)
    room.cut = {"s0"}
    room.run(30 * MINUTE)
    assert [alarm.rule for alarm in room.engine.alarms if alarm.rule == "silent"] == ["silent"]
    room.spoke_s["s0"], room.count["s0"] = room.now_s, room.count["s0"] + 1
    room.run(MINUTE)
    assert [alarm.rule for alarm in room.engine.alarms if alarm.rule == "silent"] == ["silent"]
    room.spoke_s["s0"], room.count["s0"] = room.now_s, room.count["s0"] + 1
    assert ("cleared", "silent") in [(change.kind, change.rule) for change in room.run(MINUTE)]


def test_unknown_values_neither_raise_nor_end_an_alarm() -> None:
    room = Room(sites=1)
    room.values["s0"] = {"indoor_c": 5, "visitors": 10, "water": "out"}
    room.run(40 * MINUTE)
    assert {alarm.rule for alarm in room.engine.alarms} == {"temperature", "shortage"}
    room.values["s0"] = {}
    room.run(HOUR)
    assert {alarm.rule for alarm in room.engine.alarms} == {"temperature", "shortage"}
