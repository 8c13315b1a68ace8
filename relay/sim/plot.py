"""A picture of a simulation as SVG: the map, how long things took, and how full the channel was.

Written by hand: a drawing library would weigh more than the rest of the program. One row of three panels for
each choice that is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, log10
from typing import NamedTuple
from xml.sax.saxutils import escape

from relay.errors import Text
from relay.sim.report import Figures, SiteResult
from relay.sim.scenario import Scenario

Pick = Callable[[Text], str]

PANEL, GAP, TOP, FOOT = 400, 50, 60, 40  # pixels
WIDTH, HEIGHT = 3 * PANEL + 4 * GAP, PANEL + TOP + FOOT
LETTER = 4.2  # pixels of a label's letter, about
LABELS_MAX = 60  # beyond, names are shown by pointing only
GOOD_S, FAIR_S = 3600.0, 3 * 3600.0  # age of a site's state that 95 % of the time is not exceeded
COLOURS = {"good": "#1b7f4b", "fair": "#d98e04", "bad": "#c0262d", "gateway": "#1f4e8c", "line": "#b4bac2"}
CURVES = ("#c0262d", "#1f4e8c", "#1b7f4b")
TICKS_S = (1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600)
LEAST_S, MOST_S = 1.0, 2 * 86_400.0
TICK_NAMES = ("1 s", "10 s", "1 min", "10 min", "1 h", "6 h", "24 h")


class _Panel(NamedTuple):
    """Where a panel stands."""

    x: float
    y: float

    def at(self, right: float, up: float) -> tuple[float, float]:
        """A spot by its shares of the panel's width and height."""
        return self.x + right * PANEL, self.y + (1 - up) * PANEL


