"""Where a radio stands, and what that does to its signal.

The path-loss model is Okumura-Hata for suburban ground at 869.5 MHz, the higher antenna taken as the base
station, plus `CLUTTER_DB` for what stands between (roofs, woods), plus log-normal shadowing per pair. With
22 dBm, two 2 dBi antennas and LONG_FAST this gives half of all pairs contact at about 5 km with antennas at
5 m, 7 km at 10 m, 13 km between 30 m and 10 m: the ranges that are met in the field. It is flat country's
model: no terrain, no multipath, no seasons.
"""

from __future__ import annotations

from math import cos, hypot, log10, radians

import msgspec

FREQUENCY_MHZ = 869.525
SHADOWING_DB = 6.0
CLUTTER_DB = 10.0
DISTANCE_MIN_KM = 0.02  # closer than this the model means nothing

_KM_PER_DEGREE = 111.2
_ORIGIN_LAT, _ORIGIN_LON = 52.9, 6.6  # the middle of Drenthe


class Place(msgspec.Struct, frozen=True):
    """A spot on a flat map, with an antenna on it."""

    x_km: float
    y_km: float
    height_m: float = 10.0  # of the antenna above ground
    gain_dbi: float = 2.0  # of the antenna, cable included


def place_at(lat: float, lon: float, height_m: float = 10.0) -> Place:
    """A place by its coordinates; good to some metres anywhere in the north of the country."""
    x_km = (lon - _ORIGIN_LON) * _KM_PER_DEGREE * cos(radians(_ORIGIN_LAT))
    return Place(x_km, (lat - _ORIGIN_LAT) * _KM_PER_DEGREE, height_m)


# the seats of the twelve municipalities of Drenthe: (latitude, longitude)
SEATS: dict[str, tuple[float, float]] = {
    "Assen": (52.997, 6.563),
    "Coevorden": (52.661, 6.740),
    "Emmen": (52.779, 6.907),
    "Hoogeveen": (52.723, 6.476),
    "Meppel": (52.696, 6.194),
    "Gieten": (53.005, 6.764),
    "Exloo": (52.883, 6.864),
    "Zuidwolde": (52.67, 6.43),
    "Roden": (53.138, 6.421),
    "Diever": (52.854, 6.318),
    "Vries": (53.074, 6.578),
    "Beilen": (52.863, 6.514),
}


def distance_km(one: Place, other: Place) -> float:
    """As the crow flies."""
    return hypot(one.x_km - other.x_km, one.y_km - other.y_km)


def path_loss_db(one: Place, other: Place) -> float:
    """The median loss between two antennas, their gains not counted; the same both ways."""
    base_m = max(one.height_m, other.height_m, 1.5)
    far_m = max(min(one.height_m, other.height_m), 1.5)
    km = max(distance_km(one, other), DISTANCE_MIN_KM)
    urban = (
        69.55
        + 26.16 * log10(FREQUENCY_MHZ)
        - 13.82 * log10(base_m)
        - (3.2 * log10(11.75 * far_m) ** 2 - 4.97)
        + (44.9 - 6.55 * log10(base_m)) * log10(km)
    )
    suburban = urban - 2 * log10(FREQUENCY_MHZ / 28) ** 2 - 5.4
    free_space = 32.45 + 20 * log10(FREQUENCY_MHZ) + 20 * log10(km)
    return max(suburban + CLUTTER_DB, free_space)
