"""Papers as text and QR codes: shown on a terminal, written as a picture, read from a photo.

The text is base32 without padding: of capitals and digits a QR code holds most, and a person can read them
out. In front of a grant stands the address of the Pi's own page, so that a phone knows what to do with it.
"""

from __future__ import annotations

import base64
import binascii
import io
import shutil
from pathlib import Path

from relay import pictures
from relay.errors import ConfigError, Text, WireError

GRANT_PREFIX = "HTTP://10.42.0.1/I/"
TEXT_CHARACTERS_MAX = 4096
PICTURE_SCALE = 8  # pixels per module
_HALVES = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}  # light modules are drawn: terminals are dark


def to_text(envelope: bytes, prefix: str = "") -> str:
    """An envelope as capitals and digits."""
    return prefix + base64.b32encode(envelope).decode().rstrip("=")


def from_text(text: str) -> bytes:
    """What `to_text` was given, with or without the prefix, spaces or lines; raises WireError."""
    letters = "".join(text[: 2 * TEXT_CHARACTERS_MAX].split()).upper()
    letters = letters.rpartition("/")[2]
    try:
        if not 0 < len(letters) <= TEXT_CHARACTERS_MAX:
            raise ValueError
        return base64.b32decode(letters + "=" * (-len(letters) % 8))
    except (ValueError, binascii.Error):
        raise WireError(
            Text("Deze tekst is geen verzoek of toelating", "This text is no request or grant"),
            Text("Neem de hele tekst over, zonder iets te veranderen", "Take over all of it, unchanged"),
        ) from None


def fits_terminal(text: str) -> bool:
    """Whether the code can be shown here as a whole."""
    columns, lines = shutil.get_terminal_size()
    rows = for_terminal(text).split("\n")
    return len(rows[0]) <= columns and len(rows) < lines


def for_terminal(text: str) -> str:
    """The code as lines of half blocks, its white edge included."""
    import segno

    rows = [list(row) for row in segno.make(text, error="l", micro=False).matrix_iter(border=2)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join(
        "".join(_HALVES[bool(up), bool(low)] for up, low in zip(*pair, strict=True)) for pair in pairs
    )


def picture(text: str) -> bytes:
    """The code as a PNG file."""
    import segno

    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="png", scale=PICTURE_SCALE)
    return out.getvalue()


def from_photo(path: Path) -> list[bytes]:
    """The envelopes in the QR codes of a picture, one at least; raises ConfigError, StorageError."""
    from relay.trust.stick import read_file

    codes = pictures.codes_in(read_file(path, pictures.PICTURE_BYTES_MAX), str(path))
    found = []
    for code in codes:
        try:
            found.append(from_text(code))
        except WireError:
            continue
    if not found:
        raise ConfigError(
            Text(f"Op {path} is geen QR-code van Naober te lezen", f"No QR code of Naober is seen in {path}"),
            Text("Neem de foto recht, scherp en dichterbij", "Take it straight, sharp and closer"),
        )
    return found
