"""What operators take along: CSV, JSON and GeoJSON of sites and reports, CAP 1.2 of what is urgent."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import msgspec

from relay.inbox.board import Board, SiteView
from relay.inbox.operators.handling import Handling
from relay.inbox.operators.journal import Entry
from relay.inbox.operators.reports import Report
from relay.inbox.pages import words

BOM = "\ufeff"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would calculate
REPORT_COLUMNS = (
    "baan",
    "opgesteld",
    "tijdskwaliteit",
    "ontvangen",
    "punt",
    "gemeente",
    "soort",
    "urgentie",
    "betrouwbaarheid",
    "route",
    "via",
    "handtekening",
    "toestand",
    "wie",
    "ingetrokken",
    "tekst",
    "waarden",
)
Row = tuple[Report, Handling, SiteView | None]


def safe(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def iso(unix_s: float | None) -> str:
    """RFC 3339, UTC; empty when it is not known."""
    return "" if unix_s is None else datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV for Dutch spreadsheets: UTF-8 with a mark, semicolons."""
    out = io.StringIO()
    out.write(BOM)
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([safe(value) for value in row] for row in rows)
    return out.getvalue()


def report_facts(row: Row, language: str = "nl") -> dict[str, Any]:
    """One report in words."""
    report, handling, site = row
    shown = report.shown
    return {
        "baan": "oefening" if report.exercise else "echt",
        "opgesteld": iso(shown.composed_s),
        "tijdskwaliteit": shown.clock,
        "ontvangen": iso(report.received_s),
        "punt": site.name if site else report.site,
        "gemeente": site.municipality if site else "",
        "soort": words.pick(words.KIND[report.kind], language) if report.kind in words.KIND else report.kind,
        "urgentie": report.urgency,
        "betrouwbaarheid": words.pick(words.CONFIDENCE[shown.confidence], language),
        "route": shown.link,
        "via": shown.via,
        "handtekening": words.pick(words.STANDING[shown.standing], language) if shown.standing else "geldig",
        "toestand": words.handling_text(handling.state, language),
        "wie": handling.assignee or handling.team or handling.by,
        "ingetrokken": iso(report.withdrawn_s),
        "tekst": shown.values.get("text", ""),
        "waarden": " ".join(f"{name}={value}" for name, value in shown.values.items() if name != "text"),
    }


def reports_csv(rows: Iterable[Row]) -> str:
    """All of `rows`, a line each."""
    return table(REPORT_COLUMNS, ([report_facts(row)[name] for name in REPORT_COLUMNS] for row in rows))


def site_facts(site: SiteView, exercise: bool = False) -> dict[str, Any]:
    """One site as plain values; each with its age in seconds, and how it came if not by its node."""
    return {
        "baan": "oefening" if exercise else "echt",
        "id": site.key,
        "punt": site.name,
        "gemeente": site.municipality,
        "toestand": site.state,
        "gehoord_s": None if site.heard_age_s is None else int(site.heard_age_s),
        "route": site.link,
        "waarden": {
            name: {"waarde": reading.value, "leeftijd_s": int(reading.age_s), "via": reading.via or None}
            for name, reading in site.facts.values.items()
        },
        "gesproken_s": None if site.spoken_age_s is None else int(site.spoken_age_s),
    }


def sites_csv(board: Board) -> str:
    """Every site, its values side by side; an unknown value is an empty cell, never a zero."""
    names = sorted({name for site in board.sites for name in site.facts.values})
    columns = ("baan", "punt", "gemeente", "toestand", "gehoord_s", "gesproken_s", "route", *names)
    return table(
        columns,
        (
            (
                "oefening" if board.exercise else "echt",
                site.name,
                site.municipality,
                site.state,
                None if site.heard_age_s is None else int(site.heard_age_s),
                None if site.spoken_age_s is None else int(site.spoken_age_s),
                site.link,
                *(site.fresh(name) for name in names),
            )
            for site in board.sites
        ),
    )


def sites_geojson(board: Board) -> bytes:
    """Sites with a known place, as points."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [site.lon, site.lat]},
            "properties": site_facts(site, board.exercise),
        }
        for site in board.sites
        if site.lat is not None and site.lon is not None
    ]
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


def json_of(content: object) -> bytes:
    """As JSON."""
    return msgspec.json.encode(content)


def journal_csv(entries: Iterable[Entry]) -> str:
    """The log with its hashes: whoever has it can check that it is whole."""
    return table(
        ("nr", "tijd", "wie", "wat", "bijzonderheden", "hash"),
        ((each.id, iso(each.at_s), each.who, each.what, each.detail, each.hash.hex()) for each in entries),
    )


_CAP_URGENCY = {1: ("Immediate", "Extreme"), 2: ("Expected", "Severe")}


def cap(row: Row, sender: str) -> str:
    """An urgent report as a CAP 1.2 alert (OASIS, section 3.2); its certainty follows the confidence."""
    report, _, site = row
    urgency, severity = _CAP_URGENCY.get(report.urgency, ("Future", "Minor"))
    certainty = "Possible" if report.shown.confidence == "unconfirmed" else "Observed"
    sent = datetime.fromtimestamp(report.received_s, UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")
    facts = report_facts(row)
    place = escape(facts["punt"] + (f", {facts['gemeente']}" if facts["gemeente"] else ""))
    circle = ""
    if site is not None and site.lat is not None and site.lon is not None:
        circle = f"<circle>{site.lat},{site.lon} 0.5</circle>"
    said = escape(f"{facts['soort']} {facts['tekst']} {facts['waarden']}".strip())
    status = "Exercise" if report.exercise else "Actual"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
        f"<identifier>naober-{report.id}</identifier><sender>{escape(sender)}</sender><sent>{sent}</sent>"
        f"<status>{status}</status><msgType>Alert</msgType><scope>Restricted</scope>"
        "<restriction>Veiligheidsregio</restriction><info><language>nl-NL</language>"
        f"<category>Safety</category><event>{escape(facts['soort'])}</event><urgency>{urgency}</urgency>"
        f"<severity>{severity}</severity><certainty>{certainty}</certainty><headline>{said[:160]}</headline>"
        f"<description>{said}</description><area><areaDesc>{place}</areaDesc>{circle}</area></info></alert>\n"
    )
