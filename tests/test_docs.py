"""The documents say what is so: commands that parse, files that exist, codes that are told."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from relay import __version__, codes, database, files
from relay.cli import RARE, VERBS
from relay.cli.parser import Parser
from relay.errors import NaoberError
from relay.inbox import filing, filing_apart
from relay.mqtt import errors as mqtt_errors
from relay.node.outbox import SqliteOutbox
from relay.node.station import OUTBOX_NAME
from relay.trust import inbox_setup
from relay.trust.local import LocalAuthority
from tests.support.command import REPOSITORY
from tests.support.documents import (
    DOCUMENTS,
    named_paths,
    naober_lines,
    parse,
    shell_lines,
    table_codes,
    text_of,
)

OPERATIONS, SECURITY = REPOSITORY / "docs" / "operations.md", REPOSITORY / "docs" / "security.md"
OWN_LINK_CODES = {"up", "connecting", "connected", "unheard", "inbox_silent", "cut", "revoked"}


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(REPOSITORY)) for path in paths]


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids(DOCUMENTS))
def test_every_command_that_is_named_exists(document: Path) -> None:
    for line in naober_lines(document):
        parse(line)


@pytest.mark.parametrize(
    "line",
    [
        "naober stats",
        "naober setup nod",
        "naober enrol --stik x",
        "naober sites --folow",
        "naober config x",
    ],
)
def test_a_command_that_does_not_exist_would_be_noticed(line: str) -> None:
    with pytest.raises((NaoberError, ModuleNotFoundError)):
        parse(line)


def steps_of(verb: str) -> set[str]:
    """The steps that a verb has, by its own parser."""
    parser = Parser(prog=f"naober {verb}")
    importlib.import_module(f"relay.cli.{verb}").add_arguments(parser)
    chosen = [action.choices for action in parser._actions if action.dest in ("step", "do", "what")]
    return {step for choices in chosen for step in choices or ()}


def test_every_verb_and_step_is_named_where_people_look() -> None:
    """A verb that stands in no document is one that nobody finds on a bad day."""
    said = [line.split()[1:3] for each in (OPERATIONS, SECURITY) for line in naober_lines(each)]
    verbs = {words[0] for words in said if words}
    assert set(VERBS) - set(RARE) - {"demo"} <= verbs
    for verb in ("authority", "inbox"):
        assert steps_of(verb) == {words[1] for words in said if words[:1] == [verb] and len(words) > 1}
    assert {"setup", "inbox"} <= {word for words in said for word in words}


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids(DOCUMENTS))
def test_every_file_that_is_named_exists(document: Path) -> None:
    missing = [str(path) for path in named_paths(document) if not path.exists()]
    assert missing == []


def test_every_picture_is_small_and_shown_to_somebody() -> None:
    pictures = {path.name: path for path in (REPOSITORY / "docs" / "screens").iterdir()}
    told = "".join(text_of(REPOSITORY / "docs" / name) for name in ("operators.md", "site.md"))
    shown = set(re.findall(r"\(screens/([\w-]+\.png)\)", told))
    assert shown == set(pictures)
    assert max(path.stat().st_size for path in pictures.values()) <= 60 * 1024


def test_every_make_target_that_is_named_exists() -> None:
    targets = re.findall(r"^([a-z -]+):", (REPOSITORY / "Makefile").read_text(), re.M)
    known = {target for line in targets for target in line.split()}
    named = {
        line.split()[1] for each in DOCUMENTS for line in shell_lines(each) if re.match(r"make [a-z]", line)
    }
    assert {"demo", "test"} <= named <= known


def test_the_newest_change_is_this_version() -> None:
    first = re.search(r"^## (\S+)", text_of(REPOSITORY / "CHANGELOG.md"), re.M)
    assert first and first[1] == __version__


# --- codes: what a technician reads out must stand in the tables, and nothing else


def test_every_state_of_the_link_has_a_row() -> None:
    assert mqtt_errors.__doc__
    told = set(re.findall(r"^    (\w+)  +\S", mqtt_errors.__doc__, re.M))
    assert len(told) > 10
    assert table_codes(OPERATIONS, "**The link**") == told | OWN_LINK_CODES


def test_every_spoken_code_has_a_row() -> None:
    assert table_codes(OPERATIONS, "**Spoken codes**") == set(codes.CODES)


def test_every_trouble_with_storage_has_a_row() -> None:
    sources = "".join(Path(module.__file__).read_text() for module in (database, files))
    told = set(database._WORDS) | set(re.findall(r'code="(\w+)"', sources))
    assert table_codes(OPERATIONS, "**Storage**") == told


def test_every_finding_has_a_row() -> None:
    sources = "".join(Path(module.__file__).read_text() for module in (filing, filing_apart))
    told = set(re.findall(r'_find\([\w.]+, "(\w+)"', sources)) | {filing_apart.REPLACED_SPEAKS}
    assert len(told) >= 6
    assert table_codes(OPERATIONS, "**Findings**") == told


def test_the_folders_hold_what_is_said(tmp_path: Path) -> None:
    place = inbox_setup.Place(tmp_path / "etc/naober", tmp_path / "var/lib/naober", "localhost")
    trust = LocalAuthority()
    trust.lay_out_inbox(place)
    trust.lay_out_node(place.folder, place.state, "Kazerne")
    SqliteOutbox(place.state / OUTBOX_NAME, lambda epoch: None).close()
    made_by_the_running_services = {"/var/lib/naober/node.epoch", "/var/lib/naober/inbox.db"}
    named = set(re.findall(r"^\| (`/(?:etc|var)/.*?) \|", text_of(OPERATIONS), re.M))
    paths = {path for cell in named for path in re.findall(r"`([^`]+)`", cell)}
    assert len(paths) > 8
    missing = {path for path in paths if not (tmp_path / path.lstrip("/")).exists()}
    assert missing == made_by_the_running_services
