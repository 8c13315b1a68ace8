"""The frame of the command line: help, languages, mistakes, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from relay import __version__, cli
from relay.cli import VERBS
from relay.errors import NaoberError, Text
from tests.support.command import REPOSITORY, clean_environment, naober

SCREEN_LINES, SCREEN_COLUMNS = 24, 80
HEAVY = ("msgspec", "cryptography", "asyncio", "tomllib", "difflib", "logging", "sqlite3", "paho")

# as processes see them: help of everything that is here now
PAGES = [
    ["--help"],
    ["setup", "--help"],
    ["enrol", "--help"],
    ["config", "--help"],
    ["config", "check", "--help"],
    *([verb, "--help"] for verb in ("test", "doctor", "exercise", "support")),
]


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_every_help_fits_a_screen(page: list[str], language: str) -> None:
    done = naober("--lang", language, *page)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert 3 < len(lines) <= SCREEN_LINES
    assert max(map(len, lines)) <= SCREEN_COLUMNS, max(lines, key=len)
    assert done.stdout.count("gebruik:") == (language == "nl")
    assert done.stdout.count("usage:") == (language == "en")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_s_help_begins_with_its_usage(verb: str) -> None:
    assert naober(verb, "--help").stdout.startswith(f"gebruik: naober {verb} ")


def test_help_shows_every_verb_and_examples() -> None:
    text = naober("--help", "all").stdout
    assert all(f"  {verb} " in text for verb in VERBS)
    assert "voorbeelden" in text
    assert "naober test radio" in text


def test_the_short_help_leaves_out_what_hardly_anybody_types_and_says_so() -> None:
    text = naober("--help").stdout
    assert {verb for verb in VERBS if f"  {verb} " not in text} == set(cli.RARE)
    assert "naober --help all" in text


def test_nothing_at_all_shows_the_help_and_is_an_error() -> None:
    done = naober()
    assert done.stdout == naober("--help").stdout
    assert done.returncode == 2


def test_the_version_is_the_package_s() -> None:
    assert naober("--version").stdout == f"naober {__version__}\n"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom relay.cli import main\nmain(['--help'])\n"
        f"sys.stderr.write(' '.join(name for name in {HEAVY} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean_environment()
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_help_of_setup_loads_no_keys() -> None:
    code = (
        "import sys\nfrom relay.cli import main\nmain(['setup', '--help'])\n"
        "sys.stderr.write(' '.join(name for name in ('msgspec', 'cryptography') if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean_environment()
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("typed", "what", "do"),
    [
        (["staus"], '"staus" bestaat niet', "Bedoelde u naober status?"),
        (["xyzzy"], '"xyzzy" bestaat niet', "Kies uit: setup, "),
        (["setup", "inbx"], '"inbx" bestaat niet', "Bedoelde u naober setup inbox?"),
        (["config"], "Er ontbreekt: check", "naober config --help"),
        (["setup", "inbox"], "Er ontbreekt: --broker", "naober setup inbox --broker"),
        (["setup", "inbox", "--broker"], "Achter --broker ontbreekt een waarde", "naober setup --help"),
        (["setup", "inbox", "--broker", "x", "--port", "many"], "--port: 'many' past niet", "--help"),
        (["config", "check", "a", "--deep"], "Onbekend: --deep", "naober config check --help"),
        (["inbox", "user"], "Er ontbreekt: add|close|list", "naober inbox user --help"),
        (["--lang", "fr", "config"], '"fr" bestaat niet', "nl, en"),
        (["--lang"], '"" bestaat niet', "nl, en"),
    ],
)
def test_a_mistake_is_two_lines_that_help(typed: list[str], what: str, do: str) -> None:
    done = naober(*typed)
    assert done.returncode == 2
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert what in first
    assert second.startswith("Doe: ")
    assert do.removeprefix("naober --") in second


def test_options_are_never_guessed_from_their_beginning() -> None:
    assert naober("setup", "--stat", "x").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "variable", "expected"),
    [
        ([], "", "Doe: "),
        ([], "en", "Do: "),
        ([], "en_GB.UTF-8", "Do: "),
        ([], "de", "Doe: "),
        (["--lang", "nl"], "en", "Doe: "),
        (["--lang=en"], "", "Do: "),
    ],
)
def test_dutch_is_spoken_unless_english_was_asked_for(
    arguments: list[str], variable: str, expected: str
) -> None:
    assert naober(*arguments, "staus", NAOBER_LANG=variable).stderr.splitlines()[1].startswith(expected)


def test_the_language_may_also_be_said_behind_the_verb() -> None:
    assert "usage: naober setup" in naober("setup", "--help", "--lang", "en").stdout


def test_a_terminal_without_our_letters_is_no_reason_to_fail(tmp_path: Path) -> None:
    where = ("--dir", tmp_path, "--state", tmp_path / "state", "--radio", "none")
    done = naober("setup", *where, PYTHONIOENCODING="ascii")  # shows a QR code
    assert done.returncode == 0


# --- verbs that end in each possible way, put in the place of a real one


def run_with(monkeypatch: pytest.MonkeyPatch, *arguments: str, ends: BaseException | int) -> int:
    def run(_: object) -> int:
        if isinstance(ends, int):
            return ends
        raise ends

    verb = ModuleType("relay.cli.status")
    verb.__dict__.update(add_arguments=lambda _: None, run=run)
    monkeypatch.setitem(sys.modules, "relay.cli.status", verb)
    return cli.main([*arguments, "status"])


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_verb_s_answer_is_the_exit_code(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    assert run_with(monkeypatch, ends=code) == code


def test_an_error_is_told_in_one_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = NaoberError(Text("Het\nlukt niet", "It fails"), Text("Probeer het later", "Try later"))
    assert run_with(monkeypatch, ends=error) == 2
    assert capsys.readouterr().err == "Het lukt niet\nDoe: Probeer het later\n"
    assert run_with(monkeypatch, "--lang", "en", ends=error) == 2
    assert capsys.readouterr().err == "It fails\nDo: Try later\n"


def test_control_c_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(monkeypatch, ends=KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ""


def test_a_fault_of_our_own_is_one_line_and_the_place_of_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run_with(monkeypatch, ends=ZeroDivisionError("by\nzero")) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "Fout in naober zelf: ZeroDivisionError: by zero"
    kept = tmp_path / f"naober-{os.geteuid()}" / "last-fault.txt"
    assert str(kept) in second
    assert "Traceback" in kept.read_text()
    # a folder that someone else put there is not written into
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.symlink_to(tmp_path)
    assert run_with(monkeypatch, ends=ZeroDivisionError()) == 2
    assert "--debug" in capsys.readouterr().err
    assert not (tmp_path / "last-fault.txt").exists()


def test_a_fault_of_our_own_shows_all_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        run_with(monkeypatch, "--debug", ends=ZeroDivisionError())


def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ModuleNotFoundError("No module named 'uvicorn.main'", name="uvicorn.main")
    assert run_with(monkeypatch, ends=error) == 2
    assert "uvicorn is hier niet geïnstalleerd\nDoe: pip install" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = (
        "import sys, relay.cli\n"
        "relay.cli._help = lambda **_: 'x' * 1_000_000\n"  # more than a pipe holds
        "sys.exit(relay.cli.main(['--help']))"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=REPOSITORY
    )
    assert writer.stdout is not None and writer.stderr is not None
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait(30) == 128 + signal.SIGPIPE
