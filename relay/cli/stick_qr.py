"""`naober stick qr`: what VRD has not confirmed as codes for a phone, on the terminal or as pictures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.cli.language import say
from relay.errors import NaoberError, StorageError, Text

if TYPE_CHECKING:
    from relay.node.courier_handling import Ask

PICTURE_NAME = "koerier-{}.png"


def show(ask: Ask, folder: Path | None) -> int:
    """The codes one after the other; in `folder` as pictures. 1: not all of it fits. Raises NaoberError."""
    if folder is not None and not folder.is_dir():
        raise StorageError(
            Text(f"Geen map: {folder}", f"Not a folder: {folder}"), Text(f"mkdir {folder}", f"mkdir {folder}")
        )
    codes: list[dict[str, Any]] = ask({"verb": "stick_codes"})["codes"]
    if not codes:
        say(Text("Niets mee te geven: VRD heeft alles", "Nothing to take along: VRD has everything"))
        return 0
    for number, code in enumerate(codes, 1):
        if folder:
            _write(folder / PICTURE_NAME.format(number), code["text"])
        else:
            _print(code["text"])
        say(_caption(number, len(codes), int(code["messages"])))
        if number < len(codes) and not folder and sys.stdin.isatty():
            say(Text("Enter: de volgende", "Enter: the next"))
            sys.stdin.readline()
    say(
        Text(
            "Laat elke code fotograferen door iemand die naar VRD gaat. De berichten blijven hier wachten",
            "Have each code photographed by somebody who goes to VRD. The messages wait here all the same",
        )
    )
    if codes[-1]["more"]:
        say(Text("Er is meer: neem een stick (naober stick)", "There is more: take a stick (naober stick)"))
    return int(codes[-1]["more"])


def _caption(number: int, of: int, messages: int) -> Text:
    from relay.cli.stick_words import counted

    return Text(
        f"Code {number} van {of}: {counted(messages, 'bericht', 'berichten')}",
        f"Code {number} of {of}: {counted(messages, 'message', 'messages')}",
    )


def _print(text: str) -> None:
    """The code; where it does not fit, its text, which says the same."""
    from relay.cli import qr

    if qr.fits_terminal(text) or not sys.stdout.isatty():
        say(qr.for_terminal(text))
        return
    rows = qr.for_terminal(text).split("\n")
    size = f"{len(rows[0])}x{len(rows) + 1}"
    say(
        Text(
            f"Dit venster is te klein voor de code (nodig: {size}). Dezelfde code als tekst:",
            f"This window is too small for the code (needed: {size}). The same code as text:",
        )
    )
    say(text)


def _write(file: Path, text: str) -> None:
    from relay.cli import qr

    try:
        file.write_bytes(qr.picture(text))
    except OSError as error:
        raise NaoberError(
            Text(f"Kan {file} niet schrijven: {error.strerror}", f"Can't write {file}: {error.strerror}"),
            Text("Noem een andere map", "Name another folder"),
        ) from None
