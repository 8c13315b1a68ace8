"""A page of a PDF that we draw on: text that always fits, lines, QR codes as vectors. Measures in mm."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator

import segno
from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos

_PLAIN = str.maketrans({"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "€": "EUR"})
_SMALLEST_PT = 5.0
QUIET_MODULES = 4  # white around a QR code, by its standard


class Paper:
    """A document; each page has its own size."""

    def __init__(self, title: str) -> None:
        self.pdf = FPDF(unit="mm")
        self.pdf.set_auto_page_break(False)
        self.pdf.set_margin(0)
        self.pdf.set_title(printable(title))
        self.pdf.set_creator("naober")

    def page(self, width: float, height: float) -> None:
        """The next page."""
        self.pdf.add_page(orientation="portrait", format=(width, height))  # "landscape" would swap them

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        bold: bool = False,
        width: float = 0.0,
        align: str = "L",
    ) -> None:
        """One line with its top at `y`; smaller, then cut, until it is no wider than `width` (0: free)."""
        text = printable(text)
        self._font(size, bold)
        while width and self.pdf.get_string_width(text) > width and size > _SMALLEST_PT:
            size -= 0.5
            self._font(size, bold)
        while width and len(text) > 1 and self.pdf.get_string_width(text) > width:
            text = text[:-1]
        self.pdf.set_xy(x, y)
        self.pdf.cell(width or None, size * 0.353 * 1.2, text, align=align, new_x=XPos.RIGHT, new_y=YPos.TOP)

    def paragraph(
        self, x: float, y: float, text: str, size: float, width: float, *, bold: bool = False
    ) -> float:
        """Lines broken at `width`; the `y` below them."""
        self._font(size, bold)
        self.pdf.set_xy(x, y)
        self.pdf.multi_cell(
            width, size * 0.353 * 1.25, printable(text), align="L", new_x=XPos.LEFT, new_y=YPos.NEXT
        )
        return float(self.pdf.get_y())

    def title(self, x: float, y: float, text: str, size: float, width: float) -> None:
        """Bold, in one line; what does not fit goes at six tenths of the size over two lines."""
        text = printable(text)
        self._font(size, True)
        if self.pdf.get_string_width(text) <= width:
            self.text(x, y, text, size, bold=True)
            return
        self._font(size * 0.6, True)
        lines = self.pdf.multi_cell(width, text=text, align="L", dry_run=True, output=MethodReturnValue.LINES)
        assert isinstance(lines, list)
        for at, line in enumerate(lines[:2]):
            self.text(x, y + at * size * 0.6 * 0.353 * 1.15, line, size * 0.6, bold=True, width=width)

    def line(self, x: float, y: float, to_x: float, to_y: float, thick: float = 0.3) -> None:
        """A line."""
        self.pdf.set_line_width(thick)
        self.pdf.line(x, y, to_x, to_y)

    def box(
        self, x: float, y: float, width: float, height: float, thick: float = 0.3, *, round_: float = 0
    ) -> None:
        """A frame, with round corners of that radius."""
        self.pdf.set_line_width(thick)
        self.pdf.rect(x, y, width, height, round_corners=bool(round_), corner_radius=round_)

    def band(self, x: float, y: float, width: float, height: float, text: str, size: float) -> None:
        """White bold text in the middle of a black band."""
        self.pdf.set_fill_color(0)
        self.pdf.rect(x, y, width, height, style="F")
        self.pdf.set_text_color(255)
        self.text(x, y + (height - size * 0.353 * 1.2) / 2, text, size, bold=True, width=width, align="C")
        self.pdf.set_text_color(0)

    def number(self, x: float, y: float, number: int) -> None:
        """A black disc with a white digit, its middle at (x, y)."""
        self.pdf.set_fill_color(0)
        self.pdf.circle(x, y, 3.2, style="F")
        self.pdf.set_text_color(255)
        self.text(x - 3.2, y - 2.3, str(number), 11, bold=True, width=6.4, align="C")
        self.pdf.set_text_color(0)

    def qr(self, x: float, y: float, side: float, content: str) -> None:
        """A QR code, quiet zone included in `side`."""
        rows = [bytes(row) for row in segno.make(content, error="m", micro=False).matrix]
        module = side / (len(rows) + 2 * QUIET_MODULES)
        self.pdf.set_fill_color(0)
        for at, row in enumerate(rows):
            for start, length in _runs(row):
                left, top = x + (QUIET_MODULES + start) * module, y + (QUIET_MODULES + at) * module
                self.pdf.rect(
                    left, top, length * module, module * 1.01, style="F"
                )  # no hairlines between rows

    def bytes(self) -> bytes:
        """The whole document."""
        out = io.BytesIO()
        self.pdf.output(out)
        return out.getvalue()

    def _font(self, size: float, bold: bool) -> None:
        self.pdf.set_font("Helvetica", "B" if bold else "", size)


def printable(text: str) -> str:
    """As the fonts that every printer has can write it (Latin-1)."""
    return "".join(map(_letter, text.translate(_PLAIN)))


def _letter(letter: str) -> str:
    if ord(letter) < 256:
        return letter
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return plain or "?"


def _runs(row: bytes) -> Iterator[tuple[int, int]]:
    """Where dark modules begin in a row, and how many follow one another."""
    start = None
    for at, dark in enumerate((*row, 0)):
        if dark and start is None:
            start = at
        elif not dark and start is not None:
            yield start, at - start
            start = None
