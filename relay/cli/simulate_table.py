"""The table of `naober simulate`: a row for each question, a column for each choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from relay.cli.language import pick
from relay.cli.text import fit
from relay.errors import Text

if TYPE_CHECKING:
    from relay.sim.report import Delivery, Figures, Spread
    from relay.sim.scenario import Scenario

LABEL_COLUMNS, VALUE_COLUMNS = 37, 36
WORST = 5
NOTHING = "-"  # where nothing was said
MINUTE_S, HOUR_S = 60, 3600

Cell = Callable[["Figures"], str]


def table(scenarios: Sequence[Scenario], found: Sequence[Figures], changes: str = "") -> list[str]:
    """All lines, in the chosen language; `changes` is what makes the second choice another."""
    lines = [_line("", [_name(scenario) for scenario in scenarios])]
    lines += [_line("", [_who(scenario) for scenario in scenarios])]
    lines += [_line("", ["", changes]), ""] if changes else [""]
    for label, cell in _rows():
        lines.append(_line(pick(label), [cell(each) for each in found]) if cell else pick(label))
    for number, (scenario, figures) in enumerate(zip(scenarios, found, strict=True), start=1):
        which = f" ({number}: {_name(scenario)}, {_who(scenario)})" if len(found) > 1 else ""
        lines += ["", pick(Text("Slechtst bekende punten", "Sites known worst")) + which]
        lines += [_site(figures, index) for index in range(min(WORST, len(figures.sites)))]
    return lines


def _rows() -> list[tuple[Text, Cell | None]]:
    return [
        (Text("Spoed (1 en 2)", "Urgent (1 and 2)"), None),
        *_delivery(lambda figures: figures.urgent),
        (Text("Gewoon (3 en 4)", "Others (3 and 4)"), None),
        *_delivery(lambda figures: figures.routine),
        (Text("Beeld per punt: 50 / 95 % / oudst", "State of a site: 50 / 95 % / max"), _ages),
        (Text("Zendtijd per radio, gemiddeld", "Airtime of a radio, mean"), _airtime),
        (Text("Drukste uur van een radio (wet: 10 %)", "Fullest hour of one (law: 10 %)"), _worst_hour),
        (Text("Kanaal: gemiddeld / drukste punt", "Channel: mean / fullest place"), _channel),
        (Text("Rekentijd", "Computing"), lambda figures: duration(figures.seconds)),
    ]


def _delivery(of: Callable[[Figures], Delivery]) -> list[tuple[Text, Cell | None]]:
    return [
        (Text("  aangekomen", "  arrived"), lambda figures: _arrived(of(figures))),
        (Text("  na (50 / 95 % / langst)", "  after (50 / 95 % / max)"), lambda f: _after(of(f))),
        (Text("  per radio", "  by radio"), lambda figures: _by_radio(of(figures))),
        (Text("  ontvangstbewijs terug", "  receipt came back"), lambda figures: _receipted(of(figures))),
    ]


def duration(seconds: float) -> str:
    """Rounded to what matters."""
    if not isfinite(seconds):
        return pick(Text("nooit", "never"))
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min"
    return f"{seconds / HOUR_S:.1f} {pick(Text('u', 'h'))}"


def _name(scenario: Scenario) -> str:
    return str(scenario.preset.value)


def _who(scenario: Scenario) -> str:
    places = scenario.map()
    high = sum(is_gateway for _, _, is_gateway in places)
    return pick(Text(f"{len(places) - high} punten, {high} hoog", f"{len(places) - high} sites, {high} high"))


def _line(label: str, values: Sequence[str]) -> str:
    cells = [fit(label, LABEL_COLUMNS), *(fit(value, VALUE_COLUMNS) for value in values)]
    return " ".join(cells).rstrip()


def _arrived(each: Delivery) -> str:
    return f"{each.arrived_pct:.1f} % ({each.arrived}/{each.said})" if each.said else NOTHING


def _after(each: Delivery) -> str:
    return _times(each.latency_s) if each.said else NOTHING


def _receipted(each: Delivery) -> str:
    return f"{100 * each.receipted / each.said:.1f} %" if each.said else NOTHING


def _by_radio(each: Delivery) -> str:
    return f"{each.by_radio} ({_times(each.radio_s)})" if each.by_radio else "0"


def _times(each: Spread) -> str:
    return " / ".join(duration(seconds) for seconds in (each.p50, each.p95, each.most))


def _ages(figures: Figures) -> str:
    return _times(figures.status_age_s)


def _airtime(figures: Figures) -> str:
    shares = [spot.airtime_pct for spot in figures.spots]
    most = max(figures.spots, key=lambda spot: spot.airtime_pct)
    return f"{sum(shares) / len(shares):.2f} % / {most.airtime_pct:.2f} % ({most.name})"


def _worst_hour(figures: Figures) -> str:
    most = max(figures.spots, key=lambda spot: spot.worst_hour_pct)
    return f"{most.worst_hour_pct:.1f} % ({most.name})"


def _channel(figures: Figures) -> str:
    return f"{figures.channel_mean_pct:.1f} % / {figures.channel_worst_pct:.1f} %"


def _site(figures: Figures, index: int) -> str:
    site = figures.sites[index]
    latency, age = duration(site.latency_p95_s), duration(site.age_p95_s)
    line = pick(Text(f"beeld 95 % jonger dan {age}", f"state 95 % younger than {age}"))
    if site.said:
        reports = Text(
            f"{site.arrived}/{site.said} meldingen, 95 % na {latency}",
            f"{site.arrived}/{site.said} reports, 95 % after {latency}",
        )
        line += f"; {pick(reports)}"
    return f"  {fit(site.name, 20)} {line}"
