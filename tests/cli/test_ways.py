"""What came through a neighbour says so, and a site that does not hear us is shown as such."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from relay.cli import language, messages, sites
from relay.cli.text import width
from tests.cli.conftest import BEILEN, NORG
from tests.cli.test_sites import facts as site


def message(**changes: Any) -> dict[str, Any]:
    """One message as the inbox's page gives it, but for `changes`."""
    known: dict[str, Any] = {
        "site": NORG,
        "address": "3f9a21c4",
        "kind": "report",
        "urgency": 1,
        "age_s": 4,
        "link": "radio",
        "heard": {"via": BEILEN, "snr_db": -7, "hops": 2},
        "values": {"text": "Brand"},
    }
    return {**known, **changes}


@pytest.fixture
def english() -> Iterator[None]:
    before = language.chosen()
    language.choose("en")
    yield
    language.choose(before)


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal on which nothing is cut off."""
    monkeypatch.setattr(messages, "_columns", lambda: (8, 12, 20, 12, 100))


@pytest.mark.usefixtures("wide")
def test_a_message_by_radio_names_the_neighbour_that_heard_it_and_the_steps() -> None:
    line = messages.message_row(message(), "12:00:00")
    assert "LoRa" in line
    assert f"melding: Brand (via {BEILEN}, 2 stappen)" in line


def test_in_a_narrow_table_the_way_never_hides_what_is_said() -> None:
    line = messages.message_row(message(values={"text": "Brand in de hal, 3 gewond"}), "12:00:00")
    assert "melding: Brand in de hal, 3 gewond" in line
    assert width(line) <= 100


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize(("hops", "steps"), [(0, ""), (1, ", 1 stap"), (5, ", 5 stappen")])
def test_steps_are_counted_in_words(hops: int, steps: str) -> None:
    line = messages.message_row(message(heard={"via": BEILEN, "snr_db": 3, "hops": hops}), "")
    assert f"(via {BEILEN}{steps})" in line


@pytest.mark.usefixtures("english", "wide")
def test_in_english() -> None:
    assert f"(via {BEILEN}, 2 hops)" in messages.message_row(message(), "")
    assert "does not hear us" in sites.state_of(site(radio={"hears_us": False}))


def test_a_message_that_came_by_its_own_line_names_nobody() -> None:
    line = messages.message_row(message(link="mqtt", heard=None), "")
    assert "mqtt" in line
    assert "via" not in line


def test_one_that_was_long_under_way_says_how_long() -> None:
    assert "LoRa +2 min" in messages.message_row(message(age_s=130), "")


def test_a_site_that_does_not_hear_us_is_shown_as_such() -> None:
    assert sites.state_of(site(radio={"hears_us": False})).startswith("hoort ons niet")


@pytest.mark.parametrize("radio", [None, {"hears_us": True}])
def test_one_that_does_or_is_not_on_radio_is_not(radio: dict[str, Any] | None) -> None:
    assert "hoort ons" not in sites.state_of(site(radio=radio))
