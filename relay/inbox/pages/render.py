"""Templates with their filters: ages and times as people say them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from relay.errors import Text
from relay.inbox.board import VALUE_AGE_MAX_S
from relay.inbox.pages import words, words_login, words_manual

FOLDER = Path(__file__).parent
WORDS = {**words.PAGE, **words_login.PAGE, **words_manual.PAGE}
MINUTE, HOUR, DAY = 60, 3600, 86_400
_UNITS = {"nl": ("s", "min", "u", "d"), "en": ("s", "min", "h", "d")}
_DAYS = {
    "nl": ("ma", "di", "wo", "do", "vr", "za", "zo"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}


def age(seconds: float | None, language: str) -> str:
    """`130` as "2 min"; nothing for what is not known."""
    if seconds is None or seconds == float("inf"):
        return ""
    second, minute, hour, day = _UNITS[language]
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} {second}"
    if whole < HOUR:
        return f"{whole // MINUTE} {minute}"
    if whole < 2 * DAY:
        return f"{whole // HOUR} {hour} {whole % HOUR // MINUTE:02d}"
    return f"{whole // DAY} {day} {whole % DAY // HOUR} {hour}"


def clock(unix_s: float | None, language: str, *, now_s: float | None = None) -> str:
    """Hours and minutes, with the day when it is not today's."""
    if unix_s is None:
        return ""
    when = datetime.fromtimestamp(unix_s).astimezone()
    text = when.strftime("%H:%M")
    if now_s is not None and datetime.fromtimestamp(now_s).astimezone().date() == when.date():
        return text
    return f"{_DAYS[language][when.weekday()]} {when.strftime('%d-%m')} {text}"


def moment(unix_s: float, language: str) -> str:
    """Day and time to the second, for the head of a page."""
    when = datetime.fromtimestamp(unix_s).astimezone()
    return f"{_DAYS[language][when.weekday()]} {when.strftime('%d-%m %H:%M:%S')}"


def stamp(unix_s: float) -> str:
    """Date and time as reports have it: dd-mm-jjjj uu:mm."""
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%d-%m-%Y %H:%M")


class Renderer:
    """Pages from templates; everything that is put in is escaped."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            auto_reload=False,  # one version of all pages, also while an upgrade replaces the files
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(self, template: str, language: str, **values: Any) -> str:
        """`template` in `language`."""
        return self._environment.get_template(template).render(
            lang=language,
            w={key: words.pick(text, language) for key, text in WORDS.items()},
            age=lambda seconds: age(seconds, language),
            clock=lambda unix_s, now_s=None: clock(unix_s, language, now_s=now_s),
            moment=lambda unix_s: moment(unix_s, language),
            say=lambda table, key: words.pick(table[key], language) if key in table else str(key),
            words=words,
            via_text=lambda via: words.pick(words_manual.VIA.get(via, Text(via, via)), language),
            lane_text=lambda lane: words.pick(words_manual.LANE[lane], language),
            value_text=lambda name, value: words.value_text(name, value, language),
            label=lambda name: words.label(name, language),
            handling_text=lambda state: words.handling_text(state, language),
            value_age_max_s=VALUE_AGE_MAX_S,
            **values,
        )
