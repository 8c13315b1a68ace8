"""Dutch on the screens, and Dutch understood where a name or value is typed."""

from __future__ import annotations

import pytest

from relay.core.fields import FIELDS, parse
from relay.core.words import field_from, shown, value_from
from relay.errors import Text, ValueRefused


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_label_and_every_word_leads_back_to_the_wire(field) -> None:
    assert field_from(field.name) is field
    assert field_from(field.nl).nl == field.nl
    for value in field.choices:
        assert value_from(field, shown(field.name, value).nl) == value
        assert value_from(field, shown(field.name, value).en) == value


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_no_two_values_of_a_field_are_called_the_same(field) -> None:
    assert len({shown(field.name, value).nl for value in field.choices}) == len(field.choices)


@pytest.mark.parametrize(
    ("typed", "name"),
    [("bezoekers", "visitors"), ("Drinkwater", "water"), ("EHBO", "first_aid"), ("accu", "battery_pct")],
)
def test_a_dutch_name_is_understood(typed: str, name: str) -> None:
    assert field_from(typed).name == name


@pytest.mark.parametrize(("typed", "near"), [("bezoeker", "bezoekers"), ("visitrs", "visitors")])
def test_a_slip_is_answered_with_the_nearest_name(typed: str, near: str) -> None:
    with pytest.raises(ValueRefused) as refused:
        field_from(typed)
    assert near in refused.value.do.nl


def test_what_is_not_there_is_op_and_what_does_not_work_is_uit() -> None:
    assert shown("water", "out") == Text("op", "out")
    assert shown("internet", "out") == Text("uit", "out")


def test_a_number_is_shown_with_its_unit() -> None:
    assert shown("battery_pct", 84).nl == "84 %"
    assert parse("battery_pct", "84") == 84
