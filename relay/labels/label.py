"""The 62 mm label for the box: a page each, as label printers take it (62 mm tape, 29 mm high)."""

from __future__ import annotations

from collections.abc import Iterable

from relay.labels.facts import Box, Facts
from relay.labels.paper import Paper

WIDTH_MM, HEIGHT_MM = 62.0, 29.0
_QR_MM, _EDGE_MM = 22.0, 2.0


def labels_pdf(boxes: Iterable[Box], facts: Facts) -> bytes:
    """A label for each of the boxes, of which there must be one at least."""
    paper = Paper(f"Naober labels {facts.version}")
    for box in boxes:
        _label(paper, box, facts)
    return paper.bytes()


def label_code(box: Box) -> str:
    """What its QR code says: enough to find the box in a list, nothing that opens anything."""
    return f"NAOBER {box.address.upper()}"


def _label(paper: Paper, box: Box, facts: Facts) -> None:
    paper.page(WIDTH_MM, HEIGHT_MM)
    text_width = WIDTH_MM - _QR_MM - 2 * _EDGE_MM
    paper.title(_EDGE_MM, 1.6, box.title, 11, text_width)
    below = " · ".join(filter(None, (box.place, box.name)))
    paper.text(_EDGE_MM, 7.2, below, 7, width=text_width)
    paper.text(_EDGE_MM, 11.0, box.address, 15, bold=True, width=text_width)
    paper.text(_EDGE_MM, 18.0, "Controlegetal", 5.5)
    digits = box.control.split()
    paper.text(_EDGE_MM, 20.2, " ".join(digits[:3]), 7.5, bold=True, width=text_width)
    paper.text(_EDGE_MM, 23.4, " ".join(digits[3:]), 7.5, bold=True, width=text_width)
    paper.qr(WIDTH_MM - _QR_MM - 1, 1.0, _QR_MM, label_code(box))
    right = WIDTH_MM - _QR_MM - 1
    paper.text(
        right, 23.0, f"VRD {facts.phone}" if facts.phone else "VRD", 7, bold=True, width=_QR_MM, align="C"
    )
    paper.text(right, 26.0, f"{facts.version} · {facts.date}", 5.5, width=_QR_MM, align="C")
