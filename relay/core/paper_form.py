"""The paper form: what it asks, and how it is read when said by radio or pasted: `10=open 12=40 86=krap`.

A name is the number on the paper form, or a word for the field; a value is a word of either language, a
number, or the number of a choice as the form prints it. What is not understood is given back, word for word.
"""

from __future__ import annotations

import re

import msgspec

from relay.core import words
from relay.core.fields import FIELDS, Field, Value, check, paper_number
from relay.errors import ValueRefused

# what a person can know of a site: what only its node measures is not asked for
MEASURED_BUT_SEEN = ("power", "runtime_min")
NOT_ASKED = ("answer", "answers", "notice", "handling", "reason")
FORM_FIELDS: tuple[Field, ...] = tuple(
    sorted(
        (
            field
            for field in FIELDS
            if (field.by in ("person", "both") or field.name in MEASURED_BUT_SEEN)
            and field.name not in NOT_ASKED
        ),
        key=paper_number,
    )
)
REPORT_FIELDS = ("text", "incident", "need", "amount", "amount_unit", "needed_within_min")
BY_PAPER = {paper_number(field): field for field in FORM_FIELDS}
TEXT_LENGTH_MAX = 1000  # what is written down need not fit a radio packet
LABEL_WORDS_MAX = 4
# a colon only after a word: 14:30 is a time
_NAME = re.compile(r"(?<![^\s;,])(?:([^\s=:;,]{1,40})\s*=|([^\W\d][^\s=:;,]{0,39})\s*:)\s*")
_EDGES = " \t\r\n;,"


class Pasted(msgspec.Struct, frozen=True):
    """What was understood, and what was not."""

    values: dict[str, Value]
    rest: tuple[str, ...]


def understand(text: str) -> Pasted:
    """Everything in `text`, each bit of it in one of the two."""
    values: dict[str, Value] = {}
    rest: list[str] = []
    marks = list(_NAME.finditer(text))
    names = [_named(text, mark, marks[at - 1].end() if at else 0) for at, mark in enumerate(marks)]
    begins = [begin for _, begin in names] + [len(text)]
    _keep(rest, text[: begins[0]])
    for (field, begin), mark, end in zip(names, marks, begins[1:], strict=True):
        typed = text[mark.end() : end].strip(_EDGES)
        if field is None or field.name in values:
            _keep(rest, text[begin:end])
            continue
        value, left = _value(field, typed)
        if value is None:
            _keep(rest, text[begin:end])
        else:
            values[field.name] = value
            _keep(rest, left)
    return Pasted(values, tuple(rest))


def value_of(field: Field, typed: str) -> Value:
    """What a person filled in for one field; raises ValueRefused."""
    value, left = _value(field, typed.strip(_EDGES))
    if value is None or left:
        return check(field, typed)
    return value


def _keep(rest: list[str], text: str) -> None:
    if text.strip(_EDGES):
        rest.append(text.strip(_EDGES))


def _named(text: str, mark: re.Match[str], after: int) -> tuple[Field | None, int]:
    """The field that stands before an equals sign, and where its name begins: labels have several words."""
    before = list(re.finditer(r"[^\s;,]+", text[after : mark.start()]))
    last = mark[1] or mark[2]
    for count in range(min(LABEL_WORDS_MAX, len(before)), 0, -1):
        begin = after + before[-count].start()
        if field := _field(text[begin : mark.start()] + last):
            return field, begin
    return _field(last), mark.start()


def _field(name: str) -> Field | None:
    if name.isascii() and name.isdecimal():
        return BY_PAPER.get(int(name)) if len(name) < 4 else None
    try:
        field = words.field_from(name)
    except ValueRefused:
        return None
    return field if field in FORM_FIELDS else None


def _value(field: Field, typed: str) -> tuple[Value | None, str]:
    """The value at the beginning of `typed`, and what is left."""
    if field.kind == "text":
        return (typed[:TEXT_LENGTH_MAX] or None), typed[TEXT_LENGTH_MAX:]
    if field.kind == "integer":
        found = re.match(r"[+-]?\d{1,9}(?![\d.])", typed)
        if not found:
            return None, typed
        number, left = int(found[0]), typed[found.end() :].strip(_EDGES)
        for unit in (field.unit.casefold(), field.unit.casefold().lstrip("°")):
            if unit and left.casefold().startswith(unit):
                left = left[len(unit) :].strip(_EDGES)
        return (number, left) if field.low <= number <= field.high else (None, typed)
    said = typed.split()
    for count in range(len(said), 0, -1):
        word = words.value_from(field, " ".join(said[:count]))
        if word.isascii() and word.isdecimal() and len(word) < 3 and 1 <= int(word) <= len(field.choices):
            word = field.choices[int(word) - 1]
        if word in field.choices:
            return word, " ".join(said[count:])
    return None, typed
