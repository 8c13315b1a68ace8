"""The situation report as text, filled from the same snapshot as the overview (experience.md section 3).

Its numbers can't be edited; what a person adds is the outlook and a remark. A silent site is never counted as
open, and each figure says how old its parts are.
"""

from __future__ import annotations

from collections.abc import Mapping

from relay.inbox.board import NEVER, SILENT, UNJUDGED, Board, SiteView
from relay.inbox.operators.reports import Report
from relay.inbox.pages import render, words

LINES_MAX = 40
EXERCISE = "OEFENING"  # how each line of that lane begins
Figures = Mapping[str, int]


def figures(board: Board) -> dict[str, int]:
    """The numbers that are compared with those of the report before."""
    return {
        "open": board.count("open", "limited", "full"),
        "sites": len(board.sites),
        "silent": board.count(SILENT, NEVER),
        "urgent": sum(line.rule == "call" and line.level <= 2 for line in board.attention),
        "visitors": board.visitors,
        "power_out": sum(row.power_out for row in board.municipalities),
        **{f"open {row.name}": row.open for row in board.municipalities},
        **{f"visitors {row.name}": row.visitors for row in board.municipalities},
    }


def write(
    board: Board, number: int, role: str, before: Figures, outlook: str, next_s: int, banner: str = ""
) -> str:
    """The whole report in Dutch, one block of plain text."""
    now = figures(board)
    silent = [site.name for site in board.sites if site.state in (SILENT, NEVER)]
    unjudged = board.count(UNJUDGED)
    named = f" ({', '.join(silent[:LINES_MAX])})" if silent else ""
    unclear = f", niet te bepalen {unjudged}" if unjudged else ""
    when = render.stamp(board.unix_s)
    lines = [
        f"SITUATIERAPPORT noodsteunpunten VRD nr {number} - {when} - opgesteld door {role}",
        f"1 Kern: open {now['open']}/{now['sites']}{_change(now, before, 'open')},"
        f" stil {now['silent']}{named}"
        f"{unclear}, urgent {now['urgent']}",
        f"2 Per gemeente (stand {when[-5:]}): " + "; ".join(_municipalities(board, before)),
        "3 Tekorten en bijstand: " + ("; ".join(shortages(board)) or "geen bekend"),
        "4 Stroom en verbindingen: " + _power(board),
        "5 Incidenten: " + _incidents(board),
        f"6 Verwachting: {outlook or '-'}",
        f"7 Volgend rapport om {render.stamp(next_s)[-5:]}",
    ]
    return "\n".join(f"{banner}: {line}" if banner else line for line in lines)


def _change(now: Figures, before: Figures, name: str) -> str:
    difference = now[name] - before.get(name, now[name])
    return f" {'▲' if difference > 0 else '▼'}{abs(difference)}" if difference else ""


def _municipalities(board: Board, before: Figures) -> list[str]:
    now = figures(board)
    return [
        f"{row.name} {row.open}/{row.sites} open{_change(now, before, f'open {row.name}')},"
        f" {row.visitors} bezoekers{_change(now, before, f'visitors {row.name}')}"
        + (f" (waarvan {row.visitors_old} punten ouder dan 2 u)" if row.visitors_old else "")
        for row in sorted(board.municipalities, key=lambda row: row.name)
    ]


def shortages(board: Board, language: str = "nl") -> list[str]:
    """What sites asked for and how far that is, and what they have little or nothing of."""
    asked = [
        f"{line.name} {_words(line.report, language)}, {words.handling_text(line.handling.state, language)}"
        for line in board.attention
        if line.report is not None and line.report.is_request
    ]
    scarce = [
        f"{site.name} {words.label(name, language).lower()} {words.value_text(name, value, language)}"
        for site in board.sites
        for name in ("water", "food", "sanitation", "first_aid", "blankets", "heating")
        if (value := site.fresh(name)) in ("low", "out")
    ]
    return [*asked, *scarce][:LINES_MAX]


def _words(report: Report, language: str = "nl") -> str:
    values = report.shown.values
    names = [name for name in ("need", "amount", "amount_unit") if name in values]
    said = " ".join(words.value_text(name, values[name], language) for name in names)
    return said or str(values.get("text", ""))


def _power(board: Board) -> str:
    off = [site for site in board.sites if site.fresh("power") in ("battery", "generator", "none")]
    short = min(off, key=_runtime_min, default=None)
    least = ""
    if short is not None and _runtime_min(short) < float("inf"):
        least = f", kortste autonomie {short.name} {int(_runtime_min(short))} min"
    by_radio = sum(site.facts.by_radio and site.state not in (SILENT, NEVER) for site in board.sites)
    return f"{len(off)} zonder net{least}, {by_radio} alleen via radio"


def _runtime_min(site: SiteView) -> float:
    value = site.fresh("runtime_min")
    return float(value) if isinstance(value, int) else float("inf")


def _incidents(board: Board) -> str:
    told: dict[bool, list[str]] = {True: [], False: []}
    for line in board.attention:
        report = line.report
        if report is not None and not report.is_request and report.kind != "withdrawal":
            kind = str(report.shown.values.get("incident", ""))
            what = (
                words.value_text("incident", kind, "nl") if kind else str(report.shown.values.get("text", ""))
            )
            confirmed = report.shown.confidence != "unconfirmed"
            told[confirmed].append(f"{what} {line.name} {render.stamp(report.received_s)[-5:]}")
    parts = [f"bevestigd {len(told[True])}", f"onbevestigd {len(told[False])}"]
    return "; ".join(
        part + (": " + ", ".join(said[:LINES_MAX]) if said else "")
        for part, said in zip(parts, (told[True], told[False]), strict=True)
    )
