"""The page from which VRD speaks to its sites: who may, what fits, and what it says of who has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.core import payloads
from relay.core.message import Address, Kind, Urgency
from relay.core.wire import PAYLOAD_BYTES_MAX
from relay.errors import ValueRefused
from relay.inbox.operators.notices import NoticeDraft
from relay.inbox.operators.people import Account
from relay.inbox.pages.room import Post
from tests.inbox.room import PASSWORD, OpenRoom

EVIL = "<script>alert(1)</script>"
ONE = {"kind": "order", "scope": "site", "site": "P1", "urgency": "3", "text": "Meld de voorraad"}
ALL = ONE | {"scope": "all"}
QUESTION = ONE | {"kind": "question", "answer1": "ja", "answer2": "nee"}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        room.vrd.operators.save_account(Account("coor", "coordinator"), PASSWORD, "test")
        yield room


@pytest.fixture
def told(room: OpenRoom) -> list[object]:
    """What the post was asked to bring."""
    asked: list[object] = []

    def step_taken(*addresses: Address) -> None:
        asked.extend(addresses)

    room.room.post = Post(lambda sites: asked.append(sorted(sites)), step_taken, lambda: 77)
    return asked


def answers(room: OpenRoom, notice: int, given: int, number: int = 1, writer: int = 0) -> None:
    """The site answers, and the watch looks."""
    values = {"about_epoch": 77, "about_number": notice, "answer": given}
    one = room.writers[writer]
    room.vrd.desk.take(one.hex, one.sign(Kind.ANSWER, number, payloads.message_payload(values)))
    room.vrd.watch.look()


def test_an_operator_speaks_to_one_site_and_sees_that_nobody_has_it_yet(
    room: OpenRoom, told: list[object]
) -> None:
    els = room.browser("els")
    assert els.post("/berichten", **ONE, do="send").status == 303
    assert told == [["P1"]]
    (notice,) = room.vrd.operators.notices.newest()
    assert (notice.epoch, notice.by, notice.aim, notice.text) == (77, "els", "P1", "Meld de voorraad")
    page = els.get("/berichten").text
    assert "“Meld de voorraad”" in page and "<b>0 van 1</b>" in page
    assert room.vrd.operators.newest_of_journal(1)[0].detail == "1 order site P1"


def test_only_a_coordinator_speaks_to_a_municipality_or_to_all(room: OpenRoom, told: list[object]) -> None:
    els, coor = room.browser("els"), room.browser("coor")
    town = ONE | {"scope": "municipality", "municipality": "Assen"}
    for form in (ALL, town):
        assert els.post("/berichten", **form, do="send").status == 403
    assert room.vrd.operators.notices.newest() == [] == told
    for form in (ALL, town):
        assert coor.post("/berichten", **form, do="send").status == 303
    assert told == [["P1", "P2", "P3"], ["P1", "P3"]]
    assert 'value="all"' in coor.get("/berichten").text and 'value="all"' not in els.get("/berichten").text


def test_a_notice_in_the_place_of_another_is_told_instead_of_it(room: OpenRoom, told: list[object]) -> None:
    els, coor, notices = room.browser("els"), room.browser("coor"), room.vrd.operators.notices
    coor.post("/berichten", **ALL | {"text": "Soep om 12 uur"}, do="send")
    notices.note_had("P2", [1], [])
    # the form begins as the older one was; who may not speak to all may not take it back from all
    form = coor.get("/berichten?vervangt=1").text
    assert "Soep om 12 uur</textarea>" in form and '<option value="1" selected>bericht 1</option>' in form
    assert 'href="/berichten?vervangt=1' not in els.get("/berichten").text
    newer = ALL | {"text": "Soep om 13 uur", "replaces": "1"}
    # nobody may be left with what no longer holds, and what is to be replaced must be there
    less = coor.post("/berichten", **newer | {"scope": "site"}, do="send")
    assert less.status == 400 and "Bericht 1 ging ook naar andere punten" in less.text
    assert "Er is geen bericht 7" in coor.post("/berichten", **newer | {"replaces": "7"}, do="check").text
    assert coor.post("/berichten", **newer | {"replaces": "-1"}, do="send").status == 400
    assert [each.id for each in notices.newest()] == [1]
    assert coor.post("/berichten", **newer, do="send").status == 303
    assert [each.values().get("replaces") for each in notices.newest()] == [1, None]
    assert [[each.id for each in notices.waiting(site)] for site in ("P1", "P2")] == [[2], [2]]
    page = coor.get("/berichten").text
    assert "<s>“Soep om 12 uur”</s>" in page and "“Soep om 13 uur”" in page and "vervangen door" in page
    again = coor.post("/berichten", **newer, do="send")
    assert again.status == 400 and "Bericht 1 is al vervangen door 2" in again.text
    assert room.vrd.operators.newest_of_journal(1)[0].detail == "2 order all replaces 1"


@pytest.mark.parametrize("real", [True, False])
def test_no_notice_of_an_exercise_takes_the_place_of_a_real_one_nor_the_other_way(
    room: OpenRoom, told: list[object], real: bool
) -> None:
    coor, mark = room.browser("coor"), {"exercise": "1"}
    coor.post("/berichten", **ALL | ({} if real else mark), do="send")
    other = coor.post("/berichten", **ALL | (mark if real else {}) | {"replaces": "1"}, do="send")
    assert other.status == 400 and "Er is geen bericht 1" in other.text
    assert [each.id for each in room.vrd.operators.notices.waiting("P1")] == [1]


def test_a_site_that_the_newer_notice_is_not_for_is_told_the_older_one(room: OpenRoom) -> None:
    notices = room.vrd.operators.notices
    draft = NoticeDraft(kind="order", scope="all", text="Meld de voorraad")
    notices.make(draft, ["P1"], "els", 77)
    notices.make(NoticeDraft(kind="order", scope="all", text="Meld alles", replaces=1), ["P2"], "els", 77)
    assert [each.id for each in notices.waiting("P1")] == [1]


def test_who_may_only_look_sends_nothing(room: OpenRoom, told: list[object]) -> None:
    for name, seen in (("lees", 200), ("muur", 403)):
        browser = room.browser(name)
        assert browser.post("/berichten", **ONE, do="send").status == 403
        assert browser.get("/berichten").status == seen
        assert "<textarea" not in browser.get("/berichten").text
    assert room.vrd.operators.notices.newest() == [] == told


def test_a_form_from_elsewhere_sends_nothing(room: OpenRoom, told: list[object]) -> None:
    els = room.browser("els")
    form = ONE | {"do": "send"}
    assert els.post("/berichten", {"Origin": "https://evil.example"}, **form).status == 403
    assert els.post("/berichten", {"Sec-Fetch-Site": "cross-site"}, **form).status == 403
    assert els.post("/berichten", **form, csrf="x").status == 403
    assert els.post("/berichten", **form, csrf=room.browser("jan").csrf).status == 403
    room.vrd.desk.wait(16 * 60)
    assert els.post("/berichten", **form).status == 403, "a locked screen"
    assert room.vrd.operators.notices.newest() == [] == told


def test_what_no_form_of_ours_has_is_refused(room: OpenRoom, told: list[object]) -> None:
    coor = room.browser("coor")
    wrong = {"kind": ("handled", ""), "scope": ("x",), "urgency": ("0", "4", "x")}
    for name, value in ((name, value) for name, values in wrong.items() for value in values):
        assert coor.post("/berichten", **(ONE | {name: value}), do="send").status == 400, name
    assert told == []


def test_what_can_not_be_sent_is_said_and_what_was_typed_stays(room: OpenRoom, told: list[object]) -> None:
    els, ask = room.browser("els"), {"kind": "question"}
    for wrong, said in (
        ({"text": " "}, "geen tekst"),
        ({"site": "P9"}, "geen enkel punt"),
        (ask, "2-4 korte antwoorden"),
        (ask | {"answer1": "ja"}, "2-4 korte antwoorden"),
        (ask | {"answer1": "ja", "answer2": "a|b"}, "2-4 korte antwoorden"),
        (ask | {"answer1": "ja", "answer2": "x" * 25}, "2-4 korte antwoorden"),
        ({"text": "é" * 90}, "149 bytes"),
        (ask | {"text": "x" * 120, "answer1": "ja", "answer2": "nee"}, "te lang"),
    ):
        answer = els.post("/berichten", **(ONE | wrong), do="send")
        assert answer.status == 400 and said in answer.text, wrong
        assert (wrong.get("text", ONE["text"]).strip() + "</textarea>") in answer.text
    assert told == [] == room.vrd.operators.notices.newest()


def test_the_preview_counts_the_bytes_of_a_packet_and_sends_nothing(
    room: OpenRoom, told: list[object]
) -> None:
    els = room.browser("els")
    page = els.post("/berichten", **QUESTION, do="check").text
    draft = NoticeDraft(kind="question", text=ONE["text"], answers=("ja", "nee"), aim="P1")
    assert f"{draft.size_bytes} van {PAYLOAD_BYTES_MAX} bytes: past in één radiopakket" in page
    assert 'value="ja"' in page and told == []


def test_the_limit_is_that_of_a_packet(room: OpenRoom) -> None:
    """One byte more than fits is refused; what fits is signed whatever the name and the sequence are."""
    replies = room.vrd.desk.replies
    replies.sequence = 2**31
    fits = 0
    for length in range(90, 150):
        draft = NoticeDraft(kind="order", text="x" * length, aim="P1")
        try:
            draft.check()
        except ValueRefused:
            break
        fits = length
        values = draft.values(2**32 - 1, 2**32 - 1)
        envelope, _ = replies.notice([b"abcd"], values, Urgency.ROUTINE, exercise=False)
        assert len(envelope) <= 230
    assert 110 <= fits < 149


def test_answers_are_shown_with_their_words_and_the_last_counts(room: OpenRoom, told: list[object]) -> None:
    els = room.browser("els")
    els.post("/berichten", **QUESTION, do="send")
    answers(room, 1, 0)
    page = els.get("/berichten").text
    assert "<b>1 van 1</b>" in page and "Punt 1 antwoordde “gelezen”" in page
    answers(room, 1, 2, number=2)
    page = els.get("/berichten").text
    assert "Punt 1 antwoordde “nee”" in page and "gelezen" not in page
    assert "antwoord op bericht 1: 2" in els.get("/postvak?toon=alles").text


def test_an_answer_of_another_site_or_to_another_notice_counts_for_nothing(
    room: OpenRoom, told: list[object]
) -> None:
    els = room.browser("els")
    els.post("/berichten", **QUESTION, do="send")
    answers(room, 1, 1, writer=1)
    answers(room, 2, 1)
    assert [each.had_s for each in room.vrd.operators.notices.deliveries(1)] == [None]
    answers(room, 1, 250, number=2)
    deliveries = room.vrd.operators.notices.deliveries(1)
    assert [(each.site, each.answer) for each in deliveries] == [("P1", 250)]
    assert "antwoordde “250”" in els.get("/berichten").text, "an answer that no button has is shown as it is"


def test_every_text_is_shown_as_text(room: OpenRoom, told: list[object]) -> None:
    els = room.browser("els")
    form = QUESTION | {"text": EVIL, "answer1": "<b>ja"}
    els.post("/berichten", **form, do="send")
    for page in (els.get("/berichten").text, els.post("/berichten", **form, do="check").text):
        assert EVIL not in page and "<b>ja" not in page and "&lt;script&gt;" in page


def test_a_step_with_a_report_is_handed_to_the_post(room: OpenRoom, told: list[object]) -> None:
    one, els = room.writers[0], room.browser("els")
    room.vrd.desk.take(one.hex, one.report(1, "brand"))
    room.vrd.watch.look()
    els.post(f"/melding/{one.hex}-7-1/stap", step="seen", version="0")
    assert told == [one.address]
    els.post(f"/melding/{one.hex}-7-1/stap", step="seen", version="0")
    assert told == [one.address], "nothing was done, so nothing is told"


def test_a_notice_can_be_marked_as_exercise_and_says_so(room: OpenRoom, told: list[object]) -> None:
    els = room.browser("els")
    els.post("/berichten", **ONE, exercise="1", do="send")
    assert room.vrd.operators.notices.newest()[0].exercise
    assert "OEFENING · 1" in els.get("/berichten").text
