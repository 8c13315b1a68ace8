"""The A4 install sheet that is laminated and stays with the box. Source: experience, section 1."""

from __future__ import annotations

from collections.abc import Iterable

from relay.labels.facts import Box, Facts
from relay.labels.label import label_code
from relay.labels.paper import Paper

WIDTH_MM, HEIGHT_MM = 210.0, 297.0
_EDGE, _INNER = 15.0, 180.0
_PAGE_QR = 36.0
_BLANK = "_" * 22

STEPS = (
    ("Antenne", "Zo hoog mogelijk, rechtop, bij een raam. Schroef hem vast vóór alles."),
    ("Voeding", "In een stopcontact van de noodstroomgroep."),
    ("Aan", "Stekker erin. Het lampje knippert langzaam, hoogstens 4 minuten."),
    ("Wachten", "Tot het lampje vast brandt: beide verbindingen zijn bewezen."),
)
LIGHTS = (
    ("langzaam knipperen", "bezig, hoogstens 4 minuten"),
    ("vast licht", "goed: MQTT en radio zijn allebei bewezen"),
    ("dubbel knipperen", "één verbinding bewezen · met een stick erin: klaar, stick eruit"),
    ("snel knipperen", "fout: lees de code en bel"),
    ("uit", "geen spanning: kijk naar stekker en groep"),
)
CODES = (  # of relay.codes, in the words of somebody who only has to read them out
    ("R01", "Geen radio op USB: neem een datakabel, druk op RST van de radio"),
    ("R02", "Radio is verkeerd ingesteld; er is niets uitgezonden: bel"),
    ("R03", "Radio heeft een andere kanaalsleutel: bel"),
    ("R04", "Een ander programma gebruikt de radio: bel"),
    ("C01", "Klok heeft geen bron. Geen storing: doe niets, berichten gaan door"),
    ("N05", "Broker toont een ander certificaat. Radio werkt door: bel beheer"),
    ("E02", "VRD kent dit knooppunt niet, of de sleutel is ingetrokken: bel"),
    ("E03", "Deze plaats heeft al een knooppunt: bel"),
    ("S01", "Geheugenkaart bewaart niets: papieren formulier, daarna reservekaart"),
    ("P01", "De pagina van dit apparaat start niet: bel"),
)


def sheets_pdf(boxes: Iterable[Box], facts: Facts) -> bytes:
    """An install sheet for each of the boxes, of which there must be one at least."""
    paper = Paper(f"Naober installatiebladen {facts.version}")
    for box in boxes:
        paper.page(WIDTH_MM, HEIGHT_MM)
        _head(paper, box)
        _picture(paper)
        _steps(paper)
        _lights(paper)
        _codes(paper, box, facts)
        _foot(paper, facts)
    return paper.bytes()


def _head(paper: Paper, box: Box) -> None:
    qr = 34.0
    width = _INNER - qr
    paper.text(_EDGE, 12, "Naober · knooppunt van dit noodsteunpunt", 11, width=width)
    paper.title(_EDGE, 17.5, box.title, 26, width)
    paper.text(_EDGE, 30, " · ".join(filter(None, (box.place, box.name))), 12, width=width)
    paper.text(_EDGE, 37, f"Adres  {box.address}", 12, bold=True, width=width)
    paper.text(_EDGE, 43, f"Controlegetal  {box.control}", 12, width=width)
    paper.qr(_EDGE + _INNER - qr + 4, 10, qr, label_code(box))
    paper.band(_EDGE, 52, _INNER, 12, "NOOIT AANZETTEN ZONDER ANTENNE", 20)


def _picture(paper: Paper) -> None:
    """The box as it is put together: 1 Pi, 2 radio, 3 antenna, 4 power."""
    x, y = _EDGE, 70.0
    paper.box(x, y, 84, 62, 0.6, round_=3)
    paper.box(x + 8, y + 30, 34, 22, 0.5, round_=1.5)  # the Pi
    paper.text(x + 8, y + 44, "Raspberry Pi", 8, width=34, align="C")
    paper.box(x + 54, y + 34, 20, 14, 0.5, round_=1)  # the radio
    paper.text(x + 54, y + 42.5, "radio", 8, width=20, align="C")
    paper.line(x + 42, y + 41, x + 54, y + 41, 0.8)  # USB
    paper.text(x + 42, y + 36.6, "USB", 6.5, width=12, align="C")
    paper.line(x + 69, y + 34, x + 69, y + 8, 1.4)  # the antenna
    paper.text(x + 46, y + 6, "antenne", 8, width=16, align="R")
    paper.line(x + 2, y + 41, x + 8, y + 41, 1.0)  # power
    paper.line(x + 2, y + 41, x + 2, y + 56, 1.0)
    paper.text(x + 11, y + 55, "voeding", 8, width=24)
    paper.number(x + 25, y + 36, 1)
    paper.number(x + 64, y + 38, 2)
    paper.number(x + 74, y + 10, 3)
    paper.number(x + 7, y + 56.5, 4)


def _steps(paper: Paper) -> None:
    x, y = _EDGE + 90, 70.0
    paper.text(x, y, "Zo zet u het aan", 14, bold=True)
    y += 9
    for at, (word, rest) in enumerate(STEPS, 1):
        paper.text(x, y, f"Stap {at}", 12, bold=True)
        paper.text(x + 16, y, word, 12, bold=True)
        y = paper.paragraph(x + 16, y + 5, rest, 10.5, 74) + 2.2


def _lights(paper: Paper) -> None:
    y = 142.0
    paper.text(_EDGE, y, "Het lampje", 14, bold=True)
    y += 8
    for light, meaning in LIGHTS:
        paper.line(_EDGE, y - 0.6, _EDGE + _INNER, y - 0.6, 0.15)
        paper.text(_EDGE, y, light, 10.5, bold=True, width=42)
        paper.text(_EDGE + 44, y, meaning, 10.5, width=_INNER - 44)
        y += 6


def _codes(paper: Paper, box: Box, facts: Facts) -> None:
    y = 186.0
    paper.band(_EDGE, y, _INNER, 10, f"Werkt het? Lees de code voor aan {facts.phone or _BLANK}", 14)
    y += 13
    width = _INNER - 16 - (_PAGE_QR + 2 if facts.page else 0)
    for code, line in CODES:
        paper.text(_EDGE, y, code, 10.5, bold=True, width=14)
        paper.text(_EDGE + 16, y, line, 10, width=width)
        y += 5.8
    if facts.page:
        paper.qr(_EDGE + _INNER - _PAGE_QR, 202, _PAGE_QR, facts.page)
        for at, line in enumerate(
            (facts.page, f"wifi naober-{box.address[:4]}", "wachtwoord: kaart in de kast")
        ):
            paper.text(_EDGE + _INNER - _PAGE_QR, 238 + 4.4 * at, line, 9, width=_PAGE_QR, align="C")


def _foot(paper: Paper, facts: Facts) -> None:
    y = 262.0
    paper.box(_EDGE, y, _INNER, 11, 0.8)
    paper.text(
        _EDGE,
        y + 3,
        f"Bij diefstal of verhuizing: bel {facts.phone or _BLANK}",
        13,
        bold=True,
        width=_INNER,
        align="C",
    )
    paper.text(_EDGE, 280, f"Versie {facts.version} · {facts.date}", 9)
    paper.text(_EDGE, 280, f"Paraaf {_BLANK}", 9, width=_INNER, align="R")
