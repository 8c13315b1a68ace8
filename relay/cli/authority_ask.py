"""What `naober authority` asks a person: passphrases, yes or no, and which of several."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from relay.cli.language import complain, pick, say
from relay.errors import ConfigError, KeyFileError, Text
from relay.trust import keys
from relay.trust.authority_file import Secrets
from relay.trust.authority_laptop import Laptop

TRIES = 3
Opened = TypeVar("Opened")
_YES = ("j", "ja", "y", "yes")


def passphrase_for(
    args: argparse.Namespace, prompt: Text, use: Callable[[str], Opened]
) -> tuple[str, Opened]:
    """The passphrase, and what `use` made of it; a wrong one may be typed again. Raises KeyFileError."""
    if args.passphrase_file is not None:
        passphrase = from_file(args.passphrase_file)
        return passphrase, use(passphrase)
    for left in range(TRIES - 1, -1, -1):
        passphrase = typed(prompt)
        try:
            return passphrase, use(passphrase)
        except KeyFileError as error:
            if not left:
                raise
            complain(error)
    raise AssertionError("unreachable")


def unlocked(args: argparse.Namespace, laptop: Laptop) -> tuple[str, Secrets]:
    """The passphrase of the laptop's key, and what it opens; raises KeyFileError."""
    own, number = laptop.settings.authority.name, laptop.standing.version
    prompt = Text(
        f"roster {number} · sleutel {own} · wachtwoord: ", f"roster {number} · key {own} · passphrase: "
    )
    return passphrase_for(args, prompt, laptop.unlock)


def new_passphrase(args: argparse.Namespace) -> str:
    """A new passphrase, typed twice; raises ConfigError when the two differ."""
    if args.passphrase_file is not None:
        return from_file(args.passphrase_file)
    first = typed(Text("nieuw wachtwoord (vier of vijf woorden): ", "new passphrase (four or five words): "))
    if typed(Text("nog een keer: ", "once more: ")) != first:
        raise ConfigError(
            Text("De twee wachtwoorden zijn niet gelijk", "The two passphrases differ"),
            Text("Begin opnieuw; er is niets gemaakt", "Begin again; nothing was made"),
        )
    return first


def from_file(path: Path) -> str:
    """The first line of a file that is closed to others; raises KeyFileError."""
    try:
        return keys.read_private(path).decode().split("\n")[0]
    except UnicodeDecodeError:
        raise KeyFileError(Text(f"{path} is geen tekst", f"{path} is not text")) from None


def typed(prompt: Text) -> str:
    """A secret, not shown; raises ConfigError when nobody can type."""
    from getpass import getpass

    if not sys.stdin.isatty():
        raise ConfigError(
            Text("Hier kan niemand een wachtwoord typen", "Nobody can type a passphrase here"),
            Text(
                "Geef --passphrase-file, of gebruik een terminal", "Give --passphrase-file, or use a terminal"
            ),
        )
    try:
        return getpass(pick(prompt))
    except EOFError:
        return ""


def line(prompt: Text | str) -> str:
    """What a person answers; raises ConfigError when nobody can."""
    sys.stdout.write(pick(prompt))
    sys.stdout.flush()
    answer = sys.stdin.readline()
    if not answer:
        say()
        raise ConfigError(
            Text("Geen antwoord; er is niets getekend", "No answer; nothing was signed"),
            Text("Herhaal dit in een terminal, of met --yes", "Repeat it in a terminal, or with --yes"),
        )
    return answer.strip()


def agreed(question: Text) -> bool:
    """Yes or no; no is what Enter says."""
    return line(Text(f"{question.nl} [j/N] ", f"{question.en} [y/N] ")).casefold() in _YES
