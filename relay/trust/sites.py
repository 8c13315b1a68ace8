"""VRD's register of sites (`sites.toml`): which places there are, on the inbox host and on the laptops.

A site's number ties its nodes, old and new, to one history; what a grant says of a site comes from here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from relay import toml
from relay.errors import ConfigError, Text

SITES_MAX = 5000
FILE_NAME = "sites.toml"

Short = Annotated[str, msgspec.Meta(max_length=24)]


class Site(msgspec.Struct, frozen=True):
    """A place."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=24)]  # VRD's own number of it
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    municipality: Short = ""
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    capacity: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | None = None  # visitors


class _File(msgspec.Struct, frozen=True):
    site: Annotated[tuple[Site, ...], msgspec.Meta(max_length=SITES_MAX)] = ()


def load(path: Path) -> tuple[Site, ...]:
    """The sites of the file, in its order; none when there is no file. Raises ConfigError."""
    if not path.exists():
        return ()
    return parse(toml.read_text(path), path)


def parse(text: str, path: Path) -> tuple[Site, ...]:
    """As `load`, of a text; `path` is what errors call it."""
    sites = toml.parse(text, _File, path).site
    seen: set[str] = set()
    for site in sites:
        if site.id in seen:
            raise ConfigError(
                Text(f"{path}: {site.id} staat er twee keer in", f"{path}: {site.id} is there twice"),
                Text("Geef elke plaats een eigen nummer", "Give each site a number of its own"),
            )
        if not (site.name.isprintable() and site.name.strip() == site.name):
            raise ConfigError(
                Text(f"{path}: {site.id}: naam past niet", f"{path}: {site.id}: name does not fit"),
                Text("Geef 1 tot 64 leesbare tekens", "Give 1 to 64 printable characters"),
            )
        seen.add(site.id)
    return sites
