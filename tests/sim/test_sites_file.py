"""The real list of sites is read as people write it, and a mistake in it is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.errors import ConfigError
from relay.sim.sites_file import read_sites

GOOD = "Assen toren,52.9925,6.5625,40,yes\nBeilen,52.863,6.514,10,no\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "punten.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_line_is_a_place_with_its_height_and_whether_it_is_a_gateway(tmp_path: Path) -> None:
    tower, beilen = read_sites(written(tmp_path, GOOD))
    assert (tower[0], tower[1].height_m, tower[2]) == ("Assen toren", 40, True)
    assert (beilen[0], beilen[1].height_m, beilen[2]) == ("Beilen", 10, False)
    # Beilen lies about fifteen kilometres south of Assen
    assert -16 < beilen[1].y_km - tower[1].y_km < -13
    assert abs(beilen[1].x_km - tower[1].x_km) < 5


HEAD = "name,lat,lon,height_m,gateway"


@pytest.mark.parametrize(
    "head", [HEAD, "naam,lat,lon,hoogte_m,gateway", "# VRD, 2026", "\ufeff" + HEAD, ""], ids=repr
)
def test_a_heading_in_either_language_a_comment_and_an_empty_line_are_no_sites(
    tmp_path: Path, head: str
) -> None:
    assert len(read_sites(written(tmp_path, f"{head}\n{GOOD}"))) == 2


def test_ja_and_nee_are_yes_and_no(tmp_path: Path) -> None:
    found = read_sites(written(tmp_path, GOOD.replace("yes", "Ja").replace(",no", ", nee ")))
    assert [is_gateway for _, _, is_gateway in found] == [True, False]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Norg,53.06,6.46,10", "vijf kolommen"),
        ("Norg;53.06;6.46;10;nee", "vijf kolommen"),
        (",53.06,6.46,10,nee", "vijf kolommen"),
        ("Norg,noord,6.46,10,nee", "noord"),
        ("Norg,nan,6.46,10,nee", "nan"),
        ("Norg,6.46,53.06,10,nee", "6.46 is niet 52..54"),
        ("Norg,53.06,6.46,0,nee", "0 is niet 1..400"),
        ("Norg,53.06,6.46,10,misschien", "misschien"),
        ("Beilen,52.9,6.5,10,nee", "Beilen staat er al"),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_what_is_wrong(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_sites(written(tmp_path, f"{GOOD}{line}\n"))
    assert "punten.csv, regel 3: " in refused.value.what.nl
    assert why in refused.value.what.nl
    assert "Beilen,52.863,6.514,10,nee" in refused.value.do.nl


@pytest.mark.parametrize("text", ["", GOOD.replace("yes", "no"), GOOD.replace(",no", ",yes")])
def test_without_a_gateway_or_without_a_site_there_is_nothing_to_simulate(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_sites(written(tmp_path, text))
    assert "gateway" in refused.value.do.en


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("nergens.csv", "letters.csv"):
        with pytest.raises(ConfigError) as refused:
            read_sites(tmp_path / name)
        assert name in refused.value.what.nl


def test_a_field_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_sites(written(tmp_path, GOOD + '"' + "x" * 200_000))


def test_more_sites_than_can_be_simulated_are_refused_as_such(tmp_path: Path) -> None:
    many = "".join(f"punt {index},52.8,6.5,10,nee\n" for index in range(1000))
    with pytest.raises(ConfigError) as refused:
        read_sites(written(tmp_path, GOOD + many))
    assert "1000" in refused.value.what.nl
