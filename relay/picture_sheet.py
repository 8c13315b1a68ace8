"""The picture of an hour as one sheet says it: words only, as whoever draws it is told them."""

from __future__ import annotations

import msgspec


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """One A4; what does not fit goes on a second."""

    title: str
    counts: tuple[str, ...]
    attention: str  # the heading above the lines
    lines: tuple[tuple[str, bool], ...]  # what asks for attention, the worst first; bold or not
    columns: int  # of tables beside one another
    heads: tuple[str, ...]  # of one table
    widths: tuple[float, ...]  # shares of it
    rows: tuple[tuple[str, ...], ...]  # a site each; the first cell is its name
