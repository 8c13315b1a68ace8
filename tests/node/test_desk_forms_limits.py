"""What may be typed: texts that always fit one radio packet, and the hint about what is of a person (V5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.core import fields, wire
from relay.core.fields import BY_NAME, FIELDS, LEVEL_FIELDS
from relay.core.message import Header, Kind
from relay.core.parts import split
from relay.core.payloads import message_payload
from relay.errors import ValueRefused
from relay.node.desk import checking, entry_words, privacy
from relay.node.desk.help_form import AT_ONCE, UNIT
from relay.node.desk.status_form import GROUPS
from relay.node.entered import STATUS_NUMBER_MAX
from tests.node.volunteer import Volunteer, as_new
from tests.support.desk import Desk, DeskStage

PACKET_BYTES = 231  # with the age byte
FULL = {"need": "communication", "amount": "1000000", "amount_unit": "hours"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskStage]:
    with DeskStage(tmp_path_factory.mktemp("desk"), Desk()) as stage:
        yield stage


@pytest.fixture
def anna(stage: DeskStage) -> Volunteer:
    return Volunteer(as_new(stage))


# --- texts


def packet_bytes(values: dict[str, str]) -> int:
    """Of a message as it is sent, under the longest header there is."""
    said = {name: fields.parse(name, word) for name, word in values.items()}
    parts = split({name: value for name, value in said.items() if name != "text"}, str(said["text"]))
    assert len(parts) == 1
    most = 2**32 - 1
    header = Header(
        kind=Kind.REQUEST, address=b"\xff" * 4, urgency=1, clock=3, confidence=2, exercise=True, sealed=False,
        epoch=most, number=most, time=most, payload_at=0,
    )  # fmt: skip
    envelope = wire.sign(header, message_payload(parts[0]), bytes(8), lambda _: bytes(64))
    return 1 + len(envelope)


LONGEST = ["x" * 120, "é" * 4 + "x" * 116, "é" * 62, "😀" * 31, "x" * 119 + "é"]


@pytest.mark.parametrize("text", LONGEST, ids=range(len(LONGEST)))
def test_the_longest_request_with_the_longest_text_is_one_packet(text: str) -> None:
    assert checking.too_long(text) is None
    assert packet_bytes({**FULL, "text": text}) <= PACKET_BYTES
    both_halves = {**FULL, "incident": "other", "text": text}  # of a paper form
    assert packet_bytes(both_halves) <= PACKET_BYTES


@pytest.mark.parametrize(
    ("text", "over"),
    [("x" * 121, 1), ("x" * 200, 80), ("é" * 63, 1), ("😀" * 32, 1), ("é" * 120, 58), ("x" * 120 + "é", 1)],
    ids=range(6),
)
def test_one_more_character_or_byte_is_refused_without_a_script_and_all_typed_stays(
    stage: DeskStage, anna: Volunteer, text: str, over: int
) -> None:
    anna.open("/melden")
    anna.press("Anders")
    page = anna.press("Verder", text=text)
    words = "1 teken" if over == 1 else f"{over} tekens"
    assert f"De tekst is {words} te lang" in page.text
    assert page.fields["text"] == text
    form = {**page.fields, "urgency": "3", "naar": "versturen"}
    assert stage.post("/melden/controle", **form).headers["location"].startswith("/melden/tekst?")
    assert stage.desk.said == []
    shorter = text[: len(text) - over]
    anna.press("Verder", text=shorter)
    assert anna.path == "/melden/dringend", shorter


@given(st.text(alphabet="aé 😀\n", max_size=200))
@example("")
def test_what_is_said_to_be_too_many_is_exactly_what_must_go(text: str) -> None:
    plain = checking.tidy(text)
    over = checking.too_many(plain)
    kept = plain[: len(plain) - over]
    assert len(kept) <= checking.TEXT_CHARACTERS_MAX and len(kept.encode()) <= checking.TEXT_BYTES_MAX
    more = plain[: len(plain) - over + 1]
    fits = len(more) <= checking.TEXT_CHARACTERS_MAX and len(more.encode()) <= checking.TEXT_BYTES_MAX
    assert over == 0 or not fits


# --- numbers


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [("visitors", "", None), ("visitors", " 1 000 ", 1000), ("indoor_c", "−5", -5), ("indoor_c", "-50", -50)],
)
def test_numbers_are_read_as_people_type_them(name: str, typed: str, value: int | None) -> None:
    assert checking.number(BY_NAME[name], typed) == value


@pytest.mark.parametrize("typed", ["4.5", "veel", "-1", "1" * 10, "٣", "--2", "-", "1e3"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(ValueRefused):
        checking.number(BY_NAME["visitors"], typed)


def test_steps_stop_at_the_edges() -> None:
    assert checking.stepped(BY_NAME["visitors"], "5", -10) == "0"
    assert checking.stepped(BY_NAME["fuel_pct"], "95", 10) == "100"
    assert checking.stepped(BY_NAME["indoor_c"], "", -1) == "-1"
    assert checking.stepped(BY_NAME["visitors"], "veel", 1) == "veel"


# --- what is of a person


@pytest.mark.parametrize(
    ("text", "looks", "left"),
    [
        ("bel 06-12345678 nu", "phone", "bel nu"),
        ("bel +31 6 1234 5678", "phone", "bel"),
        ("0592 123456 graag", "phone", "graag"),
        ("bsn 111222333 van haar", "bsn", "bsn van haar"),
        ("123.456.782", "bsn", ""),
        ("mail jan@dorp.nl terug", "mail", "mail terug"),
        ("op 9401 AB 12 in Assen", "address", "op in Assen"),
        ("9401ab12", "address", ""),
        ("Kerkstraat 12, 9401 AB", "address", "Kerkstraat"),
    ],
)
def test_what_looks_like_a_person_s_is_named_and_can_be_taken_out(text: str, looks: str, left: str) -> None:
    assert [each.looks for each in privacy.findings(text)] == [looks]
    assert privacy.without(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "200 liter vóór 16:00",
        "112 gebeld",
        "123456789",
        "1000 kg 5 zakken",
        "1000kg 5",
        "24-11-2026 14:45",
        "42",
    ],
)
def test_what_does_not_is_left_alone(text: str) -> None:
    assert privacy.findings(text) == ()


def test_the_hint_never_holds_anything_up(stage: DeskStage, anna: Volunteer) -> None:
    anna.open("/melden")
    anna.press("Medisch")
    page = anna.press("Verder", text="huisarts: 0592-123456, jan@dorp.nl")
    assert "Geen persoonsgegevens" not in page.text
    page = anna.press("● 3 Normaal")
    assert "Dit lijkt op een telefoonnummer: 0592-123456" in page.text
    assert "Dit lijkt op een mailadres: jan@dorp.nl" in page.text
    path, fields = anna.form("Toch versturen")
    page = anna.press("Weghalen")
    assert "lijkt op" not in page.text and "huisarts: ," in page.text
    assert stage.post(path, **fields).status == 303  # as the other button would have
    assert stage.desk.said[-1][1]["text"] == "huisarts: 0592-123456, jan@dorp.nl"


@pytest.mark.parametrize(
    "path", ["/hulp/hoeveel?form=a&need=water", "/melden/tekst?form=a&incident=fire", "/papier"]
)
def test_under_every_text_stands_what_not_to_write(anna: Volunteer, path: str) -> None:
    assert "Geen persoonsgegevens: geen namen, adressen of medische gegevens" in anna.open(path).text
    assert "No personal data" in anna.open(f"/en{path}").text


# --- tables that must keep up with the table of fields


def test_every_field_that_a_person_may_tell_is_asked_once() -> None:
    asked = [name for names in GROUPS.values() for name in names]
    may = {
        field.name
        for field in FIELDS
        if field.by in ("person", "both") and (field in LEVEL_FIELDS or field.number <= STATUS_NUMBER_MAX)
    }
    assert sorted(asked) == sorted(may)


def test_every_need_has_its_unit_and_every_tile_its_picture_and_words() -> None:
    assert set(UNIT) == set(BY_NAME["need"].choices)
    assert set(UNIT.values()) == set(AT_ONCE)
    pictured = {*BY_NAME["need"].choices, *BY_NAME["incident"].choices, *GROUPS}
    assert pictured == set(entry_words.ICON)
    assert set(entry_words.GROUP) == set(GROUPS) and set(entry_words.HINT) <= set(BY_NAME)


def test_templates_use_every_word_and_no_other() -> None:
    folder = Path(entry_words.__file__).parent
    said = "".join(each.read_text() for each in folder.glob("templates/*.html"))
    said += "".join(each.read_text() for each in folder.glob("*.py") if each.name != "entry_words.py")
    used = set(re.findall(r"""\be\.(\w+)|PAGE\["(\w+)"\]""", said))
    names = {one or other for one, other in used}
    assert set(entry_words.PAGE) - names == set()
