"""The field table: complete, never reused, kind to later versions, helpful to people, small."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.core import fields, payloads, wire
from relay.core.message import Header, Kind
from relay.errors import ValueRefused, WireError
from tests.support import vectors

# What a status says, by the field list of the people who use it. Left out on purpose: what is from the
# register and never sent, and the clock's quality, which stands in every header.
_ASKED_FOR = """
power mains_lost_min battery_pct runtime_min generator fuel_pct fuel_h internet mobile landline c2000
radio_neighbours radio_snr_db radio_hops radio_channel_pct queue_waiting queue_age_min indoor_c heating
opening staff visitors inflow overnight less_self_reliant water food blankets sanitation charging first_aid
casualties_t1 casualties_t2 casualties_t3 access cpu_c undervoltage disk_free_pct version boots
need amount amount_unit needed_within_min incident text about_epoch about_number
"""
ASKED_FOR = _ASKED_FOR.split()

PINNED = json.loads((vectors.FOLDER / "fields.json").read_text())["fields"]
WORDS = {
    "power": "mains generator battery none",
    "generator": "running standby fault absent",
    "internet": "works limited out",
    "mobile": "works limited out",
    "landline": "works limited out",
    "c2000": "works limited out absent",
    "heating": "ok limited out",
    "opening": "closed preparing open limited full evacuated",
    "inflow": "rising steady falling",
    "water": "ok low out",
    "food": "ok low out",
    "blankets": "ok low out",
    "sanitation": "ok low out",
    "charging": "ok low out",
    "first_aid": "ok low out",
    "access": "good limited unreachable",
    "need": "water food fuel generator medical staff transport security sanitation communication",
    "incident": "fire medical unrest building_damage blocked_road missing_person hazardous_substance other",
}


@pytest.mark.parametrize("name", ASKED_FOR)
def test_what_a_site_has_to_say_has_a_field(name):
    row = fields.field_named(name)
    assert row.nl and row.en


@pytest.mark.parametrize("name", WORDS)
def test_a_field_has_these_words_in_this_order(name):
    # the place of a word is its value on the wire: only additions at the end are possible
    assert fields.field_named(name).choices[: len(WORDS[name].split())] == tuple(WORDS[name].split())


@pytest.mark.parametrize("place", PINNED)
def test_a_number_means_what_it_meant_last_year(place):
    name, *words = PINNED[place]
    row = fields.field_named(name)
    assert place == (f"0/{row.number}" if row.kind == "level" else str(row.number))
    assert list(row.choices[: len(words)]) == words


def test_every_field_is_pinned():
    assert sorted(name for name, *_ in PINNED.values()) == sorted(fields.BY_NAME)


def test_names_and_numbers_are_never_used_twice():
    assert len(fields.BY_NAME) == len(fields.FIELDS)
    assert len(fields.BY_NUMBER) == len(fields.NUMBERED_FIELDS)
    assert len({row.number for row in fields.LEVEL_FIELDS}) == len(fields.LEVEL_FIELDS)
    assert fields.LEVELS_NUMBER not in fields.BY_NUMBER


def test_every_number_is_one_byte_on_the_wire():
    assert all(0 < number < 128 for number in fields.BY_NUMBER)
    assert all(0 <= row.number < 32 for row in fields.LEVEL_FIELDS)


def test_casualties_and_unrest_are_not_for_the_radio_unless_vrd_says_so():
    kept = fields.by_radio({"casualties_t1": 1, "casualties_t2": 1, "casualties_t3": 1, "visitors": 3})
    assert kept == {"visitors": 3}


# --- absent, unknown, later ---


def test_what_is_not_known_is_not_sent():
    assert fields.pack({}) == {}
    assert fields.unpack({}) == ({}, {})


@pytest.mark.parametrize("row", fields.FIELDS, ids=list(fields.BY_NAME))
def test_no_field_has_a_word_for_not_known(row):
    assert not {"unknown", "none_known", "onbekend", ""} & set(row.choices)


def test_fields_of_a_later_version_are_kept_as_they_are():
    later = {90: 7, 127: "new", 300: b"\1", 301: 0.5, 302: True}
    assert fields.unpack({25: 50, **later}) == ({"cpu_c": 50}, later)


def test_a_text_that_a_later_version_made_longer_is_kept_apart():
    fits, beyond = "é" * 74 + "x", "é" * 75  # 149 and 150 bytes
    assert fields.unpack({40: fits}) == ({"text": fits}, {})
    assert fields.unpack({40: beyond}) == ({}, {40: beyond})


@pytest.mark.parametrize("number", [33, 40, 54])
def test_an_empty_text_is_refused_since_absent_is_how_nothing_is_said(number):
    with pytest.raises(WireError):
        fields.unpack({number: ""})


def test_words_of_a_later_version_are_kept_as_numbers():
    assert fields.unpack({5: 4, 10: 6, 1: -1}) == ({}, {5: 4, 10: 6, 1: -1})


def test_numbers_beyond_the_range_of_this_version_are_kept_apart():
    assert fields.unpack({3: 101, 9: -51, 25: 20}) == ({"cpu_c": 20}, {3: 101, 9: -51})


def test_grades_of_a_later_version_are_kept_in_their_places():
    own = fields.pack({"internet": "works", "access": "unreachable"})[0]
    beyond = 2 << 2 * len(fields.LEVEL_FIELDS)
    values, unknown = fields.unpack({0: own | beyond})
    assert values == {"internet": "works", "access": "unreachable"}
    assert unknown == {0: beyond}


@pytest.mark.parametrize(
    "numbered",
    [
        {0: 0},
        {0: -1},
        {0: 2**64},
        {0: True},
        {25: 1.0},
        {25: True},
        {40: 3},
        {1: "mains"},
        {90: [1]},
        {90: None},
    ],
)
def test_a_value_of_another_type_was_never_written_by_anyone(numbered):
    with pytest.raises(WireError):
        fields.unpack(numbered)


# --- people ---


@pytest.mark.parametrize(
    ("typed", "meant"), [("visitor", "visitors"), ("intrnet", "internet"), ("watr", "water")]
)
def test_a_misspelt_field_is_answered_with_the_one_that_was_meant(typed, meant):
    with pytest.raises(ValueRefused) as refused:
        fields.field_named(typed)
    assert meant in refused.value.do.nl
    assert meant in refused.value.do.en


def test_a_field_that_resembles_nothing_gets_no_advice():
    with pytest.raises(ValueRefused) as refused:
        fields.field_named("xyzzy")
    assert not refused.value.do.en


def test_a_misspelt_word_is_answered_with_the_words_there_are():
    with pytest.raises(ValueRefused) as refused:
        fields.parse("power", "batery")
    assert "battery" in refused.value.do.nl.split("?")[0]
    for word in fields.BY_NAME["power"].choices:
        assert word in refused.value.do.nl


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("visitors", "many"), ("visitors", "-1"), ("visitors", "100001"), ("battery_pct", "101"),
        ("indoor_c", "-51"), ("indoor_c", "1.5"), ("text", ""), ("text", "é" * 75), ("power", "unknown"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_says_what_would(name, typed):
    with pytest.raises(ValueRefused) as refused:
        fields.parse(name, typed)
    assert refused.value.do.nl and refused.value.do.en


def test_what_was_typed_becomes_a_value():
    assert fields.parse("visitors", "140") == 140
    assert fields.parse("indoor_c", "-3") == -3
    assert fields.parse("power", "battery") == "battery"
    assert fields.parse("text", "Boom op de weg") == "Boom op de weg"


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_a_whole_number_is_an_int_and_nothing_like_it(value):
    with pytest.raises(ValueRefused):
        fields.check(fields.BY_NAME["visitors"], value)


def test_every_integer_field_can_be_written():
    for row in fields.NUMBERED_FIELDS:
        if row.kind == "integer":
            assert -(2**63) <= row.low < row.high < 2**64


# --- size ---

# what every node measures by itself, in an outage
TWELVE = {
    "internet": "out", "router": "works", "dns": "out", "broker": "out", "power": "battery",
    "mains_lost_min": 95, "battery_pct": 84, "runtime_min": 120, "cpu_c": 47, "disk_free_pct": 93,
    "queue_waiting": 12, "queue_age_min": 40,
}  # fmt: skip
# with what a volunteer enters
TWENTY = {
    "internet": "out", "router": "works", "dns": "out", "broker": "out", "mobile": "limited",
    "landline": "out", "water": "ok", "food": "low", "heating": "limited", "blankets": "ok",
    "sanitation": "ok", "first_aid": "ok", "power": "battery", "battery_pct": 84, "runtime_min": 120,
    "charging": "low", "indoor_c": 14, "opening": "open", "staff": 4, "visitors": 85,
}  # fmt: skip


@pytest.mark.parametrize(("values", "most"), [(TWELVE, 100), (TWENTY, 102)], ids=["twelve", "twenty"])
def test_a_status_is_small_enough_for_the_air(values, most, capsys):
    assert len(values) in (12, 20)
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    # a node that was set up anew a few times, after a month of a status a minute
    header = Header(Kind.STATUS, b"abcd", 4, 3, 0, False, False, 97, 16_000, 59_961_600, 0)
    payload = payloads.message_payload(values, status=(300, 15.0, 70_000))
    envelope = wire.sign(header, payload, b"testland", key.sign)
    assert payloads.decode(envelope).values == values
    with capsys.disabled():
        print(f"\nstatus of {len(values)} fields: {len(envelope)} bytes (at most {most})")
    assert len(envelope) <= most
