"""What the command line says, in the language that was asked for. Dutch unless told otherwise."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from relay.cli.text import clean
from relay.errors import NaoberError, Text

LANGUAGES = ("nl", "en")
VARIABLE = "NAOBER_LANG"

_chosen = "nl"


def choose(language: str) -> None:
    """From here on, `language` is spoken; what is not a language of ours is Dutch."""
    global _chosen
    _chosen = language if language in LANGUAGES else "nl"


def from_environment() -> str:
    """The language that NAOBER_LANG asks for."""
    return os.environ.get(VARIABLE, "")[:2].lower() or "nl"


def chosen() -> str:
    """`nl` or `en`."""
    return _chosen


def pick(text: Text | str) -> str:
    """`text` in the chosen language."""
    return text if isinstance(text, str) else getattr(text, _chosen)


def say(text: Text | str = "", to: TextIO | None = None) -> None:
    """One line or several, to standard output unless told otherwise; cleaned, whatever they quote."""
    stream = to or sys.stdout
    lines = pick(text).split("\n")
    stream.write("\n".join(map(clean, lines)) + "\n")
    stream.flush()


def complain(error: NaoberError) -> None:
    """To standard error: a line that says what is the matter, and one that says what to do."""
    say(_one_line(pick(error.what)), sys.stderr)
    if do := pick(error.do):
        say(pick(Text("Doe: ", "Do: ")) + _one_line(do), sys.stderr)


def _one_line(text: str) -> str:
    return " ".join(text.split())
