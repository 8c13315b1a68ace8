"""The card for inside the box: from a Pi, by the stick, onto paper, and then off the stick."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.labels import Box, Wifi, cards_pdf
from relay.trust import keys
from relay.trust.stick import Stick
from relay.wifi import card, point
from relay.wifi.point import Point
from tests.cli.test_authority import Desk, desk, no_stick_of_this_machine, open_desk  # noqa: F401 - fixtures
from tests.labels.test_labels import codes_of, sizes_of, text_of
from tests.support.authority import Machine, machine

PASSWORD = "bcdf-ghjk-mnpq-rstv"


def with_card(desk: Desk, password: str = PASSWORD) -> Machine:  # noqa: F811
    """A Pi that asks on the stick, its card beside it."""
    pi = machine().asks_on(desk.stick)
    card.put(Stick(desk.stick), pi.address, Point(point.name_for(pi.address), password))
    return pi


def cards_on(stick: Path) -> list[str]:
    return sorted(file.name for file in (stick / "naober" / "kaart").iterdir())


def test_approving_prints_the_cards_and_takes_them_off_the_stick(open_desk: Desk, tmp_path: Path) -> None:  # noqa: F811
    pis = [with_card(open_desk, f"{PASSWORD}{at}") for at in range(2)]
    plain = machine().asks_on(open_desk.stick)
    done = open_desk.answering("\n\n\nj\n", open_desk.stick)
    assert done.returncode == 0, done.stderr
    version = open_desk.laptop.standing.version
    assert f"kaarten-{version}.pdf: op de stick" in done.stdout
    pdf = (open_desk.stick / "naober" / f"kaarten-{version}.pdf").read_bytes()
    read = codes_of(pdf, tmp_path)
    wanted = [f"WIFI:T:WPA;S:{point.name_for(pi.address)};P:{PASSWORD}{at};;" for at, pi in enumerate(pis)]
    assert sorted(code for page in read for code in page) == sorted(wanted), "and none for the third"
    assert point.name_for(plain.address) not in text_of(pdf, tmp_path)
    assert cards_on(open_desk.stick) == []
    assert PASSWORD not in done.stdout + done.stderr
    laptop = [file for file in open_desk.folder.rglob("*") if file.is_file()]
    assert not [file for file in laptop if PASSWORD.encode() in file.read_bytes()], (
        "nothing stays on the laptop"
    )


def test_a_repeat_keeps_the_cards_that_may_not_have_been_printed(open_desk: Desk) -> None:  # noqa: F811
    pi = with_card(open_desk)
    open_desk.answering("\nj\n", open_desk.stick)
    version = open_desk.laptop.standing.version
    first = open_desk.stick / "naober" / f"kaarten-{version}.pdf"
    before = first.read_bytes()
    assert open_desk.answering("", open_desk.stick).returncode == 0
    assert first.read_bytes() == before
    card.put(Stick(open_desk.stick), pi.address, Point(point.name_for(pi.address), PASSWORD))
    assert f"kaarten-{version}-2.pdf" in open_desk.answering("", open_desk.stick).stdout
    assert first.read_bytes() == before


@pytest.mark.parametrize("junk", [b"", b"{}", b"\xff" * 600, b'{"name": "x;y", "password": "12345678"}'])
def test_a_card_that_is_none_holds_nothing_up(open_desk: Desk, junk: bytes) -> None:  # noqa: F811
    pi = with_card(open_desk)
    (open_desk.stick / "naober/kaart" / keys.address_text(pi.address)).write_bytes(junk)
    done = open_desk.answering("\nj\n", open_desk.stick)
    assert done.returncode == 0 and "1 toelating getekend" in done.stdout
    assert "Doe: " in done.stderr and "kaarten-" not in done.stdout


def test_a_card_fits_its_tape_and_says_what_to_do_with_it(tmp_path: Path) -> None:
    box = Box("Multifunctioneel Gemeenschapscentrum De Boerhoorn Rolde-Noord-Oost", "", "", "77b0-09de", "")
    here = Point("naober-77b0", PASSWORD)
    wifi = Wifi(here.name, here.password, point.join_code(here), "http://10.42.0.1")
    pdf = cards_pdf([(box, wifi)])
    text = text_of(pdf, tmp_path)
    for said in ("IN DE KAST LEGGEN", "Boerhoorn", here.name, PASSWORD, "http://10.42.0.1"):
        assert said in text, said
    assert sizes_of(pdf, tmp_path) == {(62, 58)}
    (tmp_path / "b").mkdir()
    assert codes_of(pdf, tmp_path / "b") == [{"WIFI:T:WPA;S:naober-77b0;P:bcdf-ghjk-mnpq-rstv;;"}]
