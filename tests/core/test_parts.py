"""Long texts in numbered parts: each fits one packet, and together they say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core import wire
from relay.core.fields import Value
from relay.core.message import Draft, Header, Kind
from relay.core.parts import PARTS_MAX, split
from relay.core.payloads import message_payload
from relay.errors import ValueRefused, WireError
from tests.support.world import World

BIG = 2**32 - 1


def envelope_bytes(values: dict[str, Value]) -> int:
    """The size of a message with the longest header there can be."""
    header = Header(Kind.REPORT, b"addr", 3, 3, 2, True, False, BIG, BIG, BIG, 0)
    return len(wire.sign(header, message_payload(values), b"networkA", lambda _: bytes(64)))


def words(values: list[dict[str, Value]]) -> list[str]:
    return " ".join(str(each["text"]) for each in values).split()


def test_a_short_text_is_one_message_without_numbers() -> None:
    assert split({"incident": "fire"}, "Rook") == [{"incident": "fire", "text": "Rook"}]


def test_a_message_without_text_stays_as_it_is() -> None:
    assert split({"need": "water"}) == [{"need": "water"}]


def test_a_long_text_breaks_between_words_and_only_the_first_part_has_the_fields() -> None:
    parts = split({"need": "water", "amount": 200}, "een twee drie vier " * 40)
    assert len(parts) > 2
    assert [each["part"] for each in parts] == list(range(1, len(parts) + 1))
    assert {each["parts"] for each in parts} == {len(parts)}
    assert parts[0]["amount"] == 200
    assert all("amount" not in each for each in parts[1:])  # or 200 litres would count twice
    assert words(parts) == ("een twee drie vier " * 40).split()


def test_a_part_takes_as_many_words_as_fit() -> None:
    parts = split({}, "woord " * 100)
    assert all(envelope_bytes(each) > wire.ENVELOPE_BYTES_MAX - len("woord ") for each in parts[:-1])


@given(
    text=st.text(min_size=1, max_size=1200),
    values=st.fixed_dictionaries(
        {},
        optional={
            "incident": st.just("fire"),
            "amount": st.integers(0, 1_000_000),
            "visitors": st.integers(0, 100_000),
            "water": st.just("out"),
            "first_aid": st.just("out"),
        },
    ),
)
def test_every_part_of_any_text_fits_one_packet_and_nothing_is_lost(
    text: str, values: dict[str, Value]
) -> None:
    text = text.encode(errors="ignore").decode()
    try:
        parts = split(values, text)
    except ValueRefused:
        assert len(text.encode()) > 1200
        return
    assert all(envelope_bytes(each) <= wire.ENVELOPE_BYTES_MAX for each in parts)
    said = "".join(str(each.get("text", "")) for each in parts)
    assert "".join(said.split()) == "".join(text.split())


def test_a_character_of_several_bytes_is_never_cut() -> None:
    parts = split({}, "🜂" * 200)
    assert "".join(str(each["text"]) for each in parts) == "🜂" * 200


def test_a_text_of_too_many_parts_is_refused() -> None:
    room = len(str(split({}, "a" * 1000)[0]["text"]))
    assert len(split({}, "a" * room * PARTS_MAX)) == PARTS_MAX
    with pytest.raises(ValueRefused, match="not fit"):
        split({}, "a" * (room * PARTS_MAX + 1))


def test_fields_that_leave_no_room_for_text_are_refused() -> None:
    full: dict[str, Value] = {"reason": "r" * 130}
    assert split(full) == [full]
    with pytest.raises(ValueRefused, match="not fit"):
        split(full, "en dan nog een tekst")


def test_whatever_a_node_takes_can_be_issued_again_under_any_later_epoch(tmp_path: Path) -> None:
    station = World(tmp_path).station()
    longest = split({}, "a" * 142)
    assert len(longest) == 1
    drafts = [Draft(kind=Kind.REPORT, values=values) for values in longest]
    station.submit(drafts)
    # one byte more would fit today, and not when the epoch has grown: it must be refused at once
    with pytest.raises(WireError):
        station.submit([Draft(kind=Kind.REPORT, values={"text": "a" * 143})])
    assert station.forwarder.begin_epoch(2**31, station.moment()) == 1
