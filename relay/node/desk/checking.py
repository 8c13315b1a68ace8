"""What is looked at before something typed goes on: does a text fit one packet, may a number be a slip.

124 bytes of text beside the longest request and the longest header are one radio packet;
tests/node/test_desk_forms_limits.py counts them. Source: experience.md, section 2 (Text; "250 for 25").
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from relay.core.fields import BY_NAME, Field, check
from relay.errors import Text, ValueRefused

TEXT_CHARACTERS_MAX = 120
TEXT_BYTES_MAX = 124
TEXT_SHORT = 60  # characters up to which a text is sent sooner: "kort = sneller"
NUMBER_DIGITS_MAX = 9
_BY = re.compile(r"[+-]?[0-9]{1,3}")

TIMES_LAST_MAX = 3
DOUBT_FROM = 10  # below that three times as many is nothing
IN_ROOMS = ("visitors", "overnight")  # bounded by the capacity of the site
OF_PEOPLE = ("staff", "visitors", "overnight", "less_self_reliant")


def tidy(text: str) -> str:
    """As it is sent: one line, single spaces."""
    return " ".join(text.split())


def too_many(text: str) -> int:
    """How many characters have to go at the end before `text` may be sent; 0 for one that fits."""
    kept = text[:TEXT_CHARACTERS_MAX].encode()[:TEXT_BYTES_MAX].decode(errors="ignore")
    return len(text) - len(kept)


def too_long(text: str) -> Text | None:
    """What to say of a text that is; None for one that fits."""
    over = too_many(tidy(text))
    if not over:
        return None
    return Text(
        f"De tekst is {over} {'teken' if over == 1 else 'tekens'} te lang. Maak hem korter.",
        f"The text is {over} {'character' if over == 1 else 'characters'} too long. Shorten it.",
    )


def number(field: Field, typed: str) -> int | None:
    """A whole number for `field`; None for nothing typed. Raises ValueRefused with words for people."""
    digits = "".join(typed.split())
    if not digits:
        return None
    sign, plain = (-1, digits[1:]) if digits[0] in "-−" else (1, digits)
    if plain.isascii() and plain.isdecimal() and len(plain) <= NUMBER_DIGITS_MAX:
        value = sign * int(plain)
        if field.low <= value <= field.high:
            return int(check(field, value))
    raise ValueRefused(
        Text(
            f"Vul een getal in van {field.low} tot en met {field.high}.",
            f"Fill in a number from {field.low} to {field.high}.",
        )
    )


def wire_words(typed: Mapping[str, str]) -> dict[str, str]:
    """Numbers as the wire has them, whatever space or minus they were typed with; all else as it is."""
    found = {}
    for name, word in typed.items():
        field, value = BY_NAME[name], None
        if field.kind == "integer":
            with contextlib.suppress(ValueRefused):  # said where it is judged
                value = number(field, word)
        found[name] = word if value is None else str(value)
    return found


def step_by(said: str) -> int | None:
    """By how much a stepper's button changes its number; None for what no button of ours says."""
    return int(said) if _BY.fullmatch(said) else None


def stepped(field: Field, typed: str, by: int) -> str:
    """What stands in a number's box after −10, −1, +1 or +10; nothing counts as zero."""
    try:
        before = number(field, typed) or 0
    except ValueRefused:
        return typed
    return str(min(field.high, max(field.low, before + by)))


def doubt(field: Field, value: int, last: int | None, capacity: int) -> Text | None:
    """A question about a number that may be a slip of the finger; None for one that looks right.

    `last`: what was known before, if anything; `capacity`: of the site, 0 when not known.
    """
    if field.name in IN_ROOMS and 0 < capacity < value:
        return Text(
            f"{value} is meer dan de capaciteit ({capacity}). Klopt dit?",
            f"{value} is more than the capacity ({capacity}). Is this right?",
        )
    jumped = last is not None and 0 < last * TIMES_LAST_MAX < value
    if field.name in OF_PEOPLE and jumped and value >= DOUBT_FROM:
        return Text(
            f"{value} is veel meer dan de vorige keer ({last}). Klopt dit?",
            f"{value} is much more than the last time ({last}). Is this right?",
        )
    return None
