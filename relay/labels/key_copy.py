"""The paper copy of an authority's closed key file: a QR code, and the same as text to type."""

from __future__ import annotations

from relay.labels.paper import Paper

_EDGE, _INNER = 20.0, 170.0
_GROUP, _GROUPS_A_LINE = 5, 12
LINES = (
    "Deze code is het versleutelde sleutelbestand. Zonder wachtwoord opent hij niets.",
    "Bewaar dit blad in een verzegelde envelop in de kluis; het wachtwoord in een andere.",
    "Terugzetten: maak een foto van de code, dan  naober authority init --restore foto.jpg",
    "en daarna  naober authority sync  met een stick van de andere laptop.",
)


def key_copy_pdf(name: str, address: str, date: str, text: str) -> bytes:
    """One A4 page; `text` is the file in base32."""
    paper = Paper(f"Naober {name}")
    paper.page(210, 297)
    paper.text(_EDGE, 18, f"Naober · sleutel van {name}", 22, bold=True, width=_INNER)
    paper.text(_EDGE, 29, f"{address} · {date}", 12)
    y = 38.0
    for line in LINES:
        paper.text(_EDGE, y, line, 10.5, width=_INNER)
        y += 5.5
    paper.qr(_EDGE + 15, 64, 140, text)
    groups = [text[at : at + _GROUP] for at in range(0, len(text), _GROUP)]
    y = 208.0
    for at in range(0, len(groups), _GROUPS_A_LINE):
        paper.text(_EDGE, y, "  ".join(groups[at : at + _GROUPS_A_LINE]), 8.5, width=_INNER)
        y += 4.2
    return paper.bytes()
