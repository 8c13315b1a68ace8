"""`naober inbox photo`: what a courier brought as photos of codes, or as the text that a QR app shows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.language import complain, pick, say
from relay.errors import ConfigError, NaoberError, Text

if TYPE_CHECKING:
    from relay.inbox.courier_codes import Taken

EXAMPLES = (
    "naober inbox photo IMG_2041.jpg IMG_2042.jpg",
    Text(
        "naober inbox photo - < bericht.txt            (tekst van een QR-app)",
        "naober inbox photo - < bericht.txt            (text of a scanner app)",
    ),
)
PHOTOS_MAX = 64
STDIN = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The photos, or - for text."""
    photos = Text("foto's van de codes, of - voor tekst", "pictures of the codes, or - for text")
    parser.add_argument("photos", nargs="+", metavar="FILE", help=pick(photos))
    file = argparse.SUPPRESS  # what stands before the step, or its default
    parser.add_argument("--config", type=Path, default=file, metavar="FILE", help="inbox.toml")


def run(args: argparse.Namespace) -> int:
    """0: all of it is stored; 1: something was passed over. Raises NaoberError (2)."""
    from relay import config
    from relay.inbox.courier import SOCKET_NAME
    from relay.inbox.courier_codes import Taken
    from relay.node import control

    settings = config.load_inbox(args.config)
    if len(args.photos) > PHOTOS_MAX:
        raise ConfigError(
            Text(f"Meer dan {PHOTOS_MAX} foto's", f"More than {PHOTOS_MAX} pictures"),
            Text("Geef ze in meer keren", "Give them in several turns"),
        )
    taken, failed = Taken(), list[NaoberError]()
    texts = list(_texts(args.photos, failed))
    ask = partial(control.ask, settings.inbox.state, name=SOCKET_NAME, unit="naober-inbox")
    for question in taken.questions(texts):
        taken.add(ask(question))
    if failed and not taken.codes:
        raise failed[0]
    for error in failed:
        complain(error)
    return max(_tell(taken), int(bool(failed)))


def _texts(photos: list[str], failed: list[NaoberError]) -> Iterator[str]:
    """What stands in each; one that can't be read keeps no other from being read."""
    from relay import pictures
    from relay.core.courier_code import PREFIX, TEXT_BYTES_MAX
    from relay.trust.stick import read_file

    for photo in photos:
        if photo == STDIN:
            yield sys.stdin.read(TEXT_BYTES_MAX)
            continue
        try:
            path = Path(photo)
            codes = pictures.apart(read_file(path, pictures.PICTURE_BYTES_MAX), photo)
            if not any(PREFIX in code for code in codes):
                raise ConfigError(
                    Text(
                        f"Op {photo} is geen code van een koerier te lezen",
                        f"No code of a courier is seen in {photo}",
                    ),
                    Text(
                        "Neem de foto recht, scherp en dichterbij, of plak de tekst die een QR-app toont",
                        "Take it straight, sharp and closer, or paste the text that a QR app shows",
                    ),
                )
        except NaoberError as error:
            failed.append(error)
            continue
        yield from codes


def _tell(taken: Taken) -> int:
    from relay.cli.stick_words import counted

    if not taken.codes and not taken.broken:
        raise ConfigError(
            Text(
                "In deze tekst staat geen code van een koerier", "There is no code of a courier in this text"
            ),
            Text(
                "Plak alles, van NAOBER1/ tot en met de laatste /", "Paste all, from NAOBER1/ to the last /"
            ),
        )
    codes = counted(taken.codes, "code", "codes")
    say(
        Text(
            f"{codes} gelezen (koerier): {taken.new} nieuw, {taken.known} al bekend",
            f"{codes} read (courier): {taken.new} new, {taken.known} known",
        )
    )
    if taken.apart:
        say(
            Text(
                f"{taken.apart} apart gezet: van knooppunten die VRD niet kent, of die geblokkeerd of "
                "ingetrokken zijn",
                f"{taken.apart} set apart: of nodes that VRD does not know, or that are blocked or revoked",
            )
        )
    if taken.junk:
        say(Text(f"{taken.junk} berichten die niet kloppen", f"{taken.junk} messages that are not sound"))
    if taken.broken:
        broken = counted(taken.broken, "code is", "codes zijn"), counted(taken.broken, "code", "codes")
        say(
            Text(
                f"{broken[0]} niet heel overgekomen: neem de hele tekst over, of vraag een nieuwe foto",
                f"{broken[1]} did not come whole: take over all of the text, or ask for a new picture",
            )
        )
    return int(not taken.whole)
