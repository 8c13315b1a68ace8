"""A batch as the text of a QR code: read as it was written, and as people and their apps pass it on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core.courier_code import BATCH_BYTES_MAX, END, FOUND_MAX, PREFIX, Code, encode, find
from relay.errors import WireError

ONE = Code(b"\x91\x93\xc4\x02ab\x05\xc0" * 9, 59_875_200)
OTHER = Code(b"\x90")


@given(st.binary(max_size=BATCH_BYTES_MAX), st.none() | st.integers(1, 2**32 - 1))
def test_what_is_written_is_read(frame: bytes, written_s: int | None) -> None:
    code = Code(frame, written_s)
    text = encode(code)
    assert re.fullmatch(r"[A-Z0-9/]+", text)  # a QR code holds most of these
    assert find(text) == ([code], 0)


@pytest.mark.parametrize(
    "way",
    [
        str.lower,
        lambda text: text.replace("A", "a"),
        lambda text: "\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
        lambda text: "\r\n> ".join(text[at : at + 60] for at in range(0, len(text), 60)),
        lambda text: f"Hoi, dit komt van de kazerne: {text} groet, Jan",
        lambda text: f"[24-11 14:05] Jan: {text}\n[24-11 14:06] Jan: bedankt!",
        lambda text: f"{text}\n\n{text}",  # photographed twice
        lambda text: f"\ufeff{text}\u200b",
    ],
)
def test_a_code_reads_the_same_however_people_pass_it_on(way) -> None:
    assert find(way(encode(ONE))) == ([ONE], 0)


def test_several_codes_in_one_text_are_all_read_with_or_without_room_between() -> None:
    for between in ("", " ", "\n", "\nen deze ook:\n"):
        assert find(between.join((encode(ONE), encode(OTHER)))) == ([ONE, OTHER], 0)


def test_every_error_of_one_letter_is_noticed() -> None:
    text = encode(ONE)
    for at in range(len(PREFIX), len(text) - len(END)):
        wrong = text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :]
        if wrong == text:
            continue
        codes, broken = find(wrong)
        # the last letter has bits that no byte needs
        assert (codes, broken) == ([], 1) or (codes == [ONE] and at == len(text) - 2), at


@pytest.mark.parametrize("cut", range(len(PREFIX), len(encode(OTHER))))
def test_a_text_that_was_cut_off_is_none_and_is_counted(cut: int) -> None:
    text = encode(OTHER)[:cut]
    assert find(text) == ([], 1)
    assert find(f"{text}\n{encode(ONE)}") == ([ONE], 1)


@pytest.mark.parametrize(
    "text",
    ["", "NAOBER1", "naober 1", "HTTP://10.42.0.1/I/AAAA", "bericht van de kazerne", "é" * 100],
)
def test_a_text_without_codes_has_none(text: str) -> None:
    assert find(text) == ([], 0)


def test_too_much_is_refused_within_bounds() -> None:
    with pytest.raises(WireError):
        encode(Code(bytes(BATCH_BYTES_MAX + 1)))
    assert find(PREFIX + "A" * 5000 + END) == ([], 1)
    assert find((PREFIX + "A" * 100_000) * 30)[0] == []
    many = "".join(encode(Code(bytes([number]))) for number in range(FOUND_MAX + 3))
    codes, broken = find(many)
    assert (len(codes), broken) == (FOUND_MAX, 3)
