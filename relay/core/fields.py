"""The one table of everything a message can say.

A row gives a field its number on the wire, its name in code, its kind of value, its labels and who
fills it in. Codec, forms, pages, exports and docs read this table; a new field is one new row. Numbers
are never reused: a node of last year must still be understood.

Absent means *not known*. There is no value for "unknown" and no zero that stands for it.

Fields of three grades share number 0, `levels`: two bits each (0 not known, 1 good, 2 limited,
3 out), the lowest bits first. They travel as one unsigned integer, which MessagePack writes in as few
bytes as its highest known grade needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from relay.errors import Text, ValueRefused, WireError

Value: TypeAlias = int | str
Unknown: TypeAlias = dict[int, int | str | bytes | float | bool]

LEVELS_NUMBER = 0
LEVELS_ON_PAPER = 80  # a level's number on forms is this plus its position: no field is numbered 80 to 99
TEXT_BYTES_MAX = 149  # what fits one radio packet beside the smallest header
FIELDS_PER_MESSAGE_MAX = 64
NUMBER_MAX = 0xFFFF


class Field(msgspec.Struct, frozen=True):
    """One row of the table."""

    number: int  # on the wire; for a level: its position within `levels`
    name: str
    kind: str  # integer, choice, level, text
    nl: str
    en: str
    by: str = "person"  # node, person, both
    unit: str = ""
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()  # the value on the wire is the place in this tuple
    radio: bool = True  # radio is public: every loft holds the channel key


def _int(number: int, name: str, nl: str, en: str, unit: str, high: int, by: str, low: int = 0) -> Field:
    return Field(number, name, "integer", nl, en, by, unit, low, high)


def _choice(number: int, name: str, nl: str, en: str, choices: str, by: str) -> Field:
    return Field(number, name, "choice", nl, en, by, choices=tuple(choices.split()))


def _level(position: int, name: str, nl: str, en: str, by: str, words: str = "ok limited out") -> Field:
    return Field(position, name, "level", nl, en, by, choices=tuple(words.split()))


def _text(number: int, name: str, nl: str, en: str, by: str = "person") -> Field:
    return Field(number, name, "text", nl, en, by, high=TEXT_BYTES_MAX)


_WORKS = "works limited out"
_STOCK = "ok low out"
_REQUESTS = "water food fuel generator medical staff transport security sanitation communication"
_INCIDENTS = "fire medical unrest building_damage blocked_road missing_person hazardous_substance other"

LEVEL_FIELDS: tuple[Field, ...] = (
    # what the node measures stands in the low bits: most statuses then need one or two bytes
    _level(0, "internet", "Internet", "Internet", "both", _WORKS),
    _level(1, "router", "Router", "Router", "node", _WORKS),
    _level(2, "dns", "DNS", "DNS", "node", _WORKS),
    _level(3, "broker", "Broker van VRD", "VRD broker", "node", _WORKS),
    _level(4, "mobile", "Mobiel netwerk", "Mobile network", "both", _WORKS),
    _level(5, "landline", "Vaste telefoon", "Landline", "both", _WORKS),
    _level(6, "water", "Drinkwater", "Drinking water", "person", _STOCK),
    _level(7, "food", "Voeding", "Food", "person", _STOCK),
    _level(8, "heating", "Verwarming", "Heating", "both"),
    _level(9, "blankets", "Dekens", "Blankets", "person", _STOCK),
    _level(10, "sanitation", "Sanitair", "Sanitation", "person", _STOCK),
    _level(11, "charging", "Oplaadpunten", "Charging points", "person", _STOCK),
    _level(12, "first_aid", "EHBO", "First aid", "person", _STOCK),
    _level(13, "access", "Bereikbaarheid", "Site access", "person", "good limited unreachable"),
)

NUMBERED_FIELDS: tuple[Field, ...] = (
    _choice(1, "power", "Stroomvoorziening", "Power source", "mains generator battery none", "node"),
    _int(2, "mains_lost_min", "Netspanning weg sinds", "Mains lost for", "min", 100_000, "node"),
    _int(3, "battery_pct", "Accu", "Battery", "%", 100, "node"),
    _int(4, "runtime_min", "Autonomie", "Runtime", "min", 100_000, "node"),
    _choice(5, "generator", "Aggregaat", "Generator", "running standby fault absent", "both"),
    _int(6, "fuel_pct", "Brandstof", "Fuel left", "%", 100, "both"),
    _int(7, "fuel_h", "Brandstof voor", "Fuel lasts", "h", 10_000, "both"),
    _choice(8, "c2000", "C2000/NCV/portofoon", "Emergency radio", "works limited out absent", "person"),
    _int(9, "indoor_c", "Binnentemperatuur", "Indoor temperature", "°C", 100, "both", low=-50),
    _choice(
        10, "opening", "Openstelling", "Opening", "closed preparing open limited full evacuated", "person"
    ),
    _int(11, "staff", "Bezetting", "Staff on site", "", 10_000, "person"),
    _int(12, "visitors", "Aantal bezoekers", "Visitors", "", 100_000, "person"),
    _choice(13, "inflow", "Toeloop", "Inflow", "rising steady falling", "person"),
    _int(14, "overnight", "Verblijf over nacht", "Staying overnight", "", 100_000, "person"),
    _int(15, "less_self_reliant", "Verminderd zelfredzamen", "Less self-reliant", "", 100_000, "person"),
    Field(16, "casualties_t1", "integer", "Slachtoffers T1", "Casualties T1", high=10_000, radio=False),
    Field(17, "casualties_t2", "integer", "Slachtoffers T2", "Casualties T2", high=10_000, radio=False),
    Field(18, "casualties_t3", "integer", "Slachtoffers T3", "Casualties T3", high=10_000, radio=False),
    _int(19, "radio_neighbours", "LoRa-buren", "LoRa neighbours", "", 1_000, "node"),
    _int(20, "radio_snr_db", "LoRa-signaal", "LoRa signal", "dB", 40, "node", low=-40),
    _int(21, "radio_hops", "LoRa-stappen", "LoRa hops", "", 7, "node"),
    _int(22, "radio_channel_pct", "LoRa-kanaal bezet", "LoRa channel use", "%", 100, "node"),
    _int(23, "queue_waiting", "Wachtrij", "Outbound queue", "", 10_000_000, "node"),
    _int(24, "queue_age_min", "Oudste in wachtrij", "Oldest in queue", "min", 10_000_000, "node"),
    _int(25, "cpu_c", "Processortemperatuur", "CPU temperature", "°C", 150, "node", low=-50),
    _choice(26, "throttled", "Processor geremd", "CPU throttled", "no now earlier", "node"),
    _choice(27, "undervoltage", "Onderspanning", "Undervoltage", "no now earlier", "node"),
    _int(28, "disk_free_pct", "Opslag vrij", "Disk free", "%", 100, "node"),
    _int(29, "memory_free_pct", "Geheugen vrij", "Memory free", "%", 100, "node"),
    _int(30, "load_pct", "Belasting", "Load", "%", 10_000, "node"),
    _int(31, "uptime_h", "Aan sinds", "Up for", "h", 1_000_000, "node"),
    _int(32, "boots", "Aantal keer gestart", "Boot count", "", 1_000_000, "node"),
    _text(33, "version", "Versie", "Version", "node"),
    _choice(34, "storage", "Opslag van berichten", "Message storage", "ok memory_only", "node"),
    _int(35, "interfaces_up", "Netwerken actief", "Networks up", "", 100, "node"),
    _int(36, "entered_min", "Ingevoerd sinds", "Entered since", "min", 100_000, "node"),
    _choice(37, "door", "Deur", "Door", "closed open", "node"),
    _text(40, "text", "Tekst", "Text"),
    _choice(41, "incident", "Soort melding", "Incident", _INCIDENTS, "person"),
    _choice(42, "need", "Wat", "What", _REQUESTS, "person"),
    _int(43, "amount", "Hoeveel", "Amount", "", 1_000_000, "person"),
    _choice(44, "amount_unit", "Eenheid", "Unit", "pieces litres people kg beds hours", "person"),
    _int(45, "needed_within_min", "Nodig binnen", "Needed within", "min", 100_000, "person"),
    _int(46, "part", "Deel", "Part", "", 255, "node", low=1),
    _int(47, "parts", "Delen", "Parts", "", 255, "node", low=1),
    _int(48, "about_epoch", "Betreft tijdvak", "About epoch", "", 2**32 - 1, "node"),
    _int(49, "about_number", "Betreft nummer", "About number", "", 2**32 - 1, "node"),
    _int(50, "about_last", "Betreft tot en met", "About up to", "", 2**32 - 1, "node"),
    _int(51, "answer", "Antwoord", "Answer", "", 255, "person"),
    _choice(
        52,
        "notice",
        "Soort bericht",
        "Kind of notice",
        "order information question time handled exercise",
        "person",
    ),
    _choice(53, "handling", "Afhandeling", "Handling", "seen handled forwarded resolved reopened", "person"),
    _text(54, "reason", "Reden", "Reason"),
    _choice(55, "test_link", "Proef van", "Test of", "mqtt radio", "node"),
    _choice(56, "proven", "Bewezen", "Proven", "none mqtt radio both", "node"),
    _text(57, "answers", "Antwoorden", "Answers"),
    _int(58, "entered_too", "Ook ingevoerd", "Entered too", "", 0xFFFF, "node"),  # bits: see ENTERED_TOO
    _int(
        59, "exercise_min", "Oefening duurt nog", "Exercise goes on for", "min", 720, "node"
    ),  # 0: it is over
    _int(61, "replaces", "Vervangt bericht", "Replaces notice", "", 2**32 - 1, "node"),
)

# what a person tells where nothing measures it; bit i of `entered_too` says so of the i-th. Only added to
ENTERED_TOO = ("internet", "mobile", "landline", "heating", "generator", "fuel_pct", "fuel_h", "indoor_c")

FIELDS: tuple[Field, ...] = (*LEVEL_FIELDS, *NUMBERED_FIELDS)
BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
BY_NUMBER: dict[int, Field] = {field.number: field for field in NUMBERED_FIELDS}
_PERSONS = tuple(field.name for field in FIELDS if field.by == "person")
_GRADE: dict[str, dict[Value, int]] = {
    field.name: {word: grade for grade, word in enumerate(field.choices, 1)} for field in LEVEL_FIELDS
}


def entered_names(values: Mapping[str, Value]) -> frozenset[str]:
    """Which values of a status a person entered, as the status itself says; the others were measured."""
    bits = values.get("entered_too", 0)
    told = (name for at, name in enumerate(ENTERED_TOO) if isinstance(bits, int) and bits >> at & 1)
    return frozenset(name for name in (*_PERSONS, *told) if name in values)


def paper_number(field: Field) -> int:
    """By which `field` is known on paper forms and when it is read out."""
    return field.number + (LEVELS_ON_PAPER if field.kind == "level" else 0)


def field_named(name: str) -> Field:
    """The row called `name`; raises ValueRefused with the nearest name there is."""
    try:
        return BY_NAME[name]
    except KeyError:
        near = _nearest(name, BY_NAME)
        raise ValueRefused(
            Text(f"Onbekend veld: {name}", f"Unknown field: {name}"),
            Text(f"Bedoelde u {near[0]}?", f"Did you mean {near[0]}?") if near else "",
        ) from None


def parse(name: str, text: str) -> Value:
    """What a person typed for `name`, as a value; raises ValueRefused."""
    field = field_named(name)
    if field.kind != "integer":
        return check(field, text)
    try:
        number = int(text)
    except ValueError:
        raise _refused(field, text) from None
    return check(field, number)


def check(field: Field, value: Value) -> Value:
    """`value` when `field` can hold it; raises ValueRefused otherwise."""
    if field.kind == "integer":
        fits = type(value) is int and field.low <= value <= field.high
    elif field.kind == "text":
        fits = isinstance(value, str) and 0 < len(value.encode()) <= field.high
    else:
        fits = value in field.choices
    if not fits:
        raise _refused(field, value)
    return value


def _nearest(word: str, known: Iterable[str]) -> list[str]:
    from difflib import get_close_matches  # only a mistake needs it, and a node rarely sees one

    return get_close_matches(word, list(known), 1)


def _refused(field: Field, value: object) -> ValueRefused:
    if field.kind == "integer":
        do = Text(f"Geef een getal van {field.low} t/m {field.high}", f"Give {field.low} to {field.high}")
    elif field.kind == "text":
        do = Text(f"Geef 1 t/m {field.high} bytes tekst", f"Give 1 to {field.high} bytes of text")
    else:
        words = ", ".join(field.choices)
        near = _nearest(str(value), field.choices)
        do = Text(
            f"Bedoelde u {near[0]}? Kies uit: {words}" if near else f"Kies uit: {words}",
            f"Did you mean {near[0]}? One of: {words}" if near else f"One of: {words}",
        )
    return ValueRefused(
        Text(f"{field.name} kan niet {value!r} zijn", f"{field.name} cannot be {value!r}"), do
    )


def pack(values: Mapping[str, Value]) -> dict[int, int | str]:
    """Values by name to values by number, in ascending order; raises ValueRefused."""
    levels = 0
    numbered: dict[int, int | str] = {}
    for name, value in values.items():
        field = field_named(name)
        check(field, value)
        if field.kind == "level":
            levels |= _GRADE[name][value] << (2 * field.number)
        else:
            numbered[field.number] = field.choices.index(str(value)) if field.choices else value
    if levels:
        numbered[LEVELS_NUMBER] = levels
    return dict(sorted(numbered.items()))


def unpack(numbered: Mapping[int, object]) -> tuple[dict[str, Value], Unknown]:
    """Values by number to values by name, and apart what this version has no row or word for.

    A number that a later version added is kept, not refused; so is a value beyond the limits of its row.
    A known number with a value of another type, or with an empty text, is a WireError: no version ever
    wrote it.
    """
    values: dict[str, Value] = {}
    unknown: Unknown = {}
    for number, raw in numbered.items():
        field = BY_NUMBER.get(number)
        if number == LEVELS_NUMBER:
            _unpack_levels(raw, values, unknown)
        elif field is None:
            if not isinstance(raw, int | str | bytes | float):
                raise WireError(f"field {number}: nested value")
            unknown[number] = raw
        elif field.kind == "text":
            _keep_text(field, raw, values, unknown)
        elif type(raw) is not int:
            raise WireError(f"field {number}: not a whole number")
        elif not field.choices:
            _keep_integer(field, raw, values, unknown)
        elif 0 <= raw < len(field.choices):
            values[field.name] = field.choices[raw]
        else:
            unknown[number] = raw
    return values, unknown


def _keep_text(field: Field, raw: object, values: dict[str, Value], unknown: Unknown) -> None:
    if not isinstance(raw, str) or not raw:
        raise WireError(f"field {field.number}: no text")
    if len(raw.encode()) <= field.high:
        values[field.name] = raw
    else:
        unknown[field.number] = raw  # as with integers


def _keep_integer(field: Field, raw: int, values: dict[str, Value], unknown: Unknown) -> None:
    if field.low <= raw <= field.high:
        values[field.name] = raw
    else:
        unknown[field.number] = raw  # a later version may have widened the row


def _unpack_levels(raw: object, values: dict[str, Value], unknown: Unknown) -> None:
    if type(raw) is not int or not 0 < raw < 2**64:
        raise WireError("levels: not a positive 64-bit number")
    for field in LEVEL_FIELDS:
        grade = raw >> (2 * field.number) & 3
        if grade:
            values[field.name] = field.choices[grade - 1]
    beyond = raw >> (2 * len(LEVEL_FIELDS))
    if beyond:
        unknown[LEVELS_NUMBER] = beyond << (2 * len(LEVEL_FIELDS))


def by_radio(values: Mapping[str, Value]) -> dict[str, Value]:
    """The part of `values` that may be said where anyone can listen."""
    return {name: value for name, value in values.items() if BY_NAME[name].radio}
