"""A text of any length as messages that each fit one packet.

The first part carries the other fields, so that nothing is counted twice; every part of several carries
`part` and `parts`. Room is reckoned with the longest header there can be: a message that fits now must
also fit when it is issued again under a later epoch.
"""

from __future__ import annotations

from collections.abc import Mapping

from relay.core.fields import TEXT_BYTES_MAX, Value
from relay.core.payloads import message_payload
from relay.core.wire import PAYLOAD_BYTES_MAX
from relay.errors import Text, ValueRefused

PARTS_MAX = 20
WORD_SEARCH_BYTES = 40  # a break further back than this would waste more than it pleases
_TEXT_HEADER_BYTES_MAX = 3  # field number, and two of length above 31 bytes


def split(values: Mapping[str, Value], text: str = "") -> list[dict[str, Value]]:
    """`values` and `text` as the values of one or more messages, in order.

    Breaks between words where there are any nearby, never inside a character. Raises ValueRefused when
    `values` alone don't fit, when they leave no room for text, or when there would be over PARTS_MAX.
    """
    plain = dict(values)
    rest = " ".join(text.split())
    if len(message_payload(plain)) > PAYLOAD_BYTES_MAX:
        raise _too_long()
    if not rest:
        return [plain]
    if len(rest.encode()) <= _room(plain):
        return [{**plain, "text": rest}]
    pieces: list[str] = []
    while rest:
        if len(pieces) == PARTS_MAX:
            raise _too_long()
        numbered = {**({} if pieces else plain), "part": PARTS_MAX, "parts": PARTS_MAX}
        piece, rest = _take(rest, _room(numbered))
        pieces.append(piece)
    first = {**plain, "text": pieces[0], "part": 1, "parts": len(pieces)}
    others: list[dict[str, Value]] = [
        {"text": piece, "part": number, "parts": len(pieces)} for number, piece in enumerate(pieces[1:], 2)
    ]
    return [first, *others]


def _room(values: Mapping[str, Value]) -> int:
    """Bytes of text that fit beside `values`; map headers grow by two bytes at 16 fields."""
    grown = 2 if len(values) == 15 else 0
    used = len(message_payload(values)) + grown + _TEXT_HEADER_BYTES_MAX
    return min(TEXT_BYTES_MAX, PAYLOAD_BYTES_MAX - used)


def _take(text: str, room: int) -> tuple[str, str]:
    """As much of the beginning of `text` as fits `room` bytes, and the rest."""
    if room < WORD_SEARCH_BYTES:
        raise _too_long()
    raw = text.encode()
    if len(raw) <= room:
        return text, ""
    fits = raw[: room + 1].decode(errors="ignore")  # one more: a space there is a good break
    at = fits.rfind(" ")
    if at <= 0 or room - len(fits[:at].encode()) > WORD_SEARCH_BYTES:
        piece = raw[:room].decode(errors="ignore")
        return piece, text[len(piece) :].lstrip()
    return text[:at], text[at + 1 :]


def _too_long() -> ValueRefused:
    return ValueRefused(
        Text("Dit past niet in een bericht", "This does not fit a message"),
        Text("Maak de tekst korter, of verdeel het over meer berichten", "Shorten the text, or send several"),
    )
