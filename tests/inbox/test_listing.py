"""Lists of reports: what is sifted and searched is all there is, a page at a time, and counted honestly."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay.core.message import Kind, Urgency
from relay.database import connect, migrate
from relay.inbox.operators import listing
from relay.inbox.operators.disk import MIGRATIONS, STORE_NAME
from relay.inbox.operators.handling import ReportId, State
from relay.inbox.operators.listing import OPEN, Page, Place, Sift
from relay.inbox.operators.manual import Told
from relay.inbox.operators.reports import Report, Shown
from relay.inbox.operators.store import Operators
from relay.inbox.pages.room import RENDERED_MAX
from tests.inbox.room import OpenRoom

NOW_S = 1_800_000_000
OURS = b"\x01\x02\x03\x04"


@pytest.fixture
def operators(tmp_path: Path) -> Iterator[Operators]:
    with contextlib.closing(Operators(tmp_path, lambda: NOW_S)) as made:
        yield made


def report(number: int, text: str = "", **given: Any) -> Report:
    values = {"text": text or f"melding {number}", **given.pop("values", {})}
    link = given.pop("link", "mqtt")
    fields = {"kind": "report", "urgency": 3, "exercise": False, "received_s": NOW_S + number, "site": "P1"}
    shown = Shown(
        values=values, confidence="unconfirmed", composed_s=NOW_S, clock="ntp", late_s=0, link=link, via=""
    )
    return Report(id=ReportId(OURS, 1, number), message=number, shown=shown, **{**fields, **given})


def numbers(page: Page) -> list[int]:
    return [each.id.number for each in page.reports]


def found(operators: Operators, *sought: str, names: dict[str, str] | None = None, **sift: Any) -> set[int]:
    """What a search gives; `names` of sites by key."""
    words = tuple(
        (word, tuple(key for key, name in (names or {}).items() if word in name.casefold()))
        for word in sought
    )
    return set(numbers(operators.listing.page(Sift(sought=words, **sift), 100)))


# --- pages ---


@pytest.mark.parametrize("lanes", [(False,), (False, True)])
def test_pages_go_through_all_of_a_list_once_also_while_more_arrives(
    operators: Operators, lanes: tuple[bool, ...]
) -> None:
    # twenty came in each second: the second alone is no place in a list
    many = [
        report(number, received_s=NOW_S + number // 20, exercise=bool(number % 3 == 0))
        for number in range(1, 231)
    ]
    operators.follow(many, 230)
    wanted = [each.id.number for each in many if each.exercise in lanes]
    seen: list[int] = []
    before: Place | None = None
    while True:
        page = operators.listing.page(Sift(exercise=lanes), 50, before)
        assert page.count >= len(wanted)
        seen += numbers(page)
        operators.follow([report(1000 + len(seen), received_s=NOW_S + 99)], 231)  # newest, on nobody's page
        before = page.older
        if before is None:
            break
    assert seen == sorted(wanted, reverse=True)


def test_a_list_is_counted_to_its_end_or_says_that_there_is_more(
    operators: Operators, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "COUNT_MAX", 20)
    operators.follow([report(number) for number in range(1, 21)], 20)
    page = operators.listing.page(Sift(), 5)
    assert (len(page.reports), page.count, page.is_more) == (5, 20, False)
    operators.follow([report(21)], 21)
    page = operators.listing.page(Sift(), 5)
    assert (page.count, page.is_more) == (20, True)
    assert operators.listing.page(Sift(urgency=1), 5) == Page([], 0, False, None)


def test_a_list_of_a_hundred_thousand_is_asked_for_without_sorting_it(operators: Operators) -> None:
    plan = []
    asked = operators.all

    def explain(query: str, values: Any = ()) -> list[Any]:
        plan.extend(row[3] for row in asked(f"EXPLAIN QUERY PLAN {query}", values))
        return asked(query, values)

    operators.all = explain  # type: ignore[method-assign]
    operators.listing.page(
        Sift(sought=(("x", ("P1",)),), sites=("P1",), urgency=3), 5, (9, ReportId(OURS, 1, 1))
    )
    assert any("PRIMARY KEY (exercise=? AND (received_s" in each for each in plan)
    assert not any("TEMP B-TREE" in each or each.startswith("SCAN r") for each in plan)


# --- what is found ---


def test_a_search_finds_what_is_said_in_either_language_and_where(operators: Operators) -> None:
    operators.follow(
        [
            report(1, "Rook in de HAL", values={"incident": "fire"}),
            report(2, "boom 100% op de weg", values={"incident": "blocked_road"}, site="P2"),
            report(3, "o'Neill_zegt"),
        ],
        3,
    )
    names = {"P1": "Kazerne Beilen", "P2": "Dorpshuis Norg"}
    assert found(operators, "rook") == found(operators, "brand") == found(operators, "fire") == {1}
    assert found(operators, "norg", names=names) == {2}
    assert found(operators, "beilen", "hal", names=names) == {1}
    assert found(operators, "norg", "hal", names=names) == set()  # each word counts
    assert found(operators, "100%") == {2} and found(operators, "%") == {2}
    assert found(operators, "o'n") == found(operators, "l_z") == {3}
    assert found(operators, "lxz") == set()


def test_sifting_is_by_all_that_is_asked(operators: Operators) -> None:
    operators.follow(
        [
            report(1, kind="request", urgency=1, link="radio"),
            report(2, kind="request", urgency=2, site="P2"),
            report(3, urgency=1, link="radio", exercise=True),
        ],
        3,
    )
    assert found(operators, kind="request") == {1, 2}
    assert found(operators, urgency=1) == {1}
    assert found(operators, urgency=1, exercise=(True, False)) == {1, 3}
    assert found(operators, link="radio", sites=("P1", "P2")) == {1}
    assert found(operators, sites=("P2",)) == {2}
    assert found(operators, sites=()) == set()
    assert found(operators, kind="offer") == set()


def test_a_list_follows_what_is_done_with_a_report_and_where_it_belongs(operators: Operators) -> None:
    one, two = report(1, "water op"), report(2)
    operators.follow([one, two], 2)
    assert found(operators, state="new") == found(operators, state=OPEN) == {1, 2}
    operators.move(one.id, State.RESOLVED, "els", result="gebracht")
    assert found(operators, state=OPEN) == {2} and found(operators, state="resolved") == {1}
    operators.move(one.id, State.REOPENED, "els")
    assert found(operators, state=OPEN) == {1, 2} and found(operators, state="reopened") == {1}
    operators.follow([report(1, "water is er weer", site="P9")], 3)  # looked at again after a restore
    assert found(operators, "weer") == found(operators, sites=("P9",)) == {1} and not found(operators, "op")


def test_what_is_entered_by_hand_is_found_and_what_was_merged_is_shown_once(operators: Operators) -> None:
    operators.follow([report(1, "brand in de keuken")], 1)
    told = Told(
        site="P1", exercise=False, told_s=NOW_S, via="telephone", kind="report", urgency=2,
        confidence="unconfirmed", values={"text": "keuken brandt"}, said="",
    )  # fmt: skip
    written = operators.manual.add(told, "els")
    assert found(operators, "keuken") == {1, written.number}
    assert found(operators, link="manual") == {written.number}
    operators.manual.merge(ReportId(OURS, 1, 1), written, "els")
    assert len(operators.listing.page(Sift(), 10).reports) == 1 == operators.listing.page(Sift(), 10).count


def test_what_an_earlier_version_stored_is_listed_at_once_and_found_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tmp_path / "before"
    before.mkdir()
    for script in sorted(MIGRATIONS.glob("*.sql"))[:3]:
        shutil.copy(script, before)
    with contextlib.closing(connect(tmp_path / STORE_NAME)) as db:
        migrate(db, before)
        for each in (report(number) for number in range(1, 8)):
            row = (OURS, 1, each.id.number, each.message, each.site, each.kind, each.urgency, each.exercise)
            shown = msgspec.msgpack.encode(each.shown)
            db.execute(f"INSERT INTO report VALUES ({', '.join('?' * 10)})", (*row, each.received_s, shown))
        seen = (OURS, 1, 3, "seen", 1, "els", NOW_S, "", "", "")
        db.execute(f"INSERT INTO handling VALUES ({', '.join('?' * 10)})", seen)
    monkeypatch.setattr(listing, "READ_AT_ONCE", 4)
    with contextlib.closing(Operators(tmp_path)) as operators:
        assert len(operators.listing.page(Sift(), 10).reports) == 7
        assert found(operators, state="seen") == {3}
        assert found(operators, "melding") == set()
        operators.listing.read_on()
        operators.listing.read_on()
        assert found(operators, "melding") == set(range(1, 8))


# --- the page ---


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        yield room


def keys_of(page: str) -> list[str]:
    return re.findall(r'<tr class="row\d" data-key="([^"]+)"', page)


def test_a_report_behind_the_newest_thousand_is_found_and_reached_and_the_page_says_how_many(
    room: OpenRoom,
) -> None:
    one, two, _ = room.writers
    room.vrd.desk.take(one.hex, one.report(1, "de naald", kind=Kind.REQUEST, urgency=Urgency.URGENT))
    room.vrd.desk.wait(60)
    for start in range(1, 1050, 350):
        room.vrd.desk.take(two.hex, *(two.report(number) for number in range(start, start + 350)))
    room.vrd.watch.look()
    els = room.browser("els")
    (needle,) = keys_of(els.get("/postvak?zoek=NAALD").text)
    assert needle == f"{one.hex}-7-1"
    for query in (
        "urgentie=2",
        "soort=request",
        "gemeente=Assen&toestand=new&zoek=punt+1",
        "toon=open&zoek=naald",
    ):
        page = els.get(f"/postvak?{query}").text
        assert keys_of(page) == [needle], query
        assert "1 melding<" in page and "Oudere" not in page, query
    path, seen = "/postvak", []
    while True:
        page = els.get(path).text
        assert "1.051 meldingen" in page
        seen += keys_of(page)
        older = re.search(r'<a href="([^"]+)" rel="next">Oudere', page)
        if older is None:
            break
        path = older[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 1051 and seen[-1] == needle
    assert "naar de nieuwste" in page


@pytest.mark.parametrize(
    "path",
    [
        "/postvak?voor=1-00000000-99999999999999999999-1",
        "/postvak?voor=999999999999-00000000-1-99999999999999999999",
        "/postvak?voor=1-00000000--1-1",
        "/melding/00000000-1-99999999999999999999",
    ],
)
def test_a_place_that_no_store_can_hold_is_none(room: OpenRoom, path: str) -> None:
    assert room.browser("els").get(path).status == (404 if path.startswith("/melding") else 200)


def test_links_of_a_list_keep_what_was_asked_and_nonsense_asks_for_nothing(room: OpenRoom) -> None:
    one = room.writers[0]
    room.vrd.desk.take(one.hex, one.report(1, "hallo"))
    room.vrd.watch.look()
    els = room.browser("els")
    page = els.get("/postvak?toon=open&gemeente=Assen&zoek=hal%26lo").text
    assert 'href="/postvak?toon=alles&amp;gemeente=Assen&amp;zoek=hal%26lo"' in page
    assert '<option value="Assen" selected>' in page and 'value="hal&amp;lo"' in page
    for query in (
        "voor=x",
        "voor=99999999999999999999-00000000-1-1",
        "voor=-",
        "urgentie=9",
        "soort=%00&route='",
    ):
        assert len(keys_of(els.get(f"/postvak?{query}").text)) == 1, query
    assert keys_of(els.get("/postvak?gemeente=Nergens").text) == []


def test_a_list_that_fifty_look_at_is_made_once_and_anew_with_every_step(
    room: OpenRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = room.writers[0]
    room.vrd.desk.take(one.hex, one.report(1, "hallo"))
    room.vrd.watch.look()
    els, jan = room.browser("els"), room.browser("jan")
    made: list[str] = []
    page = room.room._renderer.page

    def counted(template: str, language: str, **values: Any) -> str:
        made.append(template)
        return page(template, language, **values)

    monkeypatch.setattr(room.room._renderer, "page", counted)
    for who in (els, jan, els, jan):
        assert "hallo" in who.get("/stuk/postvak?toon=open").text
    assert made == ["inbox_body.html"]
    report = room.vrd.operators.reports()[0]
    room.vrd.operators.move(report.id, State.HANDLED, "jan", assignee="jan")  # and nobody has looked yet
    assert "in behandeling" in els.get("/stuk/postvak?toon=open").text
    assert "hallo" in jan.get("/stuk/postvak?toon=mij").text
    assert "hallo" not in els.get("/stuk/postvak?toon=mij").text
    assert "hallo" not in els.get("/stuk/postvak?toon=open&zoek=water").text
    for number in range(150):
        els.get(f"/stuk/postvak?zoek={number}")
    assert len(room.room._rendered) <= RENDERED_MAX
