"""What a newcomer meets first."""

from __future__ import annotations

import re

from relay import __version__
from tests.support.command import REPOSITORY
from tests.support.documents import naober_lines, shell_lines, text_of

README = REPOSITORY / "README.md"
FIRST_SCREEN_LINES = 40
LINES_MAX = 120


def test_the_first_screen_is_a_sentence_and_the_demo() -> None:
    title, _, *rest = text_of(README).splitlines()[:FIRST_SCREEN_LINES]
    assert title == "# Naober"
    opening = " ".join(rest[: rest.index("")])
    assert opening.count(".") == 1 and opening.endswith("."), "one sentence"
    assert "make demo" in rest
    assert any("Naober demo" in line for line in rest), "what it looks like"


def test_it_is_short_and_without_ornaments() -> None:
    lines = text_of(README).splitlines()
    assert len(lines) <= LINES_MAX
    assert not [line for line in lines if "![" in line and "](docs/" not in line], "no badges"


def test_the_picture_of_the_demo_is_what_the_demo_draws() -> None:
    """Heads of its table and the words of its states, as they stand in the code."""
    block = re.search(r"^```\n(Naober demo.*?)^```", text_of(README), re.M | re.S)
    assert block
    source = "".join(file.read_text() for file in (REPOSITORY / "relay" / "cli").glob("demo*.py"))
    said = {
        "Knooppunt",
        "Broker",
        "Postvak",
        "Wacht",
        "Onderweg",
        "Bevestigd",
        "verbonden",
        "antwoordt",
        "via LoRa",
    }
    for word in said | {"Dorpshuis Voorbeeld-Norg", "Sporthal Voorbeeld-Roden"}:
        assert word in block[1] and word in source, word


def test_the_way_from_nothing_to_a_first_message_is_complete_and_in_order() -> None:
    lines = [*shell_lines(README)]
    steps = [
        "make install-inbox",
        "naober setup inbox",
        "naober authority init",
        "naober authority approve",
        "naober enrol",
        "systemctl start naober-inbox",
        "make install-node",
        "systemctl start naober-node",
        "naober test",
    ]
    places = [next(at for at, line in enumerate(lines) if line.startswith(step)) for step in steps]
    assert places == sorted(places)
    assert naober_lines(README)


def test_the_version_that_it_speaks_of_is_this_one() -> None:
    assert f"Version {__version__} " in text_of(README)
