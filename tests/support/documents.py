"""What the documents promise: the commands and paths that they name."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from relay.cli import VERBS
from relay.cli.parser import Parser, UsageError
from tests.support.command import REPOSITORY

DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])
PLACES = sorted(path for path in REPOSITORY.iterdir() if not path.name.startswith("."))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)\)")


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def shell_lines(document: Path) -> Iterator[str]:
    """What one would type, without `sudo` and comments: from ```sh blocks and from `code` in the text."""
    text = text_of(document)
    for language, block in _FENCE.findall(text):
        if language == "sh":
            for line in block.splitlines():
                for command in line.split("#")[0].split(" && "):
                    yield command.strip().removeprefix("sudo ")
    for code in _CODE.findall(_FENCE.sub("", text)):
        yield code.strip().removeprefix("sudo ")


def naober_lines(document: Path) -> list[str]:
    return [line for line in shell_lines(document) if line.startswith("naober ") or line == "naober"]


def parse(line: str) -> None:
    """Raises UsageError unless `line` is a command of ours; the name of a verb or step alone will do."""
    _, *words = shlex.split(line)
    if words and words[0] == "--lang":
        words = words[2:]
    if words == ["--help"] or (len(words) == 1 and words[0] in VERBS):
        return
    verb = importlib.import_module(f"relay.cli.{words[0]}")
    parser = Parser(prog=f"naober {words[0]}")
    verb.add_arguments(parser)
    try:
        parser.parse_args(words[1:])
    except UsageError as error:
        if len(words) != 2 or "arguments are required" not in error.what.en:
            raise


def named_paths(document: Path) -> Iterator[Path]:
    """Links, and `code` that begins with a file or folder of this repository."""
    text = _FENCE.sub("", text_of(document))
    for link in _LINK.findall(text):
        if "://" not in link:
            yield document.parent / link
    tops = {place.name for place in PLACES}
    for code in _CODE.findall(text):
        if re.fullmatch(r"[\w./-]+", code) and (code.split("/")[0] in tops and "/" in code):
            yield REPOSITORY / code


def table_codes(document: Path, after: str) -> set[str]:
    """The first `code` of each row of the table that follows the text `after`."""
    rest = text_of(document).partition(after)[2]
    table = re.search(r"(?:^\|.*\n)+", rest, re.M)
    assert table, f"no table after {after!r}"
    return set(re.findall(r"^\| `(\w+)` \|", table[0], re.M))
