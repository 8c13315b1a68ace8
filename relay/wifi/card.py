"""The card for inside the box, on its way to the printer: name and password of a Wi-Fi, on the stick.

`naober setup` puts it there, `naober authority approve` prints it and takes it away. Until then the
stick opens that Wi-Fi, on which one may send; no key of Naober is on it. Source: experience, section 1.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from relay.errors import StorageError, Text
from relay.trust.keys import address_text
from relay.trust.stick import CARDS, Stick
from relay.wifi.point import Point

CARD_BYTES_MAX = 512


class Card(msgspec.Struct, frozen=True):
    """What is on it."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{1,32}$")]
    password: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{8,63}$")]


def put(stick: Stick, address: bytes, point: Point) -> None:
    """Onto the stick. Raises StorageError."""
    stick.write(_file(address), msgspec.json.encode(Card(point.name, point.password)) + b"\n")


def take(stick: Stick, address: bytes) -> Card | None:
    """The card of the machine with this address; None when there is none. Raises StorageError."""
    if stick.size(_file(address)) is None:
        return None
    data = stick.read(_file(address), CARD_BYTES_MAX)
    try:
        return msgspec.json.decode(data, type=Card)
    except (ValueError, RecursionError) as error:
        raise StorageError(
            Text(f"Dit is geen kaart: {_file(address)}", f"This is no card: {_file(address)}"),
            Text("sudo naober setup --again, met de stick erin", "sudo naober setup --again, the stick in"),
            code="unsafe",
        ) from error


def drop(stick: Stick, address: bytes) -> None:
    """Off the stick, once it is printed. Raises StorageError."""
    stick.remove(_file(address))


def _file(address: bytes) -> str:
    return f"{CARDS}/{address_text(address)}"
