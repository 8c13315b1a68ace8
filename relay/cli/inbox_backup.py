"""`naober inbox backup`: all of the inbox in one file, while it runs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.language import pick, say
from relay.errors import StorageError, Text

if TYPE_CHECKING:
    from relay.inbox.backup import Manifest

EXAMPLES = ("sudo naober inbox backup /media/BACKUP",)
PASSPHRASE_FILE = Text("bestand met het wachtwoord (rechten 0600)", "file with the passphrase (mode 0600)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where it must go, and how it is closed."""
    where = Text("bestand of map (anders: hier)", "file or folder (else: here)")
    parser.add_argument("target", nargs="?", type=Path, default=Path(), metavar="FILE", help=pick(where))
    plain = Text("zonder wachtwoord: voor wie hem zelf versleutelt", "without a passphrase")
    parser.add_argument("--plain", action="store_true", help=pick(plain))
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help=pick(PASSPHRASE_FILE))
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Make it, and say what it holds."""
    from relay import config
    from relay.inbox.backup import exists, make

    settings = config.load_inbox(args.config)
    target = _target(args.target, plain=args.plain)
    if target.exists():
        raise exists(target)
    passphrase = None if args.plain else _new_passphrase(args)
    made = make(settings, args.config.parent, target, passphrase)
    size_mb = f"{made.size_bytes / 1_000_000:.1f}"
    nl, en = holds(made.manifest)
    say(
        Text(
            f"Back-up gemaakt: {made.path} ({size_mb.replace('.', ',')} MB, {made.files} bestanden)",
            f"Backup made: {made.path} ({size_mb} MB, {made.files} files)",
        )
    )
    say(Text(f"Erin: {nl}", f"In it: {en}"))
    if args.plain:
        say(
            Text(
                "LET OP: wie dit bestand heeft, heeft de sleutel van het postvak.",
                "MIND: whoever holds this file holds the inbox's key.",
            )
        )
    say(
        Text(
            "Nu: bewaar hem op een andere plaats dan dit apparaat, en het wachtwoord op een derde.",
            "Next: keep it elsewhere than on this machine, and the passphrase in a third place.",
        )
    )
    return 0


def _new_passphrase(args: argparse.Namespace) -> str:
    from relay.cli import authority_ask as ask
    from relay.trust.authority_init import judge_passphrase

    passphrase = ask.new_passphrase(args)
    judge_passphrase(passphrase)
    return passphrase


def _target(given: Path, *, plain: bool) -> Path:
    """The file to make; a folder gets a name with the time in it.

    A name without an ending was meant as a folder: where a disk should be and is not, a file would look like
    a backup on it, and lie on this machine.
    """
    if not given.is_dir():
        if given.suffix:
            return given
        raise StorageError(
            Text(f"Geen map: {given}", f"Not a folder: {given}"),
            Text(
                f"Zit de schijf erin? Een bestand noemt u met een einde: {given}.backup",
                f"Is the disk in? A file is named with an ending: {given}.backup",
            ),
        )
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return given / f"naober-inbox-{stamp}.{'tar.gz' if plain else 'backup'}"


def holds(manifest: Manifest) -> tuple[str, str]:
    """What it says of itself, in both languages."""
    made = time.strftime("%d-%m-%Y %H:%M", time.localtime(manifest.made_s))
    shown = f"{manifest.address[:4]}-{manifest.address[4:]}"
    newest = time.strftime("%d-%m-%Y %H:%M", time.localtime(manifest.newest_s))
    nl, en = (f", het laatste van {newest}", f", the last of {newest}") if manifest.newest_s else ("", "")
    return (
        f"postvak {shown} van {made}, {manifest.messages} berichten{nl}",
        f"inbox {shown} of {made}, {manifest.messages} messages{en}",
    )
