"""The spoken codes: each with both lines in both languages, and the same wherever a fault is met."""

from __future__ import annotations

import re

import pytest

from relay.codes import CODES, VARIANTS, explained, fault
from relay.errors import Text
from relay.links.meshtastic import errors as radio_errors

TEN = ("R01", "R02", "R03", "R04", "C01", "N05", "E02", "E03", "S01", "P01")


def test_the_ten_faults_of_the_sheet_have_their_rows() -> None:
    assert set(TEN) <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_code_reads_well_in_both_languages_where_it_is_only_explained(code: str) -> None:
    row = explained(code)
    for text in (*row.what, *row.do):
        assert text and "{" not in text and "  " not in text and "()" not in text
    assert row.what.nl != row.what.en


def test_a_fault_says_its_code_first_and_is_filled_in() -> None:
    error = fault("R04", by="meshtasticd (pid 911)", stop="sudo systemctl disable --now meshtasticd")
    assert error.what.nl.startswith("R04 Radio is ook in gebruik door meshtasticd (pid 911).")
    assert error.do == Text(*("sudo systemctl disable --now meshtasticd",) * 2)
    assert error.code == "R04"


def test_a_fact_in_two_languages_is_told_in_each() -> None:
    told = fault("S01", trouble=Text("is alleen-lezen", "is read-only")).what
    assert "is alleen-lezen" in told.nl and "is read-only" in told.en


def test_a_fact_that_is_missing_is_noticed_at_once() -> None:
    with pytest.raises(KeyError):
        fault("N05", host="mqtt.example")


def test_a_variant_belongs_to_a_code() -> None:
    assert {code for code, _ in VARIANTS} <= set(CODES)


def test_every_code_that_the_radio_link_says_is_in_the_table() -> None:
    said = set(re.findall(r"\b([A-Z]\d\d)\b", radio_errors.__doc__ or ""))
    assert said and said <= set(CODES)
