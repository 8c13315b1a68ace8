"""The card for inside the box: how a telephone joins the Wi-Fi of this site. 62 mm wide, as the label.

Whoever has it may send in the name of the site: it lies in the box, not on the wall.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.labels.facts import Box, Wifi
from relay.labels.paper import Paper

WIDTH_MM, HEIGHT_MM = 62.0, 58.0
_QR_MM, _EDGE_MM = 33.0, 2.0


def cards_pdf(boxes: Iterable[tuple[Box, Wifi]]) -> bytes:
    """A card for each of the boxes, of which there must be one at least."""
    paper = Paper("Naober kaarten")
    for box, wifi in boxes:
        _card(paper, box, wifi)
    return paper.bytes()


def _card(paper: Paper, box: Box, wifi: Wifi) -> None:
    paper.page(WIDTH_MM, HEIGHT_MM)
    width = WIDTH_MM - 2 * _EDGE_MM
    paper.band(0, 0, WIDTH_MM, 6, "IN DE KAST LEGGEN", 10)
    paper.title(_EDGE_MM, 7.2, box.title, 10, width)
    paper.qr(0.5, 12.5, _QR_MM, wifi.join)
    right = _QR_MM + 1
    paper.paragraph(right, 15.5, "Scan met de camera van een telefoon, kies Verbinden.", 7.5, 26)
    paper.paragraph(right, 29.0, f"Opent er niets? Ga naar {wifi.page}", 7.5, 26)
    paper.text(_EDGE_MM, 46.0, f"wifi  {wifi.name}", 8, width=width)
    paper.text(_EDGE_MM, 49.8, wifi.password, 13, bold=True, width=width)
    paper.text(_EDGE_MM, 55.2, "Wie dit heeft, mag berichten sturen namens dit punt.", 5.5, width=width)
