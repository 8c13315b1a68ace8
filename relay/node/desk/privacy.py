"""What looks like something of a person: a telephone number, a BSN, a mail address, a postcode with a number.

Only a hint for who writes: nothing is ever refused for it. Names can't be known from other words, so they are
not looked for. Source: experience.md, section 2 (Text).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Looks = Literal["phone", "bsn", "mail", "address"]

_MAIL = re.compile(r"[^\s@<>()]+@[^\s@<>()]+\.[^\W\d_]{2,}")
_PHONE = re.compile(r"(?<![\d+])(?:\+31|0031|0)(?:[ .()/-]{0,3}\d){9}(?!\d)")
_NINE_DIGITS = re.compile(r"(?<!\d)\d(?:[ .-]?\d){8}(?!\d)")
_POSTCODE = r"[1-9]\d{3}(?: ?[A-Z]{2}|[a-z]{2})"
_ADDRESS = re.compile(
    rf"(?<!\w)(?:{_POSTCODE}(?![^\W\d_])[ ,]{{0,3}}\d{{1,5}}(?!\d)"
    rf"|\d{{1,5}}[a-zA-Z]?[ ,]{{1,3}}{_POSTCODE}(?!\w))"
)
_MEASURES = re.compile(r"\d(?:kg|km|cm|mm|ml|cl|dl)", re.IGNORECASE)
_BSN_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)


class Finding(NamedTuple):
    """A piece of a text, and what it looks like."""

    looks: Looks
    text: str


def findings(text: str) -> tuple[Finding, ...]:
    """What in `text` may be of a person, in the order of the text; each piece once."""
    found: list[tuple[int, int, Finding]] = []
    for looks, pattern in (("mail", _MAIL), ("phone", _PHONE), ("bsn", _NINE_DIGITS), ("address", _ADDRESS)):
        for match in pattern.finditer(text):
            taken = any(match.start() < end and begin < match.end() for begin, end, _ in found)
            if not taken and _counts(looks, match[0]):
                found.append((match.start(), match.end(), Finding(looks, match[0])))  # type: ignore[arg-type]
    return tuple(each for _, _, each in sorted(found))


def without(text: str) -> str:
    """`text` less all that `findings` names."""
    for each in findings(text):
        text = text.replace(each.text, " ")
    return " ".join(text.split())


def _counts(looks: str, piece: str) -> bool:
    if looks == "bsn":
        return _is_bsn(piece)
    return looks != "address" or not _MEASURES.search(piece)


def _is_bsn(piece: str) -> bool:
    """The "11-proef": the digits, weighed, add up to a multiple of 11."""
    digits = [int(each) for each in piece if each.isdecimal()]
    return any(digits) and sum(map(int.__mul__, digits, _BSN_WEIGHTS)) % 11 == 0
