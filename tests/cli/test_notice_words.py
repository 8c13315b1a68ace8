"""What VRD said, as a terminal shows it in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from relay.cli import language, notice_words


@pytest.fixture(autouse=True)
def dutch() -> Iterator[None]:
    language.choose("nl")
    yield
    language.choose("nl")


def notice(**more: Any) -> dict[str, Any]:
    facts = {
        "number": 12, "kind": "order", "text": "Ontruim", "exercise": False, "age_s": 130, "answers": [],
        "seen": False, "answer": None,
    }  # fmt: skip
    return facts | more


def handled(handling: str, **more: Any) -> dict[str, Any]:
    return notice(handling=handling, about="Rook in hal", text="", age_s=None) | more


def facts(*newest: dict[str, Any], unread: int | None = None, said: tuple[Any, ...] = ()) -> dict[str, Any]:
    return {
        "newest": list(newest),
        "unread": len(newest) if unread is None else unread,
        "handled": list(said),
    }


def test_unread_notices_stand_in_the_status_with_what_to_do() -> None:
    lines = notice_words.status_lines(facts(notice(), unread=4))
    assert lines == [
        ("Van VRD", "Bericht 12 · Opdracht · 2 min geleden: Ontruim"),
        ("", "en 3 ongelezen meer"),
        ("", "Doe: naober notices"),
    ]


def test_nothing_is_said_where_nothing_was_said() -> None:
    assert notice_words.status_lines(None) == [] == notice_words.status_lines(facts())


@pytest.mark.parametrize(
    ("handling", "said"),
    [
        ("seen", "VRD heeft dit gelezen"),
        ("handled", "In behandeling bij VRD"),
        ("forwarded", "Door VRD doorgezet: GHOR"),
        ("resolved", "Door VRD afgehandeld"),
        ("reopened", "Bij VRD weer in behandeling"),
    ],
)
def test_how_far_vrd_is_with_a_report_is_said_in_words(handling: str, said: str) -> None:
    row = handled(handling, text="GHOR" if handling == "forwarded" else "")
    assert notice_words.status_lines(facts(said=(row,))) == [("Van VRD", f'"Rook in hal": {said}')]


def test_in_english_nothing_dutch_is_left() -> None:
    language.choose("en")
    lines = notice_words.status_lines(facts(notice(exercise=True), said=(handled("seen"),)))
    assert lines == [
        ("From VRD", "EXERCISE Notice 12 · Order · 2 min ago: Ontruim"),
        ("", "Do: naober notices"),
        ("", '"Rook in hal": VRD has read this'),
    ]


def test_how_to_answer_stands_beside_a_notice() -> None:
    assert notice_words.choices(notice()) == (
        "naober answer 12 1 = uitgevoerd, naober answer 12 2 = lukt niet"
    )
    question = notice(kind="question", answers=["ja", "nee"])
    assert notice_words.choices(question) == "naober answer 12 1 = ja, naober answer 12 2 = nee"
    assert notice_words.choices(notice(kind="information")) == ""
    assert notice_words.answered(notice(answer={"nl": "ja", "en": "yes"})) == "Geantwoord: ja"
