"""The picture of all sites on A4. Run as a program it draws what comes in as JSON.

The service does not draw: what that takes of memory it would never give back.
"""

from __future__ import annotations

import sys

import msgspec

from relay.labels.paper import Paper
from relay.picture_sheet import Sheet

WIDTH, HEIGHT, MARGIN = 210.0, 297.0, 12.0
INNER = WIDTH - 2 * MARGIN
LINE = 4.2  # height of a line of what asks for attention
ROW_MAX, ROW_MIN = 4.6, 3.0  # height of a row of the table; below that nobody reads it
BETWEEN = 3.0  # columns
SIZES_PT = {1: 9.0, 2: 7.0, 3: 6.0}  # of the table, by its columns: a name is not to be smaller than a number
POINTS_PER_MM = 1 / 0.353
BYTES_MAX = 4 * 1024 * 1024


def picture_pdf(sheet: Sheet) -> bytes:
    """The document."""
    paper = Paper(sheet.title)
    y = _head(paper, sheet)
    rows = list(sheet.rows)
    while True:
        per_column = max(1, min(_fitting(y), -(-len(rows) // sheet.columns)))
        height = min(ROW_MAX, (HEIGHT - MARGIN - y) / (per_column + 1))
        width = (INNER - BETWEEN * (sheet.columns - 1)) / sheet.columns
        for at in range(sheet.columns):
            part, rows = rows[:per_column], rows[per_column:]
            if part:
                _table(paper, sheet, part, MARGIN + at * (width + BETWEEN), y, width, height)
        if not rows:
            return paper.bytes()
        paper.page(WIDTH, HEIGHT)
        y = MARGIN


def _fitting(y: float) -> int:
    return int((HEIGHT - MARGIN - y) / ROW_MIN) - 1


def _head(paper: Paper, sheet: Sheet) -> float:
    """All but the table; the y below it."""
    paper.page(WIDTH, HEIGHT)
    paper.text(MARGIN, MARGIN, sheet.title, 14, bold=True, width=INNER)
    y = paper.paragraph(MARGIN, MARGIN + 8, " · ".join(sheet.counts), 10, INNER, bold=True) + 2
    paper.text(MARGIN, y, sheet.attention, 11, bold=True, width=INNER)
    y += 5.5
    for text, bold in sheet.lines:
        paper.text(MARGIN, y, text, 9, bold=bold, width=INNER)
        y += LINE
    return y + 2


def _table(
    paper: Paper, sheet: Sheet, rows: list[tuple[str, ...]], x: float, y: float, width: float, height: float
) -> None:
    size = min(height * 0.72 * POINTS_PER_MM, SIZES_PT.get(sheet.columns, 6.0))
    for at, row in enumerate((sheet.heads, *rows)):
        left, top = x, y + at * height
        for cell, share in zip(row, sheet.widths, strict=True):
            paper.text(left + 0.5, top + 0.3, cell, size, bold=at == 0, width=share * width - 1)
            left += share * width
        paper.line(x, top + height, x + width, top + height, 0.2 if at else 0.4)


if __name__ == "__main__":
    read = sys.stdin.buffer.read(BYTES_MAX)
    sys.stdout.buffer.write(picture_pdf(msgspec.json.decode(read, type=Sheet)))
