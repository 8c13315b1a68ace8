"""Codes that a courier brought, in photos or as text: asked of the inbox one by one, as batches from a stick.

What was pasted or photographed is taken apart by who was given it (a command, or a page); the inbox judges
each message for itself. Source: experience, section 2, V14; docs/wire.md.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from relay.core import wire
from relay.core.courier_code import Code, find
from relay.core.papers import PAPER_KINDS
from relay.errors import WireError

CODES_MAX = 64  # taken in at once


class Taken(msgspec.Struct):
    """What became of the codes that were found."""

    codes: int = 0
    new: int = 0  # messages
    known: int = 0
    apart: int = 0  # of nodes that the roster does not know, or that are blocked or revoked
    junk: int = 0  # messages that are not sound
    broken: int = 0  # codes that can't be read

    @property
    def whole(self) -> bool:
        """Whether there was something, and all of it is held."""
        return bool(self.codes) and not (self.apart or self.junk or self.broken)

    def add(self, answer: dict[str, Any]) -> None:
        """What the inbox said of one code."""
        for name in ("new", "known", "apart", "junk"):
            setattr(self, name, getattr(self, name) + int(answer[name]))

    def questions(self, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
        """What to ask the inbox about `texts`, code by code; counts the codes."""
        found: dict[Code, None] = {}
        for text in texts:
            codes, broken = find(text)
            found |= dict.fromkeys(codes)
            self.broken += broken
        self.broken += max(0, len(found) - CODES_MAX)
        sound = []
        for code in list(found)[:CODES_MAX]:
            try:
                sound.append((code, [wire.parse_header(e.envelope) for e in wire.decode_batch(code.frame)]))
            except WireError:
                self.broken += 1
        # who brings their grant is known by it before the rest is judged
        sound.sort(key=lambda each: not any(header.kind in PAPER_KINDS for header in each[1]))
        self.codes += len(sound)
        for code, headers in sound:
            yield {
                "verb": "stick_read",
                "frame": base64.b64encode(code.frame).decode(),
                "source": headers[0].address.hex() if headers else "",
                "written_s": code.written_s,
            }