def svg(results: Sequence[tuple[Scenario, Figures]], pick: Pick) -> str:
    """The whole picture; `pick` chooses the language."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT * len(results)}"'
        ' font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for row, (scenario, figures) in enumerate(results):
        y = row * HEIGHT + TOP
        panels = [_Panel(GAP + column * (PANEL + GAP), y) for column in range(3)]
        sites = sum(not spot.is_gateway for spot in figures.spots)
        high = len(figures.spots) - sites
        who = pick(Text(f"{sites} punten, {high} hoog", f"{sites} sites, {high} high"))
        head = f"{scenario.preset.value} · {who} · {scenario.hours:g} {pick(Text('u', 'h'))}"
        parts.append(_text(GAP, y - 36, head, size=15))
        parts += _map(panels[0], figures, pick)
        parts += _curves(panels[1], figures, pick)
        parts += _channel(panels[2], figures, scenario.hours, pick)
    return "\n".join([*parts, "</svg>\n"])


def _map(panel: _Panel, figures: Figures, pick: Pick) -> list[str]:
    spots = {spot.name: spot for spot in figures.spots}
    west, east = min(s.x_km for s in spots.values()), max(s.x_km for s in spots.values())
    south, north = min(s.y_km for s in spots.values()), max(s.y_km for s in spots.values())
    span_km = max(east - west, north - south, 1.0) * 1.06

    def where(name: str) -> tuple[float, float]:
        spot = spots[name]
        return panel.at((spot.x_km - west) / span_km + 0.03, (spot.y_km - south) / span_km + 0.03)

    title = Text("Kaart: kleur naar hoe oud het beeld wordt", "Map: colour by how old the state gets")
    parts = [_text(panel.x, panel.y - 8, pick(title)), _frame(panel)]
    for one, other in figures.links:
        (x1, y1), (x2, y2) = where(one), where(other)
        parts.append(_line(x1, y1, x2, y2, COLOURS["line"], 0.5))
    labelled = len(spots) <= LABELS_MAX
    for site in figures.sites:
        x, y = where(site.name)
        parts.append(_dot(x, y, COLOURS[_grade(site)], site.name))
        parts += [_label(panel, x, y, site.name)] if labelled else []
    for spot in figures.spots:
        if spot.is_gateway:
            x, y = where(spot.name)
            points = f"{x:.1f},{y - 8:.1f} {x - 7:.1f},{y + 5:.1f} {x + 7:.1f},{y + 5:.1f}"
            name = f"<title>{escape(spot.name)}</title>"
            parts.append(f'<polygon points="{points}" fill="{COLOURS["gateway"]}">{name}</polygon>')
    legend = (
        ("good", Text("tot 1 uur", "up to 1 h")),
        ("fair", Text("tot 3 uur", "up to 3 h")),
        ("bad", Text("ouder", "older")),
        ("gateway", Text("hoog punt", "high place")),
    )
    for index, (colour, meaning) in enumerate(legend):
        x = panel.x + index * PANEL / len(legend)
        parts += [
            _dot(x + 5, panel.y + PANEL + 18, COLOURS[colour]),
            _text(x + 14, panel.y + PANEL + 22, pick(meaning)),
        ]
    return parts


def _label(panel: _Panel, x: float, y: float, name: str) -> str:
    """Beside its dot, and within the panel."""
    fits = x + 6 + LETTER * len(name) < panel.x + PANEL
    return _text(x + 6, y + 3, name, size=7) if fits else _text(x - 6, y + 3, name, "end", size=7)


def _grade(site: SiteResult) -> str:
    if site.age_p95_s <= GOOD_S:
        return "good"
    return "fair" if site.age_p95_s <= FAIR_S else "bad"


def _curves(panel: _Panel, figures: Figures, pick: Pick) -> list[str]:
    """Which share had arrived after how long; the time grows tenfold from step to step."""
    title = Text("Deel dat er is na zoveel tijd", "Share that is there after so long")
    parts = [_text(panel.x, panel.y - 8, pick(title)), _frame(panel)]
    for seconds, name in zip(TICKS_S, TICK_NAMES, strict=True):
        x, y = panel.at(_tenfold(seconds), 0)
        parts += [_line(x, y, x, y - PANEL, COLOURS["line"], 0.5), _text(x, y + 14, name, "middle", 9)]
    parts += _shares(panel)
    curves = (
        (Text("spoed", "urgent"), figures.urgent_s),
        (Text("gewoon", "others"), figures.routine_s),
        (Text("beeld", "states"), figures.ages_s),
    )
    for index, (meaning, values) in enumerate(curves):
        parts.append(
            _text(panel.x + 20 + index * 90, panel.y + PANEL + 32, "— " + pick(meaning), fill=CURVES[index])
        )
        if values:
            steps = [
                panel.at(_tenfold(value), (rank + 1) / len(values))
                for rank, value in enumerate(values)
                if isfinite(value)
            ]
            parts.append(_path(steps, CURVES[index]))
    return parts


def _channel(panel: _Panel, figures: Figures, hours: float, pick: Pick) -> list[str]:
    """Use of the channel: the mean of all radios, and the fullest minute of any."""
    top = 100.0 if max((most for _, _, most in figures.over_time), default=0.0) > 50 else 50.0
    title = Text(f"Kanaal in gebruik, 0 tot {top:g} %", f"Channel in use, 0 to {top:g} %")
    parts = [_text(panel.x, panel.y - 8, pick(title)), _frame(panel)]
    for part in range(5):
        x, y = panel.at(part / 4, 0)
        parts.append(_text(x, y + 14, f"{hours * part / 4:g} h", "middle", 9))
    limit = Text("25 %: statussen half zo vaak", "25 %: half as many statuses")
    x, y = panel.at(0, 25 / top)
    parts += [_line(x, y, x + PANEL, y, COLOURS["fair"], 1), _text(x + 4, y - 4, pick(limit), size=9)]
    mean = [panel.at(at_h / hours, min(1.0, mean / top)) for at_h, mean, _ in figures.over_time]
    most = [panel.at(at_h / hours, min(1.0, most / top)) for at_h, _, most in figures.over_time]
    named = (
        (mean, Text("gemiddeld", "mean"), CURVES[1]),
        (most, Text("volste minuut", "fullest minute"), "#8a9099"),
    )
    for index, (steps, name, colour) in enumerate(reversed(named)):
        x = panel.x + 20 + index * 120
        parts += [
            _path(steps, colour, 1.5 if colour == CURVES[1] else 0.7),
            _text(x, panel.y + PANEL + 32, "— " + pick(name), fill=colour),
        ]
    return parts


def _shares(panel: _Panel) -> list[str]:
    parts = []
    for percent in (50, 95, 100):
        x, y = panel.at(0, percent / 100)
        parts += [
            _line(x, y, x + PANEL, y, COLOURS["line"], 0.5),
            _text(x - 4, y + 4, f"{percent} %", "end", 9),
        ]
    return parts


def _tenfold(seconds: float) -> float:
    """Where a time stands on the axis, 0 to 1."""
    share = log10(max(seconds, LEAST_S) / LEAST_S) / log10(MOST_S / LEAST_S)
    return min(1.0, share)


def _frame(panel: _Panel) -> str:
    return (
        f'<rect x="{panel.x:.1f}" y="{panel.y:.1f}" width="{PANEL}" height="{PANEL}"'
        ' fill="none" stroke="#8a9099"/>'
    )


def _dot(x: float, y: float, fill: str, name: str = "") -> str:
    inner = f"<title>{escape(name)}</title>" if name else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}">{inner}</circle>'


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        f' stroke="{stroke}" stroke-width="{width}"/>'
    )


def _path(points: Sequence[tuple[float, float]], stroke: str, width: float = 1.5) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{joined}" fill="none" stroke="{stroke}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", size: float = 12, fill: str = "#222") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">'
        f"{escape(text)}</text>"
    )
