"""The real list of sites: a CSV file with name, latitude, longitude, height of the antenna and `gateway`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from relay.errors import ConfigError, Text
from relay.sim.places import Place, place_at

COLUMNS = ("name", "lat", "lon", "height_m", "gateway")
HEADINGS = (COLUMNS, ("naam", "lat", "lon", "hoogte_m", "gateway"))
YES, NO = ("yes", "ja", "1", "true"), ("no", "nee", "0", "false", "")
LAT, LON, HEIGHT_M = (52.0, 54.0), (5.0, 8.0), (1.0, 400.0)  # the map is flat, and true around Drenthe
SITES_MAX = 1000


def read_sites(path: Path) -> tuple[tuple[str, Place, bool], ...]:
    """Name, place, and whether it is a gateway. Raises ConfigError that names the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            Text(f"{path} is niet te lezen: {error}", f"{path} can't be read: {error}"),
            Text("Geef een CSV-bestand in UTF-8", "Give a CSV file in UTF-8"),
        ) from error
    found: dict[str, tuple[str, Place, bool]] = {}
    for number, cells in enumerate(_rows(path, text), start=1):
        if not any(cells) or cells[0].startswith("#") or tuple(map(str.lower, cells)) in HEADINGS:
            continue
        name, place, is_gateway = _site(path, number, cells)
        if name in found:
            raise _error(path, number, Text(f"{name} staat er al", f"{name} is there already"))
        if len(found) >= SITES_MAX:
            raise _error(path, number, Text(f"meer dan {SITES_MAX} punten", f"more than {SITES_MAX} sites"))
        found[name] = (name, place, is_gateway)
    kinds = {is_gateway for _, _, is_gateway in found.values()}
    if kinds != {True, False}:
        what = Text("geen gateway", "no gateway") if True not in kinds else Text("geen steunpunt", "no site")
        raise ConfigError(
            Text(f"{path}: {what.nl}", f"{path}: {what.en}"),
            Text("Zet in de kolom gateway ja of nee", "Write yes or no in the column gateway"),
        )
    return tuple(found.values())


def _rows(path: Path, text: str) -> Iterator[list[str]]:
    rows = csv.reader(text.splitlines())
    try:
        for cells in rows:
            yield [cell.strip() for cell in cells]
    except csv.Error as error:
        raise _error(path, rows.line_num, Text(f"geen CSV ({error})", f"no CSV ({error})")) from error


def _site(path: Path, number: int, cells: list[str]) -> tuple[str, Place, bool]:
    if len(cells) != len(COLUMNS) or not cells[0]:
        raise _error(path, number, Text("geen vijf kolommen", "not five columns"))
    try:
        lat, lon, height_m = (float(cell) for cell in cells[1:4])
    except ValueError as error:
        raise _error(path, number, Text(f"geen getal ({error})", f"not a number ({error})")) from error
    for value, (least, most) in ((lat, LAT), (lon, LON), (height_m, HEIGHT_M)):
        if not least <= value <= most:
            limits = f"{least:g}..{most:g}"
            raise _error(
                path, number, Text(f"{value:g} is niet {limits}", f"{value:g} is not within {limits}")
            )
    if cells[4].lower() not in YES + NO:
        raise _error(path, number, Text(f"gateway: {cells[4]}?", f"gateway: {cells[4]}?"))
    return cells[0], place_at(lat, lon, height_m), cells[4].lower() in YES


def _error(path: Path, number: int, what: Text) -> ConfigError:
    return ConfigError(
        Text(f"{path}, regel {number}: {what.nl}", f"{path}, line {number}: {what.en}"),
        Text(
            "Schrijf bijvoorbeeld Beilen,52.863,6.514,10,nee", "Write for example Beilen,52.863,6.514,10,no"
        ),
    )
