"""Words as a terminal may show them: without control characters, cut to a width, with ages in words.

What comes from the network may hold escape sequences, and characters that turn a line around. None of
them ever reaches a terminal: `language.say` cleans every line that is printed.
"""

from __future__ import annotations

from collections.abc import Sequence

from relay.errors import Text

STAND_IN = "·"
ELLIPSIS = "…"
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


def clean(text: str) -> str:
    """`text` on one line: no control, format, private or unassigned characters and no line ends."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each == " " or _is_shown(each) else STAND_IN for each in text)


def _is_shown(character: str) -> bool:
    import unicodedata  # a megabyte that a daemon never needs

    category = unicodedata.category(character)
    return category[0] not in "CZ" or category == "Zs"


def width(text: str) -> int:
    """How many columns a terminal takes for `text`."""
    if text.isascii():
        return len(text)
    return sum(_columns(each) for each in text)


def _columns(character: str) -> int:
    import unicodedata

    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, columns: int) -> str:
    """`text` in exactly `columns`: filled up with spaces, or cut with an ellipsis."""
    text = clean(text)
    if width(text) > columns:
        while width(text) > columns - 1:
            text = text[:-1]
        text += ELLIPSIS
    return text + " " * (columns - width(text))


def row(cells: Sequence[str], columns: Sequence[int]) -> str:
    """One line of a table."""
    return "  ".join(fit(cell, wide) for cell, wide in zip(cells, columns, strict=True)).rstrip()


def age(seconds: float | None) -> Text:
    """An age in two units at most: 40 s, 2 min, 1 u 05, 3 d 4 u; a question mark when it is not known."""
    if seconds is None:
        return Text("?", "?")
    whole = max(0, int(seconds))
    if whole < MINUTE_S:
        return Text(f"{whole} s", f"{whole} s")
    if whole < HOUR_S:
        return Text(f"{whole // MINUTE_S} min", f"{whole // MINUTE_S} min")
    hours, minutes = whole // HOUR_S, whole % HOUR_S // MINUTE_S
    if whole < DAY_S:
        return Text(f"{hours} u {minutes:02}", f"{hours} h {minutes:02}")
    return Text(f"{hours // 24} d {hours % 24} u", f"{hours // 24} d {hours % 24} h")
