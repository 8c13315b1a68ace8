"""The map: an outline, and the same shapes as everywhere. Drawn on the server; a list says the same."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from relay import files
from relay.errors import ConfigError, Text
from relay.inbox.board import SiteView

OUTLINE_BYTES_MAX = 2 * 1024 * 1024
POINTS_MAX = 20_000
WIDTH = 1000.0
MARGIN = 30.0

Point = tuple[float, float]  # longitude and latitude, in degrees
Ring = list[Annotated[list[float], msgspec.Meta(min_length=2, max_length=3)]]


class _Polygon(msgspec.Struct, tag="Polygon"):
    coordinates: list[Ring]


class _MultiPolygon(msgspec.Struct, tag="MultiPolygon"):
    coordinates: list[list[Ring]]


class _Feature(msgspec.Struct):
    geometry: _Polygon | _MultiPolygon


class _Collection(msgspec.Struct):
    type: Literal["FeatureCollection"]
    features: list[_Feature]
    attribution: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Outline(msgspec.Struct, frozen=True):
    """The border of a region."""

    rings: tuple[tuple[Point, ...], ...] = ()
    attribution: str = ""


class Spot(msgspec.Struct, frozen=True):
    """A site on the drawing."""

    site: SiteView
    x: float
    y: float


class Drawing(msgspec.Struct, frozen=True):
    """Everything for one SVG, in its own units."""

    width: float
    height: float
    paths: tuple[str, ...]
    spots: tuple[Spot, ...]
    unplaced: tuple[SiteView, ...]
    attribution: str


def load_outline(path: Path) -> Outline:
    """The GeoJSON file at `path`, or the outline of Drenthe that is shipped; raises ConfigError."""
    file = path if path.exists() else files.shipped("drenthe.geojson")
    try:
        with file.open("rb") as opened:
            data = opened.read(OUTLINE_BYTES_MAX + 1)
        found = msgspec.json.decode(data, type=_Collection) if len(data) <= OUTLINE_BYTES_MAX else None
    except (OSError, msgspec.DecodeError, RecursionError):
        found = None
    rings = tuple(tuple((point[0], point[1]) for point in ring) for ring in _rings(found)) if found else ()
    good = all(-180 <= lon <= 180 and -85 <= lat <= 85 for ring in rings for lon, lat in ring)
    if found is None or not rings or not good or sum(map(len, rings)) > POINTS_MAX:
        raise ConfigError(
            Text(f"{file} is geen bruikbare omtrek", f"{file} is not a usable outline"),
            Text(
                "Geef GeoJSON met Polygon of MultiPolygon, in graden lengte en breedte",
                "Give GeoJSON with Polygon or MultiPolygon, in degrees of longitude and latitude",
            ),
        )
    return Outline(rings, found.attribution)


def _rings(found: _Collection) -> Iterator[Ring]:
    for feature in found.features:
        polygons: Any = feature.geometry.coordinates
        for polygon in [polygons] if isinstance(feature.geometry, _Polygon) else polygons:
            yield from polygon


def draw(outline: Outline, sites: Sequence[SiteView]) -> Drawing:
    """The outline with the sites whose place is known; north is up."""
    placed = [site for site in sites if site.lat is not None and site.lon is not None]
    points = [point for ring in outline.rings for point in ring]
    points += [(site.lon or 0.0, site.lat or 0.0) for site in placed]
    if not points:
        return Drawing(WIDTH, WIDTH, (), (), tuple(sites), outline.attribution)
    west, east = min(lon for lon, _ in points), max(lon for lon, _ in points)
    south, north = min(lat for _, lat in points), max(lat for _, lat in points)
    narrow = math.cos(
        math.radians((south + north) / 2)
    )  # a degree of longitude is shorter than one of latitude
    scale = (WIDTH - 2 * MARGIN) / max((east - west) * narrow, 1e-6)

    def at(lon: float, lat: float) -> tuple[float, float]:
        return (
            round(MARGIN + (lon - west) * narrow * scale, 1),
            round(MARGIN + (north - lat) * scale, 1),
        )

    paths = tuple(
        "M" + "L".join("{} {}".format(*at(*point)) for point in ring) + "Z" for ring in outline.rings
    )
    spots = tuple(Spot(site, *at(site.lon or 0.0, site.lat or 0.0)) for site in placed)
    height = round(2 * MARGIN + (north - south) * scale, 1)
    unplaced = tuple(site for site in sites if site.lat is None or site.lon is None)
    return Drawing(WIDTH, height, paths, spots, unplaced, outline.attribution)
