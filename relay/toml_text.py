"""Writing TOML: values in its own words, and single values changed in a text that a person keeps."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping

from relay.errors import ConfigError, Text

Plain = str | int | bool | list[str]

_HEADER = re.compile(r"\s*\[(?P<name>\[?[\w.\-]+\]?)\]\s*(#.*)?$")
_COMMENT = re.compile(r"\s+#(?=[^\"']*$).*$")


def write(value: Plain) -> str:
    """One value in TOML's own words."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(write(item) for item in value) + "]"
    return str(value)


def block(text: str) -> str:
    """A text of several lines without backslashes or quotes (PEM) in TOML's own words."""
    return f'"""\n{text}"""'


def fill(text: str, values: Mapping[tuple[str, str], Plain]) -> str:
    """`text` with each (section, key) of `values` set; all else, comments included, stays as it was.

    The section "" is what stands above the first header. A value that is right already is left alone.
    Raises ConfigError when the text is laid out in a way that this cannot change safely.
    """
    filled = text
    for (section, key), value in values.items():
        if look_up(filled, section, key) != value:
            filled = _set(filled, section, key, f"{key} = {write(value)}")
    for (section, key), value in values.items():
        if look_up(filled, section, key) != value:
            raise ConfigError(
                Text(
                    f"[{section}] {key} is niet vanzelf te wijzigen", f"[{section}] {key} cannot be changed"
                ),
                Text(f"Zet er zelf: {key} = {write(value)}", f"Write yourself: {key} = {write(value)}"),
            )
    return filled


def look_up(text: str, section: str, key: str) -> object:
    """The value in `text`, or None when it isn't there or the text is no TOML."""
    try:
        found: object = tomllib.loads(text)
    except ValueError:
        return None
    for step in (*filter(None, section.split(".")), key):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def has_section(text: str, section: str) -> bool:
    """Whether `text` has the table called `section`; False when it is no TOML."""
    return isinstance(look_up(text, "", section), dict)


def _set(text: str, section: str, key: str, line: str) -> str:
    lines = text.splitlines()
    assignment = re.compile(rf"\s*{re.escape(key)}\s*=")
    current, after_header = "", None if section else 0
    for index, old in enumerate(lines):
        header = _HEADER.match(old)
        if header:
            current = header["name"]
            after_header = index + 1 if current == section else after_header
        elif current == section and assignment.match(old):
            lines[index] = line + _comment_of(old)
            return "\n".join(lines) + "\n"
    if after_header is None:
        lines += ["", f"[{section}]"]
        after_header = len(lines)
    lines.insert(after_header, line)
    return "\n".join(lines) + "\n"


def _comment_of(line: str) -> str:
    """The comment behind a value, unless it calls the value an example: it is none any more."""
    comment = _COMMENT.search(line)
    return "" if comment is None or "example" in comment[0] else comment[0]
