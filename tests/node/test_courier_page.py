"""The page that gives messages to a courier: one code at a time, of one making, within its weight."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.core.courier_code import BATCH_BYTES, Code, encode
from relay.errors import StorageError, Text
from relay.node.courier_qr import CourierCode
from relay.node.desk.courier_page import SERIES_MAX, SERIES_S, AllSeries, drawn
from tests.support.desk import DeskStage

WEIGHT_MAX = 60_000


def code(number: int, messages: int = 10, *, more: bool = False) -> CourierCode:
    """A full one."""
    return CourierCode(
        encode(Code(bytes([number]) + os.urandom(BATCH_BYTES - 1), 60_000_000)), messages, more
    )


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[DeskStage]:
    with DeskStage(tmp_path, nearest_post="Kazerne Assen") as stage:
        yield stage


def next_of(page: str) -> str:
    """Where "Volgende code" leads to."""
    found = re.search(r'class="button" href="(/[^"#]+)#code"', page)
    assert found
    return found[1].replace("&amp;", "&")


def test_codes_come_one_at_a_time_with_what_to_do(stage: DeskStage) -> None:
    stage.desk.codes = (code(1), code(2), code(3, 1))
    page = stage.get("/koerier").text
    assert page.count("<svg") == 1 and stage.desk.codes[0].text in page
    for words in ("Code 1 van 3: 10 berichten", "Maak een foto van deze code.", "Volgende code (2 van 3)",
                  "naar Kazerne Assen of VRD gaat.", "Wacht tot het lampje dubbel knippert",
                  "De berichten blijven ook hier wachten"):  # fmt: skip
        assert words in page, words
    page = stage.get(next_of(page)).text
    assert "Code 2 van 3" in page and stage.desk.codes[1].text in page
    page = stage.get(next_of(page)).text
    assert "Code 3 van 3: 1 bericht<" in page and "Dit was de laatste code." in page


def test_a_page_with_a_full_code_keeps_within_its_weight(stage: DeskStage) -> None:
    stage.desk.codes = (code(1), code(2))
    page = stage.get("/koerier").text
    assert (
        len(page.encode()) + sum(len(stage.get(path).text.encode()) for path in ("/static/desk.css",))
        < WEIGHT_MAX
    )
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_what_comes_meanwhile_moves_nothing_between_two_codes(stage: DeskStage) -> None:
    first = (code(1), code(2))
    stage.desk.codes = first
    page = stage.get("/koerier").text
    stage.desk.codes = (code(3), code(4), code(5))  # a new emergency: everything moved up
    page = stage.get(next_of(page)).text
    assert "Code 2 van 2" in page and first[1].text in page
    assert "Code 1 van 3" in stage.get("/koerier").text  # made anew


def test_codes_that_were_let_go_of_begin_anew_and_say_so() -> None:
    now = [0.0]
    series = AllSeries(lambda: now[0])
    one = series.keep((code(1),), "10.42.0.7")
    assert series.get(one.name) is one and series.get("x") is None
    now[0] = SERIES_S
    assert series.get(one.name) is None
    kept = [series.keep((), f"10.42.0.{last}") for last in range(SERIES_MAX + 1)]
    assert series.get(kept[0].name) is None and series.get(kept[1].name) is kept[1]


def test_who_opens_the_page_again_and_again_takes_nobody_s_codes_away() -> None:
    series = AllSeries()
    one = series.keep((code(1), code(2)), "10.42.0.7")
    for _ in range(10 * SERIES_MAX):
        newest = series.keep((code(1),), "10.42.0.66")
    assert series.get(one.name) is one and series.get(newest.name) is newest
    assert len(series._of) == len(series._kept) == 2


@pytest.mark.parametrize("query", ["reeks=weg&code=2", "reeks=&code=2", "code=99", "reeks=%00&code=-1"])
def test_an_address_that_is_not_ours_gives_the_first_code(stage: DeskStage, query: str) -> None:
    stage.desk.codes = (code(1), code(2))
    page = stage.get(f"/koerier?{query}").text
    assert "Code 1 van 2" in page
    assert ("De codes zijn vernieuwd" in page) == ("reeks=weg" in query or "%00" in query)
    own = re.search(r"reeks=([^&]+)&", next_of(page))
    assert own
    for odd in ("0", "3", "x", "²", "9999"):
        assert "Code 1 van 2" in stage.get(f"/koerier?reeks={own[1]}&code={odd}".replace("²", "%C2%B2")).text


def test_when_vrd_has_everything_there_is_nothing_to_carry_and_no_way_of_carrying(stage: DeskStage) -> None:
    page = stage.get("/koerier").text
    assert "VRD heeft alles" in page and "<svg" not in page and "USB-stick" not in page
    stage.desk.codes = (code(1),)
    assert "USB-stick" in stage.get("/koerier").text


def test_what_does_not_fit_is_said_and_a_card_that_fails_too(stage: DeskStage) -> None:
    stage.desk.codes = (code(1, more=True),)
    assert "Niet alles past in codes. Gebruik ook een stick." in stage.get("/koerier").text
    stage.desk.trouble = StorageError(Text("Kaart kapot", "Card broken"))
    answer = stage.get("/koerier")
    assert answer.status == 503 and "Kaart kapot" in answer.text


def test_english_is_one_tap_away_and_keeps_the_place(stage: DeskStage) -> None:
    stage.desk.codes = (code(1), code(2))
    there = next_of(stage.get("/koerier").text)
    page = stage.get(f"/en{there}").text
    assert "Code 2 of 2: 10 messages" in page and "This was the last code." in page
    assert f'href="{there.replace("&", "&amp;")}"' in page  # back to Dutch


def test_every_square_is_a_whole_number_of_pixels_and_three_at_least() -> None:
    for size in (50, 300, 700, BATCH_BYTES):
        svg = drawn(encode(Code(os.urandom(size))), "x")
        found = re.search(r'width="(\d+)" height="\1" viewBox="0 0 (\d+) \2"', svg)
        assert found, svg[:200]
        pixels, squares = int(found[1]), int(found[2])
        assert pixels % squares == 0 and pixels // squares >= 3 and pixels <= 480
