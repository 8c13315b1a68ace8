"""The Dutch words for the values of the field table, and the way back from what a person types.

The wire and the code know one word per value, an English one; screens show the reader's. A label, a word
of a label that no other label has, or a Dutch value is understood wherever a name or value is typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from relay.core.fields import BY_NAME, FIELDS, Field, Value, field_named
from relay.errors import Text, ValueRefused

_DUTCH = {
    "absent": "afwezig",
    "battery": "accu",
    "beds": "bedden",
    "blocked_road": "weg geblokkeerd",
    "both": "beide",
    "building_damage": "schade gebouw",
    "closed": "gesloten",
    "communication": "communicatie",
    "earlier": "eerder",
    "evacuated": "ontruimd",
    "exercise": "oefening",
    "falling": "dalend",
    "fault": "storing",
    "fire": "brand",
    "food": "voeding",
    "forwarded": "doorgezet",
    "fuel": "brandstof",
    "full": "vol",
    "generator": "aggregaat",
    "good": "goed",
    "handled": "in behandeling",
    "hazardous_substance": "gevaarlijke stof",
    "hours": "uur",
    "information": "informatie",
    "kg": "kg",
    "limited": "beperkt",
    "litres": "liter",
    "low": "krap",
    "mains": "net",
    "medical": "medisch",
    "mqtt": "MQTT",
    "memory_only": "alleen in geheugen",
    "missing_person": "vermiste persoon",
    "no": "nee",
    "none": "geen",
    "now": "nu",
    "ok": "goed",
    "open": "open",
    "order": "opdracht",
    "other": "anders",
    "out": "uit",
    "people": "personen",
    "pieces": "stuks",
    "preparing": "in opbouw",
    "question": "vraag",
    "radio": "radio",
    "reopened": "heropend",
    "resolved": "afgehandeld",
    "rising": "stijgend",
    "running": "draait",
    "sanitation": "sanitair",
    "security": "veiligheid",
    "seen": "gezien",
    "staff": "mensen",
    "standby": "stand-by",
    "steady": "gelijk",
    "time": "tijd",
    "transport": "vervoer",
    "unreachable": "onbereikbaar",
    "unrest": "onrust",
    "water": "water",
    "works": "werkt",
}
_OUT_OF_STOCK = ("water", "food", "blankets", "charging", "first_aid")  # "op", where other things are "uit"
_UNITS = {"h": Text("uur", "h")}  # all others are the same in both languages
_SHORT_WORD = 4


def unit_of(field: Field | None) -> Text:
    """Its unit for people; empty where it has none."""
    return _UNITS.get(field.unit, Text(field.unit, field.unit)) if field else Text("", "")


def shown(name: str, value: Value) -> Text:
    """`value` of the field `name` in words, with its unit."""
    field = BY_NAME.get(name)
    if field is None or not field.choices:
        unit = unit_of(field)
        return Text(f"{value} {unit.nl}".rstrip(), f"{value} {unit.en}".rstrip())
    return Text(_word(field, str(value)), str(value).replace("_", " "))


def field_from(typed: str) -> Field:
    """The field that a person means; raises ValueRefused with the nearest name."""
    wanted = _plain(typed)
    name = wanted if wanted in BY_NAME else _aliases().get(wanted)
    if name is None:
        from difflib import get_close_matches

        near = get_close_matches(wanted, [*BY_NAME, *_aliases()], 1)
        if near and near[0] not in BY_NAME:
            raise ValueRefused(
                Text(f"Onbekend veld: {typed}", f"Unknown field: {typed}"),
                Text(f"Bedoelde u {near[0]}?", f"Did you mean {near[0]}?"),
            )
        return field_named(typed)
    return BY_NAME[name]


def pairs_from(typed: Iterable[str], do: Text) -> Iterator[tuple[Field, str]]:
    """Each `FIELD=VALUE`, the value as it was typed. Raises ValueRefused: no pair (`do` helps), or twice."""
    named = set()
    for each in typed:
        name, equals, value = each.partition("=")
        if not equals:
            what = Text(f"Dit is geen VELD=WAARDE: {each}", f"This is not FIELD=VALUE: {each}")
            raise ValueRefused(what, do)
        field = field_from(name)
        if field.name in named:
            raise ValueRefused(Text(f"{field.name} staat er twee keer", f"{field.name} is there twice"))
        named.add(field.name)
        yield field, value


def value_from(field: Field, typed: str) -> str:
    """What a person typed for `field`, in the word of the wire if it is a Dutch one of ours."""
    wanted = _plain(typed)
    return next((word for word in field.choices if wanted in (word, _plain(_word(field, word)))), typed)


def _word(field: Field, value: str) -> str:
    if value == "out" and field.name in _OUT_OF_STOCK:
        return "op"
    return _DUTCH.get(value, value)


def _aliases() -> dict[str, str]:
    """Whole labels, and those words of labels that point at one field only."""
    found: dict[str, str] = {_plain(field.nl): field.name for field in FIELDS}
    words: dict[str, set[str]] = {}
    for field in FIELDS:
        for word in _plain(field.nl).split("_"):
            words.setdefault(word, set()).add(field.name)
    single = {word: names.pop() for word, names in words.items() if len(names) == 1}
    return {**{word: name for word, name in single.items() if len(word) > _SHORT_WORD}, **found}


def _plain(text: str) -> str:
    return re.sub(r"\W+", "_", text.strip().lower()).strip("_")
